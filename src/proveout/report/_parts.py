"""What the report and the dashboard say in the same words: lines of tables, facts, changes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

from proveout.ideas import Idea
from proveout.ledger import ForecastMade, History, VerdictsRead
from proveout.report import _text as text
from proveout.report._facts import Row, Spending, rung_name, spent
from proveout.report._snapshot import Snapshot
from proveout.report._sparkline import sparkline
from proveout.study import Study
from proveout.units import compact, duration

_DIFF_LINES = 300
_DIFF_WIDTH = 400
_DIFF_CHARACTERS = 16_000


@dataclass(frozen=True)
class TableLine:
    """A line of the table of ideas."""

    idea: str
    anchor: str
    word: str
    sign: str
    look: str
    gap: str
    multiplier: str
    helps: str
    seeds: str
    why: str
    merges: str
    spark: Any


def table_line(study: Study, row: Row, digits: int) -> TableLine:
    from markupsafe import Markup

    verdict = row.verdict
    return TableLine(
        idea=text.clean(row.idea, 60),
        anchor=anchor_of(row.idea),
        word=text.clean(row.word, 20),
        sign=text.mark(row.word).sign,
        look=text.look_of(row.word),
        gap=text.gap_with_interval(verdict, digits) if verdict else text.DASH,
        multiplier=text.multiplier_with_interval(verdict) if verdict else text.DASH,
        helps=text.probability(verdict.probability_helps) if verdict else text.DASH,
        seeds=text.seeds_of(verdict) if verdict else text.DASH,
        why=text.clean(verdict.why, 400) if verdict else "not judged yet",
        merges=" + ".join(text.clean(each, 60) for each in row.record.members)
        if row.record
        else "",
        spark=Markup(sparkline(study, verdict)) if verdict else "",  # numbers only
    )


def anchor_of(idea: str) -> str:
    """The name of an idea's place in a page, its own whatever it is called."""
    plain = "".join(ch if ch.isascii() and ch.isalnum() else "-" for ch in idea)[:60]
    if plain == idea:
        return f"idea-{idea}"
    return f"idea-{plain}-{hashlib.sha256(idea.encode(errors='replace')).hexdigest()[:8]}"


def forecast_cells(study: Study, history: History, made: ForecastMade) -> dict[str, str]:
    scored = history.forecasts_scored.get(made.idea)
    digits = text.decimals([(made.interval80[1] - made.interval80[0]) / 2]) + 1
    told = {True: "inside", False: "outside", None: text.DASH}
    return {
        "idea": text.clean(made.idea, 60),
        "name": made.idea,
        "where": rung_name(study, made.rung),
        "gap": f"{text.gap(made.mean_gap, digits)} {text.interval(made.interval80, digits)}",
        "wide": text.interval(made.interval95, digits),
        "baseline": text.loss(made.baseline_loss, digits),
        "measured": text.gap(scored.measured_gap if scored else None, digits),
        "measured_baseline": text.loss(scored.baseline_loss if scored else None, digits),
        "measured_idea": text.loss(scored.stack_loss if scored else None, digits),
        "inside": told[scored.inside80 if scored else None],
        "crps": text.loss(scored.crps if scored else None, digits + 1),
    }


def idea_facts(record: Idea) -> list[tuple[str, str]]:
    facts = [
        ("hypothesis", record.hypothesis),
        ("source", record.source),
        ("predicted", record.predicts),
        ("category", record.category),
        ("parameters", ", ".join(f"{name} = {value}" for name, value in record.parameters.items())),
        ("merges", " + ".join(record.members)),
        ("commit", record.commit),
    ]
    return [(name, text.clean(told, 4000)) for name, told in facts if told]


def lineage(snapshot: Snapshot, idea: str) -> list[tuple[str, list[str]]]:
    """What an idea was made of and what was made of it: how, and the names."""
    ideas = snapshot.history.ideas
    record = ideas.get(idea)
    if record is None:
        return []
    by_commit = {each.commit: name for name, each in ideas.items()}
    parent = by_commit.get(record.parent or "")
    inside = [name for name, each in ideas.items() if idea in each.members]
    changed = [name for name, each in ideas.items() if each.parent == record.commit]
    found = [
        ("changes", [parent] if parent else []),
        ("merged into", inside),
        ("changed by", changed[:40]),
    ]
    return [(how, names) for how, names in found if names]


class _DiffLine(NamedTuple):
    kind: str
    text: str


def diff_shown(diff: str) -> dict[str, Any]:
    lines = text.clean_lines(diff.rstrip("\n")) if diff.strip() else []
    shown: list[_DiffLine] = []
    characters = 0
    for line in lines[:_DIFF_LINES]:
        characters += min(len(line), _DIFF_WIDTH)
        if characters > _DIFF_CHARACTERS:
            break
        cut = f"{line[:_DIFF_WIDTH]}…" if len(line) > _DIFF_WIDTH else line
        shown.append(_DiffLine(_diff_kind(line), cut))
    return {"lines": shown, "left_out": len(lines) - len(shown)}


def _diff_kind(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "file"
    return {"+": "add", "-": "del", "@": "hunk"}.get(line[:1], "same")


def money(study: Study, history: History, verdicts: VerdictsRead | None) -> dict[str, Any]:
    went = spent(study, history, verdicts)
    account = history.account
    by_rung = [(rung_name(study, rung), each) for rung, each in went.by_rung.items()]
    budget = account.budget if history.opened else study.budget.compute.amount
    return {
        "by_rung": [_spending(name, each, went.total, budget) for name, each in by_rung],
        "by_outcome": [
            _spending(name, each, went.total, budget) for name, each in went.by_outcome.items()
        ],
        "total": _spending("in all", went.total, went.total, budget),
        "budget": compact(budget),
        "reserved": compact(account.reserved),
        "left": compact(budget - account.charged - account.reserved),
        "left_share": text.share(budget - account.charged - account.reserved, budget),
        "active": duration(history.active_seconds),
        "overhead": text.share(
            went.total.score_seconds, went.total.train_seconds + went.total.score_seconds
        ),
    }


def _spending(name: str, each: Spending, total: Spending, budget: float) -> dict[str, str]:
    return {
        "name": name,
        "trials": str(each.trials),
        "charged": compact(each.charged),
        "share": text.share(each.charged, budget),
        "part": f"{100 * each.charged / (total.charged or 1.0):.1f}",
        "train": duration(each.train_seconds),
        "score": duration(each.score_seconds),
    }
