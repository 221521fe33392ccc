"""The gaps of many ideas at once over log10 compute: one belief, exact up to the noise's sds.

Each idea's gap is of one of a few kinds: a size and a course over scale. Two things are learnt from
all ideas together: how many ideas are of which kind (most do nothing, in some studies more than in
others), and the baseline's luck. Every gap at a rung is taken against the same baseline runs, so
a lucky baseline makes all ideas look bad at once; where forty ideas agree that it was lucky, it
was. Given luck and kind everything is Gaussian, so the fit alternates between the two:

    which kind each idea is of, and how likely that is, given the luck (responsibilities);
    the luck, a Gaussian of R numbers, given those (each idea weighs in by its precision).

An idea's own gap is then read with the luck as the *other* ideas tell it, doubt included: the
idea's own evidence is not counted twice, and a single idea gets the plain mixture.
Everything is a batched operation on [ideas, kinds, rungs, rungs].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proveout.scaling._cells import Cells
from proveout.scaling._checks import Floats, Numbers, vector
from proveout.scaling._field_prior import FIELD_PRIOR, FieldPrior
from proveout.scaling._lasting import noise_matrices
from proveout.scaling._outlook import GapsAt, Information

_PRIOR_IDEAS = 12.0  # the sizes' weights are believed as firmly as if learnt from so many ideas
_ROUNDS = 6  # of the alternation; luck and weights move by less than their doubt after three
_NOWHERE = 1e4  # variance of what is not measured, in units of the loss squared
_LUCK_LIMIT = 12.0  # chi-squared, beside 3 for each rung: luck is hardly ever more
_ALL_OF_IT = 0.5  # decades beyond the rungs
_LEARN_FROM = 300  # ideas: more teach the sizes' weights and the luck nothing new


@dataclass(frozen=True, eq=False)
class GapField:
    """Gaps of I ideas over log10 compute, each a mixture over K kinds.

    Attributes:
        weights: [I, K], how likely each kind is for each idea.
        kind_weights: [K], as learnt from all ideas.
        luck: [R], what the baseline's runs are believed to be off by, with its covariance
            `luck_covariance` [R, R]: a negative number is a baseline that came out too good.
        log_evidence: [I], natural log of the density of each idea's gaps, up to a constant that
            the numbers of runs and rungs decide, with the luck as the other ideas tell it.
    """

    weights: Floats
    kind_weights: Floats
    luck: Floats
    luck_covariance: Floats
    log_evidence: Floats
    _x: Floats  # [R]
    _prior: FieldPrior
    _centre: float
    _scale: float
    _inverse: Floats  # [I, K, R, R], of the measured gaps' covariance, the luck's doubt within
    _solved: Floats  # [I, K, R]
    _noise: Floats  # [I, R], variance of the measured gaps' noise, with the luck's doubt
    _own_noise: Floats  # [I, R, R], the noise's covariance without it
    _dof: Floats  # [I, R]
    _beyond: float

    def _kernel(self, x: Floats, other: Floats) -> Floats:
        """[K, n, m], in the unit of the loss squared."""
        return self._scale**2 * self._prior.kernel(x, other, self._centre)

    def at(self, log10_computes: Numbers) -> GapsAt:
        """The gaps at m computes, free of seed noise.

        Raises:
            ValueError: no compute, NaN or infinity.
        """
        there = vector("log10_computes", log10_computes)
        cross = self._kernel(self._x, there)  # [K, R, m]
        before = self._kernel(there, there).diagonal(axis1=1, axis2=2)  # [K, m]
        gain = self._inverse @ cross  # [I, K, R, m]
        means = np.einsum("ikr,krm->ikm", self._solved, cross)
        explained = np.einsum("ikrm,krm->ikm", gain, cross)
        variances = np.maximum(before - explained, 1e-12 * before)
        return self._at(there, means, variances, gain)

    def _at(self, there: Floats, means: Floats, variances: Floats, gain: Floats) -> GapsAt:
        """With the doubt of what no course foresees, and of the noise: `gain` [I, K, R, m] is what
        each measured gap weighs."""
        noise = np.where(self._noise < _NOWHERE, self._noise, 0.0) / np.sqrt(self._dof)
        doubt = np.einsum("ir,ikrm->ikm", noise, gain**2)
        variances = variances * self._surprise(there) ** 2
        dofs = np.full_like(variances, np.inf)
        np.divide(variances, doubt, out=dofs, where=doubt > 0)
        return GapsAt(self.weights, means, variances, np.minimum(np.maximum(dofs, 1.0), 1e4) ** 2)

    def _surprise(self, there: Floats) -> Floats:
        """The factor on sds at computes [m]: 1 within the rungs, growing over half a decade."""
        outside = np.maximum(there - self._x.max(), self._x.min() - there)
        share = np.minimum(np.maximum(outside / _ALL_OF_IT, 0.0), 1.0)
        factor: Floats = 1 + (self._beyond - 1) * share
        return factor

    def information(self, log10_compute: float) -> Information:
        """What measurements at the rungs would tell of the gaps at a compute."""
        return self.outlook(log10_compute)[0]

    def outlook(self, log10_compute: float) -> tuple[Information, GapsAt]:
        """The same, and these gaps themselves."""
        rungs = self._x.size
        places = np.array([*self._x, log10_compute])
        before = self._kernel(places, places)  # [K, R + 1, R + 1], of the rungs and the target
        cross = before[:, :rungs]
        gain = self._inverse @ cross  # [I, K, R, R + 1]
        mean = np.einsum("ikr,krs->iks", self._solved, cross)
        known = before - cross.swapaxes(1, 2) @ gain
        variance = np.maximum(known[..., rungs:, rungs], 1e-12 * before[:, rungs:, rungs])
        information = Information(
            self.weights, mean[..., rungs], known[..., rungs, rungs], mean[..., :rungs],
            known[..., :rungs, :rungs], known[..., :rungs, rungs],
        )  # fmt: skip
        return information, self._at(places[rungs:], mean[..., rungs:], variance, gain[..., rungs:])

    def draws(self, log10_compute: float, count: int, seed: int) -> Floats:
        """Gaps of all ideas at a compute drawn together, [count, I].

        Ideas are independent given the baseline's luck; their shared doubt of it is drawn once
        a row, so that two ideas are compared as they should be.
        """
        random = np.random.default_rng(seed)
        at = self.at([log10_compute])
        centres, scales, dofs = at.means[:, :, 0], np.sqrt(at.variances[:, :, 0]), at.dofs[:, :, 0]
        ideas = np.arange(len(centres))
        place = random.uniform(size=(count, ideas.size))
        part = (place[:, :, None] > self.weights.cumsum(axis=1)[None, :, :-1]).sum(axis=2)
        dof = np.minimum(dofs[ideas, part], 1e6)
        shared, share = self._luck_draws(log10_compute, count, random)
        own = np.sqrt(np.maximum(1 - share[ideas, part], 0.0))
        student = random.standard_normal(part.shape) * np.sqrt(dof / random.chisquare(dof))
        drawn: Floats = centres[ideas, part] + scales[ideas, part] * student * own
        return drawn + np.take_along_axis(shared, part[:, :, None], axis=2)[:, :, 0]

    def _luck_draws(
        self, log10_compute: float, count: int, random: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """What drawn luck adds to each gap [count, I, K], and its share of the variance [I, K]."""
        cross = self._kernel(self._x, np.array([log10_compute]))
        # Given the luck, each gap has the plain fit's gain: without the doubt of the luck in it.
        own = self._kernel(self._x, self._x) + self._own_noise[:, None]
        gain = (_inverse(own) @ cross)[..., 0]  # [I, K, R]
        values, vectors = np.linalg.eigh(self.luck_covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        moved = gain @ root  # [I, K, R]
        normal = random.standard_normal((count, self.luck.size))
        shared = np.einsum("cr,ikr->cik", normal, -moved)
        variance = self.at([log10_compute]).variances[:, :, 0]
        return shared, np.minimum((moved**2).sum(axis=2) / variance, 1.0)


def fit_field(
    log10_compute: Numbers,
    cells: Cells,
    *,
    scale: float,
    centre: float,
    prior: FieldPrior = FIELD_PRIOR,
    teach: npt.NDArray[np.bool_] | None = None,
    luck: bool = True,
    beyond: float = 1.0,
    lasting: float = 0.0,
) -> GapField:
    """Fit the gaps of all ideas together.

    Args:
        log10_compute: [R], of the rungs.
        cells: what was measured.
        scale: the baseline's loss, in whose shares the prior is written.
        centre: where the prior's level holds: the middle of the whole ladder.
        prior: what is believed of a gap before it is measured.
        teach: [I], the ideas that the sizes' weights and the luck may be learnt from; all of
            them by default. A stack of winners is not one more idea of which most do nothing.
        luck: whether the baseline's luck may be learnt at all. Where noise is only guessed it may
            not: what all ideas gain would be taken for luck.
        beyond: a factor on the sds of gaps beyond the rungs, for what no course foresees.
        lasting: the correlation of a run's noise at one rung with that at another, where runs go
            on from rung to rung (`lasting_share`).

    Raises:
        ValueError: shapes that differ, a scale not above zero, a correlation outside [0, 1).
    """
    x = vector("log10_compute", log10_compute, size=cells.level.size)
    if not (scale > 0 and math.isfinite(scale) and math.isfinite(centre)):
        raise ValueError(f"scale must be above zero and centre finite, got {scale} and {centre}")
    if not 0 <= lasting < 1:
        raise ValueError(f"lasting is a correlation, at least 0 and below 1; got {lasting}")
    shape = scale**2 * prior.kernel(x, x, centre)
    nowhere = _NOWHERE * scale**2
    noise = noise_matrices(cells.variance, lasting, nowhere)
    (shared,) = noise_matrices(cells.shared[None], lasting, nowhere)
    teachers = _teachers(cells, teach)
    learnt = _Learnt.alternate(
        cells.gap[teachers], noise[teachers], shape, shared, np.array(prior.weights)
    )
    learnt = learnt.within_luck(shared, np.isfinite(cells.shared), allowed=luck)
    return _read(x, cells, noise, shape, learnt, teachers, prior, centre, scale, beyond)


def _inverse(matrices: Floats) -> Floats:
    """Of a batch [..., n, n]."""
    return np.asarray(np.linalg.inv(matrices), dtype=np.float64)


def _teachers(cells: Cells, teach: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.intp]:
    """The ideas that the sizes' weights and the luck are learnt from: those measured most."""
    allowed = True if teach is None else teach
    measured = np.flatnonzero((cells.runs > 0).any(axis=1) & allowed)
    if measured.size <= _LEARN_FROM:
        return measured
    order = np.argsort(-(cells.runs[measured] > 0).sum(axis=1), kind="stable")
    return measured[order[:_LEARN_FROM]]


