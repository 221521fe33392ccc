"""What the gap of an idea is believed to be before it is measured: one of a few kinds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._gap import GapPrior, gap_kernel


@dataclass(frozen=True)
class FieldPrior:
    """What an idea's gap is believed to be before it is measured: one of K kinds.

    Attributes:
        sizes: [K], factors on the sds of `gap`.
        decays: [K]: the course is multiplied by 10^(-decay (x - centre)). 0 is the line of
            `fit_gap`, which may cross zero; with .35 a gain or a harm more than halves in a decade
            and stays what it is.
        weights: [K], how likely each kind is.
        gap: the course of a kind of size 1.
    """

    sizes: tuple[float, ...]
    decays: tuple[float, ...]
    weights: tuple[float, ...]
    gap: GapPrior = field(default_factory=GapPrior)

    def kernel(self, x: Floats, other: Floats, centre: float) -> Floats:
        """Prior covariances of gaps at `x` [n] and at `other` [m], [K, n, m], for a loss of 1."""
        return _kernel(self, tuple(x.tolist()), tuple(other.tolist()), centre)


@lru_cache(maxsize=64)
def _kernel(
    prior: FieldPrior, xs: tuple[float, ...], others: tuple[float, ...], centre: float
) -> Floats:
    """Cached: a study asks for the same few again and again."""
    x, other = np.array(xs), np.array(others)
    lines = gap_kernel(x, other, centre, prior.gap, rough=False)
    steady = replace(prior.gap, fade_per_decade=0.0)
    straight = gap_kernel(x, other, centre, steady, rough=False)
    same = np.isclose(x[:, None], other[None, :], rtol=0, atol=1e-9) * prior.gap.rough_sd**2
    kernels = []
    for size, decay in zip(prior.sizes, prior.decays, strict=True):
        factor = 10.0 ** (-decay * (x[:, None] - centre + other[None, :] - centre))
        kernels.append(size**2 * ((factor * straight if decay else lines) + same))
    stacked = np.array(kernels)
    stacked.setflags(write=False)
    return stacked


FIELD_PRIOR = FieldPrior(
    (0.06, 0.25, 1.0, 4.0, 12.0, 1.0, 4.0),
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.35, 0.35),
    (0.2, 0.25, 0.2, 0.12, 0.07, 0.1, 0.06),
)
