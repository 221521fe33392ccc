"""How long a policy thinks, and with how much memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from _roster import OURS, SLOTS, Entry, roster
from rich.console import Console
from rich.table import Table

from proveout.replay import Simulator, World, play
from proveout.verdicts import Board

RUNGS = (1e10, 3e10, 1e11, 3e11, 1e12, 3e12)
BUDGET = 32.0  # runs at the ladder's top
REPEATS = 5


def show_speed(ideas: int, budget: float = BUDGET, repeats: int = REPEATS) -> None:
    """Prints the two tables; `budget` is what each replayed study may spend."""
    _show_choices(ideas, repeats)
    _show_replays(budget, max(1, repeats - 2))


def _seconds(work: Callable[[], object], repeats: int) -> float:
    """The least of several."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def partly_measured(world: World) -> Board:
    """A study halfway: one seed at the bottom of everything, and fewer ideas up the ladder."""
    random = np.random.default_rng(0)
    arms, rungs, room = world.losses.shape
    share = np.geomspace(1.0, 0.05, rungs)[:, None] * np.geomspace(1.0, 0.2, room)
    bought = random.random((arms, rungs, room)) < share
    bought[0] = True
    nothing = np.zeros_like(bought)
    spent = float((bought.sum(axis=(0, 2)) * world.price).sum())
    return Board(world.arms, world.compute, world.price, world.target,
                 np.where(bought, world.losses, np.nan), nothing, bought & np.isnan(world.losses),
                 nothing, np.zeros(arms, dtype=bool), (2, room), 2 * spent, spent)  # fmt: skip


def _show_choices(ideas: int, repeats: int) -> None:
    world = replace(Simulator(), compute=RUNGS, target=3e13).world(0, ideas)
    board = partly_measured(world)
    rungs, room = world.losses.shape[1:]
    title = f"the next {SLOTS} and 16 trials of {ideas} ideas x {rungs} rungs x {room} seeds"
    table = Table("policy", f"ms for {SLOTS}", "ms for 16", "peak MB", title=title)
    for entry in _some(rungs, room):
        policy = entry.make()
        times = [_seconds(partial(policy.choose, board, slots), repeats) for slots in (SLOTS, 16)]
        tracemalloc.start()
        policy.choose(board, 16)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        table.add_row(entry.label, *(f"{1e3 * t:.1f}" for t in times), f"{peak / 1e6:.0f}")
    Console(width=120).print(table)


def _show_replays(budget: float, repeats: int) -> None:
    world = Simulator().world(0, 30)
    title = f"a replayed study of 30 ideas, {budget:g} runs at the ladder's top"
    table = Table("policy", "trials", "ms", "times keep-if-better", "ms a trial", title=title)
    entries = _some(*world.losses.shape[1:])
    entries.sort(key=lambda entry: not entry.label.startswith("keep-if-better"))
    first = None
    for entry in entries:
        trials = len(_replay(entry, world, budget))
        seconds = _seconds(partial(_replay, entry, world, budget), repeats)
        first = first or seconds
        table.add_row(entry.label, str(trials), f"{1e3 * seconds:.0f}", f"{seconds / first:.0f}",
                      f"{1e3 * seconds / trials:.2f}")  # fmt: skip
    Console(width=120).print(table)


def _replay(entry: Entry, world: World, runs: float) -> tuple[object, ...]:
    budget = runs * float(world.price[-1])
    return play(world, entry.make(), budget, slots=SLOTS, seeds=entry.seeds).picks


def _some(rungs: int, room: int) -> list[Entry]:
    """One of each kind."""
    labels = (OURS, "uniform with our belief", "keep-if-better, rung 1", "uniform, 2 seeds",
              "successive halving, 2 seeds", "asha, 2 seeds", "hyperband, 2 seeds")  # fmt: skip
    return [entry for entry in roster(rungs, room) if entry.label in labels]
