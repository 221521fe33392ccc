"""Which policy finds what wins at the target for the least compute, and is it to be believed?

    python benchmarks/policies.py [--grid FILE] [--studies 60] [--ideas 30] [--jobs 1]
        [--only false-wins regret reversals calibration speed] [--worlds simulated recorded]

Plays whole studies, each policy on the same ones, in two kinds of worlds: a simulator whose truth
is known, and the grid of `byte_lm` that was recorded for real, of which the top rung is the truth.
No trial costs more than a tenth of the target. Spends are told in runs at the ladder's top rung.

- false wins: ideas that change nothing, read after every trial: how many were ever said to hold;
- regret: the share of the gain at the target that wrong keeps and wrong drops lose, against spend;
- reversals: ideas that win small and lose large, and the opposite: how many are called at the
  end, of three budgets;
- calibration: what happens of the things that are given a probability, by thirds of the spend;
- speed: the next trials of 1,000 ideas x 6 rungs x 8 seeds, and a replayed study of 30.

Intervals are 80% bootstraps over studies. Policies whose plan depends on the budget (successive
halving) are run anew for each; ours is not told that it will be looked at earlier, unless with
`--anew`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from _judgement import show_calibration, show_false_wins, show_reversals
from _regret import RESAMPLES, budgets_up_to, measure, show
from _roster import OURS, Source, roster
from _speed import show_speed

from proveout.errors import DataError
from proveout.replay import Simulator, read_grid

GRID = Path(__file__).parent / "grid" / "byte_lm.csv"
BUDGET_FACTORS = (1, 3, 6)
"""Reversals are counted at these multiples of the budget that is looked at."""
WHAT = ("false-wins", "regret", "reversals", "calibration", "speed")


def sources(worlds: Sequence[str], grid: Path, top: int | None, ideas: int) -> list[Source]:
    """Where studies come from; says so where the grid is missing."""
    found = [Source("simulated", Simulator(), ideas)] if "simulated" in worlds else []
    if "recorded" in worlds:
        try:
            recorded = read_grid(grid, top=top)
        except DataError as error:
            print(f"No recorded grid: {error}. benchmarks/grid/record.py records one; "
                  "what follows is of the simulator alone.")  # fmt: skip
        else:
            have = len(recorded.arms) - 1
            print(f"{grid}: {have} ideas on {recorded.compute.size} rungs, "
                  f"the target is {recorded.target:g} FLOPs")  # fmt: skip
            found.append(Source("recorded", recorded, min(ideas, have)))
    return found


def regret(source: Source, arguments: argparse.Namespace) -> None:
    """The tables of regret."""
    world = source.worlds.world(0, source.ideas)
    entries = [
        entry
        for entry in roster(*world.losses.shape[1:])
        if not arguments.policies or any(word in entry.label for word in arguments.policies)
    ]
    if arguments.anew:
        entries = [replace(each, anew=each.anew or each.label == OURS) for each in entries]
    budgets = budgets_up_to(arguments.runs, 5 if arguments.tiny else 18)
    curves = measure(source, entries, arguments.studies, budgets, arguments.jobs)
    resamples = 5 if arguments.tiny else RESAMPLES
    show(source, curves, budgets, world.target / float(world.price[-1]), resamples)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--grid", type=Path, default=GRID)
    parser.add_argument("--top", type=int, help="the grid's rung that is the target")
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("--ideas", type=int, default=30)
    parser.add_argument("--runs", type=float, default=192.0, help="the largest budget")
    parser.add_argument("--budget", type=float, default=32.0, help="where one budget is looked at")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=WHAT, default=WHAT)
    parser.add_argument("--policies", nargs="*", help="only those whose names have such a word")
    parser.add_argument("--worlds", nargs="*", default=("simulated", "recorded"))
    parser.add_argument("--anew", action="store_true", help="run ours anew for each budget")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.studies, arguments.ideas, arguments.runs, arguments.budget = 2, 6, 4.0, 4.0
    for source in sources(arguments.worlds, arguments.grid, arguments.top, arguments.ideas):
        if "false-wins" in arguments.only:
            show_false_wins(source, arguments.studies, arguments.budget)
        if "regret" in arguments.only:
            regret(source, arguments)
        if "reversals" in arguments.only:
            budgets = [factor * arguments.budget for factor in BUDGET_FACTORS]
            show_reversals(source, arguments.studies, budgets)
        if "calibration" in arguments.only:
            show_calibration(source, arguments.studies, arguments.budget)
    if "speed" in arguments.only:
        if arguments.tiny:
            show_speed(50, budget=4.0, repeats=1)
        else:
            show_speed(1000)


if __name__ == "__main__":
    main()
