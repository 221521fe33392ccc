"""What a board says of every idea at the target: the belief that policies and verdicts share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache, partial

import numpy as np

from proveout.scaling import (
    Cells,
    GapField,
    GapsAt,
    GapTogether,
    Information,
    fit_field,
    gap_together,
    measure_cells,
)
from proveout.verdicts._board import Board, Flags, Floats

SURPRISE = 1.4
"""A factor on the sds of gaps beyond the rungs. What changes for all ideas at once is no part of a
course: a baseline that was tuned where it was run, a mapping of sizes with a kink, the noise of the
run that is forecast. With it 80% intervals hold 78% of the gaps that were measured, a mean of the
sources of `benchmarks/decisions.py`; without it 71%. What runs would tell is told without it."""
_FEW = ((10_000, 1e-12), (1_000, 6e-8))
"""A score is a share of so many items at most, or written with so few digits, where a fraction with
such a denominator is as near as this: to a double's precision, and to a float's."""
_SET_ASIDE = 0.05
"""An idea is set aside while a gain worth having at the target is less likely than this."""


@dataclass(frozen=True, eq=False)
class Belief:
    """What is believed of all ideas of a board; arrays are by idea, [I], without the baseline."""

    cells: Cells
    field: GapField
    rungs: Floats
    """log10 of the rungs' compute."""
    target: float
    """log10 of the target's."""
    smallest: float
    """The least gain worth having, in the unit of the loss."""
    reliability: Floats
    """The share of an idea's runs that give a score, a run that does added to what was seen."""
    others: tuple[tuple[float, GapField], ...] = ()
    """Where the noise itself is in doubt: the field for each noise, with how likely it is."""
    stacks: tuple[tuple[int, tuple[int, ...]], ...] = ()
    """Ideas that are others together, each with those."""
    alone: Callable[[], GapField] | None = None
    """Fits the field without what the ideas tell together of the baseline's luck, for who asks;
    None where that is not told apart."""

    def at(self, log10_computes: Sequence[float] | Floats) -> GapsAt:
        """The gaps at some computes, over the doubt in the noise; of stacks by their members."""
        if not self.others:
            found = self.field.at(log10_computes)
            for (stack, _), gaps in zip(self.stacks, self._together(log10_computes), strict=True):
                means, variances = zip(*gaps, strict=True)
                found = found.with_normal(stack, means, variances)
            return found
        return GapsAt.mixed([(weight, each.at(log10_computes)) for weight, each in self.others])

    def _together(self, log10_computes: Sequence[float] | Floats) -> list[list[GapTogether]]:
        """Of each stack the gaps at some computes, by its members."""
        if not self.stacks:
            return []
        cells = self.cells
        told = [self.information if at == self.target else self.field.information(at)
                for at in log10_computes]  # fmt: skip
        return [
            [
                gap_together(each, members, self.rungs, at, cells.gap[stack],
                             cells.variance[stack] + cells.shared)
                for each, at in zip(told, log10_computes, strict=True)
            ]
            for stack, members in self.stacks
        ]  # fmt: skip

    @cached_property
    def information(self) -> Information:
        """What more runs would tell."""
        return self._outlook[0]

    @cached_property
    def _outlook(self) -> tuple[Information, GapsAt]:
        return self.field.outlook(self.target)

    @cached_property
    def at_target(self) -> GapsAt:
        """The gaps at the target."""
        return self.at([self.target]) if self.others or self.stacks else self._outlook[1]

    @cached_property
    def mean_at_target(self) -> Floats:
        """The gap to expect at the target."""
        return self.at_target.mean[:, 0]

    @cached_property
    def helps(self) -> Floats:
        """The probability of a gap below zero at the target."""
        return self.at_target.below(0.0)[:, 0]

    def chance(self, idea: int) -> float:
        """That of one idea."""
        return float(self.at_target.some(np.array([idea])).below(0.0)[0, 0])

    @cached_property
    def helps_alone(self) -> Floats:
        """The same as each idea's own runs tell it beside the baseline's. That many ideas are worse
        by as much as luck could make them may be the baseline's luck, or all may be alike: variants
        of one idea are."""
        return replace(self, field=self.alone(), alone=None).helps if self.alone else self.helps

    @cached_property
    def matters(self) -> Floats:
        """The probability of a gain worth having at the target."""
        return self.at_target.below(-self.smallest)[:, 0]

    @cached_property
    def within(self) -> Floats:
        """The probability that the gap at the target is too small to be worth anything."""
        below: Floats = self.at_target.below(self.smallest)[:, 0] - self.matters
        return below

    @cached_property
    def first_rung(self) -> GapsAt:
        """The gaps at the lowest rung that anything was measured at."""
        seen = np.flatnonzero((self.cells.runs > 0).any(axis=0))
        return self.at([self.rungs[int(seen[0]) if seen.size else 0]])

    @property
    def at_measured_rung(self) -> bool:
        """Whether the target is one of the rungs, so that nothing is extrapolated."""
        there = np.isclose(self.rungs, self.target, rtol=0, atol=1e-9)
        return bool((self.cells.runs[:, there] > 0).any())

    @property
    def set_aside(self) -> Flags:
        """Ideas that are measured and of which nothing worth having is expected."""
        aside: Flags = (self.matters < _SET_ASIDE) & (self.cells.runs > 0).any(axis=1)
        return aside


