"""Which source of ideas takes `byte_lm` farthest for the same compute?

    python benchmarks/sources.py [--repetitions 5] [--budget "1.5e12 flops"] [--folder DIR]

Studies of the reference program that differ only in where their ideas come from: the catalog, the
numeric sampler, recombination of what the catalog has, and all of them with the bandit between
them; each repetition has seeds of its own. The ladder ends at 3e10 FLOPs and the target is 1e11, so
that what a study believes is not taken for what is so: once it has ended, the best idea that held
when so much of the budget was spent is run at the target beside the baseline, two seeds each, at
nobody's expense. Prints how much more compute the baseline would need for the loss that was
measured (by the law through its own runs, the target's among them), the median over repetitions and
their range, 1 where nothing held and 0 where what held fails there; and beside it what the study
itself had said. The sampler is told nothing and begins with nothing; recombination needs ideas to
combine, so it is the catalog with recombination beside it. Resumes where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from proveout.ideas import BASELINE
from proveout.ledger import Entry, History, Ledger, TrialFailed, TrialScored, VerdictsRead
from proveout.loop import Request, Watcher, run_study, settle, start_reference_study, submit
from proveout.scaling import Points, fit_laws
from proveout.study import Study, read_study
from proveout.trials import Trial
from proveout.verdicts import Buy, Purchase, Stop, Wait, judge

SAMPLER = """
[ideas.sampler]
method = "tpe"
most = 64
parameters.lr_scale = { low = 0.25, high = 8.0, log = true }
parameters.batch_scale = { low = 0.25, high = 4.0, log = true }
parameters.depth_scale = { low = 0.5, high = 2.0, log = true }
parameters.beta2 = { low = 0.9, high = 0.999 }
parameters.weight_decay = { low = 0.001, high = 0.3, log = true }
parameters.warmup = { low = 0.0, high = 0.2 }
parameters.final_lr = { low = 0.0, high = 0.3 }
"""
RECOMBINATION = "\n[ideas.recombination]\n"
ARMS = {
    "catalog": (True, ""),
    "sampler": (False, SAMPLER),
    "recombination": (True, RECOMBINATION),
    "all": (True, SAMPLER + RECOMBINATION),
}
SHARES = (0.25, 0.5, 0.75, 1.0)


SEEDS_AT_TARGET = 2
FARTHEST = 100.0  # times the target's compute; a law of four scales says nothing beyond


def rungs(*sizes: tuple[str, int]) -> str:
    """A ladder's tables in study.toml."""
    tables = (f'[[ladder.rung]]\ncompute = "{compute}"\nparameters = {{ size = {size} }}\n\n'
              for compute, size in sizes)  # fmt: skip
    return "".join(tables)


LADDER = rungs(("3e9 flops", 2), ("1e10 flops", 2), ("3e10 flops", 3))
TINY_LADDER = rungs(("3e8 flops", 2), ("1e9 flops", 2))


@dataclass(frozen=True)
class Best:
    """What had held best when a share of the budget was spent; an empty name where nothing had."""

    idea: str = ""
    said: float = 1.0
    """The compute multiplier at the target that the study forecast."""


def declare(folder: Path, arm: str, key: int, budget: str, tiny: bool) -> None:
    """Writes the study of one arm and repetition."""
    file = start_reference_study(folder)
    catalog, more = ARMS[arm]
    text = file.read_text().replace("[seeds]\n", f'[seeds]\nkey = "sources {key}"\n')
    text = re.sub(r'(\[budget\]\ncompute = )"[^"]*"', rf'\1"{budget}"', text)
    ladder, target, size = (TINY_LADDER, "3e9", 2) if tiny else (LADDER, "1e11", 4)
    text = re.sub(r"\[\[ladder.rung\]\]\n.*?\n\n(?=\[budget\])", ladder, text, flags=re.S)
    text = text.replace('target = "1e12 flops"', f'target = "{target} flops"')
    text = text.replace(
        "target_parameters = { size = 6 }", f"target_parameters = {{ size = {size} }}"
    )
    if not catalog:
        text = text.replace('catalog = "ideas"\n', "")
        text = re.sub(r"only = \[.*?\]\n", "", text, flags=re.DOTALL)
    if tiny:
        text = re.sub(r"only = \[.*?\]\n", 'only = ["double-lr", "deeper"]\n', text, flags=re.S)
    share = "share = 1.0\n" if not catalog else ""
    text = text.replace("[ideas]\n", f"[ideas]\n{share}")
    # A source's table goes to the end: a key after it would be read as the table's.
    file.write_text(text + more)


