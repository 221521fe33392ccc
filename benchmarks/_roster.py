"""The policies that are compared, and what is asked of a policy that has a belief."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from proveout.replay import Worlds
from proveout.verdicts import (
    Asha,
    Board,
    Hyperband,
    InformationPolicy,
    KeepIfBetter,
    Policy,
    SuccessiveHalving,
    UniformGrid,
    UniformWithBelief,
    believe_board,
)
from proveout.verdicts._calls import call_all

Floats = npt.NDArray[np.float64]

OURS = "information"
SLOTS = 4


@dataclass(frozen=True)
class Source:
    """Where the studies come from, and how large they are."""

    name: str
    worlds: Worlds
    ideas: int


@dataclass(frozen=True)
class Entry:
    """One policy of the comparison.

    Attributes:
        label: as it is printed.
        make: the policy.
        seeds: the least and the most at one rung.
        anew: whether its plan depends on the budget, so that it is run once for each.
        believes: whether our belief decides what it keeps.
    """

    label: str
    make: Callable[[], Policy]
    seeds: tuple[int, int]
    anew: bool = False
    believes: bool = False


def roster(rungs: int, room: int) -> list[Entry]:
    """Ours first; each reference in the variants in which somebody may find it at its best."""
    entries = [
        Entry(OURS, InformationPolicy, (2, room), believes=True),
        Entry("uniform with our belief", uniform_with_belief, (1, room), believes=True),
    ]
    for rung in range(rungs):
        label = f"keep-if-better, rung {rung + 1}"
        entries.append(Entry(label, partial(KeepIfBetter, rung), (1, room)))
    for seeds in (1, 2, 4):
        least, many = (seeds, room), f"{seeds} seed{'s' * (seeds > 1)}"
        entries.append(Entry(f"uniform, {many}", UniformGrid, least))
        entries.append(Entry(f"successive halving, {many}", SuccessiveHalving, least, True))
        entries.append(Entry(f"asha, {many}", Asha, least))
        entries.append(Entry(f"asha by halves, {many}", partial(Asha, 2), least))
        entries.append(Entry(f"hyperband, {many}", Hyperband, least))
    return entries


def uniform_with_belief() -> Policy:
    """Uniform purchase, our belief."""
    return UniformWithBelief(InformationPolicy())


@dataclass(frozen=True, eq=False)
class Outlook:
    """What is believed of each idea's gap at the target, [A - 1]."""

    helps: Floats
    """The probability of a gain."""
    matters: Floats
    """The probability of a gain worth having."""
    quantiles: Floats
    """[A - 1, Q], of the gap, at `QUANTILES`."""


QUANTILES = (0.025, 0.1, 0.25, 0.75, 0.9, 0.975)


def outlook(board: Board, quantiles: bool = True) -> Outlook:
    """Our belief, as the information policy has it."""
    belief = believe_board(board)
    ideas = len(board.arms) - 1
    found = np.full((ideas, len(QUANTILES)), np.nan)
    for idea in range(ideas if quantiles else 0):
        at = belief.at_target.of(idea)
        for place, low in enumerate(QUANTILES[: len(QUANTILES) // 2]):
            found[idea, [place, -1 - place]] = at.interval(1 - 2 * low)
    return Outlook(belief.helps, belief.matters, found)


def verdicts_of(board: Board) -> list[str]:
    """One word for each idea, as our rules say it."""
    return [call.verdict for call in call_all(board, believe_board(board))]
