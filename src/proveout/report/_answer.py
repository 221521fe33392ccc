"""The answer in sentences: what holds, what was forecast and measured, where the commit is."""

from __future__ import annotations

import math
import tomllib

from proveout.ideas import BASELINE
from proveout.ledger import BaselineLaw, ForecastMade, ForecastScored, History, VerdictsRead
from proveout.report._facts import Row, carried, metric_name, table_rows
from proveout.report._text import (
    clean,
    decimals,
    gap,
    gap_decimals,
    gap_with_interval,
    interval,
    known,
    loss,
    multiplier_with_interval,
)
from proveout.study import Study

REPOSITORY = "program.git"
"""The study's bare repository, in its folder."""


def answer(study: Study, history: History, verdicts: VerdictsRead | None = None) -> tuple[str, ...]:
    """The study's answer, a sentence each; says so where there is none yet."""
    rows, read = table_rows(history, verdicts), verdicts or history.verdicts
    return (
        *_what_holds(study, rows, read.baseline if read else None),
        *_what_it_is_worth(study, history, verdicts, rows),
        *_what_the_baseline_will_do(study, history, verdicts),
        *forecast_lines(history),
        *_what_was_missed(history, verdicts),
        *_where_it_stands(history),
    )


def forecast_lines(history: History) -> tuple[str, ...]:
    """Each forecast against what was measured, a sentence each."""
    where = _target(history)
    return tuple(
        _forecast_line(where, made, history.forecasts_scored.get(made.idea))
        for made in history.forecasts.values()
    )


def checkout_command(history: History, verdicts: VerdictsRead | None = None) -> str | None:
    """The command, run in the study's folder, that checks out what was carried to the target."""
    name = carried(history, verdicts)
    idea = history.ideas.get(name) if name else None
    if idea is None:
        return None
    return f"git --git-dir={REPOSITORY} worktree add new-baseline {clean(idea.commit)[:12]}"


def _what_holds(
    study: Study, rows: tuple[Row, ...], baseline: BaselineLaw | None
) -> tuple[str, ...]:
    ideas = tuple(row for row in rows if row.record is None or row.record.kind != "stack")
    loss_at_target = baseline.points[-1][1] if baseline and baseline.points else 0.0
    worth = study.policy.smallest_gap * loss_at_target
    target = study.ladder.target
    if not ideas:
        return ("No idea has been tried yet.",)
    if not any(row.verdict for row in ideas):
        return (f"Nothing has been judged yet; {_count(len(ideas), 'idea')} wait.",)
    held = [clean(row.idea, 60) for row in ideas if row.word == "holds"]
    waiting = _what_waits(study, ideas, worth)
    if not held:
        return (f"None of {_count(len(ideas), 'idea')} holds at {target} so far.", *waiting)
    verb = "holds" if len(held) == 1 else "hold"
    of = f"{len(held)} of {_count(len(ideas), 'idea')} {verb}"
    return (f"{of} at {target}: {', '.join(held)}.", *waiting)


def _what_waits(study: Study, rows: tuple[Row, ...], worth: float) -> tuple[str, ...]:
    """What gains enough by its runs, surely enough, and does not hold for another reason."""
    sure = [
        clean(row.idea, 60)
        for row in rows
        if row.verdict and row.word == "undecided"
        and (row.verdict.probability_helps or 0.0) >= study.policy.certainty
        and (row.verdict.gap_at_target or 0.0) <= -worth
    ]  # fmt: skip
    if not sure:
        return ()
    their, each = ("its", "it waits") if len(sure) == 1 else ("their", "each waits")
    return (f"By {their} runs {', '.join(sure)} would hold; {each} for what its verdict says.",)


def _what_it_is_worth(
    study: Study, history: History, verdicts: VerdictsRead | None, rows: tuple[Row, ...]
) -> tuple[str, ...]:
    name = carried(history, verdicts)
    verdict = next((row.verdict for row in rows if row.idea == name), None)
    if name is None or verdict is None or verdict.gap_at_target is None:
        return ()
    idea = history.ideas.get(name)
    members = " + ".join(clean(each, 60) for each in idea.members) if idea else ""
    called = f"{clean(name, 60)} ({members})" if members else clean(name, 60)
    digits = gap_decimals([verdict])
    told = (
        f"{called} changes {metric_name(study)} at the target by "
        f"{gap_with_interval(verdict, digits)} (80% interval)"
    )
    if verdict.compute_multiplier is None and verdict.multiplier_interval80 is None:
        return (f"{told}; its compute multiplier is not known.",)
    return (f"{told}, a compute multiplier of {multiplier_with_interval(verdict)}.",)


def _what_the_baseline_will_do(
    study: Study, history: History, verdicts: VerdictsRead | None
) -> tuple[str, ...]:
    """The law's word on the run at the target, until it is measured."""
    read = verdicts or history.verdicts
    law = read.baseline if read else None
    if law is None or not law.points or history.losses(BASELINE, len(study.rungs)):
        return ()
    at, mean, low, high = law.points[-1]
    if not math.isclose(at, study.ladder.target.amount, rel_tol=1e-6):
        return ()
    digits = decimals([(high - low) / 2])
    return (
        f"The baseline is expected to reach {loss(mean, digits)} [{loss(low, digits)}, "
        f"{loss(high, digits)}] {metric_name(study)} at {study.ladder.target} (80% interval).",
    )


def _what_was_missed(history: History, verdicts: VerdictsRead | None) -> tuple[str, ...]:
    read = verdicts or history.verdicts
    if read is None or read.missed is None or not read.set_aside:
        return ()
    audits = sum(record.audit for record in history.trials.values())
    again = f", {_count(audits, 'trial')} bought to check on that" if audits else ""
    verb = "was" if read.set_aside == 1 else "were"
    return (
        f"{_count(read.set_aside, 'idea')} {verb} set aside early{again}; of those, "
        f"{read.missed:.1f} may be expected to be worth having at the target.",
    )


def _forecast_line(where: str, made: ForecastMade, scored: ForecastScored | None) -> str:
    digits = decimals([(made.interval80[1] - made.interval80[0]) / 2])
    text = (
        f"Forecast for {clean(made.idea, 60)} at {where}: gap {gap(made.mean_gap, digits)} "
        f"{interval(made.interval80, digits)}"
    )
    if scored is None or not known(scored.measured_gap):
        return f"{text}; not measured."
    place = "inside" if scored.inside80 else "outside"
    return f"{text}; measured {gap(scored.measured_gap, digits)}: {place} the 80% interval."


def _target(history: History) -> str:
    """The target as the study's own text, kept in the ledger, declares it."""
    try:
        declared = tomllib.loads(history.opened.study_toml if history.opened else "")
        return clean(str(declared["ladder"]["target"]), 40)
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return "the target"


def _where_it_stands(history: History) -> tuple[str, ...]:
    if history.ended is not None:
        return (f"The study ended: {clean(history.ended.why, 300)}.",)
    if BASELINE not in history.ideas:
        return ("The study has not started.",)
    return ("The study has not ended.",)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
