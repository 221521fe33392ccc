"""Why a trial is bought, in one line that a person can check."""

from __future__ import annotations

import numpy as np

from proveout.units import compact
from proveout.verdicts._believe import Belief
from proveout.verdicts._board import Board

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def first_reason(board: Board, arm: int, rung: int) -> str:
    """For the first run of an arm."""
    if arm == 0:
        return baseline_reason(board, rung, 0)
    return f"first look at {board.arms[arm]} at {compact(board.compute[rung])}"


def idea_reason(board: Board, belief: Belief, arm: int, rung: int, seeds: int) -> str:
    """For one more run of an idea at a rung where it has `seeds` already."""
    idea, name, at = arm - 1, board.arms[arm], compact(board.compute[rung])
    measured = np.flatnonzero(belief.cells.runs[idea] > 0)
    if not measured.size:
        if board.failed[arm].any():
            return f"{name} once more at {at}: no run of it has given a score yet"
        if seeds:
            return f"{_ordinal(seeds)} seed of {name} at {at}, so that its noise is known"
        return first_reason(board, arm, rung)
    sure = min(max(round(100 * belief.chance(idea)), 1), 99)  # nothing is ever certain
    helps = f"{sure}% sure that it helps at {compact(board.target)}"
    if seeds:
        return f"{_ordinal(seeds)} seed of {name} at {at}: {_question(belief, idea)} ({helps})"
    highest = int(measured[-1])
    told = f"{_percent(belief, idea, highest)} at {compact(board.compute[highest])}"
    return f"{name} at {at}: {told}; {_question(belief, idea)} ({helps})"


def baseline_reason(board: Board, rung: int, seeds: int) -> str:
    """For one more run of the baseline."""
    at = compact(board.compute[rung])
    rivals = int((board.bought[1:, rung].any(axis=1)).sum())
    if not seeds:
        return f"the baseline at {at}: what ideas there are held against"
    if not rivals:
        return f"{_ordinal(seeds)} seed of the baseline at {at}, for an idea that comes there next"
    held = f"{rivals} ideas are" if rivals != 1 else "one idea is"
    return f"{_ordinal(seeds)} seed of the baseline at {at}: {held} held against it"


def audit_reason(board: Board, belief: Belief, arm: int, rung: int) -> str:
    """For a run that checks on an idea that was set aside."""
    measured = np.flatnonzero(belief.cells.runs[arm - 1] > 0)
    last, at = compact(board.compute[measured[-1]]), compact(board.compute[rung])
    return f"audit: {board.arms[arm]} was set aside at {last}; a run at {at} checks on that"


def _question(belief: Belief, idea: int) -> str:
    """What is not known yet."""
    measured = np.flatnonzero(belief.cells.runs[idea] > 0)
    first, mean = belief.cells.gap[idea, measured[0]], belief.mean_at_target[idea]
    if first < -belief.smallest:
        return "does its gain last?" if mean < 0 else "does its gain turn?"
    if first > belief.smallest:
        return "may it turn with scale?" if mean > 0 else "does it go on improving with scale?"
    return "does it do anything?" if abs(mean) < belief.smallest else "does it matter at scale?"


def _percent(belief: Belief, idea: int, rung: int) -> str:
    share = 100 * belief.cells.gap[idea, rung] / belief.cells.level[rung]
    return f"{share:+.1f}%"


def _ordinal(seeds: int) -> str:
    return _ORDINALS[seeds] if seeds < len(_ORDINALS) else f"{seeds + 1}th"
