"""A study played to its end in a world, by any policy, as if its trials were run."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from proveout.errors import BudgetExceeded
from proveout.replay._world import World
from proveout.verdicts import Board, Pick, Policy

Flags = npt.NDArray[np.bool_]

FAILED_PRICE = 0.1
"""A trial that fails costs this share of its price: most crash early."""


class Look(NamedTuple):
    """What a policy would keep at one moment."""

    spent: float
    """Of the budget, with what is reserved for trials under way."""
    keeps: Flags
    """[A - 1]"""


@dataclass(frozen=True, eq=False)
class Played:
    """A study that has ended.

    Attributes:
        looks: one for each of the spends asked for that was reached, and the last at the end.
        picks: what was bought, in that order.
        spent: in all.
        board: the last one.
        why: the policy had nothing more to buy.
    """

    looks: tuple[Look, ...]
    picks: tuple[Pick, ...]
    spent: float
    board: Board
    why: str


def play(
    world: World,
    policy: Policy,
    budget: float,
    *,
    slots: int = 4,
    seed: int = 0,
    seeds: tuple[int, int] | None = None,
    look_at: Sequence[float] = (),
    watch: Callable[[Board], object] | None = None,
) -> Played:
    """Plays a study: whenever a slot is free the policy is asked what to start in it.

    Trials last as long as their price, give or take a quarter, so that they end out of order.

    Args:
        world: how trials turn out.
        policy: that chooses.
        budget: in the unit of the world's prices.
        slots: how many trials run side by side.
        seed: of the durations.
        seeds: the least and the most at one rung; by default 2 and all that the world has room for.
        look_at: spends, rising, at each of which it is read what the policy would keep.
        watch: called with the board after every trial. The board's arrays change afterwards: what
            is to be kept of them must be copied.

    Raises:
        BudgetExceeded: the policy bought what the budget does not cover.
        ValueError: it bought a trial twice, of a closed arm, or more than there are slots for.
    """
    random = np.random.default_rng([seed, 3])
    table = _Table(world, budget, seeds or (2, world.losses.shape[2]))
    under_way: list[tuple[float, int, Pick]] = []
    picks: list[Pick] = []
    looks: list[Look] = []
    now, why = 0.0, ""
    while True:
        if free := slots - len(under_way):
            choice = policy.choose(table.board(), free)
            why = choice.why
            if len(choice.picks) > free:
                raise ValueError(f"{len(choice.picks)} trials were bought for {free} slots")
            for pick in choice.picks:
                table.start(pick)
                lasts = float(world.price[pick.rung] * random.uniform(0.75, 1.25))
                heapq.heappush(under_way, (now + lasts, len(picks), pick))
                picks.append(pick)
        if not under_way:
            break
        now, _, ended = heapq.heappop(under_way)
        table.end(ended)
        if watch is not None:
            watch(table.board())
        while len(looks) < len(look_at) and table.spent >= look_at[len(looks)]:
            looks.append(Look(table.spent, policy.keeps(table.board()).copy()))
    looks.append(Look(table.spent, policy.keeps(table.board()).copy()))
    return Played(tuple(looks), tuple(picks), table.spent, table.board(), why)


@dataclass(eq=False)
class _Table:
    """The arrays behind the boards of one study, updated as trials start and end."""

    world: World
    budget: float
    seeds: tuple[int, int]
    spent: float = 0.0
    losses: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        shape = self.world.losses.shape
        if not 1 <= self.seeds[0] <= self.seeds[1] <= shape[2]:
            raise ValueError(f"seeds must be from 1 to {shape[2]}, got {self.seeds}")
        self.losses = np.full(shape, np.nan)
        self.running, self.failed, self.audits = (np.zeros(shape, dtype=bool) for _ in range(3))
        self.closed = np.zeros(shape[0], dtype=bool)

    def board(self) -> Board:
        """The study now."""
        world = self.world
        return Board(
            world.arms, world.compute, world.price, world.target, self.losses, self.running,
            self.failed, self.audits, self.closed, self.seeds, self.budget,
            self.budget - self.spent,
        )  # fmt: skip

    def start(self, pick: Pick) -> None:
        """Reserves a trial's price."""
        at = pick.arm, pick.rung, pick.replicate
        if self.running[at] or self.failed[at] or not np.isnan(self.losses[at]):
            raise ValueError(f"the trial {at} was bought twice")
        if self.closed[pick.arm] or pick.replicate >= self.seeds[1]:
            raise ValueError(f"the trial {at} may not be bought: its arm is closed, or its seed")
        price = float(self.world.price[pick.rung])
        if price > self.budget - self.spent:
            left = self.budget - self.spent
            raise BudgetExceeded(f"a trial of {price:g} was bought with {left:g} left")
        self.spent += price
        self.running[at] = True
        self.audits[at] = pick.audit

    def end(self, pick: Pick) -> None:
        """Takes a trial's loss, or its failure; what a failed trial did not use is given back."""
        at = pick.arm, pick.rung, pick.replicate
        self.running[at] = False
        loss = self.world.losses[at]
        if not np.isnan(loss):
            self.losses[at] = loss
            return
        self.failed[at] = True
        self.spent -= (1 - FAILED_PRICE) * float(self.world.price[pick.rung])
        failed = int(self.failed[pick.arm, pick.rung].sum())
        scored = int((~np.isnan(self.losses[pick.arm, pick.rung])).sum())
        self.closed[pick.arm] |= failed >= 2 and failed > scored