def believe_board(
    board: Board, *, paired: bool = True, teach: Flags | None = None, ladder: int | None = None
) -> Belief:
    """Fits all gaps of a board together.

    Merges that are measured, and all of whose members are, are believed to go as these do.

    Args:
        board: what was measured.
        paired: whether the same replicate has the same seed in every arm.
        teach: [A - 1], the ideas that noise, the prior and the baseline's luck may be learnt
            from; all that are no merges by default: what these are made of is proven beside them.
        ladder: so many of the rungs are the ladder; a run at the target is not to change what is
            believed of noise, nor where the prior is centred. All by default.
    """
    rungs = board.compute.size if ladder is None else ladder
    arms = np.ones(len(board.arms), dtype=bool)
    if teach is None and board.members:
        teach = np.array([idea not in board.members for idea in range(len(board.arms) - 1)])
    if teach is not None:
        arms[1:] = teach
    within = np.arange(board.compute.size) < rungs
    cells = measure_cells(board.losses, paired=paired, teach=arms[:, None] & within)
    if cells.identical.any():
        tied = _may_tie(board.losses, cells.identical)
        if tied.any():
            cells = replace(cells, identical=cells.identical & ~tied)
    x = np.log10(board.compute)
    seen = np.flatnonzero(((cells.baseline_runs > 0) | cells.runs.any(axis=0))[:rungs])
    scale = abs(float(cells.level[seen[-1] if seen.size else -1]))
    centre = float(x[0] + x[rungs - 1]) / 2
    fit = partial(fit_field, x, cells, scale=scale, centre=centre, teach=teach, beyond=SURPRISE)
    failed = board.failed[1:].sum(axis=(1, 2))
    scored = cells.runs.sum(axis=1)
    return Belief(
        cells, fit(), x, math.log10(board.target), board.smallest_gap * scale,
        (scored + 1) / (scored + failed + 1), stacks=_stacks(board, cells),
        alone=partial(fit, luck=False),
    )  # fmt: skip


def _stacks(board: Board, cells: Cells) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Merges that are measured, as all of their members are, with these."""
    if not board.members:
        return ()
    measured = np.isfinite(cells.variance) & np.isfinite(cells.shared)
    known = set(np.flatnonzero(measured.any(axis=1)).tolist())
    return tuple((stack, its) for stack, its in board.members.items()
                 if its and {stack, *its} <= known)  # fmt: skip


def _may_tie(losses: Floats, asked: Flags) -> Flags:
    """[A - 1], of the arms that are asked about those that may equal the baseline by accident: all
    their scores are shares of few items, or were written with few digits."""
    tied = np.zeros_like(asked)
    for idea in np.flatnonzero(asked):
        scores = losses[idea + 1]
        tied[idea] = all(map(_is_coarse, scores[~np.isnan(scores)].tolist()))
    return tied


def same_at_the_top(losses: Floats) -> Flags:
    """[A - 1], the arms all of whose pairs at the highest rung that they share with the baseline
    came out equal to the last bit, and not by accident: what they change is not in force there.

    `losses` [A, R, S], the baseline first.
    """
    same = np.zeros(len(losses) - 1, dtype=bool)
    for idea, scores in enumerate(losses[1:]):
        pairs = ~np.isnan(scores) & ~np.isnan(losses[0])
        if pairs.any():
            rung = int(np.flatnonzero(pairs.any(axis=1))[-1])
            ours, theirs = scores[rung, pairs[rung]], losses[0, rung, pairs[rung]]
            known = scores[~np.isnan(scores)].tolist()
            same[idea] = (ours == theirs).all() and not all(map(_is_coarse, known))
    return same


@lru_cache(maxsize=1024)  # a policy asks of the same few again and again
def _is_coarse(score: float) -> bool:
    share = score % 1.0
    return any(abs(float(Fraction(share).limit_denominator(most)) - share) <= off
               for most, off in _FEW)  # fmt: skip
