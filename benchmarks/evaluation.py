"""What it costs that a trial is scored by a process which it cannot reach into.

    python benchmarks/evaluation.py [--sizes 2 6 12] [--items 256 1024] [--repeats 15] [--tiny]

A model of the reference program is scored twice over, turn by turn: by the score server, as in a
study (a copy of the program, a launch at this machine's isolation level, the model loaded, logits
written and read, the softmax in the controller), and in one process that has imported everything,
with the same functions on the same windows. Prints the medians and the median ratio of pairs, of
time that goes by and of processor time. The probes, one window in nine, are in both.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from proveout.ideas import BASELINE
from proveout.ledger import History, Ledger
from proveout.loop import hidden_patterns, modules_to_preload, run_study, start_reference_study
from proveout.runners import LocalRunner
from proveout.scoring import LanguageModelEvaluator, bits_per_byte, make_probes, read_held_out
from proveout.study import LanguageModelScore, Study, read_study
from proveout.trials import Exit, Trial, trial_folder
from proveout.verdicts import Buy, Purchase, Stop, Wait

STEPS_FLOPS = 3e8
BATCH = 32  # as the score server is asked
TRIAL = Trial(0, 0, BASELINE)

Clock = tuple[float, float]
"""Seconds that went by, and of processor time."""


def trained(folder: Path, size: int, items: int) -> Study:
    """A study whose baseline has been trained for a few steps, and nothing else."""
    file = start_reference_study(folder)
    text = file.read_text()
    rung = (
        f'[[ladder.rung]]\ncompute = "{size * STEPS_FLOPS:g} flops"\n'
        f"parameters = {{ size = {size} }}\n\n"
    )
    text = re.sub(r"\[\[ladder.rung\]\]\n.*?\n\n(?=\[budget\])", rung, text, flags=re.DOTALL)
    text = re.sub(r"target_parameters = .*\n", "", text)
    text = re.sub(r"(?m)^items = .*$", f"items = {items}", text)
    file.write_text(text)
    study = read_study(folder)

    def policy(_: Study, history: History, slots: int) -> Buy | Wait | Stop:
        if TRIAL not in history.trials:
            return Buy((Purchase(TRIAL, "to be scored"),))
        running = history.trials[TRIAL].state == "running"
        return Wait("it trains") if running else Stop("it is trained")

    run_study(study, policy=policy)
    return study


def by_the_server(study: Study, runner: LocalRunner, tree: Path) -> Callable[[], Clock]:
    """Scores the trial as the loop does."""
    evaluator = LanguageModelEvaluator(study)

    def score() -> Clock:
        wall, own = time.perf_counter(), time.process_time()
        runner.submit(evaluator.job(TRIAL, tree, None))
        ended: list[Exit] = []
        while not ended:
            ended = runner.poll(None)
        evaluator.measure(TRIAL, ended[0], ended[0])
        cpu = time.process_time() - own + ended[0].cpu_seconds
        return time.perf_counter() - wall, cpu

    return score


def in_one_process(study: Study, tree: Path) -> Callable[[], Clock]:
    """Scores the trial as a program would itself."""
    held_out = read_held_out(study)
    probes = make_probes(held_out.inputs)
    inputs = np.concatenate([held_out.inputs, probes.inputs])
    targets = np.concatenate([held_out.targets, held_out.targets[probes.windows]])
    assert isinstance(study.score, LanguageModelScore)
    file, _, function = study.score.serve.partition(":")
    load = getattr(_module(tree / file), function)
    out = str(trial_folder(study, TRIAL).out)

    def score() -> Clock:
        wall, own = time.perf_counter(), time.process_time()
        predict = load(out)
        for start in range(0, len(inputs), BATCH):
            chunk = slice(start, start + BATCH)
            bits_per_byte(predict(inputs[chunk]), targets[chunk])
        return time.perf_counter() - wall, time.process_time() - own

    return score


def _module(file: Path) -> Any:
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compare(size: int, items: int, repeats: int) -> tuple[str, ...]:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as place:
        study = trained(Path(place) / "study", size, items)
        with Ledger(study.folder) as ledger:
            assert ledger.history().trials[TRIAL].measurement is not None, "it was not scored"
        tree = study.folder / "program"
        preload, hidden = modules_to_preload(study), hidden_patterns(study)
        with LocalRunner(1, preload, hidden) as runner:
            served, own = by_the_server(study, runner, tree), in_one_process(study, tree)
            served(), own()  # what only the first does
            pairs = [(served(), own()) for _ in range(repeats)]
    row = [f"{size}", f"{items}"]
    for clock in (0, 1):
        times = [(one[clock], other[clock]) for one, other in pairs]
        middles = [1e3 * statistics.median(each) for each in zip(*times, strict=True)]
        ratio = statistics.median(one / other for one, other in times)
        row += [*(f"{each:.1f}" for each in middles), f"{ratio:.3f}"]
    return tuple(row)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 6, 12])
    parser.add_argument("--items", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--tiny", action="store_true", help="to see it run")
    asked = parser.parse_args(argv)
    cases = [(2, 32)] if asked.tiny else [(s, i) for s in asked.sizes for i in asked.items]
    table = Table("size", "windows", "served, ms", "in process", "ratio", "core-ms", "in process",
                  "ratio", title="scoring one trial")  # fmt: skip
    for size, items in cases:
        table.add_row(*compare(size, items, 1 if asked.tiny else asked.repeats))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
