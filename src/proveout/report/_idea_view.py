"""What the dashboard's page of one idea shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from proveout.ideas import BASELINE
from proveout.ledger import TrialRecord, Verdict
from proveout.report import _text as text
from proveout.report._chart import Axes, Band, Dots, Line, chart
from proveout.report._facts import metric_name, rung_name, seed_gaps
from proveout.report._parts import diff_shown, idea_facts, lineage
from proveout.report._snapshot import Snapshot
from proveout.report._trust import evidence_lines
from proveout.units import compact, duration
from proveout.verdicts import is_broken

_SHOWN_TRIALS = 200
_UNSTYLED = re.compile(
    r'<span class="(?!(?:k|kn|kc|ow|s|s1|s2|sd|c|c1|mi|mf|nf|nc)")[a-z0-9]+">([^<]*)</span>'
)
"""Marked up by Pygments, and left as it is by the style sheet."""


def idea_view(
    snapshot: Snapshot,
    idea: str,
    diff: str,
    excerpts: Mapping[str, str],
    trials: int = _SHOWN_TRIALS,
) -> dict[str, Any]:
    """Hypothesis, change, gaps, forecast, trials, failures and lineage of one idea.

    `diff` is its change as git tells it; `excerpts` has the end of the log of trials that failed;
    `trials` is how many are shown at most.
    """
    row = snapshot.row_of[idea]
    records = snapshot.trials_of(idea)
    verdict = row.verdict
    return {
        "idea": idea,
        "shown": text.clean(idea, 60),
        "is_baseline": idea == BASELINE,
        "word": "" if idea == BASELINE else row.word,
        "sign": text.mark(row.word).sign,
        "look": text.look_of(row.word),
        "why": text.clean(verdict.why, 1000) if verdict else "",
        "numbers": _numbers(snapshot, verdict),
        "facts": [f for f in idea_facts(row.record) if f[0] != "hypothesis"] if row.record else [],
        "chart": gap_chart(snapshot, idea, verdict),
        "trials": [_trial(snapshot, record) for record in records[:trials]],
        "trials_left_out": max(0, len(records) - trials),
        "failures": [_failure(record, excerpts) for record in records if record.failure],
        "evidence": evidence_lines(snapshot.history, idea),
        "lineage": lineage(snapshot, idea),
        "diff": highlighted(diff),
        "forecast": idea in snapshot.history.forecasts,
        "withdrawn": text.clean(snapshot.history.withdrawn.get(idea, ""), 300),
        "can_retry": _can_retry(snapshot, idea),
        "is_idea": row.record is not None and row.record.kind == "idea",
        "judged_at": snapshot.verdicts.trials_finished if snapshot.verdicts else None,
        "hypothesis": text.clean(row.record.hypothesis, 1000) if row.record else "",
        "curve_rungs": _rungs_with_curves(snapshot, records),
    }


def _can_retry(snapshot: Snapshot, idea: str) -> bool:
    """Whether the study would try it again: withdrawn, broken, or failed and never measured."""
    history = snapshot.history
    if idea == BASELINE or idea not in history.ideas:
        return False
    if idea in history.withdrawn:
        return True
    measured = any(record.measurement for record in snapshot.trials_of(idea))
    failed = bool(history.failures(idea))
    return failed and (not measured or is_broken(snapshot.study, history, idea))


def _numbers(snapshot: Snapshot, verdict: Verdict | None) -> list[tuple[str, str]]:
    if verdict is None or not verdict.measured:
        return []
    digits = text.gap_decimals([verdict])
    return [
        (f"gap at {snapshot.study.ladder.target}", text.gap_with_interval(verdict, digits)),
        ("compute multiplier", text.multiplier_with_interval(verdict)),
        ("helps with probability", text.probability(verdict.probability_helps)),
        ("rungs × seeds", text.seeds_of(verdict)),
    ]


def gap_chart(snapshot: Snapshot, idea: str, verdict: Verdict | None) -> Any:
    """Gap against compute: seeds, means, the fitted course with its interval, the forecast."""
    if idea == BASELINE:
        return ""
    study, history = snapshot.study, snapshot.history
    parts: list[Band | Line | Dots] = []
    if verdict and verdict.line:
        parts.append(Band("idea", [(x, low, high) for x, _, low, high in verdict.line]))
        parts.append(Line("idea", [(x, mean) for x, mean, _, _ in verdict.line]))
    seeds = gap_points(snapshot, idea)
    parts.append(Dots("seed", [(x, gap, 0.0) for x, gap, _ in seeds], [tip for *_, tip in seeds]))
    if verdict and verdict.measured:
        means = [(x, mean, error) for x, mean, error, _ in verdict.measured]
        tips = [f"{compact(x)}: {m:+.4f} ± {e:.4f}, {n} pairs" for x, m, e, n in verdict.measured]
        parts.append(Dots("idea", means, tips, "square"))
    made = history.forecasts.get(idea)
    if made:
        at = study.rung(made.rung).compute.amount
        low, high = made.interval80
        tip = f"forecast: {made.mean_gap:+.4f}, 80% interval {low:+.4f} to {high:+.4f}"
        dots = [(at, (low + high) / 2, (high - low) / 2)]
        parts.append(Dots("forecast", dots, [tip], "diamond"))
    target = (study.ladder.target.amount, "target")
    axes = Axes(f"compute ({study.ladder.target.unit})", f"gap ({metric_name(study)})",
                verticals=[target], zero=True)  # fmt: skip
    return chart(axes, parts)


def gap_points(snapshot: Snapshot, idea: str) -> list[tuple[float, float, str]]:
    """(compute, gap, words) of each pair of seeds."""
    study = snapshot.study
    return [
        (study.rung(rung).compute.amount, gap, f"seed {seed + 1}: {text.gap(gap, 4)}")
        for rung in range(len(study.rungs) + 1)
        for seed, gap in seed_gaps(snapshot.history, idea, rung).items()
    ]


def _trial(snapshot: Snapshot, record: TrialRecord) -> dict[str, str]:
    trial, usage = record.trial, record.usage
    gaps = seed_gaps(snapshot.history, trial.idea, trial.rung) if trial.idea != BASELINE else {}
    return {
        "rung": rung_name(snapshot.study, trial.rung),
        "seed": f"{trial.replicate + 1}",
        "state": record.failure.kind if record.failure else record.state,
        "loss": text.loss(record.measurement.value if record.measurement else None),
        "gap": text.gap(gaps.get(trial.replicate), 4),
        "charged": compact(record.charged) if record.finished_at is not None else text.DASH,
        "took": duration(usage.wall_seconds) if usage else text.DASH,
        "stamp": f"{record.measurement.trust}, {record.measurement.isolation}"
        if record.measurement
        else text.DASH,
        "why": text.clean(record.why, 200) + (" (audit)" if record.audit else ""),
    }


def _failure(record: TrialRecord, excerpts: Mapping[str, str]) -> dict[str, Any]:
    assert record.failure is not None  # only failed trials are asked for
    return {
        "trial": text.clean(record.trial.id, 90),
        "kind": record.failure.kind,
        "sentence": text.clean(record.failure.sentence, 600),
        "excerpt": [
            line[:300] for line in text.clean_lines(excerpts.get(record.trial.id, ""))[-12:] if line
        ],
    }


def _rungs_with_curves(snapshot: Snapshot, records: list[TrialRecord]) -> list[tuple[int, str]]:
    rungs = sorted({record.trial.rung for record in records})
    return [(rung, rung_name(snapshot.study, rung)) for rung in rungs]


def highlighted(diff: str) -> dict[str, Any]:
    """A diff with its code's syntax marked up by Pygments' classes; text is escaped there."""
    from markupsafe import Markup, escape
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import TextLexer

    shown = diff_shown(diff)
    formatter = HtmlFormatter(nowrap=True)
    lexer: Any = TextLexer(stripnl=False)
    lines = []
    for line in shown["lines"]:
        if line.kind == "file":
            if line.text.startswith("+++ ") or line.text.startswith("--- "):
                lexer = _lexer_for(PurePosixPath(line.text[4:].strip()).name)
            lines.append((line.kind, "", escape(line.text)))
        elif line.kind == "hunk":
            lines.append((line.kind, "", escape(line.text)))
        else:
            marked = highlight(line.text[1:], lexer, formatter).rstrip("\n")
            code = Markup(_UNSTYLED.sub(r"\1", marked))
            lines.append((line.kind, line.text[:1], code))
    return {"lines": lines, "left_out": shown["left_out"]}


def _lexer_for(file: str) -> Any:
    """By the file's name; Python's at once, as the patterns of all others take 0.1 s to read."""
    from pygments.lexers import PythonLexer, TextLexer, get_lexer_for_filename
    from pygments.util import ClassNotFound

    if file.endswith(".py"):
        return PythonLexer(stripnl=False)
    try:
        return get_lexer_for_filename(file or "x.txt", stripnl=False)
    except ClassNotFound:
        return TextLexer(stripnl=False)
