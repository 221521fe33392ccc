"""The gaps of many ideas at once over log10 compute: one belief, exact up to the noise's sds.

Each idea's gap has `GapPrior`'s course, for a size that is one of a few. Two things are learnt from
all ideas together: how many ideas are of which size (most do nothing, in some studies more than in
others), and the baseline's luck. Every gap at a rung is taken against the same baseline runs, so
a lucky baseline makes all ideas look bad at once; where forty ideas agree that it was lucky, it
was. Given luck and size everything is Gaussian, so the fit alternates between the two:

    which size each idea has, and how likely that is, given the luck (responsibilities);
    the luck, a Gaussian of R numbers, given those (each idea weighs in by its precision).

An idea's own gap is then read with the luck as the *other* ideas tell it, doubt included: the
idea's own evidence is not counted twice, and a single idea gets the plain fit of `fit_gap`.
Everything is a batched operation on [ideas, sizes, rungs, rungs].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from proveout.scaling._cells import Cells
from proveout.scaling._checks import Floats, Numbers, vector
from proveout.scaling._gap import GapPrior, gap_kernel
from proveout.scaling._predictive import Predictive

FIELD_PRIOR = GapPrior(
    sizes=(0.06, 0.25, 1.0, 4.0, 12.0), size_weights=(0.2, 0.25, 0.3, 0.18, 0.07)
)
"""`GapPrior` with room for ideas that do next to nothing, which is most of them."""

_PRIOR_IDEAS = 12.0  # the sizes' weights are believed as firmly as if learnt from so many ideas
_ROUNDS = 6  # of the alternation; luck and weights move by less than their doubt after three
_NOWHERE = 1e4  # variance of what is not measured, in units of the loss squared
_HALVINGS = 30
_LEARN_FROM = 300  # ideas: more teach the sizes' weights and the luck nothing new


@dataclass(frozen=True, eq=False)
class GapField:
    """Gaps of I ideas over log10 compute, each a mixture over K sizes.

    Attributes:
        weights: [I, K], how likely each size is for each idea.
        size_weights: [K], as learnt from all ideas.
        luck: [R], what the baseline's runs are believed to be off by, with its covariance
            `luck_covariance` [R, R]: a positive number is a baseline that came out too good.
    """

    weights: Floats
    size_weights: Floats
    luck: Floats
    luck_covariance: Floats
    _x: Floats  # [R]
    _prior: GapPrior
    _centre: float
    _scale: float
    _inverse: Floats  # [I, K, R, R], of the measured gaps' covariance, the luck's doubt within
    _solved: Floats  # [I, K, R]
    _noise: Floats  # [I, R], variance of the measured gaps' noise, with the luck's doubt
    _dof: Floats  # [I, R]

    @cached_property
    def _sizes2(self) -> Floats:
        sizes: Floats = (np.array(self._prior.sizes) * self._scale) ** 2
        return sizes

    def at(self, log10_computes: Numbers) -> GapsAt:
        """The gaps at m computes, free of seed noise.

        Raises:
            ValueError: no compute, NaN or infinity.
        """
        there = vector("log10_computes", log10_computes)
        shape = gap_kernel(self._x, there, self._centre, self._prior)  # [R, m]
        own = gap_kernel(there, there, self._centre, self._prior).diagonal()
        size2 = self._sizes2[:, None, None]
        gain = self._inverse @ (size2 * shape)  # [I, K, R, m]
        means = self._solved @ shape * self._sizes2[:, None]  # [I, K, m]
        explained = np.einsum("ikrm,krm->ikm", gain, size2 * shape)
        before = self._sizes2[:, None] * own
        variances = np.maximum(before - explained, 1e-12 * before)
        noise = np.where(self._noise < _NOWHERE, self._noise, 0.0) / np.sqrt(self._dof)
        doubt = np.einsum("ir,ikrm->ikm", noise, gain**2)
        dofs = np.full_like(variances, np.inf)
        np.divide(variances, doubt, out=dofs, where=doubt > 0)
        return GapsAt(self.weights, means, variances, np.clip(dofs, 1.0, 1e4) ** 2)

    def information(self, log10_compute: float) -> Information:
        """What measurements at the rungs would tell of the gaps at a compute."""
        there = np.array([log10_compute])
        x = self._x
        own = gap_kernel(x, x, self._centre, self._prior)
        cross = gap_kernel(x, there, self._centre, self._prior)[:, 0]
        far = gap_kernel(there, there, self._centre, self._prior)[0, 0]
        size2 = self._sizes2[:, None, None]
        gain = self._inverse @ (size2 * own)  # [I, K, R, R]
        rungs = size2 * own - (size2 * own) @ gain
        toward = self._sizes2[:, None] * cross  # [K, R]
        target_variance = self._sizes2 * far - np.einsum(
            "kr,ikrs,ks->ik", toward, self._inverse, toward, optimize=True
        )
        covariance = toward - np.einsum("kr,ikrs->iks", toward, gain, optimize=True)
        return Information(
            self.weights, self._solved @ cross * self._sizes2, target_variance,
            self._solved @ own * self._sizes2[:, None], rungs, covariance,
        )  # fmt: skip

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
        cross = gap_kernel(self._x, np.array([log10_compute]), self._centre, self._prior)
        gain = (self._inverse @ (self._sizes2[:, None, None] * cross))[..., 0]  # [I, K, R]
        values, vectors = np.linalg.eigh(self.luck_covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        moved = gain @ root  # [I, K, R]
        normal = random.standard_normal((count, self.luck.size))
        shared = np.einsum("cr,ikr->cik", normal, -moved)
        variance = self.at([log10_compute]).variances[:, :, 0]
        return shared, np.minimum((moved**2).sum(axis=2) / variance, 1.0)


@dataclass(frozen=True, eq=False)
class GapsAt:
    """Gaps of I ideas at m computes: mixtures over K sizes of Student's t.

    Attributes:
        weights: [I, K].
        means: [I, K, m].
        variances: [I, K, m].
        dofs: [I, K, m].
    """

    weights: Floats
    means: Floats
    variances: Floats
    dofs: Floats

    @property
    def mean(self) -> Floats:
        """[I, m]."""
        mean: Floats = np.einsum("ik,ikm->im", self.weights, self.means)
        return mean

    def below(self, bound: float) -> Floats:
        """The probability of gaps below a number, [I, m]."""
        from scipy.special import stdtr  # 0.2 s: not at import

        z = (bound - self.means) / np.sqrt(self.variances)
        below: Floats = np.einsum("ik,ikm->im", self.weights, stdtr(self.dofs, z))
        return below

    def quantiles(self, probability: float) -> Floats:
        """The gaps with this probability below them, [I, m], to a billionth of their spread.

        Raises:
            ValueError: a probability outside (0, 1).
        """
        from scipy.special import stdtr, stdtrit  # 0.2 s: not at import

        if not 0 < probability < 1:
            raise ValueError(f"probability must lie strictly between 0 and 1, got {probability}")
        scales = np.sqrt(self.variances)
        each = self.means + scales * stdtrit(self.dofs, probability)
        low, high = each.min(axis=1), each.max(axis=1)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            z = (middle[:, None, :] - self.means) / scales
            short = np.einsum("ik,ikm->im", self.weights, stdtr(self.dofs, z)) < probability
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        found: Floats = (low + high) / 2
        return found

    def some(self, ideas: npt.NDArray[np.intp]) -> GapsAt:
        """Those of some ideas."""
        return GapsAt(
            self.weights[ideas], self.means[ideas], self.variances[ideas], self.dofs[ideas]
        )

    def draws(self, count: int, seed: int) -> Floats:
        """Each idea's gap at the first compute, each drawn by itself, [count, I]."""
        random = np.random.default_rng(seed)
        ideas = np.arange(len(self.weights))
        place = random.uniform(size=(count, ideas.size, 1))
        part = (place > self.weights.cumsum(axis=1)[:, :-1]).sum(axis=2)
        dof = np.minimum(self.dofs[ideas, part, 0], 1e6)
        student = random.standard_normal(part.shape) * np.sqrt(dof / random.chisquare(dof))
        scales = np.sqrt(self.variances[ideas, part, 0])
        drawn: Floats = self.means[ideas, part, 0] + scales * student
        return drawn

    def of(self, idea: int, place: int = 0) -> Predictive:
        """One idea's gap at one of the computes."""
        return Predictive.mixture(
            self.means[idea, :, place], np.sqrt(self.variances[idea, :, place]),
            self.dofs[idea, :, place], np.maximum(self.weights[idea], 1e-12),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Information:
    """Gaps at a target and at the rungs together, by size: what runs there would tell of it.

    Attributes:
        weights: [I, K].
        mean: [I, K], of the gap at the target, given each size.
        variance: [I, K], of it.
        rung_mean: [I, K, R], of the gaps at the rungs.
        rungs: [I, K, R, R], their covariance.
        covariance: [I, K, R], of those with the gap at the target.
    """

    weights: Floats
    mean: Floats
    variance: Floats
    rung_mean: Floats
    rungs: Floats
    covariance: Floats

    @property
    def rung_variance(self) -> Floats:
        """[I, K, R]."""
        diagonal: Floats = self.rungs.diagonal(axis1=2, axis2=3)
        return diagonal

    def of(self, ideas: npt.NDArray[np.intp]) -> Information:
        """Some of the ideas."""
        return Information(
            self.weights[ideas], self.mean[ideas], self.variance[ideas], self.rung_mean[ideas],
            self.rungs[ideas], self.covariance[ideas],
        )  # fmt: skip

    def after(self, rung: int, noise: Floats) -> Information:
        """As it will be when each idea's gap at a rung is measured with a noise variance [I].

        An infinite one is no measurement. Means and sizes stay what they are: that is what is
        expected of them.
        """
        told = self.rungs[:, :, rung, :]  # [I, K, R]
        share = 1 / (told[:, :, rung] + noise[:, None])
        toward = self.covariance[:, :, rung]
        return Information(
            self.weights,
            self.mean,
            self.variance - toward**2 * share,
            self.rung_mean,
            self.rungs - told[..., :, None] * told[..., None, :] * share[:, :, None, None],
            self.covariance - toward[:, :, None] * told * share[:, :, None],
        )


def fit_field(
    log10_compute: Numbers,
    cells: Cells,
    *,
    scale: float,
    centre: float,
    prior: GapPrior = FIELD_PRIOR,
    teach: npt.NDArray[np.bool_] | None = None,
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

    Raises:
        ValueError: shapes that differ, a scale not above zero.
    """
    x = vector("log10_compute", log10_compute, size=cells.level.size)
    if not (scale > 0 and math.isfinite(scale) and math.isfinite(centre)):
        raise ValueError(f"scale must be above zero and centre finite, got {scale} and {centre}")
    sizes2 = (np.array(prior.sizes) * scale) ** 2
    shape = sizes2[:, None, None] * gap_kernel(x, x, centre, prior)
    nowhere = _NOWHERE * scale**2
    noise = np.where(np.isfinite(cells.variance), cells.variance, nowhere)
    shared = np.where(np.isfinite(cells.shared), cells.shared, nowhere)
    teachers = _teachers(cells, teach)
    learnt = _Learnt.alternate(
        cells.gap[teachers], noise[teachers], shape, shared, np.array(prior.size_weights)
    )
    return _read(x, cells, noise, shape, learnt, teachers, prior, centre, scale)


def _inverse(matrices: Floats) -> Floats:
    """Of a batch [..., n, n]."""
    return np.asarray(np.linalg.inv(matrices), dtype=np.float64)


def _teachers(cells: Cells, teach: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.intp]:
    """The ideas that the sizes' weights and the luck are learnt from: those measured most."""
    allowed = True if teach is None else teach
    measured = np.flatnonzero((cells.runs > 0).any(axis=1) & allowed)
    order = np.argsort(-(cells.runs[measured] > 0).sum(axis=1), kind="stable")
    return measured[order[:_LEARN_FROM]]


@dataclass(frozen=True, eq=False)
class _Learnt:
    """The sizes' weights, and the luck as a Gaussian with the part each teacher had in it."""

    size_weights: Floats  # [K]
    precision: Floats  # [R, R]
    weighted: Floats  # [R], precision @ luck's negative: the common offset of the gaps
    own_precision: Floats  # [T, R, R]
    own_weighted: Floats  # [T, R]

    @classmethod
    def alternate(
        cls, gap: Floats, noise: Floats, shape: Floats, shared: Floats, weights: Floats
    ) -> _Learnt:
        """EM over `gap` and `noise` [T, R], for prior covariances `shape` [K, R, R]."""
        total = shape + noise[:, None, :, None] * np.eye(shared.size)
        inverse = _inverse(total)
        logdet = np.linalg.slogdet(total)[1]
        solved = inverse @ gap[:, None, :, None]
        prior = weights / weights.sum()
        weights, offset = prior, np.zeros(shared.size)
        for _ in range(_ROUNDS):
            share = _responsibilities(gap - offset, inverse, logdet, weights)
            own_precision = np.einsum("tk,tkrs->trs", share, inverse)
            own_weighted = np.einsum("tk,tkr->tr", share, solved[..., 0])
            precision = np.diag(1 / shared) + own_precision.sum(axis=0)
            weighted = own_weighted.sum(axis=0)
            offset = np.linalg.solve(precision, weighted)
            weights = _PRIOR_IDEAS * prior + share.sum(axis=0)
            weights = weights / weights.sum()
        return cls(weights, precision, weighted, own_precision, own_weighted)


def _responsibilities(gap: Floats, inverse: Floats, logdet: Floats, weights: Floats) -> Floats:
    """How likely each size is for each idea, [I, K]."""
    fit = np.einsum("ir,ikrs,is->ik", gap, inverse, gap, optimize=True)
    logs = np.log(weights) - (fit + logdet) / 2
    share = np.exp(logs - logs.max(axis=1, keepdims=True))
    normed: Floats = share / share.sum(axis=1, keepdims=True)
    return normed


def _read(
    x: Floats, cells: Cells, noise: Floats, shape: Floats, learnt: _Learnt,
    teachers: npt.NDArray[np.intp],
    prior: GapPrior, centre: float, scale: float,
) -> GapField:  # fmt: skip
    """Every idea's posterior, with the luck as the others tell it."""
    ideas = len(noise)
    precision = np.broadcast_to(learnt.precision, (ideas, *learnt.precision.shape)).copy()
    weighted = np.broadcast_to(learnt.weighted, (ideas, x.size)).copy()
    precision[teachers] -= learnt.own_precision
    weighted[teachers] -= learnt.own_weighted
    doubt = _inverse(precision)  # [I, R, R]
    offset = (doubt @ weighted[..., None])[..., 0]
    measured = cells.runs > 0
    both = measured[:, :, None] & measured[:, None, :]
    total = shape + (np.where(both, doubt, 0.0) + noise[:, :, None] * np.eye(x.size))[:, None]
    inverse = _inverse(total)
    gap = np.where(measured, cells.gap - offset, 0.0)
    logdet = np.linalg.slogdet(total)[1]
    weights = _responsibilities(gap, inverse, logdet, learnt.size_weights)
    solved = (inverse @ gap[:, None, :, None])[..., 0]
    covariance = _inverse(learnt.precision)
    return GapField(
        weights, learnt.size_weights, -covariance @ learnt.weighted, covariance,
        x, prior, centre, scale, inverse, solved,
        noise + np.where(measured, np.einsum("irr->ir", doubt), 0.0), cells.dof,
    )  # fmt: skip
