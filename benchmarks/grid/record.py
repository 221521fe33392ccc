"""Records the grid: every idea of `byte_lm` at six rungs with several seeds, run for real.

    python benchmarks/grid/record.py [--folder DIR] [--grid FILE] [--rungs 6] [--only IDEA ...]

Trials run in a study of their own (`--folder`), audited as in any study, and their losses are
appended to the grid's CSV, beside which a TOML file says on what machine and with which versions.
Stopped and started again it goes on: what is in the CSV or in the folder's ledger is not run anew.
The four lower rungs come first for all ideas, then the upper two idea by idea, so that a grid that
was stopped early holds whole ladders. All of it takes about five hours of one core.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

from proveout.ideas import BASELINE
from proveout.ledger import Entry, History, Ledger
from proveout.loop import Watcher, describe_machine, run_study, start_reference_study
from proveout.study import Study, read_study
from proveout.trials import Curve, Trial, read_curve, trial_folder
from proveout.verdicts import Buy, Purchase, Stop, Wait

HERE = Path(__file__).parent
COLUMNS = ("idea", "rung", "flops", "replicate", "seed", "bits_per_byte", "failure", "cpu_seconds")
CURVE_AT = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # fractions of a trial's compute
SEEDS, SEEDS_AT_TOP = 4, 2
TOGETHER = 4  # so many of the lower rungs are run for all ideas first
LADDER = """[ladder]
target = "3e12 flops"
target_parameters = { size = 7 }

[[ladder.rung]]
compute = "1e10 flops"
parameters = { size = 2 }

[[ladder.rung]]
compute = "3e10 flops"
parameters = { size = 3 }

[[ladder.rung]]
compute = "1e11 flops"
parameters = { size = 4 }

[[ladder.rung]]
compute = "3e11 flops"
parameters = { size = 5 }

[[ladder.rung]]
compute = "1e12 flops"
parameters = { size = 6 }

[budget]
compute = "1e16 flops"

[seeds]
key = "grid"
per_rung = [4, 4]
at_target = 2

[ideas]
catalog = "ideas"

[limits]
wall_time = "1 h"
"""


def open_grid(folder: Path) -> Study:
    """The study that the grid is recorded in: the reference study with a longer ladder."""
    if not (folder / "study.toml").exists():
        file = start_reference_study(folder)
        head, found, _ = file.read_text().partition("[ladder]\n")
        assert found, "the reference study has a ladder"
        file.write_text(head + LADDER)
    return read_study(folder)


def purchases(
    study: Study, history: History, only: Sequence[str], rungs: int, gaps: Mapping[str, float]
) -> list[list[Trial]]:
    """All trials of the grid in the order in which they are run."""
    ideas = [name for name in history.ideas if name != BASELINE and (not only or name in only)]
    ideas.sort(key=lambda name: -gaps.get(name, 0.0))
    controls = [name for name in ideas if name.startswith("control-")]
    ideas = [BASELINE, *(name for name in ideas if name not in controls), *controls]
    low, high = range(min(TOGETHER, rungs)), range(TOGETHER, rungs)
    together = [trial for rung in low for idea in ideas for trial in cell(study, idea, rung)]
    return [together, *([t for rung in high for t in cell(study, idea, rung)] for idea in ideas)]


def gaps_so_far(grid: Path) -> dict[str, float]:
    """At the highest of the lower rungs, without signs: what differs most from the baseline is
    recorded first at the upper two."""
    losses: dict[str, list[float]] = defaultdict(list)
    for idea, rung, _, loss in read_cells(grid):
        if rung == str(TOGETHER - 1) and loss:
            losses[idea].append(float(loss))
    base = fmean(losses.pop(BASELINE, [0.0]))
    return {idea: abs(fmean(values) - base) for idea, values in losses.items()}


def cell(study: Study, idea: str, rung: int) -> list[Trial]:
    """The seeds of one idea at one rung; fewer at the top."""
    seeds = SEEDS_AT_TOP if rung == len(study.rungs) else SEEDS
    return [Trial(rung, replicate, idea) for replicate in range(seeds)]


class Recorder(Watcher):
    """Appends each trial that finishes to the CSV, and its curve to another."""

    def __init__(self, study: Study, grid: Path) -> None:
        self._study = study
        self._grid = grid
        self._curves = grid.with_name(f"{grid.stem}_curves.csv")
        self.known = {row[:3] for row in read_cells(grid)}
        if not grid.exists():
            grid.write_text(",".join(COLUMNS) + "\n")
            at = ",".join(f"{fraction:g}" for fraction in CURVE_AT)
            self._curves.write_text(f"idea,rung,replicate,{at}\n")

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        """Takes the trial that an event finished."""
        name = getattr(entry.event, "trial", None)
        if name is not None:
            self.take(ledger.history(), next(t for t in ledger.history().trials if t.id == name))

    def take(self, history: History, trial: Trial) -> None:
        """Writes one trial down, once."""
        record = history.trials[trial]
        key = (trial.idea, str(trial.rung), str(trial.replicate))
        if record.state not in {"scored", "failed"} or key in self.known:
            return
        self.known.add(key)
        loss = f"{record.measurement.value:.6f}" if record.measurement else ""
        failure = record.failure.kind if record.failure else ""
        seconds = f"{record.usage.cpu_seconds:.2f}" if record.usage else ""
        flops = self._study.rung(trial.rung).compute.amount
        append(self._grid, (trial.idea, trial.rung, f"{flops:g}", trial.replicate,
                            record.seed, loss, failure, seconds))  # fmt: skip
        curve = read_curve(trial_folder(self._study, trial).metrics)
        append(self._curves, (trial.idea, trial.rung, trial.replicate, *thinned(curve, flops)))


def thinned(curve: Curve, flops: float) -> list[str]:
    """The mean training loss over each tenth of a trial's compute; empty where there is none."""
    told = []
    pairs = zip(curve.compute, curve.loss, strict=True)
    points = [(at / flops * (1 - 1e-9), loss) for at, loss in pairs if loss is not None]
    for end in CURVE_AT:
        within = [loss for at, loss in points if end - 0.1 < at <= end]
        told.append(f"{fmean(within):.4f}" if within else "")
    return told


