"""The field's usual scaling-law fit, to compare with.

L = E + A / N^alpha + B / D^beta, or L = E + A / C^alpha where only compute is known: the Huber loss
(delta 1e-3) of the log loss, log-sum-exp of (a - alpha log N, b - beta log D, e), minimised by
L-BFGS-B from a grid of starts (Hoffmann et al. 2022, arXiv 2203.15556, approach 3), then a
bootstrap of the runs, each refitted from the best solution (Besiroglu et al. 2024,
arXiv 2404.10102). The objective is the sum over runs divided by delta, which changes no minimum
and keeps the optimiser's absolute tolerances from ending it early.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from _suites import Floats, Inputs
from scipy.optimize import minimize

DELTA = 1e-3
FEW_STARTS = 48
RESAMPLES = 100
INTERCEPTS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
EXPONENTS = (0.0, 0.5, 1.0, 1.5, 2.0)
LOG_FLOORS = (-1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class UsualFit:
    """A fitted law.

    Attributes:
        theta: (e, a, alpha) or (e, a, b, alpha, beta); all logs but the exponents.
        objective: the sum of Huber losses over the runs, over delta.
    """

    theta: Floats
    objective: float

    def at(self, inputs: Inputs) -> Floats:
        """The losses at `inputs`, [m]."""
        return np.exp(log_law(self.theta, scales(inputs)))


def scales(inputs: Inputs) -> Floats:
    """The logs of what the law is in: [1, n] for compute, else [2, n]. Repetition is not known."""
    names = ("compute",) if "compute" in inputs else ("params", "tokens")
    return np.log(np.stack([inputs[name] for name in names]))


def start_grid(terms: int) -> Floats:
    """Besiroglu et al.'s starts: [4500, 5] for two terms, [150, 3] for one."""
    axes = [LOG_FLOORS, *[INTERCEPTS] * terms, *[EXPONENTS] * terms]
    return np.array(list(itertools.product(*axes)))


def some_starts(terms: int, count: int) -> Floats:
    """`count` starts spread over the grid; all of them where it has no more."""
    grid = start_grid(terms)
    if count >= len(grid):
        return grid
    # The golden ratio's multiples fall evenly, and touch every level of every axis.
    rows = np.unique((np.arange(count) * 0.6180339887498949 % 1 * len(grid)).astype(int))
    some: Floats = grid[rows]
    return some


def log_law(theta: Floats, logs: Floats) -> Floats:
    """Log loss of one law at `logs` [terms, n]; [n]."""
    exponents = _exponents(theta, logs)
    top = exponents.max(axis=0)
    total: Floats = top + np.log(np.exp(exponents - top).sum(axis=0))
    return total


def _exponents(theta: Floats, logs: Floats) -> Floats:
    terms = len(logs)
    powers = theta[1 : 1 + terms, None] - theta[1 + terms :, None] * logs
    return np.vstack([np.full((1, logs.shape[1]), theta[0]), powers])


def objective(theta: Floats, logs: Floats, log_loss: Floats) -> tuple[float, Floats]:
    """The sum of Huber losses over delta, and its gradient in `theta`."""
    exponents = _exponents(theta, logs)
    top = exponents.max(axis=0)
    parts = np.exp(exponents - top)
    total = parts.sum(axis=0)
    residual = top + np.log(total) - log_loss
    clipped = np.clip(residual, -DELTA, DELTA)
    value = float((clipped * (residual - 0.5 * clipped)).sum()) / DELTA
    by_part = (clipped / DELTA) * (parts / total)
    by_power = by_part[1:]
    slopes = [by_part.sum(axis=1), -(by_power * logs).sum(axis=1)]
    return value, np.concatenate(slopes)


def _minimise(start: Floats, logs: Floats, log_loss: Floats) -> UsualFit:
    found = minimize(objective, start, (logs, log_loss), method="L-BFGS-B", jac=True)
    return UsualFit(np.asarray(found.x), float(found.fun))


def fit_usual(inputs: Inputs, loss: Floats, *, starts: int = FEW_STARTS) -> UsualFit:
    """The best of `starts` minimisations; 4500 is the whole grid of two terms."""
    logs, log_loss = scales(inputs), np.log(loss)
    tried = (_minimise(one, logs, log_loss) for one in some_starts(len(logs), starts))
    return min(tried, key=lambda fit: fit.objective)


def bootstrap_usual(
    best: UsualFit, inputs: Inputs, loss: Floats, *, count: int = RESAMPLES, seed: int = 0
) -> list[UsualFit]:
    """`count` refits to runs drawn with replacement, each from the best solution."""
    logs, log_loss = scales(inputs), np.log(loss)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, loss.size, (count, loss.size))
    return [_minimise(best.theta, logs[:, rows], log_loss[rows]) for rows in draws]
