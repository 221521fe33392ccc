"""Which source of ideas takes `byte_lm` farthest for the same compute?

    python benchmarks/sources.py [--repetitions 5] [--budget "2e12 flops"] [--folder DIR]

Studies of the reference program that differ only in where their ideas come from: the catalog, the
numeric sampler, recombination of what the catalog has, and all of them with the bandit between
them; each repetition has seeds of its own. Prints the compute multiplier of the best idea that held
once so much of the budget was spent, the median over repetitions and their range; 1 where nothing
held. The sampler is told nothing and begins with nothing; recombination needs ideas to combine, so
it is the catalog with recombination beside it. Resumes where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from proveout.ledger import Entry, Ledger, TrialFailed, TrialScored, VerdictsRead
from proveout.loop import Watcher, run_study, start_reference_study
from proveout.study import Study, read_study
from proveout.verdicts import judge

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


def declare(folder: Path, arm: str, key: int, budget: str, tiny: bool) -> None:
    """Writes the study of one arm and repetition."""
    file = start_reference_study(folder)
    catalog, more = ARMS[arm]
    text = file.read_text().replace("[seeds]\n", f'[seeds]\nkey = "sources {key}"\n')
    text = re.sub(r'(\[budget\]\ncompute = )"[^"]*"', rf'\1"{budget}"', text)
    if not catalog:
        text = text.replace('catalog = "ideas"\n', "")
        text = re.sub(r"only = \[.*?\]\n", "", text, flags=re.DOTALL)
    if tiny:
        text = re.sub(r"only = \[.*?\]\n", 'only = ["double-lr", "deeper"]\n', text, flags=re.S)
        text = re.sub(r"\[\[ladder.rung\]\]\n.*?\n\n(?=\[budget\])", _TINY_RUNGS, text, flags=re.S)
        text = text.replace('target = "1e12 flops"', 'target = "3e9 flops"')
    share = "share = 1.0\n" if not catalog else ""
    text = text.replace("[ideas]\n", f"[ideas]\n{share}")
    # A source's table goes to the end: a key after it would be read as the table's.
    file.write_text(text + more)


_TINY_RUNGS = """[[ladder.rung]]
compute = "3e8 flops"
parameters = { size = 2 }

[[ladder.rung]]
compute = "1e9 flops"
parameters = { size = 2 }

"""


class Reached(Watcher):
    """Notes the best compute multiplier that held as each share of the budget was charged."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self.best: list[float] = []

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        """Looks whenever another share has gone."""
        if isinstance(entry.event, TrialScored | TrialFailed):
            history = ledger.history()
            spent = history.account.charged / history.account.budget
            while len(self.best) < len(SHARES) and spent >= SHARES[len(self.best)]:
                self.best.append(_best(judge(self._study, history)))


def reached(folder: Path) -> list[float]:
    """Runs a study, or goes on with it, and says what had held at each of `SHARES`.

    What was left of the budget when a study ended would not have changed anything.
    """
    file = folder / "reached.json"
    if not file.exists():
        study = read_study(folder)
        watcher = Reached(study)
        outcome = run_study(study, watcher)
        if not outcome.finished:
            raise SystemExit(f"{outcome.why}: the same command goes on from here")
        last = _best(judge(study, outcome.history))
        file.write_text(json.dumps([*watcher.best, *[last] * (len(SHARES) - len(watcher.best))]))
    found: list[float] = json.loads(file.read_text())
    return found


def _best(read: VerdictsRead) -> float:
    held = [each.compute_multiplier for each in read.verdicts if each.verdict == "holds"]
    return max((each for each in held if each is not None), default=1.0)


def compare(
    place: Path, arms: Sequence[str], repetitions: int, budget: str, tiny: bool = False
) -> None:
    """Runs what has not been run and prints the table."""
    table = Table("source", *(f"{share:.0%} of the budget" for share in SHARES))
    for arm in arms:
        found = []
        for key in range(repetitions):
            folder = place / arm / str(key)
            if not (folder / "study.toml").exists():
                declare(folder, arm, key, budget, tiny)
            found.append(reached(folder))
        columns = zip(*found, strict=True)
        table.add_row(arm, *(f"{statistics.median(each):.2f}x [{min(each):.2f}, {max(each):.2f}]"
                             for each in columns))  # fmt: skip
    Console(width=120).print(table)


def main() -> None:
    """Reads what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--budget", default="2e12 flops")
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
