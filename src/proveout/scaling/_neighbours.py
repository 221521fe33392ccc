"""What runs next to each other along a single input tell of the noise, and of what a law misses.

What a law misses is smooth, and noise is not: runs that miss alike say that the law does not fit,
and how far each lies off the line through its two neighbours says what noise there is (Gasser,
Sroka and Jennen-Steinmetz 1986), whatever the law.
"""

from __future__ import annotations

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._projection import Problem

LEAST_RUNS = 6  # at scales of their own, for their misses to tell of noise
TOLD_BY_ONE = 2 / 3  # neighbours share runs: of n misses, so many are worth as independent ones
_LEAST_SERIES = 12  # runs from which a correlation of neighbours is worth estimating


def off_neighbours(x: Floats, residual: Floats) -> tuple[Floats, Floats]:
    """How far each run but the ends lies off the line through its neighbours [n - 2], and what
    each run's residual counts for in it [n - 2, n]; by rising x [n]."""
    inner = np.arange(1, x.size - 1)
    right = (x[inner] - x[inner - 1]) / (x[inner + 1] - x[inner - 1])
    shares = np.zeros((inner.size, x.size))
    rows = inner - 1
    shares[rows, inner - 1], shares[rows, inner + 1], shares[rows, inner] = 1 - right, right, -1.0
    return shares @ residual, shares


def correlation(problem: Problem, residual: Floats) -> float:
    """The correlation of residuals [n] of runs next to each other, along a single input.

    Each counts by its weight: runs that are set back lie off the law on one side, and that is why
    they are.
    """
    residual = residual * np.sqrt(problem.weight)
    square = float((residual**2).mean())
    if len(problem.inputs) > 1 or residual.size < _LEAST_SERIES or square == 0:
        return 0.0
    along = residual[_order(problem)]
    return float((along[1:] * along[:-1]).mean()) / square


def noise_variance(problem: Problem, residual: Floats, squares: float, dof: float) -> float | None:
    """The variance of one run's noise at the largest, by what neighbours say of residuals [n].

    Runs near the largest say most of it, as they do of the law. None where there are too few
    runs, or several inputs.

    Args:
        problem: the form and the runs.
        residual: log law minus log measured.
        squares: what else is known of the noise: a sum of squares,
        dof: and how many runs' worth it is.
    """
    if len(problem.inputs) > 1 or residual.size < LEAST_RUNS:
        return None
    order = _order(problem)
    (values,) = problem.inputs.values()
    off, shares = off_neighbours(np.log10(values[order]), residual[order])
    own, near = (problem.weight / problem.near)[order], problem.near[order][1:-1]
    told = float(near @ (off**2 / (shares**2 @ (1 / own))) / near.sum())
    count = TOLD_BY_ONE * float(near.sum() ** 2 / (near**2).sum())
    return (squares + count * told) / (dof + count)


def _order(problem: Problem) -> np.ndarray:
    (values,) = problem.inputs.values()
    return np.argsort(values, kind="stable")
