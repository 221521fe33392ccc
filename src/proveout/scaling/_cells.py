"""From losses by arm, rung and seed to gaps with the variances that belong to them.

A run's loss is taken as level(rung) + gap(idea, rung) + luck(seed, rung) + noise. The luck of a
seed is shared by the runs of all arms with that seed; the noise is each run's own. Pairing an
idea's seeds with the baseline's removes the first and adds the baseline's second. How the two
divide is learnt from all runs, and the estimate of a gap that is best for that division is used:

    gap = mean_i - mean_0(seeds of i) + k (mean_0(seeds of i) - mean_0(all its seeds))

with k the share of a baseline run's variance that is its own noise. Its error has two parts: one
of the idea's own, and one that every idea at the rung shares, because all are held against the
same baseline runs. The second is kept apart: it is one number a rung and not one an idea.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proveout.scaling._checks import Floats
from proveout.scaling._noise import pool_cells, pool_rungs

_RUN_SD = 0.006  # of one run, as a share of its loss, before any replicate is seen...
_OWN_SHARE = 0.7  # ...and of that variance, what does not come from the seed's shared luck,
_OWN_SHARE_DOF = 6.0  # ...as firmly as if learnt from so many pairs
_TOLERANCE = 1e-3  # of pooled variances, which their own doubt exceeds by far
_LEAST_OWN = 0.3  # an idea's own noise is no less than this share of the usual

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cells:
    """What was measured of I ideas at R rungs against the baseline.

    Attributes:
        gap: [I, R], in the unit of the loss; 0 where nothing is measured.
        variance: [I, R], of the gap's own error; infinite where nothing is measured.
        dof: [I, R], how well that variance is known.
        shared: [R], variance of the error that all gaps at a rung share; infinite where the
            baseline is not measured.
        runs: [I, R], how many runs each gap rests on.
        baseline_runs: [R].
        run_variance: [I, R], of the own noise of one more run of the idea.
        baseline_variance: [R], of the own noise of one run of the baseline.
        own_share: k, the own noise's share of a run's variance.
        level: [R], the baseline's loss, or all arms' median where it has none.
        identical: [I], whether every pair came out equal to the last bit.
    """

    gap: Floats
    variance: Floats
    dof: Floats
    shared: Floats
    runs: Floats
    baseline_runs: Floats
    run_variance: Floats
    baseline_variance: Floats
    own_share: float
    level: Floats
    identical: Flags

    def variance_after(self, runs: Floats, baseline_runs: Floats) -> Floats:
        """The own variance if an idea had this many runs beside so many of the baseline."""
        return own_variance(
            runs, baseline_runs, self.run_variance, self.baseline_variance, self.own_share
        )


def own_variance(
    runs: Floats, baseline_runs: Floats, run: Floats, baseline: Floats, own_share: float,
    pairs: Floats | None = None,
) -> Floats:  # fmt: skip
    """Of a gap's own error.

    All arguments broadcast: numbers of runs, variances of one run's own noise, and how many seeds
    the two arms share: all of the arm that has fewer, by default.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where all of the idea's seeds are the baseline's, the best estimate's; else the means'.
        each, all_of_it = 1 / runs, 1 / baseline_runs
        beyond = each - all_of_it
        if pairs is None:
            error = np.maximum(beyond, -beyond / own_share)
        else:
            apart = (each + all_of_it - 2 * pairs * each * all_of_it) / own_share
            error = np.maximum(np.where(pairs >= runs, beyond, apart), 0.0)
        unmatched = np.where(np.isfinite(error), error, 0.0)  # nothing without a baseline
        total: Floats = run * each + (1 - own_share) * baseline * unmatched
    return np.where(runs > 0, total, np.inf)


def measure_cells(losses: Floats, *, paired: bool = True, teach: Flags | None = None) -> Cells:
    """Gaps and their variances from losses [A, R, S], the baseline first, NaN where there is none.

    Args:
        losses: by arm, rung and seed.
        paired: whether the same place on the last axis is the same seed in every arm.
        teach: [A, R], the cells that noise may be learnt from; all by default.

    Raises:
        ValueError: no arm beside the baseline, or not three axes.
    """
    if losses.ndim != 3 or losses.shape[0] < 1:
        raise ValueError(f"losses must be [arms, rungs, seeds], got {losses.shape}")
    have = ~np.isnan(losses)
    filled = np.where(have, losses, 0.0)
    runs = _sums(have)
    mean = _per(_sums(filled), runs)
    level = _level(mean, runs)
    both = have & have[0]
    pairs = _sums(both)
    gaps = np.where(both, filled - filled[0], 0.0)
    told = np.ones_like(runs) if teach is None else teach.astype(float)
    noise = _Noise.learn(filled, have, mean, runs, gaps, both, pairs, level, told, paired)
    measured, known = runs > 0, runs[0] > 0
    gap = mean - np.where(known, mean[0], level)
    if paired:
        # The mean of the baseline's runs with the idea's seeds, less that of all of them.
        apart = mean - _per(_sums(gaps), pairs) - mean[0]
        nested = measured & (pairs == runs)
        gap -= np.where(nested & known, (1 - noise.own_share) * apart, 0.0)
    with np.errstate(divide="ignore"):
        shared = np.where(known, noise.baseline / runs[0], np.inf)
    variance = own_variance(
        runs, runs[0], noise.run, noise.baseline, noise.own_share, pairs if paired else None
    )
    identical: Flags = np.logical_and(pairs.any(axis=1), ~gaps.any(axis=(1, 2))) & paired
    gap = np.where(measured & ~identical[:, None], gap, 0.0)
    return Cells(
        gap[1:], variance[1:], noise.dof[1:], shared, runs[1:], runs[0],
        noise.run[1:], noise.baseline, noise.own_share, level, identical[1:],
    )  # fmt: skip


