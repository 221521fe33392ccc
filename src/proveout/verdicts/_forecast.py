"""Forecasts of the run at the target: made before it is bought, scored when it is in."""

from __future__ import annotations

import math
from statistics import fmean

from proveout.ideas import BASELINE
from proveout.ledger import ForecastMade, ForecastScored, History
from proveout.scaling import Predictive
from proveout.study import Study
from proveout.verdicts._baseline import baseline_laws, predict_baseline
from proveout.verdicts._belief import believe, paired_gaps


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
    (gaps,) = paired_gaps(history, idea, BASELINE, range(made.rung, made.rung + 1)).values()
    noise = believe(study, history, up_to=made.rung - 1).noise.of(idea, made.rung)
    measured = fmean(gaps)
    return ForecastScored(
        idea=idea,
        rung=made.rung,
        measured_gap=measured,
        standard_error=noise.sd / math.sqrt(len(gaps)) if noise else 0.0,
        baseline_loss=fmean(history.losses(BASELINE, made.rung).values()),
        stack_loss=fmean(history.losses(idea, made.rung).values()),
        inside80=made.interval80[0] <= measured <= made.interval80[1],
        crps=_predict(study, history, idea).crps(measured),
    )


def _predict(study: Study, history: History, idea: str) -> Predictive:
    top = len(study.rungs) - 1
    beliefs = believe(study, history, up_to=top)
    belief = beliefs.by_idea[idea]
    noise = beliefs.noise.of(idea, top)
    if belief.at_target is None or noise is None:
        raise ValueError(f"{idea} has no measured gap to forecast from")
    return belief.at_target.with_noise(noise.sd / math.sqrt(study.seeds.at_target), noise.dof)
