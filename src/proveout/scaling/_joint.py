"""A gap at several computes together, so that what hangs on its course keeps its doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._predictive import Predictive

_RANKS = 250  # of chi-squared in draws: exact enough within 99% intervals, and a tenth of the time


@dataclass(frozen=True, eq=False)
class GapJoint:
    """Gaps at m computes together: a mixture of k multivariate distributions.

    Attributes:
        weights: [k], summing to 1.
        means: [k, m], in the unit of the loss.
        covariances: [k, m, m], of the scales of Student's t.
        dofs: [k, m], of each gap alone.
    """

    weights: Floats
    means: Floats
    covariances: Floats
    dofs: Floats

    def at(self, index: int) -> Predictive:
        """The gap at one of the computes, by its place among them."""
        scales = np.sqrt(self.covariances[:, index, index])
        return Predictive.mixture(self.means[:, index], scales, self.dofs[:, index], self.weights)

    def draws(self, count: int, seed: int) -> Floats:
        """Gaps drawn together, [count, m]: the same for the same seed.

        Each column is distributed as `at` says. In a row the noise is over- or underestimated at
        all computes alike, because their estimates lean on one pool.

        Raises:
            ValueError: a count below 1.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        random = np.random.default_rng(seed)
        normal = random.standard_normal((count, self.means.shape[1]))
        ranks = (np.arange(min(count, _RANKS)) + 0.5) / min(count, _RANKS)
        rank = random.permutation(np.arange(count) % ranks.size)
        # Each part gets its share of the rows to within one, not only on average.
        place = (random.permutation(count) + random.uniform()) / count
        part = np.searchsorted(self.weights.cumsum()[:-1], place)
        drawn = np.empty_like(normal)
        for k in np.unique(part):
            rows = part == k
            values, vectors = np.linalg.eigh(self.covariances[k])
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            widened = normal[rows] @ root.T * _widening(ranks, self.dofs[k])[rank[rows]]
            drawn[rows] = self.means[k] + widened
        return drawn


def _widening(ranks: Floats, dofs: Floats) -> Floats:
    """What makes normals Student's t, [ranks, m]: sqrt(dof / chi-squared) at ranks [n]."""
    from scipy.special import gammaincinv  # 0.2 s: not at import

    half = np.minimum(dofs, 1e6) / 2  # where a t is a normal to a millionth
    if (half == 5e5).all():
        return np.ones((ranks.size, dofs.size))
    factors: Floats = np.sqrt(half / gammaincinv(half, ranks[:, None]))
    return factors