def append(file: Path, row: Sequence[object]) -> None:
    """One line, whole or not at all."""
    with file.open("a", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerow(row)


def read_cells(grid: Path) -> list[tuple[str, str, str, str]]:
    """(idea, rung, replicate, loss) of every row."""
    if not grid.exists():
        return []
    with grid.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [(row["idea"], row["rung"], row["replicate"], row["bits_per_byte"]) for row in rows]


def describe(grid: Path) -> None:
    """Where the numbers come from."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True
    ).stdout.strip()  # fmt: skip
    lines = [f'machine = "{describe_machine()}"', f'commit = "{commit}"', "threads_per_trial = 1"]
    lines += [f'{name} = "{version(name)}"' for name in ("proveout", "torch", "numpy")]
    lines.append(f'python = "{platform.python_version()}"')
    grid.with_suffix(".toml").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Records, or goes on recording."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("studies/grid"))
    parser.add_argument("--grid", type=Path, default=HERE / "byte_lm.csv")
    parser.add_argument("--rungs", type=int, default=6)
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    study = open_grid(arguments.folder)
    recorder = Recorder(study, arguments.grid)
    describe(arguments.grid)
    gaps = gaps_so_far(arguments.grid)

    def policy(study: Study, history: History, slots: int) -> Buy | Wait | Stop:
        for trial in history.trials:
            recorder.take(history, trial)
        for batch in purchases(study, history, arguments.only, arguments.rungs, gaps):
            key = ((t.idea, str(t.rung), str(t.replicate)) for t in batch)
            missing = [t for t, k in zip(batch, key, strict=True) if k not in recorder.known]
            running = {t for t, record in history.trials.items() if record.state == "running"}
            why = f"{len(missing)} cells of the grid are not recorded yet"
            if wanted := [Purchase(t, why) for t in missing if t not in running][:slots]:
                return Buy(tuple(wanted))
            if missing:
                return Wait(why)
        return Stop("every cell of the grid is recorded")

    print(run_study(study, recorder, policy=policy).why)
    print(f"{len(recorder.known)} trials are in {arguments.grid}")


if __name__ == "__main__":
    main()
