"""Ways to tell which idea is best at a scale that was not run, and how far off each may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from _problems import Cut
from scipy.special import ndtr, ndtri

from proveout.scaling import Cells, measure_cells
from proveout.verdicts._decide import DECADES, believe_table, board_of_table
from proveout.verdicts._decision import at_target
from proveout.verdicts._table import tabulate

Floats = npt.NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.95)
QUANTILES = tuple(sorted((1 + sign * level) / 2 for level in LEVELS for sign in (-1, 1)))
DRAWS = 4000
LEAST_SD = 1e-9


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is said of the ideas of a cut at its target, in their order.

    Attributes:
        gap: [A], to the baseline: the first idea's is zero.
        quantiles: [A - 1, Q], of the gaps, at `QUANTILES`; None where no doubt is stated.
        helps: [A - 1], the probability of a gain over the baseline, or None.
        best: [A], the probability of being the best of all, or None.
    """

    gap: Floats
    quantiles: Floats | None = None
    helps: Floats | None = None
    best: Floats | None = None


def ours(cut: Cut) -> Forecast:
    """What `proveout decide` believes: the same functions, with quantiles besides."""
    problem, exponent = cut.problem, DECADES[cut.problem.unit]
    table = tabulate(cut.runs, problem.baseline, exponent)
    belief, _ = believe_table(
        board_of_table(table, cut.target**exponent, exponent), table, named=True,
        unit=problem.unit,
    )  # fmt: skip
    stands = at_target(belief, named=True)
    place = np.array([table.arms.index(idea) for idea in cut.ideas])
    at = belief.at_target
    quantiles = np.stack([at.quantiles(level)[:, 0] for level in QUANTILES], axis=1)
    # Ideas without a truth are nobody's question, so the best is found among the others.
    best = stands.best[place] + 1e-9
    return Forecast(
        stands.mean[place], quantiles[place[1:] - 1], stands.helps[place[1:]], best / best.sum()
    )


def at_largest(cut: Cut) -> Forecast:
    """As the ideas stand at the largest scale seen."""
    _, losses = _means(cut)
    return Forecast(losses[:, -1] - losses[0, -1])


def carried(cut: Cut) -> Forecast:
    """The last gap as it is, with the noise of that measurement and no doubt of what comes."""
    _, losses = _means(cut)
    gap = losses[:, -1] - losses[0, -1]
    return _normal(gap, np.broadcast_to(_noise(cut), gap[1:].shape))


def line(cut: Cut) -> Forecast:
    """The gap drawn on through the last two scales that an idea and the baseline share."""
    x, losses = _means(cut)
    there = math.log10(cut.target)
    found = np.zeros(len(losses))
    for arm in range(1, len(losses)):
        shared = np.flatnonzero(~np.isnan(losses[arm]) & ~np.isnan(losses[0]))
        gap = losses[arm, shared] - losses[0, shared]
        found[arm] = gap[-1]
        if shared.size > 1:
            slope = (gap[-1] - gap[-2]) / (x[shared[-1]] - x[shared[-2]])
            found[arm] += slope * (there - x[shared[-1]])
    return Forecast(found)


def power_law(cut: Cut) -> Forecast:
    """log loss over log scale as a straight line for each idea, by least squares."""
    x, losses = _means(cut)
    there = math.log10(cut.target)
    found = []
    for row in losses:
        have = ~np.isnan(row)
        if have.sum() < 2:
            found.append(float(row[-1]))
            continue
        fitted = np.polyfit(x[have], np.log(np.abs(row[have])), 1)
        found.append(float(np.exp(np.polyval(fitted, there))))
    return Forecast(np.array(found) - found[0])


METHODS: Mapping[str, Callable[[Cut], Forecast]] = {
    "ours": ours,
    "at the largest scale": at_largest,
    "line through the last two": line,
    "power law per idea": power_law,
    "last gap and its noise": carried,
}


def _means(cut: Cut) -> tuple[Floats, Floats]:
    """log10 scales [R] and mean losses of the cut's ideas [A, R]; NaN where none was run."""
    table = tabulate(cut.runs, cut.problem.baseline, DECADES[cut.problem.unit])
    rows = [table.arms.index(idea) for idea in cut.ideas]
    losses = table.losses[rows]
    counts = (~np.isnan(losses)).sum(axis=2)
    means = np.divide(np.nansum(losses, axis=2), counts, out=np.full(counts.shape, np.nan),
                      where=counts > 0)  # fmt: skip
    # The last scale is that at which all of them were run.
    last = int(np.flatnonzero((counts > 0).all(axis=0))[-1])
    return np.log10(table.scales[: last + 1]), means[:, : last + 1]


def _noise(cut: Cut) -> Floats:
    """The sd of each gap at the last scale, [A - 1]."""
    table = tabulate(cut.runs, cut.problem.baseline, DECADES[cut.problem.unit])
    cells: Cells = measure_cells(table.losses, paired=table.paired)
    rows = [table.arms.index(idea) - 1 for idea in cut.ideas[1:]]
    last = int(np.flatnonzero((cells.runs[rows] > 0).all(axis=0))[-1])
    sd: Floats = np.sqrt(cells.variance[rows, last] + cells.shared[last])
    return sd


def _normal(gap: Floats, sd: Floats) -> Forecast:
    sd = np.maximum(sd, LEAST_SD)
    quantiles = gap[1:, None] + sd[:, None] * ndtri(np.array(QUANTILES))
    random = np.random.default_rng(0)
    drawn = np.hstack(
        [np.zeros((DRAWS, 1)), gap[1:] + sd * random.standard_normal((DRAWS, sd.size))]
    )
    counts = np.bincount(drawn.argmin(axis=1), minlength=gap.size) + 0.1
    return Forecast(gap, quantiles, ndtr(-gap[1:] / sd), counts / counts.sum())
