"""Forecasts of the run at the target: made before it is bought, scored when it is in."""

from __future__ import annotations

import math
from statistics import fmean

from proveout.ideas import BASELINE
from proveout.ledger import ForecastMade, ForecastScored, History
from proveout.scaling import Predictive
from proveout.study import Study
from proveout.verdicts._baseline import baseline_laws, predict_baseline
from proveout.verdicts._rules import Standing

_NINE_TO_ONE = 1.2816
"""So many standard errors a normal variate exceeds one time in ten."""


def forecast(study: Study, history: History, idea: str) -> ForecastMade:
    """The measured gap and baseline to expect at the target, from the rungs of the ladder alone.

    It predicts means over `seeds.at_target` pairs, so their noise is part of it.
    """
    top = len(study.rungs) - 1
    predicted = _predict(study, history, idea)
    laws = baseline_laws(study, history, up_to=top)
    target, seeds = study.ladder.target.amount, study.seeds.at_target
    loss = predict_baseline(laws, target, seeds) if laws else None
    return ForecastMade(
        idea=idea,
        rung=len(study.rungs),
        mean_gap=predicted.mean,
        sd=predicted.sd,
        degrees_of_freedom=min(predicted.dof, 1e6),
        interval80=predicted.interval(0.8),
        interval95=predicted.interval(0.95),
        baseline_loss=loss.mean if loss else None,
        baseline_interval80=loss.interval(0.8) if loss else None,
    )


def score_forecast(study: Study, history: History, idea: str) -> ForecastScored:
    """Holds the forecast against what was measured at the target."""
    made = history.forecasts[idea]
    ours, theirs = history.losses(idea, made.rung), history.losses(BASELINE, made.rung)
    gaps = [
        ours[replicate] - theirs[replicate] for replicate in sorted(ours.keys() & theirs.keys())
    ]
    measured = fmean(gaps)
    noise, _ = _noise(_belief(study, history), idea, study)
    return ForecastScored(
        idea=idea,
        rung=made.rung,
        measured_gap=measured,
        standard_error=noise / math.sqrt(len(gaps)),
        baseline_loss=fmean(theirs.values()),
        stack_loss=fmean(ours.values()),
        inside80=made.interval80[0] <= measured <= made.interval80[1],
        crps=_predict(study, history, idea).crps(measured),
    )


def is_proven(scored: ForecastScored) -> bool:
    """Whether the run at the target shows a gain by itself, at nine to one: what was carried there
    was chosen for what it gained below."""
    return scored.measured_gap + _NINE_TO_ONE * scored.standard_error < 0


def _predict(study: Study, history: History, idea: str) -> Predictive:
    now = _belief(study, history)
    index = now.board.arms.index(idea) - 1
    if not (now.belief.cells.runs[index] > 0).any():
        raise ValueError(f"{idea} has no measured gap to forecast from")
    noise, dof = _noise(now, idea, study)
    gap = now.belief.at_target.of(index)
    return gap.with_noise(noise / math.sqrt(study.seeds.at_target), dof)


def _belief(study: Study, history: History) -> Standing:
    """What the ladder alone says: the run at the target is what is to be forecast."""
    return Standing.of(study, history, target=False)


def _noise(now: Standing, idea: str, study: Study) -> tuple[float, float]:
    """The sd of one pair at the target and its dof: that of the highest rung."""
    index, top = now.board.arms.index(idea) - 1, len(study.rungs) - 1
    cells = now.belief.cells
    sd = math.sqrt(cells.run_variance[index, top] + cells.baseline_variance[top])
    return (0.0 if cells.identical[index] else sd), float(cells.dof[index, top])
