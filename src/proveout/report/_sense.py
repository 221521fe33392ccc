"""A history in the sense of its own metric: everything is decided on a loss, and shown as
declared."""

from __future__ import annotations

from dataclasses import replace

from proveout.ledger import (
    BaselineLaw,
    ForecastMade,
    ForecastScored,
    History,
    PromotionRead,
    TrialRecord,
    Verdict,
    VerdictsRead,
)
from proveout.study import Study

Ends = tuple[float, float]


def in_own_sense(study: Study, history: History) -> History:
    """The history as it is shown: of a metric that is maximized, with gaps above zero for what is
    better, and its own values for losses. Any other history, or one turned already, is itself."""
    if not study.score.maximized or history.turned:
        return history
    return replace(
        history,
        turned=True,
        trials={trial: _trial(record) for trial, record in history.trials.items()},
        forecasts={name: _forecast(study, each) for name, each in history.forecasts.items()},
        forecasts_scored={
            name: _scored(study, each) for name, each in history.forecasts_scored.items()
        },
        promotions={name: _promotion(each) for name, each in history.promotions.items()},
        verdicts=_verdicts(study, history.verdicts) if history.verdicts else None,
    )


def verdicts_in_own_sense(study: Study, read: VerdictsRead) -> VerdictsRead:
    """The same of one entry of the ledger, which is not turned yet."""
    return _verdicts(study, read) if study.score.maximized else read


def _trial(record: TrialRecord) -> TrialRecord:
    measured, failure = record.measurement, record.failure
    return replace(
        record,
        measurement=replace(measured, loss=None) if measured else None,
        failure=replace(failure, gap=_minus(failure.gap)) if failure else None,
    )


def _verdicts(study: Study, read: VerdictsRead) -> VerdictsRead:
    law = _law(study, read.baseline) if read.baseline else None
    return replace(read, verdicts=tuple(map(_verdict, read.verdicts)), baseline=law)


def _verdict(verdict: Verdict) -> Verdict:
    return replace(
        verdict,
        gap_at_target=_minus(verdict.gap_at_target),
        interval80=_turned(verdict.interval80) if verdict.interval80 else None,
        line=tuple((at, -mean, -high, -low) for at, mean, low, high in verdict.line),
        measured=tuple((at, -gap, error, pairs) for at, gap, error, pairs in verdict.measured),
    )


def _law(study: Study, law: BaselineLaw) -> BaselineLaw:
    value = study.score.loss_of
    points = tuple((at, value(mean), value(high), value(low)) for at, mean, low, high in law.points)
    top = study.score.loss_of(0.0)
    return BaselineLaw(
        points, law.formula.replace("L =", f"{top:g} - score =" if top else "-score =")
    )


def _forecast(study: Study, made: ForecastMade) -> ForecastMade:
    value, ends = study.score.loss_of, made.baseline_interval80
    return replace(
        made,
        mean_gap=-made.mean_gap,
        interval80=_turned(made.interval80),
        interval95=_turned(made.interval95),
        baseline_loss=None if made.baseline_loss is None else value(made.baseline_loss),
        baseline_interval80=(value(ends[1]), value(ends[0])) if ends else None,
    )


def _scored(study: Study, scored: ForecastScored) -> ForecastScored:
    value = study.score.loss_of
    return replace(
        scored,
        measured_gap=-scored.measured_gap,
        baseline_loss=value(scored.baseline_loss),
        stack_loss=value(scored.stack_loss),
    )


def _promotion(read: PromotionRead) -> PromotionRead:
    return replace(read, search_gap=_minus(read.search_gap), sealed_gap=_minus(read.sealed_gap))


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _turned(ends: Ends) -> Ends:
    return -ends[1], -ends[0]
