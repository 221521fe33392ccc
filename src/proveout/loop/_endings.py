"""Which running trials can no longer matter, by the curves that lie on disk."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import fmean

from proveout.ideas import BASELINE, Idea
from proveout.ledger import History
from proveout.study import Study
from proveout.trials import Failure, Trial, trial_curve
from proveout.verdicts import PastTrial, Tenths, hopeless, mean_tenths, tenths

_FIRST_LOOK_SECONDS = 1.0
_LOOK_AGAIN = 0.05
"""A curve is read again after so much more of the time that its trial has run."""


@dataclass
class _Look:
    began: float
    next: float


class Endings:
    """Judges running trials, each at most some tens of times however long it runs.

    The baseline, stacks, audits, what is trained anew and the target are never ended: others are
    judged against the first, and the rest are bought for their number.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._looks: dict[Trial, _Look] = {}
        self._curves: dict[Trial, Tenths] = {}
        self._ideas: dict[str, Idea] = {}
        counts_flops = study.budget.compute.unit == "flops"
        self._judges = counts_flops and study.policy.end_early

    def began(self, trial: Trial) -> None:
        """A trial has started."""
        now = time.monotonic()
        self._looks[trial] = _Look(now, now + _FIRST_LOOK_SECONDS)

    def is_due(self, trial: Trial) -> bool:
        """Whether it is time to look at a trial."""
        look = self._looks.get(trial)
        return self._judges and look is not None and time.monotonic() >= look.next

    def judge(self, trial: Trial, history: History) -> Failure | None:
        """The failure that a running trial is to be ended with, if it is to be ended."""
        look, now = self._looks[trial], time.monotonic()
        look.next = now + max(_FIRST_LOOK_SECONDS, _LOOK_AGAIN * (now - look.began))
        self._ideas |= history.ideas
        kind = history.ideas[trial.idea].kind
        record = history.trials[trial]
        bought_for_its_number = record.audit or record.promotion
        if kind != "idea" or trial.rung >= len(self._study.rungs) or bought_for_its_number:
            return None
        losses = history.losses(BASELINE, trial.rung)
        baseline = self._baseline(history, trial)
        if baseline is None or min(losses.values()) <= 0:  # a share of what may be 0 says nothing
            return None
        found = hopeless(
            self._read(trial), baseline, self._past(history, trial.idea),
            self._study.policy.smallest_gap,
        )  # fmt: skip
        if found is None:
            return None
        return Failure("ended early", found.sentence, gap=found.gap * fmean(losses.values()))

    def _past(self, history: History, idea: str) -> list[PastTrial]:
        past = []
        for trial, record in history.trials.items():
            baseline = self._baseline(history, trial) if trial.idea == idea else None
            if record.measurement is None or baseline is None:
                continue
            losses = history.losses(BASELINE, trial.rung)
            loss = losses.get(trial.replicate, fmean(losses.values()))
            if loss <= 0:
                continue
            gap = record.measurement.to_minimize / loss - 1
            past.append(PastTrial(self._scored(trial), baseline, gap))
        return past

    def _baseline(self, history: History, trial: Trial) -> Tenths | None:
        """The baseline's curve at the same rung: of the same seed, or the mean of those there."""
        there = history.losses(BASELINE, trial.rung)
        seeds = [trial.replicate] if trial.replicate in there else sorted(there)
        if not seeds:
            return None
        return mean_tenths(self._scored(Trial(trial.rung, seed, BASELINE)) for seed in seeds)

    def _scored(self, trial: Trial) -> Tenths:
        if trial not in self._curves:
            self._curves[trial] = self._read(trial)
        return self._curves[trial]

    def _read(self, trial: Trial) -> Tenths:
        curve = trial_curve(self._study, trial, self._ideas[trial.idea])
        return tenths(curve, self._study.rung(trial.rung).compute.amount)
