"""Noise that goes on from rung to rung: runs that were read at several scales on their way.

A table may hold checkpoints of one run a seed, or runs whose seed brings the same luck at each
size. Then an idea that was read at ten scales with three seeds has three runs and not thirty, and
its luck looks like a steady gap. Where seeds are named that shows: a seed that lies above its
cell's mean at one rung lies above it at the next.
"""

from __future__ import annotations

import math

import numpy as np

from proveout.scaling._checks import Floats

_CLEAR = 3.5  # sds: what is less may be the chance of independent runs
_TOGETHER = 0.25  # of two arms' correlations, where both are held against one baseline's runs
_MOST = 0.98


def lasting_share(losses: Floats, *, paired: bool = True) -> float:
    """The correlation of a run's noise at one rung with that of the same seed's run at another.

    Args:
        losses: [A, R, S], the baseline first, NaN where there is no run; a place on the last axis
            is one seed at all rungs.
        paired: whether it is one seed in all arms too; then what an arm has beside the baseline's
            run counts.

    Returns:
        Zero where it is not clear: below 3.5 sds of what independent runs would show.
    """
    told = losses[1:] - losses[0] if paired and len(losses) > 1 else losses
    have = ~np.isnan(told)
    cells: Floats = np.where(have, told, 0.0)
    count = have.sum(axis=2, keepdims=True)
    mean = np.divide(cells.sum(axis=2, keepdims=True), count, out=np.zeros(count.shape),
                     where=count > 0)  # fmt: skip
    off = np.where(have, told - mean, 0.0)
    size = np.sqrt((off**2).sum(axis=2))
    off = np.divide(off, size[..., None], out=np.zeros_like(off), where=size[..., None] > 0)
    alike = np.einsum("ars,aqs->arq", off, off)  # [A, R, R], correlations
    first, second = np.triu_indices(losses.shape[1], 1)
    both = (size[:, first] > 0) & (size[:, second] > 0)
    if not both.any():
        return 0.0
    share = float(alike[:, first, second][both].mean())
    # Of independent runs each correlation has a variance of one over the seeds less one, and
    # pairs of rungs are uncorrelated; two arms' go together by a quarter for the baseline's runs.
    seeds = np.maximum(np.minimum(count[:, first, 0], count[:, second, 0]) - 1, 1)
    arms = float(both.any(axis=1).sum())
    common = 1 + (arms - 1) * _TOGETHER if paired else 1.0
    sd = math.sqrt(common / float((both * seeds).sum()))
    return min(share, _MOST) if share > _CLEAR * sd else 0.0


def noise_matrices(variance: Floats, lasting: float, nowhere: float) -> Floats:
    """[I, R, R], the noise's covariance, for variances [I, R], infinite where nothing is measured.

    `nowhere` stands for infinity; what is not measured goes with nothing.
    """
    known = np.isfinite(variance)
    if not lasting:
        own: Floats = np.where(known, variance, nowhere)[:, :, None] * np.eye(variance.shape[1])
        return own
    sd = np.where(known, np.sqrt(np.where(known, variance, 0.0)), 0.0)
    together = lasting * sd[:, :, None] * sd[:, None, :]
    rest = np.where(known, (1 - lasting) * sd**2, nowhere)
    matrices: Floats = together + rest[:, :, None] * np.eye(variance.shape[1])
    return matrices
