"""The size that spends a compute best: a parabola through an iso-compute sweep, and its law.

As in Hoffmann et al. 2022 (arXiv:2203.15556), approach 2: at one compute, loss against the
logarithm of the size is a parabola near its minimum; the minima of several computes lie on a power
law. Left out: noise of the losses, which a sweep of one seed cannot tell from the curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BestSize:
    """Where a sweep at one compute has its least loss."""

    size: float
    loss: float
    inside: bool
    """False where the least loss stands at an end of the sweep: the best lies there or beyond."""


def best_size(sizes: Sequence[float], losses: Sequence[float]) -> BestSize:
    """The minimum of a parabola in log(size) through the three points about the least loss.

    `sizes` and `losses` [runs] are of one compute, in any order; at least one of each.
    """
    order = np.argsort(np.asarray(sizes, dtype=float))
    ordered = np.asarray(sizes, dtype=float)[order]
    x = np.log(ordered)
    y = np.asarray(losses, dtype=float)[order]
    least = int(np.argmin(y))
    if least in (0, len(y) - 1):
        return BestSize(float(ordered[least]), float(y[least]), inside=False)
    around = slice(least - 1, least + 2)
    a, b, c = np.polyfit(x[around] - x[least], y[around], 2)
    if not a > 0:  # all three the same
        return BestSize(float(ordered[least]), float(y[least]), inside=True)
    at = float(np.clip(-b / (2 * a), x[least - 1] - x[least], x[least + 1] - x[least]))
    return BestSize(math.exp(x[least] + at), float(a * at * at + b * at + c), inside=True)


@dataclass(frozen=True)
class PowerLine:
    """`coefficient * x ** exponent`."""

    coefficient: float
    exponent: float

    def at(self, x: float) -> float:
        """Its value."""
        return float(self.coefficient * x**self.exponent)


def power_line(x: Sequence[float], y: Sequence[float], exponent: float | None = None) -> PowerLine:
    """The least-squares line through points in logarithms; with `exponent` only its height.

    `x` and `y` [points] are positive; two points at least unless the exponent is given.
    """
    log_x, log_y = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    if exponent is None:
        exponent = float(np.polyfit(log_x, log_y, 1)[0])
    return PowerLine(math.exp(float(np.mean(log_y - exponent * log_x))), exponent)
