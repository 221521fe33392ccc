"""Whether an idea gains no more than its time alone would give the baseline.

FLOPs are what a program counts, and an idea may change the count; CPU seconds are measured from
outside. A program that trains three times as long as it says is not far beyond what honest ideas
use on busy cores, so an audit cannot reject it. But its gain is then of a size that is known: what
the baseline gains with three times the compute. An idea that takes much longer and gains no more
than that has shown nothing.

What its scoring takes far beyond the baseline's counts as training: its code runs there too, and
may train on a copy of the data that it left as an artifact.
"""

from __future__ import annotations

from collections.abc import Iterable

from proveout.ideas import BASELINE
from proveout.ledger import History
from proveout.study import Study
from proveout.trials import Usage
from proveout.verdicts._baseline import baseline_laws

_LONGER = 2.5
"""An idea takes much longer where its trials use so many times the baseline's seconds in the mean:
were each asked for, one trial that does not would hide the others. Single honest trials were seen
at 2.4 times the baseline's mean, on cores that others used."""
_DOUBT = 1.5
"""Of that factor: starting up takes both as long, which makes it too small, and seeds differ."""
_LEAST_MORE_SECONDS = 2.0
"""Below it, starting up tells more than training."""


def explained_by_time(study: Study, history: History, idea: str) -> str:
    """Why an idea's gain at its highest rung may be that of its time; empty where it is not.

    Asked where compute counts in FLOPs that are not to be believed (`budget.believe_flops`). Of
    trials that were given an accelerator it is the wall time that counts.
    """
    if study.budget.compute.unit != "flops" or study.budget.believe_flops:
        return ""
    shared = [rung for rung in range(len(study.rungs) + 1)
              if history.losses(idea, rung) and history.losses(BASELINE, rung)]  # fmt: skip
    if not shared:
        return ""
    rung = shared[-1]
    ours, theirs = (_seconds(study, history, arm, rung) for arm in (idea, BASELINE))
    if not ours or not theirs or min(theirs) <= 0:
        return ""
    usual = _mean(theirs)
    if _mean(ours) < max(_LONGER * usual, usual + _LEAST_MORE_SECONDS):
        return ""
    laws = baseline_laws(study, history)
    if laws is None:
        return ""
    compute, most = study.rung(rung).compute.amount, _DOUBT * max(ours) / min(theirs)
    now, then = laws.predict({"compute": [compute, most * compute]}, noise=False)
    losses = (history.losses(arm, rung).values() for arm in (BASELINE, idea))
    mean, own = map(_mean, losses)
    if mean - own > now.mean - then.interval(0.8)[0]:
        return ""
    seconds = "seconds" if study.run.devices else "CPU seconds"
    return (
        f"at {study.rung(rung).label} it used {_mean(ours) / _mean(theirs):.1f} times the "
        f"baseline's {seconds} for the FLOPs that it counts, and gains no more than the baseline "
        "would in that time: see how it counts, give the budget in seconds, or set "
        "budget.believe_flops"
    )


def _seconds(study: Study, history: History, arm: str, rung: int) -> list[float]:
    """Of an arm's scored trials, with what their scoring took beyond what busy cores explain."""
    usual = _mean_or_none(each.score_cpu_seconds for each in _usages(history, BASELINE, rung))
    return [
        (each.wall_seconds if study.run.devices else each.cpu_seconds)
        + (0.0 if usual is None else max(0.0, (each.score_cpu_seconds or 0.0) - _LONGER * usual))
        for each in _usages(history, arm, rung)
    ]


def _usages(history: History, arm: str, rung: int) -> list[Usage]:
    """Of an arm's scored trials. What was trained anew started its Python for itself."""
    return [record.usage for trial, record in history.trials.items()
            if (trial.idea, trial.rung) == (arm, rung) and record.measurement is not None
            and not record.promotion and record.usage is not None]  # fmt: skip


def _mean_or_none(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _mean(known) if known else None


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
