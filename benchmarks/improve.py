"""Which strategies improve programs better than best-of-n at equal budget?

    python benchmarks/improve.py [--seeds 10] [--tasks parity,max_cut] [--results strategies.csv]

Each strategy of the library improves the baseline of each task with the embedded model, shut in as
ever, with the same instances and the same luck of the model for all. What counts is its gain on
hidden instances: the share that it won of the room between the baseline's score and the top of the
range. A run that is stopped goes on from its results.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _improve_strategies import run, show, tasks_here

from proveout.improve import Budget


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--samples", type=int, default=24, help="of the model, in one run")
    parser.add_argument("--calls", type=int, default=24, help="of the utility, in one run")
    parser.add_argument("--tasks", default="", help="names with commas between; all if left out")
    parser.add_argument("--key", default="benchmark", help="another key draws other instances")
    parser.add_argument("--results", type=Path, help="a table to write to, and to go on from")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    only = [name for name in args.tasks.split(",") if name]
    if args.tiny:
        only, args.seeds, args.samples, args.calls = ["parity", "max_cut"], 2, 4, 4
    budget = Budget(samples=args.samples, utility_calls=args.calls, seconds=600)
    with tempfile.TemporaryDirectory() as scratch:
        path = args.results or Path(scratch) / "strategies.csv"
        show(run(path, tasks_here(only), args.seeds, budget, args.key))


if __name__ == "__main__":
    main()
