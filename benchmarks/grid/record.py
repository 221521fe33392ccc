"""Records the grid: every idea of `byte_lm` at six rungs with several seeds, run for real.

    python benchmarks/grid/record.py [--folder DIR] [--grid FILE] [--rungs 0 ...] [--only IDEA ...]
    python benchmarks/grid/record.py --large --slots 12 [--only IDEA ...]

Trials run in a study of their own (`--folder`), audited as in any study, and their losses are
appended to the grid's CSV, beside which a TOML file says on what machine and with which versions.
Stopped and started again it goes on: what is in the CSV or in the folder's ledger is not run anew.
The four lower rungs come first for all ideas, then the upper two idea by idea, so that a grid that
was stopped early holds whole ladders. All of it takes about seven hours of one core.

`--large` records the rungs above, two seeds each, on the accelerator that CUDA finds, in a file of
its own; its first rung is the small grid's last. Several machines can record parts of one grid,
each under a name of its own (`--machine`): rows say which it was, the TOML file what it is.

A grid is of one program. The two that lie here are of `byte_lm` as it was with one layer below size
6 (`git checkout` the commit that the TOML file names to add to them); today's goes to another file
(`--grid`).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

from proveout import __version__
from proveout.ideas import BASELINE
from proveout.ledger import Entry, History, Ledger
from proveout.loop import Watcher, describe_machine, run_study, start_reference_study
from proveout.runners import usable_cores
from proveout.study import Study, read_study
from proveout.trials import Curve, Trial, read_curve, trial_folder
from proveout.verdicts import Buy, Purchase, Stop, Wait

HERE = Path(__file__).parent
SMALL_GRID, LARGE_GRID = HERE / "byte_lm.csv", HERE / "byte_lm_large.csv"
COLUMNS = (
    "idea", "rung", "flops", "replicate", "seed", "bits_per_byte", "failure", "cpu_seconds",
    "machine",
)  # fmt: skip
CURVE_AT = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # fractions of a trial's compute
SEEDS, SEEDS_DEAR, DEAR_FLOPS = 4, 2, 3e12
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

"""
LARGE_LADDER = """[ladder]
target = "1e14 flops"
target_parameters = { size = 18 }

[[ladder.rung]]
compute = "3e12 flops"
parameters = { size = 7 }

[[ladder.rung]]
compute = "1e13 flops"
parameters = { size = 11 }

[budget]
compute = "1e18 flops"
"""
REST = """
[seeds]
key = "grid"
per_rung = [4, 4]
at_target = 2

[ideas]
catalog = "ideas"

[limits]
wall_time = "1 h"
memory = "32 GB"  # a GPU's driver reserves much and uses little
"""


def open_grid(folder: Path, large: bool, slots: int | None) -> Study:
    """The study that the grid is recorded in: the reference study with a longer ladder."""
    if not (folder / "study.toml").exists():
        file = start_reference_study(folder)
        head, found, _ = file.read_text().partition("[ladder]\n")
        assert found, "the reference study has a ladder"
        file.write_text(head + (LARGE_LADDER if large else LADDER) + REST)
    study = read_study(folder)
    # The small grid is the processor's, where a GPU would be slower; the large one is a GPU's.
    slots = slots or usable_cores()
    run = study.run.model_copy(update={"slots": slots, "devices": ("0" if large else "",) * slots})
    return study.model_copy(update={"run": run})


def purchases(
    study: Study, history: History, asked: argparse.Namespace, rungs: Sequence[int]
) -> list[list[Trial]]:
    """All trials of the grid in the order in which they are run.

    The small grid's lower rungs come first for all ideas, and so do all of the large grid's.
    """
    gaps = gaps_so_far(SMALL_GRID)
    only = asked.only or history.ideas
    ideas = [name for name in history.ideas if name != BASELINE and name in only]
    ideas.sort(key=lambda name: -gaps.get(name, 0.0))
    controls = [name for name in ideas if name.startswith("control-")]
    ideas = [BASELINE, *(name for name in ideas if name not in controls), *controls]
    low = [rung for rung in rungs if asked.large or rung < TOGETHER]
    high = [rung for rung in rungs if rung not in low]

    def cells(rungs: Sequence[int], ideas: Sequence[str]) -> list[Trial]:
        every = (trial for r in rungs for idea in ideas for trial in cell(study, idea, r))
        return [trial for trial in every if trial.replicate < asked.seeds]

    return [cells(low, ideas), *(cells(high, [idea]) for idea in ideas)]


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
    """The seeds of one idea at one rung; fewer at the dear ones."""
    dear = study.rung(rung).compute.amount >= DEAR_FLOPS
    return [Trial(rung, replicate, idea) for replicate in range(SEEDS_DEAR if dear else SEEDS)]


class Recorder(Watcher):
    """Appends each trial that finishes to the CSV, and its curve to another."""

    def __init__(self, study: Study, grid: Path, machine: str) -> None:
        self._study = study
        self._grid = grid
        self._machine = machine
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
                            record.seed, loss, failure, seconds, self._machine))  # fmt: skip
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


def describe(grid: Path, machine: str, train: Path) -> None:
    """Where the numbers come from: a table a machine, the others' kept.

    Raises:
        SystemExit: the grid is of another program.
    """
    file = grid.with_suffix(".toml")
    known = tomllib.loads(file.read_text()) if file.exists() else {}
    program = hashlib.sha256(train.read_bytes()).hexdigest()[:16]
    for its in known.values():
        if its["program"] != program:
            raise SystemExit(
                f"{grid} is of another {train.name}: check out commit {its['commit']} to add to "
                "it, or give --grid another file"
            )
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True
    ).stdout.strip()  # fmt: skip
    known[machine] = {
        "machine": describe_machine(),
        "commit": commit,
        "program": program,
        "threads_per_trial": 1,
        "proveout": __version__,
        **{name: version(name) for name in ("torch", "numpy")},
    }
    tables = (
        "\n".join([f"[{name}]", *(f"{key} = {json.dumps(said)}" for key, said in its.items())])
        for name, its in known.items()
    )
    file.write_text("\n\n".join(tables) + "\n")


def main() -> None:
    """Records, or goes on recording."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--large", action="store_true", help="the rungs above, on a GPU")
    parser.add_argument("--folder", type=Path, help="the study's; studies/grid if left out")
    parser.add_argument("--grid", type=Path, help="the CSV; beside this file if left out")
    parser.add_argument("--rungs", type=int, nargs="*", help="counted from 0; all if left out")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="at most so many a cell")
    parser.add_argument("--slots", type=int, help="trials side by side; one a core if left out")
    parser.add_argument("--machine", default="epyc", help="a name for this machine, one word")
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    name = "large" if arguments.large else "grid"
    grid = arguments.grid or (LARGE_GRID if arguments.large else SMALL_GRID)
    study = open_grid(arguments.folder or Path("studies") / name, arguments.large, arguments.slots)
    describe(grid, arguments.machine, study.folder / "program" / "train.py")
    recorder = Recorder(study, grid, arguments.machine)
    rungs = arguments.rungs or range(len(study.rungs) + 1)

    def policy(study: Study, history: History, slots: int) -> Buy | Wait | Stop:
        for trial in history.trials:
            recorder.take(history, trial)
        for batch in purchases(study, history, arguments, rungs):
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
    print(f"{len(recorder.known)} trials are in {grid}")


if __name__ == "__main__":
    main()
