"""What the audits are held against: the baseline's trials at the same rung, from the records."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from proveout.ideas import BASELINE, Idea
from proveout.ledger import History, TrialRecord
from proveout.scoring import Reference, audit, curve_end, is_notable
from proveout.study import Study
from proveout.trials import Audit, Curve, Measurement, Trial, Usage, trial_curve


class Auditor:
    """Audits each trial as it is scored."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._curve_ends: dict[Trial, float | None] = {}

    def audit(
        self, trial: Trial, history: History, usage: Usage, curve: Curve, measurement: Measurement
    ) -> tuple[Audit, ...]:
        """Every audit that there is something to hold against."""
        return audit(
            usage,
            curve,
            measurement,
            self._reference(trial, history),
            flops=self._study.budget.compute.unit == "flops",
            curve_counts=self._study.score.metric in {"bits_per_byte", "log_loss"},
            has_device=bool(self._study.run.devices),
        )

    def is_notable(self, trial: Trial, history: History, measurement: Measurement) -> bool:
        """Whether a trial is better by far than anything that is known at its rung."""
        there = history.losses(BASELINE, trial.rung)
        if trial.idea == BASELINE or not there:
            return False
        baseline = there.get(trial.replicate, fmean(there.values()))
        others = {name for name in history.ideas if name not in {BASELINE, trial.idea}}
        losses = [loss for name in others for loss in history.losses(name, trial.rung).values()]
        mean = fmean(there.values())
        best = max([0.0, *(1 - loss / mean for loss in losses if mean > 0)])
        return is_notable(measurement.to_minimize, baseline, best)

    def _reference(self, trial: Trial, history: History) -> Reference:
        if trial.idea == BASELINE:
            return Reference()
        twins = {
            each: record for each, record in history.trials.items()
            if each.idea == BASELINE and each.rung == trial.rung and record.measurement is not None
        }  # fmt: skip
        ends = {each: self._curve_end(each, history.baseline) for each in twins}
        return Reference(
            cpu_seconds=_mean(_usages(twins.values(), "cpu_seconds")),
            artifact_bytes=_mean(_usages(twins.values(), "artifact_bytes")),
            score_cpu_seconds=_mean(_usages(twins.values(), "score_cpu_seconds")),
            curve_end=_mean(ends.values()),
            loss=_mean(history.losses(BASELINE, trial.rung).values()),
        )

    def _curve_end(self, trial: Trial, baseline: Idea) -> float | None:
        if trial not in self._curve_ends:
            self._curve_ends[trial] = curve_end(trial_curve(self._study, trial, baseline))
        return self._curve_ends[trial]


def _usages(records: Iterable[TrialRecord], name: str) -> list[float | None]:
    return [getattr(record.usage, name) for record in records if record.usage is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
