"""From beliefs to verdicts: the words, and how sure one must be to say them.

A verdict may be read after every trial. That inflates nothing, because it is a statement about a
posterior: an idea that does nothing is believed to be among those that help only where its data
favour that by the odds that are asked for, times the prior odds against it, and data of nothing
come to favour a given lie by a factor k at any time with probability 1/k at most (Ville 1939).
What could inflate it is a belief whose noise or prior is wrong; `benchmarks/policies.py` counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from proveout.verdicts._believe import Belief, same_at_the_top
from proveout.verdicts._board import Board

_ONE_SCALE = "measured beside the baseline at one scale only, which says nothing of others"
_SAME = (
    "at the largest scale that it was measured at every paired run came out identical to the last "
    "bit: what it changes is not in force there"
)
_ESTABLISHED = 0.99
"""How sure one must be that an idea gained at the first rung to say that it fades or reverses."""
_LIKELY = 0.9
_FADED = 0.6
"""How sure one must be that more than half of a gain is lost to say that it fades."""
_WITHIN = 2 / 3
_BY_ITSELF = 0.8
"""How sure an idea's own runs must be that it helps, whatever the others tell of the baseline."""


class Call(NamedTuple):
    """A verdict and why, in one line."""

    verdict: str
    why: str


def call_all(board: Board, belief: Belief) -> tuple[Call, ...]:
    """The verdict on every idea of a board, in the order of its arms without the baseline."""
    rungs = ((belief.cells.runs > 0) & np.isfinite(belief.cells.shared)).sum(axis=1)
    start, same = belief.first_rung.mean[:, 0], same_at_the_top(board.losses)
    gained = (belief.first_rung.below(0.0)[:, 0] >= _ESTABLISHED) & (start <= -belief.smallest)
    gained &= rungs > 1
    calls = (
        _call(board, belief, idea, int(rungs[idea]), float(start[idea]) if gained[idea] else None)
        for idea in range(rungs.size)
    )
    return tuple(
        Call("fades", f"{call.why}, but {_SAME}")
        if same[idea] and call.verdict == "holds"
        else call
        for idea, call in enumerate(calls)
    )


def _call(board: Board, belief: Belief, idea: int, rungs: int, gained: float | None) -> Call:
    """The verdict on one idea; `gained` is its gap at the first rung where that is a sure gain."""
    failed = int(board.failed[idea + 1].sum())
    if board.closed[idea + 1]:
        return Call("broken", f"{failed} of its runs ended without a score")
    if belief.cells.identical[idea]:
        return Call("no effect", "every paired run came out identical to the last bit")
    if not rungs:
        return Call("undecided", "not measured against the baseline yet")
    helps, mean = float(belief.helps[idea]), float(belief.mean_at_target[idea])
    smallest = belief.smallest
    if rungs < 2 and not belief.at_measured_rung:
        return Call("undecided", _ONE_SCALE)
    if helps >= board.certainty and mean <= -smallest:
        own = float(belief.helps_alone[idea])
        if own < _BY_ITSELF:
            return Call("undecided", f"better at the target with probability {percent(helps)}, but "
                        "mostly because the others make the baseline look lucky: by its own runs "
                        f"with {percent(own)}")  # fmt: skip
        if (behind := _behind_at_the_top(belief, idea)) is not None:
            return Call("undecided", f"better at the target with probability {percent(helps)}, but "
                        f"at the largest scale that it was run at it is worse by {behind:.3g}: "
                        "no run there has seen it win yet")  # fmt: skip
        return Call("holds", f"better at the target with probability {percent(helps)}")
    if gained is not None and 1 - helps >= _LIKELY:
        return Call(
            "reverses",
            f"gains {-gained:.3g} at the smallest scale and is worse at the target with "
            f"probability {percent(1 - helps)}",
        )
    if 1 - helps >= board.certainty:
        return Call("hurts", f"worse at the target with probability {percent(1 - helps)}")
    if gained is not None and _has_faded(belief, idea, gained):
        return Call("fades", f"gains {-gained:.3g} at the smallest scale; at the target "
                    "probably less than half of that")  # fmt: skip
    within = float(belief.within[idea])
    if within >= _WITHIN:
        return Call("no effect", f"within ±{smallest:.3g} of the baseline at the target with "
                    f"probability {percent(within)}")  # fmt: skip
    return Call("undecided", f"helps at the target with probability {percent(helps)}: "
                "not enough either way")  # fmt: skip


def _behind_at_the_top(belief: Belief, idea: int) -> float | None:
    """Its gap at the largest scale that it was measured at, where that is no gain: however surely a
    course goes on below the baseline's, that it crosses it is not known before it does."""
    cells = belief.cells
    there = np.flatnonzero((cells.runs[idea] > 0) & np.isfinite(cells.shared))
    gap = float(cells.gap[idea, there[-1]])
    return gap if gap > 0 else None


def _has_faded(belief: Belief, idea: int, gained: float) -> bool:
    return belief.at_target.of(idea).probability_below(gained / 2) <= 1 - _FADED


def percent(probability: float) -> str:
    """A probability that never reads 100% or 0%, which no data can show."""
    return f"{100 * float(np.clip(probability, 0.001, 0.999)):.3g}%"