@dataclass(frozen=True, eq=False)
class _Learnt:
    """The sizes' weights, and the luck as a Gaussian with the part each teacher had in it."""

    kind_weights: Floats  # [K]
    precision: Floats  # [R, R]
    weighted: Floats  # [R], precision @ luck's negative: the common offset of the gaps
    offset: Floats  # [R]
    own_precision: Floats  # [T, R, R]
    own_weighted: Floats  # [T, R]

    @classmethod
    def alternate(
        cls, gap: Floats, noise: Floats, shape: Floats, shared: Floats, weights: Floats
    ) -> _Learnt:
        """EM over `gap` [T, R] with `noise` [T, R, R], for prior covariances `shape` [K, R, R]."""
        total = shape + noise[:, None]
        inverse, logdet = _inverse(total), np.linalg.slogdet(total)[1]
        certain = _inverse(shared)
        solved = np.einsum("tkrs,ts->tkr", inverse, gap)
        constant = -(np.einsum("tkr,tr->tk", solved, gap) + logdet) / 2
        # Flat and side by side, so that each round is two products of a matrix and a vector.
        rungs, kinds = len(shared), constant.size
        both = np.hstack([solved.reshape(kinds, rungs), inverse.reshape(kinds, rungs**2)])
        prior = weights / weights.sum()
        weights, offset, at = prior, np.zeros(rungs), np.zeros(both.shape[1])
        for _ in range(_ROUNDS):
            at[:rungs] = offset
            at[rungs:] = (offset[:, None] * offset).ravel() / -2
            share, _ = _share((both @ at).reshape(constant.shape) + (constant + np.log(weights)))
            told = share.ravel() @ both
            weighted, precision = told[:rungs], certain + told[rungs:].reshape(rungs, rungs)
            offset = np.linalg.solve(precision, weighted)
            weights = _PRIOR_IDEAS * prior + share.sum(axis=0)
            weights = weights / weights.sum()
        own_precision = np.einsum("tk,tkrs->trs", share, inverse)
        own_weighted = np.einsum("tk,tkr->tr", share, solved)
        return cls(weights, precision, weighted, offset, own_precision, own_weighted)

    def within_luck(
        self, shared: Floats, known: npt.NDArray[np.bool_], *, allowed: bool
    ) -> _Learnt:
        """Without the luck where all ideas differ from the baseline by more than luck can be.

        Then it is the baseline that is bad (or good), and each idea is read by itself; at rungs
        without the baseline (`known` [R] is false) ideas are still all that tells of the level.
        """
        offset = np.where(known, self.offset, 0.0)
        if allowed and offset @ np.linalg.solve(shared, offset) <= _LUCK_LIMIT + 3 * known.sum():
            return self
        kept = np.where(known, 0.0, 1.0)
        both = kept[:, None] * kept
        own_precision, own_weighted = self.own_precision * both, self.own_weighted * kept
        precision = _inverse(shared) + own_precision.sum(axis=0)
        weighted = own_weighted.sum(axis=0)
        offset = np.linalg.solve(precision, weighted)
        return _Learnt(self.kind_weights, precision, weighted, offset, own_precision, own_weighted)


