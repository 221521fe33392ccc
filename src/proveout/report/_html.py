"""The report as one HTML file that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from proveout.ideas import BASELINE, Idea
from proveout.ledger import ForecastMade, History, TrialRecord, Verdict, VerdictsRead
from proveout.report import _text as text
from proveout.report._answer import answer, checkout_command
from proveout.report._facts import (
    Row,
    Spending,
    failures_by_kind,
    metric_name,
    rung_name,
    rungs_used,
    seed_gaps,
    spent,
    stamps,
    table_rows,
)
from proveout.report._files import write_whole
from proveout.report._meanings import ISOLATION, TRUST, VERDICTS
from proveout.report._sparkline import sparkline
from proveout.report._trust import evidence_lines, trust_lines
from proveout.study import Study
from proveout.units import compact, duration

_DIFF_LINES = 300
_DIFF_WIDTH = 400
_DIFF_CHARACTERS = 16_000
_SHOWN_FAILURES = 40


def write_html(
    study: Study,
    history: History,
    diffs: Mapping[str, str],
    path: Path,
    verdicts: VerdictsRead | None = None,
) -> None:
    """Writes the report to a file, whole or not at all.

    `diffs` has each idea's change as git tells it; `verdicts` None takes the ones last recorded.
    """
    write_whole(path, render_html(study, history, diffs, verdicts))


def render_html(
    study: Study,
    history: History,
    diffs: Mapping[str, str],
    verdicts: VerdictsRead | None = None,
) -> str:
    """The report's text; the same for the same records."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = text.clean
    page = _page(study, history, diffs, verdicts)
    return environment.get_template("report.html").render(page)


def _page(
    study: Study, history: History, diffs: Mapping[str, str], verdicts: VerdictsRead | None
) -> dict[str, Any]:
    rows = table_rows(history, verdicts)
    digits = text.gap_decimals(row.verdict for row in rows if row.verdict)
    opened = history.opened
    baseline = history.ideas.get(BASELINE)
    every = [*rows, *([Row(BASELINE, baseline, None)] if baseline else [])]
    return {
        "name": text.clean(study.name, 120),
        "question": text.clean(study.question, 1000),
        "metric": metric_name(study),
        "target": str(study.ladder.target),
        "unit": study.budget.compute.unit,
        "sentences": answer(study, history, verdicts),
        "checkout": checkout_command(history, verdicts),
        "rows": [_row(study, row, digits) for row in rows],
        "meanings": [(text.mark(word).sign, word, told) for word, told in VERDICTS.items()],
        "figures": _figures(study, history, verdicts, rows),
        "forecasts": [_forecast(study, history, made) for made in history.forecasts.values()],
        "ideas": [_idea(study, history, row, diffs) for row in every],
        "merges": [idea for idea in history.ideas.values() if idea.kind == "stack"],
        "conflicts": history.merges_refused,
        "decisions": history.decisions,
        "went": _went(study, history, verdicts),
        "failures": _failures(history),
        "refused": history.refused,
        "stamps": [
            (trust, TRUST.get(trust, ""), level, ISOLATION.get(level, ""), count)
            for trust, level, count in stamps(history)
        ],
        "score_kind": study.score.kind,
        "trust_lines": trust_lines(study, history),
        "better": "above" if history.turned else "below",
        "version": text.clean(opened.proveout_version, 60) if opened else text.DASH,
        "machine": text.clean(opened.machine, 400) if opened else text.DASH,
        "toml": "\n".join(text.clean_lines(opened.study_toml)) if opened else "",
        "seeds": _seeds(study, history),
        "dash": text.DASH,
    }


@dataclass(frozen=True)
class _Line:
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
    spark: Any


def _row(study: Study, row: Row, digits: int) -> _Line:
    from markupsafe import Markup

    verdict = row.verdict
    return _Line(
        idea=text.clean(row.idea, 60),
        anchor=_anchor(row.idea),
        word=text.clean(row.word, 20),
        sign=text.mark(row.word).sign,
        look=row.word.replace(" ", "-") if row.word in text.MARKS else "none",
        gap=text.gap_with_interval(verdict, digits) if verdict else text.DASH,
        multiplier=text.multiplier_with_interval(verdict) if verdict else text.DASH,
        helps=text.probability(verdict.probability_helps) if verdict else text.DASH,
        seeds=text.seeds_of(verdict) if verdict else text.DASH,
        why=text.clean(verdict.why, 400) if verdict else "not judged yet",
        spark=Markup(sparkline(study, verdict)) if verdict else "",  # numbers only
    )


def _anchor(idea: str) -> str:
    return "idea-" + "".join(ch if ch.isascii() and ch.isalnum() else "-" for ch in idea)[:80]


class _Picture(NamedTuple):
    name: str
    title: str
    caption: str
    svg: Any


