"""Do forecasts of merges hold? A stack by its members beside a stack as one more idea.

    python benchmarks/stacks.py [--studies 200] [--grid FILE]

Stacks are made of two or three winners of a study: their gaps' sum, of which .6 to 1.05 is kept,
with two seeds at all rungs but the lowest. Studies are simulated, or ladders of the recorded grid
that end a rung below its rungs at 3e11, 1e12 (where its models gain a layer) and 3e12. The members'
courses are the simulator's or real; that a stack keeps one share of them everywhere is made up.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from proveout.replay import Simulator, read_grid
from proveout.verdicts import Board, believe_board

Floats = npt.NDArray[np.float64]

GRID = Path(__file__).parent / "grid" / "byte_lm.csv"
IDEAS, SURE, KEPT = 24, 0.95, (0.6, 1.05)
SHARE = 1 / 3
"""Of the target's compute that a ladder's highest rung has."""
LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True, eq=False)
class Case:
    """A study with a stack as its last arm, and what that gains at the target."""

    board: Board
    members: tuple[int, ...]
    truth: float


def board_of(losses: Floats, compute: Floats, target: float) -> Board:
    """Everything on it has been paid for."""
    no = [np.zeros(losses.shape, dtype=bool) for _ in range(3)]
    names = ("baseline", *(f"idea-{number}" for number in range(len(losses) - 1)))
    return Board(names, compute, compute, target, losses, no[0], no[1], no[2],
                 np.zeros(len(losses), dtype=bool), (2, losses.shape[2]), 1e15, 1e15)  # fmt: skip


def cases(worlds: Simulator | Path, top: int, studies: int) -> Iterator[Case]:
    """Studies in which two ideas are sure to help, each with a stack."""
    made = worlds if isinstance(worlds, Simulator) else read_grid(worlds, top=top, share=SHARE)
    for seed in range(studies):
        random = np.random.default_rng(seed)
        world = made.world(seed, IDEAS)
        losses = world.losses[:, :, :3].copy()
        for idea, rung in np.ndindex(len(losses) - 1, losses.shape[1]):
            losses[idea + 1, rung, random.integers(1, 3) :] = np.nan
        believed = believe_board(board_of(losses, world.compute, world.target))
        order = [int(at) for at in np.argsort(believed.mean_at_target)
                 if believed.helps[at] > SURE and np.isfinite(world.gaps[at]).all()]  # fmt: skip
        members = tuple(order[: random.integers(2, 4)])
        if len(members) < 2:
            continue
        gaps = random.uniform(*KEPT) * world.gaps[list(members)].sum(axis=0)
        noise = 0.005 * world.loss * random.standard_normal((gaps.size - 1, losses.shape[2]))
        stack = losses[0] + gaps[:-1, None] + noise
        stack[0] = stack[:, 2:] = np.nan
        board = board_of(np.concatenate([losses, stack[None]]), world.compute, world.target)
        yield Case(board, members, float(gaps[-1]))


def held_to(case: Case, *, by_members: bool) -> Floats:
    """Whether each interval holds the truth, the CRPS, the miss and the 80% interval's width."""
    stack = len(case.board.arms) - 2
    teach = np.arange(stack + 1) < stack
    members = {stack: case.members} if by_members else {}
    board = replace(case.board, members=members)
    gap = believe_board(board, teach=teach).at_target.of(stack)
    low, high = gap.interval(0.8)
    held = [case.truth in gap.interval(level) for level in LEVELS]
    return np.array([*held, gap.crps(case.truth), gap.mean - case.truth, high - low])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--grid", type=Path, default=GRID)
    given = parser.parse_args()
    table = Table("studies", "stacks", "a stack is", *(f"{level:.0%} held" for level in LEVELS),
                  "CRPS", "mean miss", "rms miss", "80% width")  # fmt: skip
    sources: list[tuple[str, Simulator | Path, int]] = [
        ("simulated, 3e11 to 1e12", Simulator(target=1e12), 0),
        ("simulated, 3e11 to 3e12", Simulator(target=3e12), 0),
        *((f"recorded, to {name}", given.grid, top)
          for name, top in (("3e11", 3), ("1e12", 4), ("3e12", 5))),
    ]  # fmt: skip
    for name, worlds, top in sources:
        found = list(cases(worlds, top, given.studies))
        for said, by_members in (("one more idea", False), ("its members", True)):
            if not found:
                continue
            rows = np.array([held_to(case, by_members=by_members) for case in found])
            mean, rms = rows.mean(axis=0), float(np.sqrt(np.square(rows[:, 4]).mean()))
            told = [f"{each:.2f}" for each in mean[:3]]
            told += [f"{mean[3]:.4f}", f"{mean[4]:+.4f}", f"{rms:.4f}", f"{mean[5]:.4f}"]
            table.add_row(name, str(len(found)), said, *told)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
