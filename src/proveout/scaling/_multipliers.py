"""A gap in loss told as compute: how many times the compute the baseline would need."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proveout.scaling._checks import Floats, Numbers, positive, probability, vector

_NEVER = (
    "within the computes given, the baseline's law reaches this loss in fewer than half of the "
    "draws; give the law a wider grid, or the baseline may never get there"
)


@dataclass(frozen=True)
class ComputeMultiplier:
    """How many times the compute the baseline would need for the idea's loss; above 1 is good.

    All three lie between the lowest and the highest compute that the law was given, over that of
    the gap. A number below that is given as its lower end, and so is at most what it says.

    Attributes:
        value: the median. None where it cannot be known, never 0 or infinity; `why` then says why.
        low, high: the interval's ends, over the doubt in both the gap and the law. None for
            `high` (or both): beyond the highest compute, if the baseline ever reaches that loss.
        why: None where `value` is known.
    """

    value: float | None
    low: float | None
    high: float | None
    why: str | None = None


def multipliers(
    compute_grid: Numbers,
    loss_draws: npt.ArrayLike,
    at_log10_compute: Numbers,
    gap_draws: npt.ArrayLike,
    *,
    interval: float = 0.8,
) -> tuple[ComputeMultiplier, ...]:
    """The compute multiplier (compute-equivalent gain) of each of several gaps.

    They may be one idea's gap at several computes, or several ideas' at one. Row by row, one drawn
    law and one drawn gap: the loss of the baseline there plus the gap is looked up on that law.
    Between the grid's computes a law is a straight line in log-log; where a draw rises with
    compute, its least loss so far stands in for it.

    Args:
        compute_grid: [g], g >= 2, rising, above zero, in any unit.
        loss_draws: [k, g], the baseline's loss on the grid by each drawn law (`Laws.draws`, whose
            discrepancy is then part of the interval), above zero.
        at_log10_compute: [m], where each gap holds, within the grid; log10 of the same unit.
        gap_draws: [k, m], idea minus baseline (`GapLine.joint(...).draws`), in the unit of the
            loss; below 0 is better.
        interval: the probability that each interval is to hold.

    Returns:
        One for each of the m gaps. What lies past the grid's highest compute is None, what lies
        below its lowest is given as that compute's.

    Raises:
        ValueError: shapes that differ, a grid that does not rise, losses not above zero, NaN, or
            a compute outside the grid.
    """
    probability("interval", interval)
    grid = np.log(positive("compute_grid", compute_grid))
    at = vector("at_log10_compute", at_log10_compute) * math.log(10)
    losses, gaps = np.asarray(loss_draws, np.float64), np.asarray(gap_draws, np.float64)
    _check(grid, losses, at, gaps)
    logs = np.minimum.accumulate(np.log(losses), axis=1)
    factors = np.array([_factors(grid, law, at, gap) for law, gap in zip(logs, gaps, strict=True)])
    tail = (1 - interval) / 2
    # Infinities are draws past the grid: a quantile may be one, but not lie between two.
    quantiles = np.quantile(factors, [tail, 0.5, 1 - tail], axis=0, method="inverted_cdf")
    lows, middles, highs = quantiles.tolist()
    return tuple(map(_told, lows, middles, highs, (grid[0] - at).tolist()))


def _check(grid: Floats, losses: Floats, at: Floats, gaps: Floats) -> None:
    if grid.size < 2 or (np.diff(grid) <= 0).any():
        raise ValueError("compute_grid must rise and have at least two computes")
    if (at < grid[0] - 1e-9).any() or (at > grid[-1] + 1e-9).any():
        raise ValueError("at_log10_compute must lie within the grid")
    wanted = [(len(losses), grid.size), (len(losses), at.size)]
    if [losses.shape, gaps.shape] != wanted or not len(losses):
        raise ValueError(
            f"loss_draws and gap_draws must be [k, {grid.size}] and [k, {at.size}] with the same "
            f"k >= 1, got {losses.shape} and {gaps.shape}"
        )
    if not (np.isfinite(losses).all() and (losses > 0).all() and np.isfinite(gaps).all()):
        raise ValueError("losses must be above zero and gaps finite")


def _factors(grid: Floats, log_losses: Floats, at: Floats, gaps: Floats) -> Floats:
    """Natural logs of one law's multipliers [m]; infinite past the grid's ends."""
    before = np.interp(at, grid, log_losses)
    ratio = gaps / np.exp(before)
    # A gap of 0 is to give exactly 1, at the grid's ends too.
    logs = before + np.log1p(ratio, out=np.full_like(ratio, -np.inf), where=ratio > -1)
    needed = np.interp(-logs, -log_losses, grid, left=-np.inf, right=np.inf)
    factors: Floats = needed - at
    return factors


def _told(low: float, middle: float, high: float, least: float) -> ComputeMultiplier:
    """From natural logs; `least` is that of the grid's lowest compute over the gap's."""
    first, value, last = (
        None if log == math.inf else math.exp(max(log, least)) for log in (low, middle, high)
    )
    return ComputeMultiplier(value, first, last, _NEVER if value is None else None)
