"""What a trial costs beside its training: trials a minute, and core-seconds of overhead.

    python benchmarks/overhead.py [--ideas 20]

Runs a real study of `byte_lm` through the whole loop - ideas made commits, ledger, work dir,
launch, score server, evaluation, verdicts - with a few training steps a trial. What the trial's
own process uses (its start, reading the corpus, the steps, saving) is the training; all else is
overhead, the forward pass over 16,384 held-out bytes included. Beside it: the same command as a
plain subprocess, which imports torch and keeps no books.

A second table splits the first row: training, the evaluation's own arithmetic, deciding, and what
is left for the folders, the launches (one of the trial, one of its score server), the records and
the transfer of the predictions. There the start of the trial's own process counts as launching.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from _parts import (
    DECIDING,
    EVALUATION,
    OVERHEAD,
    TRAINING,
    Clocks,
    children_cpu_seconds,
    empty_job_seconds,
    parts_of_a_trial,
)
from rich.console import Console
from rich.table import Table

from proveout.ledger import Entry, History, Ledger, TrialStarted
from proveout.loop import (
    Watcher,
    hidden_patterns,
    modules_to_preload,
    run_study,
    start_reference_study,
)
from proveout.runners import LocalRunner
from proveout.study import Study, read_study
from proveout.trials import trial_command, trial_folder
from proveout.verdicts import Action, EndLadder, Stop, plan

os.environ["OMP_NUM_THREADS"] = "1"

STEPS_FLOPS = 3e7
"""A few steps of the smallest model: some 10 ms of training, counted as overhead here."""


@dataclass(frozen=True)
class Cost:
    """Of one trial."""

    trials: int
    wall_seconds: float
    core_seconds: float


class FromFirstTrial(Watcher):
    """Notes the clocks when the first trial starts: the launcher has then been asked for, and
    its one import of torch is counted apart."""

    def __init__(self, clocks: Clocks) -> None:
        self.wall = 0.0
        self.own_cpu = 0.0
        self._clocks = clocks

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        """Takes the time of the first start."""
        if isinstance(entry.event, TrialStarted) and not self.wall:
            self.wall, self.own_cpu = time.perf_counter(), own_cpu_seconds()
            self._clocks.restart()


def own_cpu_seconds() -> float:
    """User and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def make_study(folder: Path, ideas: int) -> None:
    """A study with one rung, whose ideas set a parameter to values that hardly differ."""
    start_reference_study(folder)
    for file in (folder / "ideas").iterdir():
        file.unlink()
    for number in range(ideas):
        (folder / "ideas" / f"idea-{number}.patch").write_text(
            f"hypothesis: none\nsource: a benchmark\nset: lr_scale={1 + number / 1000}\n---\n"
        )
    text = (folder / "study.toml").read_text()
    rungs = text.index("[[ladder.rung]]")
    one_rung = (
        f'[[ladder.rung]]\ncompute = "{STEPS_FLOPS:g} flops"\nparameters = {{ size = 2 }}\n\n'
    )
    text = text[:rungs] + one_rung + text[text.index("[budget]") :]
    text = re.sub(r"only = \[.*?\]\n", "", text, flags=re.DOTALL)
    seeds = 6 if ideas > 1 else 2  # of one idea to see that it runs
    text = re.sub(r"per_rung = \[.*?\]", f"per_rung = [{seeds}, {seeds}]", text)
    text = text.replace('name = "information"', 'name = "uniform"')  # as many trials each time
    text = re.sub(r"target_parameters = .*\n", "", text)  # and none at the target
    (folder / "study.toml").write_text(text)


def ladder_only(study: Study, history: History, slots: int) -> Action:
    """Stops where trials would be trained anew: each of them starts a Python of its own, twice."""
    action = plan(study, history, slots)
    return Stop("measured") if isinstance(action, EndLadder) else action


