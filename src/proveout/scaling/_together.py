"""The gap of several ideas together, from what is believed of each and from their runs together.

Ideas that are merged rarely add up, but what they keep of their gains on the way up they keep
together too: a stack of two ideas that fade fades, though its own gap is as large as that of an
idea that would stay. So the gap of all together is believed to be

    share x (the sum of their gaps) + what they do to each other,

with a share about one, and what they do to each other small and with a course of its own. Given the
moments of the sum all of it is Gaussian, and the stack's own runs are one more measurement of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._field_prior import Course
from proveout.scaling._outlook import Information

_SHARE_SD = 0.3  # of what is kept of the sum; the quickstart's merges kept 0.6 to 0.95 (LOG.md)
_APART_SD = 0.15  # of what ideas do to each other, as a share of the sum's size
_APART = Course(fade_per_decade=0.1, slope_sd=0.5, turn_per_decade=0.3, rough_sd=0.05)
_BEYOND = 1.2
"""A factor on the sd: the members' doubt counts already most of what a single idea needs 1.4 for.
`benchmarks/stacks.py` tells how often intervals hold: of recorded ladders carried to the next rung
88, 76 and 95% of the 80% ones, where a stack that is taken for one more idea has 85, 57 and 94%."""


class GapTogether(NamedTuple):
    """At one compute, in the unit of the loss."""

    mean: float
    variance: float


def gap_together(
    information: Information, members: Sequence[int], rungs: Floats, compute: float,
    gap: Floats, variance: Floats,
) -> GapTogether:  # fmt: skip
    """The gap of some ideas together at a compute.

    Args:
        information: what is believed of single ideas at the rungs and at that compute.
        members: which of them are together.
        rungs: [R], log10 compute.
        compute: log10, where the gap is asked for.
        gap: [R], of all together, as measured.
        variance: [R], of its error; infinite where nothing is measured.
    """
    moments = [_moments(information, member) for member in members]
    mean = np.sum([each for each, _ in moments], axis=0)
    spread = np.sum([each for _, each in moments], axis=0)
    prior = (1 + _SHARE_SD**2) * spread + _SHARE_SD**2 * np.outer(mean, mean)
    x, centre = np.append(rungs, compute), float(rungs[0] + rungs[-1]) / 2
    prior += (_APART_SD * abs(mean[:-1]).mean()) ** 2 * _APART.kernel(x, x, centre)
    seen = np.flatnonzero(np.isfinite(variance))
    total = prior[np.ix_(seen, seen)] + np.diag(variance[seen])
    gain = np.linalg.solve(total, prior[seen, -1])
    left = float(prior[-1, -1] - gain @ prior[seen, -1])
    return GapTogether(
        float(mean[-1] + gain @ (gap - mean[:-1])[seen]),
        _BEYOND**2 * max(left, 1e-12 * float(prior[-1, -1])),
    )


def _moments(information: Information, idea: int) -> tuple[Floats, Floats]:
    """Mean [R + 1] and covariance of an idea's gaps at the rungs and, last, at the target."""
    weights = information.weights[idea]
    means = np.column_stack([information.rung_mean[idea], information.mean[idea]])  # [K, R + 1]
    kinds = np.block([
        [information.rungs[idea], information.covariance[idea][:, :, None]],
        [information.covariance[idea][:, None, :], information.variance[idea][:, None, None]],
    ])  # fmt: skip
    mean = weights @ means
    apart = means - mean
    spread = np.einsum("k,kij->ij", weights, kinds) + np.einsum(
        "k,ki,kj->ij", weights, apart, apart
    )
    return mean, spread
