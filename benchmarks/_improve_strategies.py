"""The strategies of the library against best-of-n, at equal budget, in the real sandbox."""

from __future__ import annotations

import csv
import math
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from scipy import stats

from proveout.improve import (
    Book,
    Budget,
    EmbeddedModel,
    Ends,
    Place,
    Task,
    Workshop,
    library_tasks,
    strategies,
)

REFERENCE = "best_of_n"
FIELDS = ("task", "strategy", "seed", "gain", "score", "given", "samples", "calls", "ended")


class Row(NamedTuple):
    """One run of one strategy on one task."""

    task: str
    strategy: str
    seed: int
    gain: float


class Difference(NamedTuple):
    """Mean gain beyond best-of-n over paired seeds, with an interval."""

    mean: float
    low: float
    high: float

    @property
    def word(self) -> str:
        """What can be said of it."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "not told apart"


def tasks_here(only: Sequence[str]) -> list[Task]:
    """The library's tasks that this machine can score, or those named."""
    found = []
    for name, task in library_tasks().items():
        if only and name not in only:
            continue
        if task.missing:
            print(f"left out: {task.missing}", flush=True)
            continue
        found.append(task)
    return found


def run(path: Path, tasks: Sequence[Task], seeds: int, budget: Budget, key: str) -> list[Row]:
    """Every strategy on every task with every seed; what `path` has already is not made again."""
    rows = list(_read(path))
    known = {row[:3] for row in rows}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with Place(folder / "place") as place, Book(folder, Ends(), durable=False) as book:
            shop = Workshop(place, book, EmbeddedModel(), key)
            for seed in range(seeds):
                for task in tasks:
                    for name, source in strategies().items():
                        if (task.name, name, seed) not in known:
                            rows.append(_one(shop, path, task, name, source, seed, budget))
    return rows


def _one(
    shop: Workshop, path: Path, task: Task, name: str, source: str, seed: int, budget: Budget
) -> Row:
    ran = shop.improve_task(f"{name}/{task.name}/{seed}", name, source, task, seed, budget)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(FIELDS)
        writer.writerow([task.name, name, seed, ran.gain, ran.score, ran.given_score,
                         ran.samples, ran.utility_calls, ran.ended])  # fmt: skip
    return Row(task.name, name, seed, float(ran.gain or 0.0))


def _read(path: Path) -> Iterator[Row]:
    if path.exists():
        with path.open(newline="") as file:
            for line in csv.DictReader(file):
                yield Row(line["task"], line["strategy"], int(line["seed"]), float(line["gain"]))


def difference(rows: Sequence[Row], strategy: str, task: str | None, error: float) -> Difference:
    """Student's interval of the paired difference; over all tasks, of each seed's mean."""
    gains = {(row.task, row.strategy, row.seed): row.gain for row in rows}
    seeds = sorted({row.seed for row in rows})
    tasks = [task] if task else sorted({row.task for row in rows})
    paired = [
        statistics.fmean(gains[t, strategy, seed] - gains[t, REFERENCE, seed] for t in tasks)
        for seed in seeds
    ]
    mean = statistics.fmean(paired)
    if len(paired) < 2:
        return Difference(mean, -math.inf, math.inf)
    wide = stats.t.ppf(1 - error / 2, len(paired) - 1)
    half = float(wide) * statistics.stdev(paired) / math.sqrt(len(paired))
    return Difference(mean, mean - half, mean + half)


def show(rows: Sequence[Row]) -> None:
    """Two tables: gains, and what can be said of each strategy against best-of-n."""
    tasks = sorted({row.task for row in rows})
    names = sorted({row.strategy for row in rows})
    print(f"\n{'gain':20}" + "".join(f"{task[:14]:>15}" for task in tasks) + f"{'all':>8}")
    for name in names:
        means = [
            statistics.fmean(row.gain for row in rows if (row.task, row.strategy) == (task, name))
            for task in tasks
        ]
        print(f"{name:20}" + "".join(f"{mean:15.3f}" for mean in means)
              + f"{statistics.fmean(means):8.3f}")  # fmt: skip
    others = [name for name in names if name != REFERENCE]
    error = 0.05 / max(1, len(others))
    print(
        f"\nagainst {REFERENCE}, all tasks: {1 - error:.1%} intervals, 95% for all of them at once"
    )
    for name in others:
        found = difference(rows, name, None, error)
        print(f"{name:20} {found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]  {found.word}")
    print(f"\nagainst {REFERENCE}, task by task: 95% intervals, of which one in 20 misses")
    for task in tasks:
        told = [(name, difference(rows, name, task, 0.05)) for name in others]
        clear = [f"{name} {d.mean:+.3f} {d.word}" for name, d in told if d.word != "not told apart"]
        print(f"{task:20} {'; '.join(clear) or 'none is told apart from it'}")