def measure_loop(folder: Path) -> tuple[Cost, dict[str, float], History]:
    """The cost of a trial in the loop and its parts, the launcher's start left out."""
    study, clocks = read_study(folder), Clocks()
    watch = FromFirstTrial(clocks)
    children_before = children_cpu_seconds()
    with clocks:
        outcome = run_study(study, watch, policy=clocks.timed(DECIDING, ladder_only))
    wall = time.perf_counter() - watch.wall
    own = own_cpu_seconds() - watch.own_cpu
    # Waited for at the end, the launcher brings every trial's time with it, and its own imports.
    children = children_cpu_seconds() - children_before
    launcher, empty = launcher_cpu_seconds(study)
    children -= launcher
    trials = len(outcome.history.trials)
    parts = parts_of_a_trial(clocks, trials, children, empty)
    return Cost(trials, wall / trials, (own + children) / trials), parts, outcome.history


def launcher_cpu_seconds(study: Study) -> tuple[float, float]:
    """What it costs to start a launcher with torch, with the study's files hidden, and to close it
    again; and what a job costs that does nothing."""
    before = children_cpu_seconds()
    with runner_of(study) as runner:
        assert runner.preloaded == modules_to_preload(study)
    launcher = children_cpu_seconds() - before
    with runner_of(study) as runner:
        return launcher, empty_job_seconds(runner)


def runner_of(study: Study) -> LocalRunner:
    """As the loop makes it, with one slot."""
    return LocalRunner(1, modules_to_preload(study), hidden_patterns(study))


def measure_subprocess(folder: Path, history: History, runs: int) -> Cost:
    """The same training command as plain subprocesses, one after another."""
    study = read_study(folder)
    trial = next(iter(history.trials))
    out = trial_folder(study, trial).out
    command = trial_command(study, trial, history.ideas[trial.idea], trial_folder(study, trial))
    began, cpu = time.perf_counter(), children_cpu_seconds()
    for _ in range(runs):
        out.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, *command[1:]], cwd=folder / "program", check=True)
    seconds = time.perf_counter() - began
    return Cost(runs, seconds / runs, (children_cpu_seconds() - cpu) / runs)


def table_of_parts(parts: dict[str, float]) -> Table:
    """Where the first row's core-seconds go."""
    table = Table("core-ms a trial", "part", "sum")
    for title, names in (
        ("training", (TRAINING,)),
        ("evaluation", EVALUATION),
        ("deciding", (DECIDING,)),
        ("directory, launch, record, score transfer", OVERHEAD),
    ):
        table.add_section()
        for name in names:
            table.add_row(title, f"{1000 * parts[name]:.1f} {name}", "")
            title = ""
        table.add_row("", "", f"{1000 * sum(parts[name] for name in names):.1f}")
    return table


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ideas", type=int, default=20)
    ideas = parser.parse_args().ideas
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "study"
        make_study(folder, ideas)
        loop, parts, history = measure_loop(folder)
        plain = measure_subprocess(folder, history, runs=max(1, min(5, ideas // 4)))
    training = [r.usage.cpu_seconds for r in history.trials.values() if r.usage]
    own = sum(training) / len(training)
    table = Table("", "trials", "trials a minute", "core-ms a trial", "of it overhead", "x")
    for name, cost, overhead in (
        ("proveout, whole loop", loop, loop.core_seconds - own),
        ("subprocess, imports torch", plain, plain.core_seconds - own),
    ):
        table.add_row(
            name,
            str(cost.trials),
            f"{60 / cost.wall_seconds:.0f}",
            f"{1000 * cost.core_seconds:.0f}",
            f"{1000 * overhead:.0f}",
            f"{overhead / (loop.core_seconds - own):.1f}",
        )
    console = Console(width=100)
    console.print(table)
    console.print(table_of_parts(parts))
    scoring = [r.usage.score_seconds for r in history.trials.values() if r.usage]
    print(
        f"from a trial's exit to its measurement: {1000 * sum(scoring) / len(scoring):.0f} ms of "
        f"wall time on average; {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