def _share(logs: Floats) -> tuple[Floats, Floats]:
    """Each kind's share of an idea's densities [I, K], and the log of their sum [I]."""
    most = logs.max(axis=1, keepdims=True)
    share: Floats = np.exp(logs - most)
    total = share @ np.ones(share.shape[1])
    share /= total[:, None]
    return share, most[:, 0] + np.log(total)


def _read(
    x: Floats, cells: Cells, noise: Floats, shape: Floats, learnt: _Learnt,
    teachers: npt.NDArray[np.intp],
    prior: FieldPrior, centre: float, scale: float, beyond: float,
) -> GapField:  # fmt: skip
    """Every idea's posterior, with the luck as the others tell it."""
    precision, weighted = np.empty_like(noise), np.empty(cells.gap.shape)
    precision[:], weighted[:] = learnt.precision, learnt.weighted
    precision[teachers] -= learnt.own_precision
    weighted[teachers] -= learnt.own_weighted
    doubt = _inverse(precision)  # [I, R, R]
    offset = np.einsum("irs,is->ir", doubt, weighted)
    measured = cells.runs > 0
    doubted = doubt * (measured[:, :, None] & measured[:, None, :]) + noise
    total = shape + doubted[:, None]
    inverse, logdet = _inverse(total), np.linalg.slogdet(total)[1]
    gap = np.where(measured, cells.gap - offset, 0.0)
    solved = np.einsum("ikrs,is->ikr", inverse, gap)
    densities = -(np.einsum("ikr,ir->ik", solved, gap) + logdet) / 2  # up to a constant
    logs = densities + np.log(learnt.kind_weights)
    weights, evidence = _share(logs)
    covariance = _inverse(learnt.precision)
    return GapField(
        weights, learnt.kind_weights, -learnt.offset, covariance, evidence,
        x, prior, centre, scale, inverse, solved,
        doubted.diagonal(axis1=1, axis2=2), noise, cells.dof, beyond,
    )  # fmt: skip