class Reached(Watcher):
    """Notes the best idea that held as each share of the budget was charged."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self.best: list[Best] = []

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        """Looks whenever another share has gone."""
        if isinstance(entry.event, TrialScored | TrialFailed):
            history = ledger.history()
            spent = history.account.charged / history.account.budget
            while len(self.best) < len(SHARES) and spent >= SHARES[len(self.best)]:
                self.best.append(best_of(judge(self._study, history)))


def best_of(read: VerdictsRead) -> Best:
    """Of what holds, that of the largest compute multiplier."""
    held = [Best(each.idea, each.compute_multiplier) for each in read.verdicts
            if each.verdict == "holds" and each.compute_multiplier is not None]  # fmt: skip
    return max(held, key=lambda each: each.said, default=Best())


def reached(folder: Path) -> list[Best]:
    """Runs a study, or goes on with it, and says what had held best at each of `SHARES`.

    What was left of the budget when a study ended would not have changed anything.
    """
    file = folder / "reached.json"
    if not file.exists():
        study = read_study(folder)
        watcher = Reached(study)
        outcome = run_study(study, watcher)
        if not outcome.finished:
            raise SystemExit(f"{outcome.why}: the same command goes on from here")
        last = best_of(judge(study, outcome.history))
        best = [*watcher.best, *[last] * (len(SHARES) - len(watcher.best))]
        file.write_text(json.dumps([asdict(each) for each in best]))
    return [Best(**each) for each in json.loads(file.read_text())]


def measured(folder: Path, ideas: set[str]) -> dict[str, float]:
    """The compute multiplier of each idea by its own runs at the target, which are bought here."""
    study = read_study(folder)
    with Ledger(folder) as ledger:
        history = ledger.history()
    target = len(study.rungs)
    wanted = [Trial(target, replicate, arm) for arm in (BASELINE, *sorted(ideas))
              for replicate in range(SEEDS_AT_TARGET)]  # fmt: skip
    if lacking := [trial for trial in wanted if not _is_over(history, trial)]:
        price = len(lacking) * study.rung(target).compute.amount
        settle(study, submit(study, Request(kind="budget", amount=price)))

        def policy(_: Study, now: History, slots: int) -> Buy | Wait | Stop:
            left = [trial for trial in wanted if not _is_over(now, trial)]
            running = {t for t, each in now.trials.items() if each.state == "running"}
            if due := [Purchase(t, "what is so") for t in left if t not in running][:slots]:
                return Buy(tuple(due))
            return Wait("for the target's runs") if left else Stop("all was run at the target")

        outcome = run_study(study, policy=policy, sources=lambda *_: {})
        if not outcome.finished:
            raise SystemExit(f"{outcome.why}: the same command goes on from here")
        history = outcome.history
    return {idea: _multiplier(study, history, idea) for idea in ideas}


def _is_over(history: History, trial: Trial) -> bool:
    return trial in history.trials and history.trials[trial].state in {"scored", "failed"}


def _multiplier(study: Study, history: History, idea: str) -> float:
    """Where the baseline's law has the idea's mean loss at the target, over the target."""
    runs = [(study.rung(rung).compute.amount, loss) for rung in range(len(study.rungs) + 1)
            for loss in history.losses(BASELINE, rung).values()]  # fmt: skip
    at = study.rung(len(study.rungs)).compute.amount
    grid = at * np.geomspace(1 / FARTHEST, FARTHEST, 401)
    laws = fit_laws(Points.of({"compute": [c for c, _ in runs]}, [loss for _, loss in runs]))
    law = [each.mean for each in laws.predict({"compute": grid}, noise=False)]
    losses = history.losses(idea, len(study.rungs)).values()
    if not losses:
        return 0.0  # what fails at the target is worth nothing there
    # np.interp wants what rises: the law backwards.
    return float(np.interp(statistics.fmean(losses), law[::-1], grid[::-1])) / at


def compare(
    place: Path, arms: Sequence[str], repetitions: int, budget: str, tiny: bool = False
) -> None:
    """Runs what has not been run and prints the table."""
    shares = [f"{share:.0%} of the budget" for share in SHARES]
    table = Table("source", *shares, "said at the end", title="measured at the target")
    for arm in arms:
        so, said = [], []
        for key in range(repetitions):
            folder = place / arm / str(key)
            if not (folder / "study.toml").exists():
                declare(folder, arm, key, budget, tiny)
            best = reached(folder)
            found = {"": 1.0, **measured(folder, {each.idea for each in best if each.idea})}
            so.append([found[each.idea] for each in best])
            said.append(best[-1].said)
        table.add_row(arm, *map(_told, zip(*so, strict=True)), _told(said))
    Console(width=140).print(table)


def _told(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f}x [{min(values):.2f}, {max(values):.2f}]"


def main() -> None:
    """Reads what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--budget", default="1.5e12 flops")
    parser.add_argument("--folder", type=Path, default=Path("studies/sources"))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--tiny", action="store_true", help="one small repetition, to see it run")
    given = parser.parse_args()
    if not given.tiny:
        compare(given.folder, given.arms, given.repetitions, given.budget)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), given.arms, 1, "8e9 flops", tiny=True)


if __name__ == "__main__":
    main()