def _sums(values: Floats | Flags) -> Floats:
    """Over seeds: a product with ones, which takes short rows faster than a sum."""
    sums: Floats = values @ np.ones(values.shape[2])
    return sums


def _per(total: Floats, count: Floats) -> Floats:
    """The mean, 0 of nothing."""
    mean: Floats = total / np.maximum(count, 1.0)
    return mean


def _level(mean: Floats, runs: Floats) -> Floats:
    """The baseline's loss by rung; the arms' median where it is not measured, and the nearest
    rung's where nothing is."""
    if (runs[0] > 0).all():
        measured: Floats = mean[0].copy()
        return measured
    level = np.where(runs[0] > 0, mean[0], np.nan)
    for rung in np.flatnonzero(np.isnan(level) & (runs > 0).any(axis=0)):
        level[rung] = np.median(mean[runs[:, rung] > 0, rung])
    known = np.flatnonzero(~np.isnan(level))
    if known.size == 0:
        return np.ones_like(level)
    places = np.arange(level.size)
    nearest = known[abs(places[:, None] - known[None, :]).argmin(axis=1)]
    filled: Floats = level[nearest]
    return filled


@dataclass(frozen=True)
class _Noise:
    """Variances of one run's own noise, by arm and rung, and the baseline's, by rung."""

    run: Floats  # [A, R]
    dof: Floats  # [A, R]
    baseline: Floats  # [R]
    own_share: float

    @classmethod
    def learn(
        cls, filled: Floats, have: Flags, mean: Floats, runs: Floats, gaps: Floats, both: Flags,
        pairs: Floats, level: Floats, told: Floats, paired: bool,
    ) -> _Noise:  # fmt: skip
        """From spreads within cells; what has no replicates yet leans on `_RUN_SD`."""
        least = (1e-9 * float(abs(filled).max(initial=1e-300))) ** 2
        guess = (_RUN_SD * np.maximum(abs(level), 1e-3 * abs(level).max())) ** 2
        spread = told * np.maximum(runs - 1, 0), told * _squares(filled, have, mean)
        if not paired:
            whole = pool_cells(*_with_guess(*spread, guess), least, _TOLERANCE)
            run, dof = whole.cell_sd[:-1] ** 2, whole.cell_dof[:-1]
            return cls(run, dof, whole.variance, 1.0)
        usual = pool_rungs(*_with_guess(*spread, guess), least, _TOLERANCE).variance
        dof = told * np.maximum(pairs - 1, 0)
        squares = told * _squares(gaps, both, _per(_sums(gaps), pairs))
        dof[0] = squares[0] = 0.0
        still = (dof > 0) & (squares == 0)  # identical runs teach nothing about noise
        dof = np.where(still, 0.0, dof)
        # Where seeds differ by much, pairs may too until they are seen not to: the share that is
        # believed of the one is what is believed of the other.
        of_pairs = 2 * _OWN_SHARE * usual
        pool = pool_cells(*_with_guess(dof, squares, of_pairs), least, _TOLERANCE)
        weight = dof.sum(axis=0)
        before = _OWN_SHARE_DOF * float(usual.sum()) / usual.size
        own = float(weight @ (pool.variance / 2)) + _OWN_SHARE * before
        all_of_it = float(weight @ usual) + before
        own_share = min(max(own / all_of_it, 0.05), 1.0) if all_of_it > 0 else 1.0
        baseline = pool.variance / 2
        run = np.maximum(pool.cell_sd[:-1] ** 2 - baseline, _LEAST_OWN * baseline)
        return cls(run, pool.cell_dof[:-1], baseline, own_share)


def _squares(values: Floats, have: Flags, mean: Floats) -> Floats:
    """Sums over seeds of squares about the mean [A, R]."""
    off = np.where(have, values - mean[:, :, None], 0.0)
    squares: Floats = np.einsum("ars,ars->ar", off, off)
    return squares


def _with_guess(dof: Floats, squares: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """One more row: the guess, as an idea with one dof at each rung."""
    return np.concatenate([dof, [np.ones_like(variance)]]), np.concatenate([squares, [variance]])
