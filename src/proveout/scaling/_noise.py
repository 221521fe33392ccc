"""How much one paired difference (idea minus baseline, same rung and seed) varies by luck.

Two to four seeds say little about one idea at one rung. What they lack is borrowed:

    variance(idea, rung) = variance(rung) * factor(idea)
    1 / factor ~ Gamma(d / 2, rate d / 2), with d one of 2, 8, 32

A rung's variance is pooled over ideas, each weighted by its expected 1 / factor, so that one wild
idea cannot drown the others (the t likelihood's robustness, by EM). The factor is learnt from the
idea's own spread: that of Smyth 2004 (limma), except that d is a mixture. An idea far out is
most likely drawn with d = 2, which leaves its own spread nearly as it was measured.

All ideas are measured against the same baseline runs, so their spreads are not independent: where
pairing removes nothing, half of each variance is the baseline's, known only as well as its few
seeds allow. However many ideas are pooled, the pool's dof therefore stay below 4 (seeds - 1): a
share of 1/2 with n - 1 dof has 2 / (4 (n - 1)) relative variance. Where pairing does remove the
baseline's luck this is too careful, which costs a little width.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from proveout.scaling._checks import Floats, vector

Idea = TypeVar("Idea", bound=Hashable)
Rung = TypeVar("Rung", bound=Hashable)

_FACTOR_DOFS = np.array([2.0, 8.0, 32.0])  # how alike ideas are in their noise
_HALVES = _FACTOR_DOFS / 2
_EACH = np.ones(_FACTOR_DOFS.size)
_FACTOR_WEIGHTS = np.array([0.15, 0.45, 0.4])  # believed before any idea is seen...
_FACTOR_IDEAS = 5.0  # ...as firmly as if this many ideas had been
_RUNG_BORROWS = 2.0  # dof that a rung takes from the others
_OTHER_RUNGS = 0.5  # what an idea's spread at another rung counts for: noise need not go along


class NoiseSd(NamedTuple):
    """The sd of one paired difference, in the unit of the loss, and how well it is known."""

    sd: float
    dof: float


@dataclass(frozen=True)
class Noise(Generic[Idea, Rung]):
    """The noise of a study's paired differences.

    Attributes:
        cells: by (idea, rung), for every idea and rung seen.
        rungs: by rung, for an idea not seen yet.
        anywhere: for a rung not seen yet; None where nothing could be learnt.
        identical: the (idea, rung) whose differences are all exactly 0: the change did nothing
            at all there. They teach nothing about noise.
    """

    cells: Mapping[tuple[Idea, Rung], NoiseSd] = field(default_factory=dict)
    rungs: Mapping[Rung, NoiseSd] = field(default_factory=dict)
    anywhere: NoiseSd | None = None
    identical: frozenset[tuple[Idea, Rung]] = frozenset()

    def of(self, idea: Idea, rung: Rung) -> NoiseSd | None:
        """The noise of one pair; None (not 0) where no idea has two pairs anywhere that differ."""
        return self.cells.get((idea, rung)) or self.rungs.get(rung) or self.anywhere


def pool_noise(differences: Mapping[Idea, Mapping[Rung, Sequence[float]]]) -> Noise[Idea, Rung]:
    """Learn the noise from all paired differences: idea -> rung -> one number a seed.

    An empty list is a rung without measurements. One pair says nothing about spread, two do.

    Raises:
        ValueError: a difference is NaN or infinite.
    """
    values = {
        (idea, rung): vector(f"differences of {idea!r} at {rung!r}", pairs)
        for idea, by_rung in differences.items()
        for rung, pairs in by_rung.items()
        if len(pairs)
    }
    identical = frozenset(key for key, pairs in values.items() if not pairs.any())
    spread = {key: v for key, v in values.items() if key not in identical and v.size > 1}
    if not spread:
        return Noise(identical=identical)
    ideas = list(dict.fromkeys(idea for idea, _ in values))
    rungs = list(dict.fromkeys(rung for _, rung in values))
    dof = np.zeros((len(ideas), len(rungs)))
    squares = np.zeros_like(dof)
    for (idea, rung), pairs in spread.items():
        cell = ideas.index(idea), rungs.index(rung)
        dof[cell] = pairs.size - 1
        squares[cell] = ((pairs - pairs.mean()) ** 2).sum()
    # A program without any randomness has no spread; its noise is then called tiny, not 0.
    least = (1e-9 * max(float(np.abs(v).max()) for v in spread.values())) ** 2
    fit = pool_cells(dof, squares, least)
    sds = {
        (idea, rung): NoiseSd(float(fit.cell_sd[i, r]), float(fit.cell_dof[i, r]))
        for i, idea in enumerate(ideas)
        for r, rung in enumerate(rungs)
    }
    new = {
        rung: NoiseSd(math.sqrt(fit.variance[r]), float(fit.new_dof[r]))
        for r, rung in enumerate(rungs)
    }
    anywhere = NoiseSd(math.sqrt(fit.common), min(_RUNG_BORROWS, float(dof.sum())))
    return Noise(sds, new, anywhere, identical)


class Pool(NamedTuple):
    """Pooled variances."""

    variance: Floats  # [rungs]
    new_dof: Floats  # [rungs], for an idea not seen
    common: float
    cell_sd: Floats  # [ideas, rungs]
    cell_dof: Floats  # [ideas, rungs]


class RungVariances(NamedTuple):
    """Variances by rung, and how ideas differ in them."""

    variance: Floats  # [rungs]
    common: float
    mix: Floats  # [candidates], how likely each d is


def pool_rungs(
    dof: Floats, squares: Floats, least: float, tolerance: float = 1e-9
) -> RungVariances:
    """EM over the rungs' variances; `dof` and sums of squares `squares` are [ideas, rungs]."""
    return _pool_rungs(_Candidates.of(dof.sum(axis=1)), dof, squares, least, tolerance)


