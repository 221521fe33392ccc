"""What was believed, as it is put on record: forecasts, verdicts, the baseline's law."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ForecastMade:
    """A predictive distribution, recorded before the run that it predicts."""

    idea: str
    rung: int
    mean_gap: float
    sd: float
    degrees_of_freedom: float
    interval80: tuple[float, float]
    interval95: tuple[float, float]
    baseline_loss: float | None
    """None where the baseline was measured at one scale only."""
    baseline_interval80: tuple[float, float] | None


@dataclass(frozen=True)
class ForecastScored:
    """What the forecast run measured."""

    idea: str
    rung: int
    measured_gap: float
    standard_error: float
    baseline_loss: float
    stack_loss: float
    inside80: bool
    crps: float


@dataclass(frozen=True)
class Verdict:
    """What is believed of one idea, in a ledger's own numbers.

    Gaps are in the metric's unit; what cannot be known is None.
    """

    idea: str
    verdict: str
    gap_at_target: float | None
    interval80: tuple[float, float] | None
    compute_multiplier: float | None
    multiplier_interval80: tuple[float | None, float | None] | None
    probability_helps: float | None
    rungs: int
    """At how many rungs it was measured."""
    why: str
    line: tuple[tuple[float, float, float, float], ...] = ()
    """The fitted gap for a picture: (compute, mean, low, high) of the 80% interval."""
    measured: tuple[tuple[float, float, float, int], ...] = ()
    """(compute, mean gap, standard error, pairs) of each rung."""


@dataclass(frozen=True)
class BaselineLaw:
    """The baseline's loss against compute, for pictures: (compute, mean, low, high)."""

    points: tuple[tuple[float, float, float, float], ...]
    formula: str


@dataclass(frozen=True)
class VerdictsRead:
    """The verdict table as it stood."""

    verdicts: tuple[Verdict, ...]
    trials_finished: int
    baseline: BaselineLaw | None = None
    set_aside: int = 0
    """Ideas measured of which nothing worth having is expected at the target..."""
    missed: float | None = None
    """...and how many of them are expected to be worth having all the same."""
