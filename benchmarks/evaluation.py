"""What it costs that a trial is scored by a process which it cannot reach into.

    python benchmarks/evaluation.py [--sizes 2 6 12] [--items 256 2048] [--repeats 9] [--tiny]

A model of the reference program is scored twice over, turn by turn: by the score server, as in a
study (a copy of the program, a launch at this machine's isolation level, the model loaded, logits
written and read, the softmax in the controller), and in one process that has imported everything,
with the same functions on the same windows. Prints medians of processor time and the median ratio
of pairs: of the whole, and of the evaluation alone, without the launch and the transfer of its
logits, which are measured by themselves. The probes, one window in nine, are in both.
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
from _parts import empty_job_seconds
from rich.console import Console
from rich.table import Table

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


def by_the_server(study: Study, runner: LocalRunner, tree: Path) -> Callable[[], float]:
    """Scores the trial as the loop does, and says what processor time that took."""
    evaluator = LanguageModelEvaluator(study)

    def score() -> float:
        own = time.process_time()
        runner.submit(evaluator.job(TRIAL, tree, None))
        ended: list[Exit] = []
        while not ended:
            ended = runner.poll(None)
        evaluator.measure(TRIAL, ended[0], ended[0])
        return time.process_time() - own + ended[0].cpu_seconds

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


def transfer_seconds(folder: Path, windows: int, context: int) -> float:
    """Processor time of writing, reading and removing the logits of so many windows."""
    batch = np.ones((BATCH, context, 256), dtype=np.float32)
    file, read = folder / "logits", np.empty_like(batch)
    own = time.process_time()
    with file.open("wb") as reply:
        for _ in range(0, windows, BATCH):
            reply.write(batch.data)
    with file.open("rb", buffering=0) as reply:
        while reply.readinto(read.data.cast("B")):
            pass
    file.unlink()
    return time.process_time() - own


def compare(size: int, items: int, repeats: int) -> tuple[str, ...]:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as place:
        study = trained(Path(place) / "study", size, items)
        assert read_history(study.folder).trials[TRIAL].measurement is not None, "it was not scored"
        tree = study.folder / "program"
        preload, hidden = modules_to_preload(study), hidden_patterns(study)
        with LocalRunner(1, preload, hidden) as runner:
            served, own = by_the_server(study, runner, tree), in_one_process(study, tree)
            served(), own()  # what only the first does
            pairs = [(served(), own()) for _ in range(repeats)]
            launch = empty_job_seconds(runner)
        transfers = [
            transfer_seconds(study.folder, items + items // 8, score_of(study).context)
            for _ in range(repeats)
        ]
    transfer = statistics.median(transfers)
    whole = statistics.median(one / other for one, other in pairs)
    alone = statistics.median((one - launch - transfer) / other for one, other in pairs)
    middles = [statistics.median(each) for each in zip(*pairs, strict=True)]
    told = [1e3 * seconds for seconds in (middles[0], launch, transfer, middles[1])]
    return f"{size}", f"{items}", *(f"{each:.1f}" for each in told), f"{whole:.2f}", f"{alone:.2f}"


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 6, 12])
    parser.add_argument("--items", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--tiny", action="store_true", help="to see it run")
    asked = parser.parse_args(argv)
    cases = [(2, 32)] if asked.tiny else [(s, i) for s in asked.sizes for i in asked.items]
    table = Table("size", "windows", "by the server", "launch", "transfer", "in process", "whole",
                  "evaluation alone", title="scoring one trial, core-ms and ratios")  # fmt: skip
    for size, items in cases:
        table.add_row(*compare(size, items, 1 if asked.tiny else asked.repeats))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
