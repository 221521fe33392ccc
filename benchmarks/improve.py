"""Does the room `improve` do what it says?

    python benchmarks/improve.py strategies [--seeds 10] [--tasks parity,max_cut] [--results FILE]
    python benchmarks/improve.py adoptions [--seeds 20]
    python benchmarks/improve.py null [--seeds 50]

`strategies`: which are better than best-of-n at equal budget? Each strategy of the library improves
the baseline of each task with the embedded model, shut in as ever, with the same instances and the
same luck of the model for all. What counts is its gain on hidden instances: the share that it won
of the room between the baseline's score and the top of the range. A run that is stopped goes on
from its results.

`adoptions`: runs the recursion from so many keys, and then every adopted improver beside its parent
on the same tasks, but on instances and with luck that share nothing with the run.

`null`: the same recursion with a model that gives programs back with nothing changed but comments
and a line without effect; it should adopt nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import _improve_adoptions as adoptions
import _improve_strategies as strategies

from proveout.improve import Budget


def compare(args: argparse.Namespace) -> None:
    """Strategies against best-of-n."""
    only = [name for name in args.tasks.split(",") if name]
    budget = Budget(samples=args.samples, utility_calls=args.samples, seconds=600)
    with tempfile.TemporaryDirectory() as scratch:
        path = args.results or Path(scratch) / "strategies.csv"
        tasks = strategies.tasks_here(only)
        strategies.show(strategies.run(path, tasks, args.seeds, budget, args.key))


def adopt(args: argparse.Namespace, null: bool) -> None:
    """Runs of the recursion, and what they adopted again."""
    found: list[adoptions.Adoption] = []
    for seed in range(args.first, args.first + args.seeds):
        archive = adoptions.research(seed, args.generations, args.samples, args.rounds, null)
        passed = sum(gate.passed for gate in archive.gates)
        print(f"seed {seed}: {len(archive.improvers)} improvers, {len(archive.refused)} refused, "
              f"{len(archive.gates)} gates, {passed} adopted", flush=True)  # fmt: skip
        for each in adoptions.again(seed, archive, args.rounds, args.samples):
            found.append(each)
            print(f"  {each.child} was better by {each.at_gate:+.3f} at its gate, and by "
                  f"{each.again:+.3f} again", flush=True)  # fmt: skip
    adoptions.show(found, args.seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="+", choices=("strategies", "adoptions", "null"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="seed of adoptions and null edits")
    parser.add_argument("--samples", type=int, default=24, help="of the model, in one run")
    parser.add_argument("--generations", type=int, default=2, help="of each recursion")
    parser.add_argument("--rounds", type=int, default=24, help="at most, at a gate")
    parser.add_argument("--tasks", default="", help="names with commas between; all if left out")
    parser.add_argument("--key", default="benchmark", help="another key draws other instances")
    parser.add_argument("--results", type=Path, help="a table to write to, and to go on from")
    args = parser.parse_args()
    for what in args.what:
        if what == "strategies":
            compare(args)
        else:
            adopt(args, what == "null")


if __name__ == "__main__":
    main()
