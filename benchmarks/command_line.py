"""How long the command line takes: `--help`, and `verdicts` on a large study.

    python benchmarks/command_line.py [--trials 10000]

Beside each stands a bare interpreter, so that the figures mean something on another machine.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from proveout.ideas import BASELINE, Idea
from proveout.ledger import IdeaAdded, Ledger, StudyOpened, TrialScored, TrialStarted
from proveout.loop import start_reference_study
from proveout.study import Study, read_study
from proveout.trials import Measurement, Trial, Usage
from proveout.verdicts import judge

SEEDS = 4


def write_large_study(folder: Path, trials: int) -> None:
    """A study with this many scored trials: made-up losses, real records."""
    start_reference_study(folder)
    study = read_study(folder)
    rng = np.random.default_rng(0)
    arms = max(2, trials // (len(study.rungs) * SEEDS))
    with Ledger(folder) as ledger:
        # A benchmark need not survive a loss of power, and 20,000 syncs would take a while.
        ledger._connection.execute("PRAGMA synchronous=OFF")
        text = (folder / "study.toml").read_text(encoding="utf-8")
        ledger.append(StudyOpened(study.name, "0", 1e18, "flops", text, ""))
        ledger.append(IdeaAdded(Idea(BASELINE, "baseline", "c0", None)))
        for arm in range(1, arms):
            ledger.append(IdeaAdded(Idea(f"idea-{arm}", "idea", f"c{arm}", "c0")))
        for arm in range(arms):
            name = f"idea-{arm}" if arm else BASELINE
            write_trials(study, ledger, name, 0.05 * rng.standard_normal() if arm else 0.0, rng)
        ledger.append(judge(study, ledger.history()))


def write_trials(
    study: Study, ledger: Ledger, idea: str, gap: float, rng: np.random.Generator
) -> None:
    """Every rung and seed of one idea."""
    for rung in range(len(study.rungs)):
        price = study.rung(rung).compute.amount
        for replicate in range(SEEDS):
            trial = Trial(rung, replicate, idea)
            loss = 3.5 - 0.3 * rung + gap + 0.02 * rng.standard_normal()
            measured = Measurement(loss, "bits_per_byte", "bits per byte", "audited", "A", 16384)
            usage = Usage(1.0, 1.0, 0.1, 10**8, 0, price)
            ledger.append(TrialStarted(trial.id, idea, rung, replicate, 0, price))
            ledger.append(TrialScored(trial.id, price, measured, usage))


def seconds(command: Sequence[str | Path], runs: int) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    proveout = shutil.which("proveout", path=str(Path(sys.executable).parent)) or "proveout"
    with tempfile.TemporaryDirectory() as scratch:
        study = Path(scratch) / "study"
        write_large_study(study, arguments.trials)
        bare = seconds([sys.executable, "-c", "pass"], arguments.runs)
        rows = [
            ("python -c pass", bare),
            ("proveout --help", seconds([proveout, "--help"], arguments.runs)),
            (
                f"proveout verdicts, {arguments.trials:,} trials",
                seconds([proveout, "verdicts", study], arguments.runs),
            ),
        ]
    table = Table("command", "median seconds", "x a bare interpreter")
    for name, took in rows:
        table.add_row(name, f"{took:.3f}", f"{took / bare:.1f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
