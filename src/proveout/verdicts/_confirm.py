"""Whether a trial that was trained anew gains what its idea was chosen for.

A program can find out that it was started by exec and not from a fork, and behave only then: both
tiers of that one trial would agree. What gives it away is that the trial does not gain what those
before it did.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import NamedTuple

from proveout.ideas import BASELINE
from proveout.ledger import History
from proveout.study import Study
from proveout.trials import Trial
from proveout.verdicts._rules import Standing

_CHANCE = 1e-4
"""How often luck alone may make an honest idea look so."""
_KEPT = 0.5
"""The share of its gain that an idea must keep where it is trained anew."""


class BorneOut(NamedTuple):
    """Whether what was trained anew gains what its idea was chosen for; None where luck may be why
    it does not, so that another seed must tell."""

    agrees: bool | None
    why: str


def borne_out(study: Study, history: History, trial: Trial) -> BorneOut:
    """Holds the gaps of what was trained anew, up to and with a trial, against those before.

    Both are means over the trials of an idea at that rung. The noise of a pair is as all trials but
    those of this seed tell it; where that is little, much can be luck.
    """
    ours, theirs = (history.losses(idea, trial.rung) for idea in (trial.idea, BASELINE))
    anew = {each.replicate for each, record in history.trials.items() if record.promotion
            and (each.idea, each.rung) == (trial.idea, trial.rung)}  # fmt: skip
    new, old = sorted(anew & ours.keys() & theirs.keys()), sorted(ours.keys() - anew)
    if not new or not old:
        return BorneOut(True, "")
    mean = fmean(theirs.values())
    before = fmean(ours[each] - theirs.get(each, mean) for each in old)
    now = fmean(ours[each] - theirs[each] for each in new)
    if now <= _KEPT * before or before >= 0:
        return BorneOut(True, "")
    luck = _luck(study, history, trial) * math.sqrt(1 / len(new) + 1 / len(old))
    told = (
        f"trained anew it has a gap of {now:+.3g} where the trials that it was chosen by have "
        f"{before:+.3g}"
    )
    if now > before + luck:
        return BorneOut(False, f"{told}, which luck explains up to {before + luck:+.3g}")
    return BorneOut(None, f"{told}, and by what is known of its noise that may be luck")


def _luck(study: Study, history: History, trial: Trial) -> float:
    """By how much one pair may be worse than it is expected to be."""
    from scipy.special import stdtrit  # 0.2 s: not at import

    trials = {each: record for each, record in history.trials.items()
              if each.replicate != trial.replicate or each.rung != trial.rung}  # fmt: skip
    now = Standing.of(study, replace(history, trials=trials), target=False)
    cells, arm = now.belief.cells, now.board.arms.index(trial.idea) - 1
    sd = math.sqrt(cells.run_variance[arm, trial.rung] + cells.baseline_variance[trial.rung])
    return -float(stdtrit(max(1.0, float(cells.dof[arm, trial.rung])), _CHANCE)) * sd
