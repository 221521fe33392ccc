"""What it costs that a trial is scored by a process which it cannot reach into.

    python benchmarks/evaluation.py [--sizes 2 6 12] [--items 256 2048] [--repeats 9] [--tiny]

A model of the reference program is scored turn by turn in three ways: by the score server, as in a
study (a copy of the program, a launch at this machine's isolation level, the model loaded, logits
written and read, the softmax in the controller); the same with a model that waits as long as the
forward pass takes and answers with zeros, for what the launch and the transfer of the logits take;
and in one process that has imported everything, with the same functions on the same windows. Prints
medians of processor time and median ratios: of the whole, and of the evaluation alone. The probes,
one window in nine, are in all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from proveout.errors import ScoringFailed
from proveout.ideas import BASELINE
from proveout.ledger import History, read_history
from proveout.loop import hidden_patterns, modules_to_preload, run_study, start_reference_study
from proveout.runners import LocalRunner
from proveout.scoring import LanguageModelEvaluator, bits_per_byte, make_probes, read_held_out
from proveout.study import LanguageModelScore, Study, read_study
from proveout.trials import Exit, Trial, trial_folder
from proveout.verdicts import Buy, Purchase, Stop, Wait

STEPS_FLOPS = 3e8
BATCH = 32  # as the score server is asked
TRIAL = Trial(0, 0, BASELINE)


class Spent(NamedTuple):
    """Processor seconds of a scoring."""

    job: float
    controller: float

    @property
    def total(self) -> float:
        """Of both."""
        return self.job + self.controller


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


def by_the_server(study: Study, runner: LocalRunner, tree: Path) -> Callable[[], Spent]:
    """Scores the trial as the loop does, and says what processor time that took."""
    evaluator = LanguageModelEvaluator(study)

    def score() -> Spent:
        own = time.process_time()
        runner.submit(evaluator.job(TRIAL, tree, None))
        ended: list[Exit] = []
        while not ended:
            ended = runner.poll(None)
        with contextlib.suppress(ScoringFailed):  # zeros are no predictions, but they are read
            evaluator.measure(TRIAL, ended[0], ended[0])
        return Spent(ended[0].cpu_seconds, time.process_time() - own)

    return score


def in_one_process(study: Study, tree: Path) -> Callable[[], float]:
    """Scores the trial as a program would itself, and says what processor time that took."""
    held_out = read_held_out(study)
    probes = make_probes(held_out.inputs)
    inputs = np.concatenate([held_out.inputs, probes.inputs])
    targets = np.concatenate([held_out.targets, held_out.targets[probes.windows]])
    file, _, function = score_of(study).serve.partition(":")
    load = getattr(_module(tree / file), function)
    out = str(trial_folder(study, TRIAL).out)

    def score() -> float:
        own = time.process_time()
        predict = load(out)
        for start in range(0, len(inputs), BATCH):
            chunk = slice(start, start + BATCH)
            bits_per_byte(predict(inputs[chunk]), targets[chunk])
        return time.process_time() - own

    return score


def score_of(study: Study) -> LanguageModelScore:
    """The reference study's kind of score."""
    assert isinstance(study.score, LanguageModelScore)
    return study.score


def _module(file: Path) -> Any:
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answering_at_once(study: Study, tree: Path, copy: Path, seconds: float) -> Path:
    """A copy of the program whose model waits so long for each batch, and answers with zeros."""
    shutil.copytree(tree, copy)
    file, _, function = score_of(study).serve.partition(":")
    with (copy / file).open("a", encoding="utf-8") as program:
        program.write(
            f"\n\ndef {function}(out):\n"
            "    import time\n\n"
            "    import numpy\n\n"
            f"    logits = numpy.zeros(({BATCH}, {score_of(study).context}, 256), numpy.float32)\n"
            f"    return lambda inputs: time.sleep({seconds}) or logits[: len(inputs)]\n"
        )
    return copy


def compare(size: int, items: int, repeats: int) -> tuple[str, ...]:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as place:
        study = trained(Path(place) / "study", size, items)
        assert read_history(study.folder).trials[TRIAL].measurement is not None, "it was not scored"
        tree = study.folder / "program"
        own = in_one_process(study, tree)
        own()  # what only the first does
        pace = own() / (items / BATCH)
        empty = answering_at_once(study, tree, Path(place) / "empty", pace)
        preload, hidden = modules_to_preload(study), hidden_patterns(study)
        with LocalRunner(1, preload, hidden) as runner:
            served, moved = by_the_server(study, runner, tree), by_the_server(study, runner, empty)
            served(), moved()
            turns = [(served(), moved(), own()) for _ in range(repeats)]
    rows = [
        (one.total, two.job, other, one.total / other, (one.total - two.job) / other)
        for one, two, other in turns
    ]
    *seconds, whole, alone = (statistics.median(each) for each in zip(*rows, strict=True))
    told = [f"{1e3 * each:.1f}" for each in seconds]
    return f"{size}", f"{items}", *told, f"{whole:.2f}", f"{alone:.2f}"


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 6, 12])
    parser.add_argument("--items", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--tiny", action="store_true", help="to see it run")
    asked = parser.parse_args(argv)
    cases = [(2, 32)] if asked.tiny else [(s, i) for s in asked.sizes for i in asked.items]
    table = Table("size", "windows", "by the server", "launch and transfer", "in process", "whole",
                  "evaluation alone", title="scoring one trial, core-ms and ratios")  # fmt: skip
    for size, items in cases:
        table.add_row(*compare(size, items, 1 if asked.tiny else asked.repeats))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
