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
        return float(self._below(np.array([x]))[0])

    def quantile(self, p: float) -> float:
        """The value with probability `p` below it, 0 < p < 1."""
        probability("p", p)
        return float(self.quantiles([p])[0])

    def quantiles(self, ps: Numbers) -> Floats:
        """The values with probabilities `ps` [n] below them, each strictly between 0 and 1.

        Newton's method, kept inside a bracket: a mixture's quantile lies between its components'.
        """
        from scipy.special import stdtrit  # 0.2 s: not at import

        wanted = vector("ps", ps)
        if not ((wanted > 0) & (wanted < 1)).all():
            raise ValueError(f"probabilities must lie strictly between 0 and 1, got {ps}")
        each = self.centres[:, None] + self.scales[:, None] * stdtrit(self.dofs[:, None], wanted)
        low, high = each.min(axis=0), each.max(axis=0)
        x = (low + high) / 2
        for step in range(200):
            short = self._below(x) - wanted
            low, high = np.where(short < 0, x, low), np.where(short < 0, high, x)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                newton = x - short / self._density(x)
            middle = (low + high) / 2
            # Newton oscillates where a component's scale is far below the others': halve at times.
            inside = (newton > low) & (newton < high) & (step % 4 != 3)
            moved = np.where(inside, newton, middle)
            settled = abs(newton - x) <= 1e-11 * self.scales.max()
            x = np.where(settled, x, moved)
            if (settled | (high - low <= 1e-13 * np.maximum(abs(low), abs(high)))).all():
                break
        found: Floats = x
        return found

    def _below(self, x: Floats) -> Floats:
        """The distribution function at `x` [n]."""
        from scipy.special import stdtr

        with np.errstate(divide="ignore", invalid="ignore"):
            z = (x - self.centres[:, None]) / self.scales[:, None]
        z[np.isnan(z)] = 0.0
        below: Floats = np.clip(self.weights @ stdtr(self.dofs[:, None], z), 0.0, 1.0)
        return below

    def _density(self, x: Floats) -> Floats:
        """The density at `x` [n]; not a number where a scale is zero."""
        z = (x - self.centres[:, None]) / self.scales[:, None]
        logs = _log_t(z, self.dofs[:, None])
        density: Floats = (self.weights / self.scales) @ np.exp(logs)
        return density

    def interval(self, probability: float = 0.8) -> Interval:
        """The central interval that holds the value with this probability."""
        if not 0 < probability < 1:
            raise ValueError(f"probability must lie strictly between 0 and 1, got {probability}")
        tail = (1 - probability) / 2
        low, high = self.quantiles([tail, 1 - tail])
        return Interval(float(low), float(high))

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
        logs = _log_t((measured - self.centres) / self.scales, self.dofs)
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
        under = self._below(middle + spread * np.sinh(below)) ** 2
        over = (1 - self._below(middle + spread * np.sinh(above))) ** 2
        area = np.trapezoid(under * np.cosh(below), below)
        return float(spread * (area + np.trapezoid(over * np.cosh(above), above)))


def _log_t(z: Floats, dof: Floats) -> Floats:
    """Log density of the standard Student's t."""
    from scipy.special import gammaln

    # gammaln loses its digits for many dof, and a normal is as good there.
    n = np.minimum(dof, 1e8)
    constant = gammaln((n + 1) / 2) - gammaln(n / 2) - 0.5 * np.log(n * math.pi)
    student = constant - (n + 1) / 2 * np.log1p(z * z / n)
    normal = -0.5 * (z * z + math.log(2 * math.pi))
    logs: Floats = np.where(dof > 1e8, normal, student)
    return logs
