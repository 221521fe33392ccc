"""Reference policies: what others do, in the interface of ours and each by its own rule.

They are here to be compared with, so each is as good as its source lets it be: a failed seed is
replaced by the next, arms that are closed are left, and every purchase is one that the budget
covers. All of them judge by losses alone; none believes anything of noise or of scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from proveout.verdicts._board import Board, Choice, Flags, Floats, Pick, Policy


class Cell(NamedTuple):
    """One trial: an arm, a rung and a replicate."""

    arm: int
    rung: int
    replicate: int


@dataclass(frozen=True)
class KeepIfBetter:
    """One seed of everything at one rung; what has a lower loss than the baseline is kept.

    The rule by which agents that do research advance (karpathy/autoresearch, 2026: a change whose
    loss is lower stays), and hill climbers before them. No seed is repeated, and no second scale
    is looked at.
    """

    rung: int = 0

    def choose(self, board: Board, slots: int) -> Choice:
        """The first seed of each arm."""
        rung = self._rung(board)
        return buy(board, slots, missing(board, rung, 1), "one seed at one rung")

    def keeps(self, board: Board) -> Flags:
        """[A - 1]: whether the loss is below the baseline's."""
        return mean_gaps(board)[:, self._rung(board)] < 0

    def _rung(self, board: Board) -> int:
        return min(self.rung, board.compute.size - 1)


@dataclass(frozen=True)
class UniformGrid:
    """Every idea at every rung with the least seeds, low rungs first; then with one more seed each.

    The factorial grid of a paper's ablation table. An idea is kept if its mean gap is below zero
    at the highest rung at which it was measured.
    """

    def choose(self, board: Board, slots: int) -> Choice:
        """The next cells of the grid."""
        return buy(board, slots, self._cells(board), "the next cell of the grid")

    def _cells(self, board: Board) -> Iterator[Cell]:
        least, most = board.seeds
        offered: set[Cell] = set()
        for count in range(least, most + 1):
            for rung in range(board.compute.size):
                cells = [cell for cell in missing(board, rung, count) if cell not in offered]
                offered.update(cells)
                yield from cells

    def keeps(self, board: Board) -> Flags:
        """[A - 1]: whether the gap at the highest rung measured is below zero."""
        gaps = mean_gaps(board)
        known = ~np.isnan(gaps)
        top = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
        highest: Floats = np.where(known.any(axis=1), gaps[np.arange(len(gaps)), top], 0.0)
        return highest < 0


@dataclass(frozen=True)
class SuccessiveHalving:
    """All ideas at the first rung, the best of them at the next, and so on to the top.

    Jamieson and Talwalkar 2016 (arXiv 1502.07943), after Karnin, Koren and Somekh 2013, whose
    budget is shared evenly among the rungs: each takes as many of the best as its share covers, so
    that from rung to rung ideas become fewer by the ratio of the prices, and a larger budget lets
    more of them climb. What a rung leaves goes to those above. With `eta` the best 1/eta climb
    whatever the budget. Those of the last bracket that beat the baseline there are kept.
    """

    eta: float | None = None

    def choose(self, board: Board, slots: int) -> Choice:
        """What the first bracket that is not complete lacks."""
        why = "the last bracket is complete"
        for rung, bracket in enumerate(self._brackets(board)):
            cells = missing(board, rung, board.seeds[0], [0, *bracket])
            if cells:
                return buy(board, slots, cells, f"one of the {len(bracket)} best so far")
            if board.running[[0, *bracket], rung].any():
                return Choice((), f"the bracket of rung {rung + 1} is under way")
        return Choice((), why)

    def keeps(self, board: Board) -> Flags:
        """[A - 1]: those of the highest bracket measured that beat the baseline."""
        kept = np.zeros(len(board.arms) - 1, dtype=bool)
        gaps = mean_gaps(board)
        for rung, bracket in enumerate(self._brackets(board)):
            ideas = np.array(bracket, dtype=int) - 1
            if ideas.size and not np.isnan(gaps[ideas, rung]).all():
                kept[:] = False
                kept[ideas] = gaps[ideas, rung] < 0
        return kept

    def _brackets(self, board: Board) -> Iterator[list[int]]:
        """The arms of each rung, for as long as the brackets below are complete."""
        rungs, seeds = board.compute.size, board.seeds[0]
        arms, left = list(range(1, len(board.arms))), board.budget
        for rung in range(rungs):
            price = float(board.price[rung]) * seeds
            size = self._size(len(arms), left / (rungs - rung), left, price)
            if rung:
                means = mean_losses(board)[:, rung - 1]
                arms = sorted(arms, key=lambda arm: means[arm])
            arms = arms[:size]
            if not arms:
                return
            yield arms
            left -= price * (len(arms) + 1)
            if missing(board, rung, seeds, [0, *arms]) or board.running[[0, *arms], rung].any():
                return
            means = mean_losses(board)[:, rung]
            able = [arm for arm in arms if not (board.closed[arm] or np.isnan(means[arm]))]
            climb = len(able) if self.eta is None else math.ceil(len(arms) / self.eta)
            arms = sorted(able, key=means.__getitem__)[:climb]

    def _size(self, ideas: int, share: float, left: float, price: float) -> int:
        """How many ideas a bracket holds, beside the baseline; one at least while it is covered."""
        covered = int(left / price) - 1
        wanted = int(share / price) - 1 if self.eta is None else ideas
        return max(0, min(ideas, max(wanted, 1), covered))


