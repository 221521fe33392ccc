"""Noise that grows with scale: how much, and what it makes of runs.

The largest runs are those that a forecast leans on. Where their noise is the largest too, a law
that takes all runs to be alike follows it, and is too sure. How noise goes shows in repeats, and in
how far each run lies off the line through its two neighbours (Gasser, Sroka and Jennen-Steinmetz
1986), which what a law misses hardly moves: its misses are smooth. Noise that shrinks is left
alone, as intervals then hold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._fit import fit
from proveout.scaling._forms import FORMS
from proveout.scaling._neighbours import LEAST_RUNS, TOLD_BY_ONE, off_neighbours
from proveout.scaling._points import Points

_GRID = np.linspace(-1.0, 1.0, 41)
_BELIEVED_SD = 0.2  # of the growth: a factor of 1.6 in a decade, either way
_LEAST_SD = 0.003  # of one run beforehand, as firmly as one run tells
_MOST_RUNS = 256  # at scales of their own: more are the steps of a curve
_LIKELY = 0.75  # that noise grows, to count runs by it: else what is chance widens intervals
_SURE, _MUCH = 0.98, 2.0  # that it grows, and how many times over the runs, to say so


class Growth(NamedTuple):
    """How noise goes along a single input.

    Attributes:
        per_decade: powers of ten that a run's sd is multiplied by in a decade; zero where it
            is not likely to grow.
        chance: that it grows at all.
        times: from the smallest run to the largest.
    """

    per_decade: float = 0.0
    chance: float = 0.5
    times: float = 1.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence where it is clear."""
        if self.chance < _SURE or self.times < _MUCH:
            return ()
        return (
            f"noise grows with scale, about {self.times:.2g} times from the smallest run to the "
            "largest: the largest, which forecasts lean on, count for less, and intervals may "
            "still be too narrow; repeat the largest runs",
        )


STEADY = Growth()


def growth_of_noise(points: Points) -> Growth:
    """How the noise of runs grows, as far as they show: the mean of what is believed of it.

    Only along `compute`, and where no weights say how noise goes; else it is taken to be steady.
    """
    if points.inputs.keys() != {"compute"} or np.ptp(points.weight) > 0:
        return STEADY
    runs = points.settings()
    if not 2 <= runs.loss.size <= _MOST_RUNS:
        return STEADY
    x = np.log10(runs.compute)
    squares, dof = _repeats(points, runs)
    count = dof + 1
    logs = np.zeros(_GRID.size)
    total, number = np.full(_GRID.size, _LEAST_SD**2), 1.0
    spread = 10.0 ** (2 * _GRID[:, None] * (x - x.mean()))  # [g, n], variances
    total += (squares / spread).sum(axis=1)
    logs -= np.log(spread) @ dof / 2
    number += dof.sum()
    if runs.loss.size >= LEAST_RUNS:
        off, shares = off_neighbours(x, fit(runs, FORMS["power"]).residuals)
        variance = (spread / count) @ (shares**2).T
        total += TOLD_BY_ONE * (off**2 / variance).sum(axis=1)
        logs -= TOLD_BY_ONE * np.log(variance).sum(axis=1) / 2
        number += TOLD_BY_ONE * off.size
    logs -= number / 2 * np.log(total) + (_GRID / _BELIEVED_SD) ** 2 / 2
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    mean = float(weights @ _GRID)
    chance = float(weights[_GRID > 0].sum() + weights[_GRID == 0].sum() / 2)
    mean = mean if chance > _LIKELY else 0.0
    return Growth(mean, chance, 10.0 ** (mean * float(np.ptp(x))))


def with_growth(points: Points, growth: Growth) -> Points:
    """The runs, each weighing by the noise that is believed of it."""
    if not growth.per_decade:
        return points
    below = np.log10(points.compute / points.compute.min())
    weight = points.weight * 10.0 ** (-2 * growth.per_decade * below)
    return Points(points.inputs, points.loss, weight, points.run, points.replicates)


def _repeats(points: Points, runs: Points) -> tuple[Floats, Floats]:
    """At each scale [n] the sum of squares of log losses about their mean, and its dof."""
    between = (np.log(runs.compute[1:]) + np.log(runs.compute[:-1])) / 2
    which = np.searchsorted(between, np.log(points.compute))
    logs, size = np.log(points.loss), runs.loss.size
    count = np.bincount(which, minlength=size)
    mean = np.bincount(which, logs, size) / count
    squares: Floats = np.bincount(which, (logs - mean[which]) ** 2, size).astype(np.float64)
    return squares, (count - 1).astype(np.float64)
