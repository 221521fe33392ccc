"""Is what is adopted better again where nothing is shared, and are null edits never adopted?"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from proveout.improve import (
    Archive,
    Book,
    Budget,
    EmbeddedModel,
    Ends,
    Model,
    Place,
    Samples,
    Workshop,
    library_tasks,
    read_archive,
    read_improvement,
    run_improvement,
    strategies,
)

FENCE = "`" * 3
LIBRARY = ("varied_temperature", "annealing")
FOLDER = """\
name = "adoptions"
key = "{key}"
archive = ["varied_temperature", "annealing"]
tasks = ["parity", "quadratic_assignment"]
held_out = ["max_cut", "string_grid"]
generations = {generations}
model = "embedded"

[inner]
samples = {samples}
utility_calls = {samples}

[outer]
samples = 6
utility_calls = 7

[gate]
rounds = {rounds}

[run]
workers = 1
isolation = "E"
"""


class Adoption(NamedTuple):
    """A child that was adopted, and its gain over its parent at the gate and in the rerun."""

    seed: int
    child: str
    at_gate: float
    again: float


class NullModel(Model):
    """Gives a program back with another comment, and a line that changes nothing."""

    @property
    def name(self) -> str:
        return "null edits"

    def sample(self, prompt: str, count: int, temperature: float, seed: int) -> Samples:
        """Numbered by seed and place, so that no two are the same text."""
        program = prompt.split(f"{FENCE}python\n")[-1].split(f"\n{FENCE}")[0]
        texts = [
            f"{FENCE}python\n{program}\n\nUNUSED_{seed}_{index} = {index}  # tidied up\n{FENCE}"
            for index in range(count)
        ]
        return Samples(tuple(texts), len(prompt) // 4, sum(map(len, texts)) // 4)


def research(seed: int, generations: int, samples: int, rounds: int, null: bool) -> Archive:
    """One run of the recursion from a key of its own, to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        told = FOLDER.format(key=f"adoptions {seed}", generations=generations, samples=samples,
                             rounds=rounds)  # fmt: skip
        (folder / "improve.toml").write_text(told)
        run_improvement(read_improvement(folder), model=NullModel() if null else None)
        return read_archive(folder)


def again(seed: int, archive: Archive, rounds: int, samples: int) -> list[Adoption]:
    """Each adopted child and its parent on instances, and with luck, of a key of their own."""
    found = []
    budget = Budget(samples=samples, utility_calls=samples, seconds=600)
    model = EmbeddedModel([strategies()[name] for name in LIBRARY])
    for gate in archive.gates:
        if not gate.passed:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            with Place(folder / "place") as place, Book(folder, Ends(), durable=False) as book:
                shop = Workshop(place, book, model, f"again {seed}")
                apart = []
                for round_ in range(rounds):
                    for name in gate.tasks:
                        child, parent = (
                            shop.improve_task(
                                f"{who}/{name}/{round_}", who, archive.improvers[who].source,
                                library_tasks()[name], round_, budget,
                            ).gain
                            for who in (gate.child, gate.parent)
                        )  # fmt: skip
                        apart.append((child or 0.0) - (parent or 0.0))
        found.append(Adoption(seed, gate.child, gate.mean, statistics.fmean(apart)))
    return found


def show(adoptions: Sequence[Adoption], runs: int) -> None:
    """Of what was adopted, how much was better again."""
    better = sum(each.again > 0 for each in adoptions)
    print(f"{len(adoptions)} adoptions in {runs} runs; {better} of them better again")
