"""What the dashboard's pages of scaling, spending and trust show."""

from __future__ import annotations

from typing import Any

from proveout.ideas import BASELINE
from proveout.ledger import TrialRecord
from proveout.report import _text as text
from proveout.report._chart import Axes, Band, Dots, Line, chart
from proveout.report._facts import carried, failures_by_kind, metric_name, rung_name, stamps
from proveout.report._meanings import ISOLATION, TRUST
from proveout.report._parts import forecast_cells, money
from proveout.report._snapshot import Snapshot
from proveout.report._sources import HEAD, has_sources, source_rows
from proveout.report._trust import trust_lines
from proveout.report._views import burn_chart
from proveout.units import compact

_SHOWN_FAILURES = 40
_SHOWN_MERGES = 60
_TOML_CHARACTERS = 20_000


def scaling_view(snapshot: Snapshot) -> dict[str, Any]:
    """The baseline's law, what was carried to the target, forecasts and how they turned out."""
    study, history = snapshot.study, snapshot.history
    law = snapshot.verdicts.baseline if snapshot.verdicts else None
    name = carried(history, snapshot.verdicts)
    parts: list[Band | Line | Dots] = []
    if law:
        parts.append(Band("baseline", [(x, low, high) for x, _, low, high in law.points]))
        parts.append(Line("baseline", [(x, mean) for x, mean, _, _ in law.points]))
    parts.append(_losses(snapshot, BASELINE, "baseline", "circle"))
    if name:
        parts.append(_losses(snapshot, name, "stack", "square"))
    target = (study.ladder.target.amount, "target")
    axes = Axes(f"compute ({study.ladder.target.unit})", metric_name(study), verticals=[target])
    return {
        "chart": chart(axes, parts, height=300),
        "target_unit": study.ladder.target.unit,
        "formula": text.clean(law.formula, 300) if law else "",
        "carried": text.clean(name, 60) if name else "",
        "forecasts": [forecast_cells(study, history, each) for each in history.forecasts.values()],
        "table": _loss_table(snapshot, name),
        "merges": [
            (each.name, each.members, each.commit)
            for each in history.ideas.values()
            if each.kind == "stack"
        ][:_SHOWN_MERGES],
        "conflicts": [
            (text.clean(each.base, 60), text.clean(each.idea, 60),
             text.clean(", ".join(each.paths), 300))
            for each in history.merges_refused[-_SHOWN_MERGES:]
        ],
    }  # fmt: skip


def _losses(snapshot: Snapshot, idea: str, look: str, shape: str) -> Dots:
    points, tips = [], []
    for rung in range(len(snapshot.study.rungs) + 1):
        for seed, loss in sorted(snapshot.history.losses(idea, rung).items()):
            points.append((snapshot.study.rung(rung).compute.amount, loss, 0.0))
            tips.append(f"{idea}, {rung_name(snapshot.study, rung)}, seed {seed + 1}: {loss:.4f}")
    return Dots(look, points, tips, shape)


def _loss_table(snapshot: Snapshot, name: str | None) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for rung in range(len(snapshot.study.rungs) + 1):
        both = []
        for idea in (BASELINE, name or ""):
            losses = snapshot.history.losses(idea, rung)
            both.append(text.loss(sum(losses.values()) / len(losses)) if losses else text.DASH)
        rows.append((rung_name(snapshot.study, rung), *both))
    return rows


def spending_view(snapshot: Snapshot) -> dict[str, Any]:
    """Where the budget went."""
    study, history = snapshot.study, snapshot.history
    went = money(study, history, snapshot.verdicts)
    dearest: dict[str, float] = {}
    for idea, records in snapshot.records_of.items():
        dearest[idea] = sum(record.charged for record in records)
    budget = snapshot.history.account.budget or snapshot.study.budget.compute.amount
    top = sorted(dearest, key=lambda idea: -dearest[idea])[:20]
    return {
        "went": went,
        "burn": burn_chart(snapshot),
        "source_head": HEAD,
        "sources": source_rows(study, history, snapshot.verdicts)
        if has_sources(study, history)
        else (),
        "dearest": [
            (idea, text.clean(idea, 60), len(snapshot.records_of[idea]), compact(dearest[idea]),
             text.share(dearest[idea], budget), _word(snapshot, idea))
            for idea in top
        ],
    }  # fmt: skip


def _word(snapshot: Snapshot, idea: str) -> str:
    row = snapshot.row_of.get(idea)
    return "" if row is None or idea == BASELINE else f"{text.mark(row.word).sign} {row.word}"


def trust_view(snapshot: Snapshot) -> dict[str, Any]:
    """How far the numbers can be trusted, and what was caught."""
    study, history = snapshot.study, snapshot.history
    opened = history.opened
    rejected = [row for row in snapshot.rows if row.word == "rejected"]
    return {
        "fault": text.clean(snapshot.fault, 300),
        "score_kind": study.score.kind,
        "trust_lines": trust_lines(study, history),
        "stamps": [
            (trust, TRUST.get(trust, ""), level, ISOLATION.get(level, ""), count)
            for trust, level, count in stamps(history)
        ],
        "rejected": [
            (row.idea, text.clean(row.idea, 60), text.clean(row.verdict.why, 600))
            for row in rejected
            if row.verdict
        ],
        "failures": [
            (kind, len(records), [_failed(record) for record in records[:_SHOWN_FAILURES]])
            for kind, records in failures_by_kind(history).items()
        ],
        "refused": [
            (text.clean(each.name, 60), text.clean(each.reason, 600)) for each in history.refused
        ],
        "version": text.clean(opened.proveout_version, 60) if opened else text.DASH,
        "machine": text.clean(opened.machine, 400) if opened else text.DASH,
        "toml": "\n".join(text.clean_lines(opened.study_toml[:_TOML_CHARACTERS])) if opened else "",
        "seeds": _seeds(snapshot),
    }


def _seeds(snapshot: Snapshot) -> list[tuple[str, str]]:
    """The seeds that trials of each rung had."""
    found: dict[int, dict[int, int]] = {}
    for trial, record in snapshot.history.trials.items():
        found.setdefault(trial.rung, {})[trial.replicate] = record.seed
    return [
        (rung_name(snapshot.study, rung), ", ".join(str(seed) for _, seed in sorted(seeds.items())))
        for rung, seeds in sorted(found.items())
    ]


def _failed(record: TrialRecord) -> tuple[str, str, str]:
    assert record.failure is not None  # only failed trials are asked for
    trial = record.trial
    return trial.idea, text.clean(trial.id, 90), text.clean(record.failure.sentence, 600)
