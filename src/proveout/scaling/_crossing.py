"""Where a gap changes sign: the compute from which an idea stops paying, or starts to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proveout.scaling._checks import Floats, probability
from proveout.scaling._gap import GapLine

_POINTS = 61  # of the grid; between two of them a path is a straight line
_PATHS = 2000  # the probabilities' own sd is below .012


@dataclass(frozen=True)
class Crossing:
    """Whether and where a gap changes sign between two computes.

    A path counts that ends on the other side of zero than it began; where it crosses more than
    once, the last crossing is meant. An idea that does nothing may be said to cross with a
    probability of up to a half: `improves` and `worsens` are then much the same.

    Attributes:
        improves: the probability of a gap that is above zero at `low` and below it at `high`.
        worsens: the probability of the opposite.
        log10_compute: the median of where, given that it crosses. None where that is too
            improbable to say; `why` then says so.
        low, high: the ends of where it lies with the interval's probability, given that it
            crosses. None together with the median.
        why: None where the median is known.
    """

    improves: float
    worsens: float
    log10_compute: float | None
    low: float | None
    high: float | None
    why: str | None = None

    @property
    def probability(self) -> float:
        """Of a change of sign in either direction."""
        return self.improves + self.worsens


def crossing(
    line: GapLine,
    low: float,
    high: float,
    *,
    interval: float = 0.8,
    least: float = 0.5,
    seed: int = 0,
) -> Crossing:
    """Whether and where the gap crosses zero between two computes, from seeded joint draws.

    The smooth gap is meant, without what each rung has for itself: that would cross and cross
    back at every rung whose learning rate happens to suit the idea.

    Args:
        line: the fitted gap.
        low, high: log10 of the computes, low < high; past the measured rungs too.
        interval: the probability that the interval is to hold.
        least: the probability of a crossing below which no place is given.
        seed: of the draws.

    Raises:
        ValueError: ends that are not in order, or probabilities not between 0 and 1.
    """
    probability("interval", interval)
    probability("least", least)
    if not -60 < low < high < 60:
        raise ValueError(f"low and high are log10 of computes, low < high, got {low} and {high}")
    grid = np.linspace(low, high, _POINTS)
    paths = line.joint(grid, rough=False).draws(_PATHS, seed)
    begins, ends = paths[:, 0] > 0, paths[:, -1] > 0
    improves, worsens = float((begins & ~ends).mean()), float((~begins & ends).mean())
    if improves + worsens < least:
        why = f"the gap changes sign with a probability of {improves + worsens:.2f} only"
        return Crossing(improves, worsens, None, None, None, why)
    where = _last_crossings(grid, paths[begins != ends])
    tail = (1 - interval) / 2
    first, middle, last = (float(q) for q in np.quantile(where, [tail, 0.5, 1 - tail]))
    return Crossing(improves, worsens, middle, first, last)


def _last_crossings(grid: Floats, paths: Floats) -> Floats:
    """The last place [k] where paths [k, m] over the grid [m] cross zero; each crosses."""
    above = paths > 0
    changes = above[:, 1:] != above[:, :-1]
    before = changes.shape[1] - 1 - np.argmax(changes[:, ::-1], axis=1)
    rows = np.arange(len(paths))
    left, right = paths[rows, before], paths[rows, before + 1]
    where: Floats = grid[before] + left / (left - right) * (grid[before + 1] - grid[before])
    return where
