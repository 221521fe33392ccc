"""What tables of runs show that a belief about gaps cannot: slips, strays, scores near their end.

A belief takes each loss for what it is called. Here are the questions that a careful reader would
put before believing it, each asked only where the runs show a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from proveout.verdicts._board import Board, Flags, Floats
from proveout.verdicts._decision import IdeaDecision

_FAR = 100.0  # times beyond the runs: there is no experience with gaps
_STRAY = 20.0  # times the usual distance from the median of a scale
_MANY_ZERO = 0.1  # of the losses
_COMPANY = 4  # runs at a scale before one of them can stray
_FORESHADOWED = 0.25  # of a stray's distance at the scale before: then it is no stray
_NEAR_ONE = 0.9
_GROWS = 1.5  # times, within the runs
_PROGRESS = ("tokens", "examples", "steps", "seconds")
_EVEN, _SELDOM = 0.5, 0.2
_MANY_SCALES = 8
_SOME_SCALES = 4
_NO_CHANCE = 2.3  # sds of a rank sum: what is less may be a chance of which runs are missing


class Stray(NamedTuple):
    """A run far from all others at its scale, by its place on the board."""

    arm: int
    rung: int
    loss: float
    usual: float
    decisive: bool
    """Whether it alone tells of its arm's largest scale, and the scale before foretold nothing."""


def find_strays(board: Board) -> tuple[Stray, ...]:
    """Runs so far from all others at their scale that they may be broken."""
    found = []
    for rung in range(board.compute.size):
        there = board.losses[:, rung]
        known = np.sort(there[~np.isnan(there)])
        if known.size < _COMPANY:
            continue
        middle = float(np.median(known))
        spread = max(float(np.median(abs(known - middle))), 0.01 * abs(middle))
        if spread == 0:  # most losses are zero: another is no stray
            continue
        for arm, seed in np.argwhere(abs(there - middle) > _STRAY * spread):
            others = np.delete(there[arm], seed)
            if not (abs(others - there[arm, seed]) < 5 * spread).any():
                loss = float(there[arm, seed])
                alone = bool(np.isnan(others).all()) and _unforetold(board, arm, rung, loss, middle)
                found.append(Stray(int(arm), rung, loss, middle, alone))
    return tuple(found)


def _unforetold(board: Board, arm: int, rung: int, loss: float, middle: float) -> bool:
    """Whether an arm was run nowhere above a rung, and was not far off at the rung before."""
    mine = ~np.isnan(board.losses[arm]).all(axis=1)
    if mine[rung + 1 :].any():
        return False
    before = np.flatnonzero(mine[:rung])
    if not before.size:
        return True
    last = board.losses[:, before[-1]]
    off = float(np.nanmean(last[arm]) - np.nanmedian(last)) / abs(float(np.nanmedian(last)) or 1.0)
    return abs(off) < _FORESHADOWED * abs(loss - middle) / abs(middle or 1.0)


def resting_on_strays(
    ideas: Sequence[IdeaDecision], board: Board, strays: Sequence[Stray], baseline: str | None
) -> list[IdeaDecision]:
    """Without words that one run says which may be broken: an idea's own, or the baseline's."""
    doubtful = {board.arms[each.arm]: each for each in strays if each.decisive}
    of_all = doubtful.get(baseline) if baseline is not None else None
    told = []
    for idea in ideas:
        stray = doubtful.get(idea.idea) or of_all
        if stray is not None and idea.verdict in {"holds", "hurts", "reverses", "fades"}:
            why = (
                f"rests on one run of {board.arms[stray.arm]} with a loss of {stray.loss:.4g} "
                f"where others have {stray.usual:.4g}: run it again. With it: {idea.why}"
            )
            idea = replace(idea, verdict="undecided", why=why)
        told.append(idea)
    return told


def questions(board: Board, unit: str, exponent: float, strays: Sequence[Stray]) -> tuple[str, ...]:
    """All that the runs give a reason to ask, in sentences; `exponent` is of compute to scale."""
    return (*_far(board, exponent), *_at_zero(board), *_told(board, strays), *_near_one(board),
            *_growing(board), *_on_its_way(board, unit),
            *_winners_only(board, exponent))  # fmt: skip


def _known(board: Board) -> Floats:
    known: Floats = board.losses[~np.isnan(board.losses)]
    return known


def _far(board: Board, exponent: float) -> tuple[str, ...]:
    """Says so where the target is not where the runs tell anything."""
    ends = board.compute.min(), board.compute.max(), board.target
    low, high, target = (float(end) ** (1 / exponent) for end in ends)
    if target > _FAR * high:
        return (f"the target is {target / high:.3g} times the largest scale that was run; "
                "nobody has measured how gaps change so far away",)  # fmt: skip
    if target < low / _FAR:
        return (f"the target is {low / target:.3g} times below the smallest scale that was "
                "run",)  # fmt: skip
    return ()