@dataclass(frozen=True)
class UniformWithBelief:
    """Buys like the uniform grid and decides by another policy's rule.

    What separates the value of a belief from that of buying by it. Equal replication, analysed as
    well as can be, is what designs of experiments are compared with since Fisher 1935.
    """

    judge: Policy

    def choose(self, board: Board, slots: int) -> Choice:
        """The next cells of the grid."""
        return UniformGrid().choose(board, slots)

    def keeps(self, board: Board) -> Flags:
        """[A - 1]: as the judge keeps them."""
        return self.judge.keeps(board)


def mean_losses(board: Board) -> Floats:
    """[A, R]: over the seeds that are scored; NaN where none is."""
    scored = ~np.isnan(board.losses)
    sums, counts = np.where(scored, board.losses, 0.0).sum(axis=2), scored.sum(axis=2)
    means: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def mean_gaps(board: Board) -> Floats:
    """[A - 1, R]: idea minus baseline, over the seeds that both have, or over all where they share
    none; NaN where one of them has nothing scored or the arm is closed."""
    gaps = board.losses[1:] - board.losses[0]
    paired = ~np.isnan(gaps)
    sums, counts = np.where(paired, gaps, 0.0).sum(axis=2), paired.sum(axis=2)
    means = mean_losses(board)
    unpaired = means[1:] - means[0]
    found: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), unpaired)
    found[board.closed[1:]] = np.nan
    return found


def missing(board: Board, rung: int, seeds: int, arms: Sequence[int] | None = None) -> list[Cell]:
    """What arms (by default all) lack at a rung, replicate by replicate.

    A seed that failed is replaced by the next. Nothing is bought of closed arms, and nothing at
    all where the baseline itself is closed: there is nothing to compare with.
    """
    if board.closed[0]:
        return []
    bought, failed = board.bought[:, rung], board.failed[:, rung]
    lacking = seeds - (bought & ~failed).sum(axis=1)
    lacking[board.closed] = 0
    cells = []
    for arm in range(len(board.arms)) if arms is None else arms:
        if lacking[arm] > 0:
            free = np.flatnonzero(~bought[arm, : board.seeds[1]])[: lacking[arm]]
            cells += [Cell(arm, rung, int(replicate)) for replicate in free]
    return sorted(cells, key=lambda cell: cell.replicate)


def buy(board: Board, slots: int, cells: Iterable[Cell], why: str) -> Choice:
    """The first of the cells, as many as there are slots for and as the budget covers."""
    picks: list[Pick] = []
    left = board.left
    for cell in cells:
        if len(picks) == slots:
            break
        left -= float(board.price[cell.rung])
        if left < 0:
            return Choice(tuple(picks), "the budget does not cover the next trial")
        picks.append(Pick(*cell, why))
    return Choice(tuple(picks), "" if picks else "there is nothing left to buy")