def _pool_rungs(
    candidates: _Candidates, dof: Floats, squares: Floats, least: float, tolerance: float
) -> RungVariances:
    rung_dof = dof.sum(axis=0)
    all_dof, with_borrowed = float(rung_dof.sum()), _RUNG_BORROWS + rung_dof
    mix, believed = _FACTOR_WEIGHTS, _FACTOR_IDEAS * _FACTOR_WEIGHTS
    common = max(float(squares.sum()) / all_dof, least)
    variance = np.maximum((_RUNG_BORROWS * common + squares.sum(axis=0)) / with_borrowed, least)
    for _ in range(100):
        before = variance
        chosen = candidates.chosen(squares @ (1 / variance), mix)
        mix = (believed + chosen.weights.sum(axis=0)) / (_FACTOR_IDEAS + len(dof))
        weighted = chosen.precision @ squares
        common = max(float(weighted.sum()) / all_dof, least)
        variance = np.maximum((_RUNG_BORROWS * common + weighted) / with_borrowed, least)
        if abs(variance / before - 1).max() <= tolerance:
            break
    return RungVariances(variance, common, mix)


def pool_cells(dof: Floats, squares: Floats, least: float, tolerance: float = 1e-9) -> Pool:
    """The rungs' variances (`pool_rungs`), and from them each cell's."""
    candidates = _Candidates.of(dof.sum(axis=1))
    variance, common, mix = _pool_rungs(candidates, dof, squares, least, tolerance)
    # 1 / dof is half the relative variance of an estimated variance, so that shares add up.
    rung_dof, seeds = dof.sum(axis=0), dof.max(axis=0)
    others = float(rung_dof.sum()) - rung_dof
    pool_doubt = 1 / (rung_dof + np.minimum(_RUNG_BORROWS, others) + (rung_dof + others == 0))
    baseline_doubt = np.divide(1.0, 4 * seeds, out=np.zeros_like(seeds), where=seeds > 0)
    doubt = pool_doubt + baseline_doubt
    new_dof = 1 / (doubt + mix @ (1 / _FACTOR_DOFS))
    cell_sd, cell_dof = _shrink(candidates, dof, squares / variance, mix, doubt)
    return Pool(variance, new_dof, common, cell_sd * np.sqrt(variance), cell_dof)


class _Chosen(NamedTuple):
    weights: Floats  # [ideas, candidates]
    precision: Floats  # [ideas], expected 1 / factor


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The d that ideas' factors may have been drawn with; all are [ideas, candidates]."""

    power: Floats
    constants: Floats  # of the log likelihoods

    @classmethod
    def of(cls, dof: Floats) -> _Candidates:
        """For ideas with these dof in all, [ideas]."""
        from scipy.special import gammaln  # 0.2 s: not at import

        power = _HALVES + dof[:, None] / 2
        return cls(power, gammaln(power) + (_HALVES * np.log(_HALVES) - gammaln(_HALVES)))

    def chosen(self, squares: Floats, mix: Floats) -> _Chosen:
        """Which it was, from each idea's standardised sum of squares [ideas]."""
        rate = _HALVES + squares[:, None] / 2
        logs = (np.log(mix) + self.constants) - self.power * np.log(rate)
        # The first d foresees most: no data speak against it by more than a small factor, so that
        # beside it nothing is too large for a number.
        weights = np.exp(logs - logs[:, :1])
        weights /= (weights @ _EACH)[:, None]
        return _Chosen(weights, (weights * (self.power / rate)) @ _EACH)


def _shrink(
    candidates: _Candidates, dof: Floats, squares: Floats, mix: Floats, doubt: Floats
) -> tuple[Floats, Floats]:
    """The sd of each cell relative to its rung's, and its dof, both [ideas, rungs]."""
    all_dof, all_squares = dof.sum(axis=1), squares.sum(axis=1)
    own_dof = (1 - _OTHER_RUNGS) * dof + _OTHER_RUNGS * all_dof[:, None]
    own_squares = (1 - _OTHER_RUNGS) * squares + _OTHER_RUNGS * all_squares[:, None]
    weights = candidates.chosen(all_squares, mix).weights[:, None, :]
    total = weights / (_FACTOR_DOFS + own_dof[:, :, None])
    own_doubt, from_pool = total @ _EACH, total @ _FACTOR_DOFS
    factor = from_pool + own_squares * own_doubt
    return np.sqrt(factor), 1 / (own_doubt + from_pool**2 * doubt)