def _figures(
    study: Study, history: History, verdicts: VerdictsRead | None, rows: tuple[Row, ...]
) -> list[_Picture]:
    from markupsafe import Markup

    from proveout.report._figures import all_figures
    from proveout.report._style import svg_text

    unmeasured = [row.idea for row in rows if not (row.verdict and row.verdict.measured)]
    left_out = ", ".join(text.clean(name, 60) for name in unmeasured)
    captions = {
        "gaps": (
            "Gap to the baseline over compute",
            f"{'Above' if history.turned else 'Below'} zero is better. Points are means over "
            "paired seeds, the shaded interval holds the gap with a probability of 80%."
            + (f" Not drawn, because never measured against the baseline: {left_out}."
               if left_out else ""),
        ),
        "losses": (
            "Loss over compute",
            "The baseline, its fitted laws averaged, and what was carried to the target. Forecasts "
            "stand to the right of the target; that of the carried idea is the baseline's forecast "
            "plus the forecast gap, with the gap's interval.",
        ),
        "forecast": ("Forecast and measurement", "What was recorded before the run at the target."),
        "budget": ("Where the budget went", "What was charged at each rung, by what came of it."),
    }  # fmt: skip
    return [
        # Matplotlib escapes the few words of ours that it sets.
        _Picture(name, *captions[name], Markup(svg_text(figure, name)))
        for name, figure in all_figures(study, history, verdicts).items()
    ]


def _forecast(study: Study, history: History, made: ForecastMade) -> dict[str, str]:
    scored = history.forecasts_scored.get(made.idea)
    digits = text.decimals([(made.interval80[1] - made.interval80[0]) / 2]) + 1
    told = {True: "inside", False: "outside", None: text.DASH}
    return {
        "idea": text.clean(made.idea, 60),
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


def _idea(study: Study, history: History, row: Row, diffs: Mapping[str, str]) -> dict[str, Any]:
    record = row.record
    failed = [r for _, r in sorted(history.trials.items()) if r.trial.idea == row.idea]
    return {
        "name": text.clean(row.idea, 60),
        "anchor": _anchor(row.idea),
        "word": "" if row.idea == BASELINE else text.clean(row.word, 20),
        "sign": text.mark(row.word).sign,
        "why": text.clean(row.verdict.why, 1000) if row.verdict else "",
        "facts": _idea_facts(record) if record else [],
        "rungs": _idea_rungs(study, history, row.idea, row.verdict),
        "failures": [_failure(each) for each in failed if each.failure],
        "evidence": evidence_lines(history, row.idea),
        "diff": _diff(diffs.get(row.idea, "")),
    }


def _idea_facts(record: Idea) -> list[tuple[str, str]]:
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


def _idea_rungs(
    study: Study, history: History, idea: str, verdict: Verdict | None
) -> list[dict[str, str]]:
    recorded = {point[0]: point for point in verdict.measured} if verdict else {}
    rungs = []
    for rung in rungs_used(study, history):
        point = recorded.get(study.rung(rung).compute.amount)
        losses = history.losses(idea, rung)
        gaps = {} if idea == BASELINE else seed_gaps(history, idea, rung)
        rungs.append(
            {
                "rung": rung_name(study, rung),
                "mean": f"{text.gap(point[1], 4)} ± {point[2]:.4f}" if point else text.DASH,
                "gaps": ", ".join(text.gap(each, 4) for each in gaps.values()) or text.DASH,
                "losses": ", ".join(text.loss(losses[s]) for s in sorted(losses)) or text.DASH,
            }
        )
    return rungs


def _failure(record: TrialRecord) -> dict[str, str]:
    assert record.failure is not None  # only failed trials are asked for
    return {
        "trial": text.clean(record.trial.id, 90),
        "kind": record.failure.kind,
        "sentence": text.clean(record.failure.sentence, 600),
    }


def _failures(history: History) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "count": len(records), "left_out": max(0, len(records) - _SHOWN_FAILURES),
         "trials": [_failure(each) for each in records[:_SHOWN_FAILURES]]}
        for kind, records in failures_by_kind(history).items()
    ]  # fmt: skip


class _DiffLine(NamedTuple):
    kind: str
    text: str


def _diff(diff: str) -> dict[str, Any]:
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


def _went(study: Study, history: History, verdicts: VerdictsRead | None) -> dict[str, Any]:
    went = spent(study, history, verdicts)
    account = history.account
    by_rung = [(rung_name(study, rung), each) for rung, each in went.by_rung.items()]
    budget = account.budget if history.opened else study.budget.compute.amount
    return {
        "by_rung": [_spending(name, each, budget) for name, each in by_rung],
        "by_outcome": [_spending(name, each, budget) for name, each in went.by_outcome.items()],
        "total": _spending("in all", went.total, budget),
        "budget": compact(budget),
        "reserved": compact(account.reserved),
        "left": compact(budget - account.charged - account.reserved),
        "left_share": text.share(budget - account.charged - account.reserved, budget),
        "active": duration(history.active_seconds),
        "overhead": text.share(
            went.total.score_seconds, went.total.train_seconds + went.total.score_seconds
        ),
    }


def _spending(name: str, each: Spending, budget: float) -> dict[str, str]:
    return {
        "name": name,
        "trials": str(each.trials),
        "charged": compact(each.charged),
        "share": text.share(each.charged, budget),
        "train": duration(each.train_seconds),
        "score": duration(each.score_seconds),
    }


def _seeds(study: Study, history: History) -> list[tuple[str, str]]:
    found: dict[int, dict[int, int]] = {}
    for trial, record in history.trials.items():
        found.setdefault(trial.rung, {})[trial.replicate] = record.seed
    return [
        (rung_name(study, rung), ", ".join(str(seed) for _, seed in sorted(seeds.items())))
        for rung, seeds in sorted(found.items())
    ]
