"""Whether a trial that was trained anew gains what its idea was chosen for.

A program can find out that it was started by exec and not from a fork, and behave only then: both
tiers of that one trial would agree. What gives it away is that the trial does not gain what those
before it did.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean

from proveout.ideas import BASELINE
from proveout.ledger import History
from proveout.study import Study
from proveout.trials import Trial
from proveout.verdicts._rules import Standing

_CHANCE = 1e-4
"""How often luck alone may make an honest idea look so."""
_KEPT = 0.5
"""Whoever keeps this share of the gain is not refuted, however quiet the runs."""


def contradicts(study: Study, history: History, trial: Trial) -> str:
    """Why a trial that was trained anew cannot be of the idea that was chosen; empty if it can.

    Its gap to the baseline of its seed is held against the mean of the other trials of the idea at
    that rung, with the noise of one pair as all of them but this one tell it.
    """
    ours, theirs = (history.losses(idea, trial.rung) for idea in (trial.idea, BASELINE))
    if not {trial.replicate} <= ours.keys() & theirs.keys():
        return ""
    others = {
        each.replicate for each, record in history.trials.items()
        if (each.idea, each.rung) == (trial.idea, trial.rung) and not record.promotion
    } & ours.keys()  # fmt: skip
    if not others or not (known := theirs.keys() - {trial.replicate}):
        return ""
    mean = fmean(theirs[each] for each in known)
    before = fmean(ours[each] - theirs.get(each, mean) for each in others)
    now = ours[trial.replicate] - theirs[trial.replicate]
    doubt = _luck(study, history, trial) * math.sqrt(1 + 1 / len(others))
    if now <= max(before + doubt, _KEPT * before):
        return ""
    return (
        f"trained anew it has a gap of {now:+.3g} where the trials that it was chosen by have "
        f"{before:+.3g}, which luck explains up to {before + doubt:+.3g}"
    )


def _luck(study: Study, history: History, trial: Trial) -> float:
    """By how much one pair may be worse than it is expected to be."""
    from scipy.special import stdtrit  # 0.2 s: not at import

    trials = {each: record for each, record in history.trials.items()
              if each.replicate != trial.replicate or each.rung != trial.rung}  # fmt: skip
    now = Standing.of(study, replace(history, trials=trials), target=False)
    cells, arm = now.belief.cells, now.board.arms.index(trial.idea) - 1
    sd = math.sqrt(cells.run_variance[arm, trial.rung] + cells.baseline_variance[trial.rung])
    return -float(stdtrit(max(1.0, float(cells.dof[arm, trial.rung])), _CHANCE)) * sd
