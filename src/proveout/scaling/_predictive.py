"""What is expected of a number that has not been measured: a mixture of Student's t."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats, Numbers, positive, probability, vector

_ONE_SD = 0.682689492137086  # the probability within one sd of a normal's mean


class Interval(NamedTuple):
    """The central part of a distribution, `low <= high`, in the unit of what is predicted."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        """Whether a number lies within, ends included."""
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True, eq=False)
class Predictive:
    """A predictive distribution: a mixture of k Student's t distributions.

    `centres`, `scales`, `dofs` and `weights` have shape [k]; the weights sum to 1. A scale is that
    of the t distribution: a dof of infinity makes it a normal's standard deviation, and a scale of
    0 is certainty.
    """

    centres: Floats
    scales: Floats
    dofs: Floats
    weights: Floats

    @classmethod
    def student(cls, centre: float, scale: float, dof: float = math.inf) -> Predictive:
        """One Student's t (a normal by default)."""
        return cls.mixture([centre], [scale], [dof], [1.0])

    @classmethod
    def mixture(
        cls, centres: Numbers, scales: Numbers, dofs: Numbers, weights: Numbers
    ) -> Predictive:
        """A mixture from four vectors [k]; the weights are scaled to sum to 1.

        Raises:
            ValueError: shapes that differ, NaN, a scale below 0, a dof or weight not above 0.
        """
        centres = vector("centres", centres)
        scales = vector("scales", scales, size=centres.size)
        weights = positive("weights", weights, size=centres.size)
        dofs = np.array(dofs, dtype=np.float64)
        if dofs.shape != centres.shape or not (dofs > 0).all():
            raise ValueError(f"dofs must be {centres.size} numbers above zero, got {dofs}")
        if (scales < 0).any():
            raise ValueError(f"scales must not be negative, got {scales.min()}")
        return cls(centres, scales, dofs, weights / weights.sum())

    @property
    def mean(self) -> float:
        """The mean; where dof <= 1 leaves none, the centre stands in for it."""
        return float(self.weights @ self.centres)

    @property
    def sd(self) -> float:
        """Half the width of the central 68.3% interval.

        A normal's standard deviation, and finite also for the heavy tails of few dof.
        """
        low, high = self.interval(_ONE_SD)
        return (high - low) / 2

    @property
    def dof(self) -> float:
        """The harmonic mean of the components' dof."""
        doubt = float(self.weights @ (1 / self.dofs))
        return 1 / doubt if doubt > 0 else math.inf

    def probability_below(self, x: float) -> float:
        """The probability of a value below `x`; a certain value counts half at itself."""
        from scipy.special import stdtr  # 0.2 s: not at import

        with np.errstate(divide="ignore", invalid="ignore"):
            z = (x - self.centres) / self.scales
        z[np.isnan(z)] = 0.0
        return float(np.clip(self.weights @ stdtr(self.dofs, z), 0.0, 1.0))

    def quantile(self, p: float) -> float:
        """The value with probability `p` below it, 0 < p < 1."""
        from scipy.special import stdtrit

        probability("p", p)
        each = self.centres + self.scales * stdtrit(self.dofs, p)
        low, high = float(each.min()), float(each.max())  # a mixture's quantile lies between
        for _ in range(200):
            if high - low <= 1e-12 * max(abs(low), abs(high)):
                break
            middle = (low + high) / 2
            if self.probability_below(middle) < p:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def interval(self, probability: float = 0.8) -> Interval:
        """The central interval that holds the value with this probability."""
        if not 0 < probability < 1:
            raise ValueError(f"probability must lie strictly between 0 and 1, got {probability}")
        tail = (1 - probability) / 2
        return Interval(self.quantile(tail), self.quantile(1 - tail))

    def with_noise(self, sd: float, dof: float = math.inf) -> Predictive:
        """The predictive of a measurement: this value plus independent noise of `sd`.

        For the mean of n seeds pass the sd of one pair over sqrt(n). The dof of the sum is
        Welch and Satterthwaite's.
        """
        if not (sd >= 0 and dof > 0 and math.isfinite(sd)):
            raise ValueError(f"noise needs an sd >= 0 and a dof > 0, got {sd} and {dof}")
        own, added = self.scales**2, sd**2
        total = own + added
        doubt = own**2 / self.dofs + added**2 / dof
        dofs = np.full_like(own, np.inf)
        np.divide(total**2, doubt, out=dofs, where=doubt > 0)
        return Predictive(self.centres, np.sqrt(total), dofs, self.weights)

    def log_density(self, measured: float) -> float:
        """Natural log of the density at `measured`: a score of the forecast, more is better."""
        if (self.scales == 0).any():
            raise ValueError("a forecast without doubt has no density; add noise first")
        z = (measured - self.centres) / self.scales
        logs = np.array([_log_t(float(x), float(n)) for x, n in zip(z, self.dofs, strict=True)])
        logs += np.log(self.weights) - np.log(self.scales)
        top = float(logs.max())
        return top + math.log(float(np.exp(logs - top).sum()))

    def crps(self, measured: float) -> float:
        """Continuous ranked probability score, in the unit of the value; less is better.

        The integral of (F(x) - [x >= measured])^2 (Gneiting and Raftery 2007), by quadrature to
        about 1e-4 of itself; infinite where dof <= 1 makes it so.
        """
        if (self.dofs <= 1).any():
            return math.inf
        middle, spread = self.quantile(0.5), self.sd
        if spread == 0:
            return abs(measured - middle)
        at = math.asinh((measured - middle) / spread)
        edge = math.asinh(1e4) + abs(at)
        below = np.linspace(-edge, at, 400)
        above = np.linspace(at, edge, 400)
        under = [self.probability_below(middle + spread * math.sinh(t)) ** 2 for t in below]
        over = [(1 - self.probability_below(middle + spread * math.sinh(t))) ** 2 for t in above]
        area = np.trapezoid(under * np.cosh(below), below)
        return float(spread * (area + np.trapezoid(over * np.cosh(above), above)))


def _log_t(z: float, dof: float) -> float:
    """Log density of the standard Student's t."""
    if dof > 1e8:  # lgamma loses its digits there, and a normal is as good
        return -0.5 * (z * z + math.log(2 * math.pi))
    constant = math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2) - 0.5 * math.log(dof * math.pi)
    return constant - (dof + 1) / 2 * math.log1p(z * z / dof)