def _at_zero(board: Board) -> tuple[str, ...]:
    """Losses that have reached the least that they can be hide what gaps there are."""
    known = _known(board)
    zero = int((known == 0).sum())
    if zero < _MANY_ZERO * known.size or (known < 0).any():
        return ()
    return (f"{zero} of {known.size} losses are zero, where no gap can show: gains look as if they "
            "faded; take a loss that does not end there",)  # fmt: skip


def _told(board: Board, strays: Sequence[Stray]) -> list[str]:
    return [
        f"a run of {board.arms[each.arm]} has a loss of {each.loss:.4g} where those "
        f"at its scale have {each.usual:.4g}: leave it out if it broke"
        for each in strays[:5]
    ]


def _levels(board: Board) -> tuple[Floats, Floats]:
    """log10 of compute and the median of all losses, of the rungs that have any."""
    have = ~np.isnan(board.losses).all(axis=(0, 2))
    x, level = np.log10(board.compute[have]), np.nanmedian(board.losses[:, have], axis=(0, 2))
    return x, np.asarray(level, dtype=np.float64)


def _near_one(board: Board) -> tuple[str, ...]:
    """Scores that cannot be more than 1, such as accuracies, and are or will soon be there."""
    known = _known(board)
    if (known > 0).any() or (known < -1).any():
        return ()
    x, level = _levels(board)
    scores = -level
    slope = float(np.polyfit(x, scores, 1)[0]) if x.size > 1 else 0.0
    there = float(scores[-1]) + max(slope, 0.0) * max(float(np.log10(board.target) - x[-1]), 0.0)
    if there < _NEAR_ONE:
        return ()
    return (f"scores end at 1, which is near at the target (they are about {scores[-1]:.3g} at the "
            "largest scale): no gain can be larger than what is left to it, and gaps shrink on the "
            "way; a loss that has no such end, such as log loss, tells more",)  # fmt: skip


def _growing(board: Board) -> tuple[str, ...]:
    """Scores that grow by factors, such as returns: their gaps grow along."""
    known = _known(board)
    if (known > 0).any() or (known >= -1).all():
        return ()
    _, level = _levels(board)
    if level.size < 2 or level[-1] > _GROWS * level[0]:
        return ()
    return (f"the score grows from {-level[0]:.4g} to {-level[-1]:.4g} over the scales, and gaps "
            "are not taken to grow along: where they do, intervals are too narrow; decide on the "
            "score's logarithm",)  # fmt: skip


def chance_of_one_run(board: Board, unit: str) -> float:
    """That the rows of an idea are one run that was read on its way; zero where some are repeated.

    It takes many scales; runs progress in tokens or steps, and never in parameters.
    """
    counts = (~np.isnan(board.losses)).sum(axis=2)
    most = int((counts > 0).sum(axis=1).max())
    if unit == "params" or counts.max() > 1:
        return 0.0
    if unit in _PROGRESS:
        return _EVEN if most >= _SOME_SCALES else 0.0
    return _SELDOM if most >= _MANY_SCALES else 0.0


def _on_its_way(board: Board, unit: str) -> tuple[str, ...]:
    if not chance_of_one_run(board, unit):
        return ()
    return ("no idea was run twice at a scale: if the rows of an idea are checkpoints of one run, "
            "its luck lies in all of them, which is only half believed; a few more seeds of the "
            "baseline, named, would tell",)  # fmt: skip


def _winners_only(board: Board, exponent: float) -> tuple[str, ...]:
    """Ideas that were run beyond a scale because they looked good there.

    Where it was chance which went on, their ranks among all at the scale are any ranks: the sum
    over scales of Wilcoxon's (van Elteren 1960) tells. The first arm is left out.
    """
    seen: Flags = np.asarray(~np.isnan(board.losses[1:]).all(axis=2))
    off, variance, left = 0.0, 0.0, []
    for rung in range(board.compute.size - 1):
        on: Flags = np.asarray(seen[:, rung + 1 :].any(axis=1))[seen[:, rung]]
        count, more = on.size, int(on.sum())
        if more in {0, count}:
            continue
        loss = np.nanmean(board.losses[1:, rung][seen[:, rung]], axis=1)
        ranks = (loss[:, None] > loss).sum(axis=1) + (loss[:, None] == loss).sum(axis=1) / 2
        off += (float(ranks[~on].mean()) - float(ranks[on].mean())) / count
        variance += (1 + 1 / count) / 12 * (1 / more + 1 / (count - more))
        left.append(f"{float(board.compute[rung]) ** (1 / exponent):.3g}")
    if not left or off < _NO_CHANCE * variance**0.5:
        return ()
    where = " and ".join(left) if len(left) < 3 else f"{left[0]} to {left[-1]}"
    return (
        f"only ideas that looked good at {where} were run beyond it: those owe a part "
        "of their gaps there to luck, and intervals of the others are too narrow; trust the larger "
        "scales, and run some of those that were left",
    )
