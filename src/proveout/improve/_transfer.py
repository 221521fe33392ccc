"""Does what was found on some tasks hold on others, at other budgets, with other models?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from proveout.errors import UserError
from proveout.improve._archive import Archive
from proveout.improve._book import Book
from proveout.improve._crew import Crew
from proveout.improve._meter import Budget
from proveout.improve._model import Model
from proveout.improve._open import model_of, opened
from proveout.improve._recursion import Watcher
from proveout.improve._spec import Improvement
from proveout.improve._strategies import strategies
from proveout.improve._task import Task
from proveout.improve._work import Workshop
from proveout.ledger import LEDGER_FILE, ImproverRan, TransferRead

_SEEDS = 4_000_000
"""Seeds start here, so that nothing that was decided on is among the instances."""


@dataclass(frozen=True)
class Transfer:
    """What is to be compared."""

    improvers: tuple[str, ...] = ()
    """Of the archive, the library, or files; by default the present improver, its ancestors,
    all that were adopted before it and every strategy of the library. The seed improver is always
    among them."""
    against: str = ""
    """The one that all are held against; by default the seed improver."""
    samples: tuple[int, ...] = (24,)
    """Budgets of one run: so many samples and as many utility calls."""
    models: tuple[str, ...] = ()
    """`embedded`, `llm`, `replay` or tables of `[models]`; by default the folder's own."""
    seeds: int = 10
    """Runs of each improver on each task, at least 2."""


def transfer(
    spec: Improvement, wanted: Transfer, watch: Watcher = lambda event: None
) -> list[TransferRead]:
    """Scores improvers on tasks that nothing was decided on, with each model at each budget: task
    by task and, where there are several, over all of them. All meet the same instances with the
    same luck. Runs that are on record are not made again.

    Raises:
        UserError: an improver or a model is not known, or there is no task left.
        Ended: a hard end of the folder was reached. What was made is on record.
    """
    tasks = [spec.task(name) for name in spec.transfers]
    if not tasks:
        raise UserError("there is no task left to transfer to; name some in `transfer = [...]`")
    own = model_of(spec, spec.model)
    models = {
        _label(spec, name, model): model
        for name in wanted.models or (spec.model,)
        for model in [own if name == spec.model else model_of(spec, name)]
    }
    if not (spec.folder / LEDGER_FILE).exists():
        _sources(spec, Archive(), wanted)  # a mistyped name must not begin a folder
    with opened(spec, own, tasks) as (book, crew):
        sources = _sources(spec, book.archive, wanted)
        found: list[TransferRead] = []
        for label, model in models.items():
            crew.use(model)
            for count in dict.fromkeys(wanted.samples):
                budget = replace(spec.inner.budget, samples=count, utility_calls=count)
                run, gains = f"transfer/{label}/{count}", []
                for task in tasks:
                    gains.append(_gains(crew, run, sources, task, budget, wanted.seeds))
                    reads = _reads(sources, task.name, gains[-1:], count, label)
                    found += _kept(book, reads, watch)
                if len(tasks) > 1:
                    found += _kept(book, _reads(sources, "", gains, count, label), watch)
    return found


def _label(spec: Improvement, name: str, model: Model) -> str:
    return f"{name} ({model.name})" if name in spec.models else model.name


def _sources(spec: Improvement, archive: Archive, wanted: Transfer) -> dict[str, str]:
    """Texts by name; the first is what the others are held against."""
    seed = Path(spec.improver).stem
    adopted = [each.name for each in reversed(archive.adopted)]
    usual = (*archive.lineage(archive.present), *adopted, *strategies())
    names = [*filter(None, [wanted.against]), seed, *(wanted.improvers or usual)]
    texts = {seed: spec.improver} | {Path(name).stem: name for name in spec.archive}
    found: dict[str, str] = {}
    for name in names:
        known = archive.improvers.get(name)
        source = known.source if known else spec.source(texts.get(name, name))
        if found.setdefault(Path(name).stem, source) != source:
            raise UserError(f"two improvers are called {Path(name).stem!r}: rename the file {name}")
    return found


def _gains(
    crew: Crew, label: str, sources: dict[str, str], task: Task, budget: Budget, seeds: int
) -> np.ndarray:
    """What each won on one task: float [improvers, seeds]."""

    def job(name: str, source: str, seed: int) -> Callable[[Workshop], ImproverRan]:
        # Files of a user's may be edited between two transfers: the run is that of this text.
        told = f"{source}\0{task.digest}".encode(errors="replace")
        what = hashlib.sha256(told).hexdigest()[:12]
        run = f"{label}/{name}-{what}/{task.name}/{seed}"
        return lambda shop: shop.improve_task(run, name, source, task, seed, budget)

    cells = [(each, _SEEDS + index) for each in sources.items() for index in range(seeds)]
    runs = crew.do([job(name, source, seed) for (name, source), seed in cells])
    return np.array([ran.gain or 0.0 for ran in runs]).reshape(len(sources), seeds)


def _reads(
    sources: dict[str, str], task: str, gains: list[np.ndarray], samples: int, model: str
) -> list[TransferRead]:
    """What is to be said of each improver; `gains` are a task's each, [improvers, seeds]."""
    rounds = np.stack(gains, axis=2)  # [improvers, seeds, tasks]
    against = next(iter(sources))
    found = []
    for name, own in zip(sources, rounds, strict=True):
        by_seed, apart = own.mean(axis=1), own - rounds[0]
        read = TransferRead(
            improver=name, task=task, samples=samples, runs=own.size, gain=float(by_seed.mean()),
            standard_error=float(by_seed.std(ddof=1)) / len(by_seed) ** 0.5,
            difference=None, interval95=None, model=model, against=against,
        )  # fmt: skip
        if name != against:
            interval95 = _interval(apart.mean(axis=1))
            read = replace(read, difference=float(apart.mean()), interval95=interval95)
        found.append(read)
    return found


def _interval(differences: np.ndarray) -> tuple[float, float]:
    """Student's 95% interval of the mean of differences [seeds], each in [-1, 1].

    How many seeds there are was said beforehand, and nothing is adopted by it: so it need not hold
    whenever it is looked at, as the gate's must, and is a fifth as wide.
    """
    from scipy.special import stdtrit  # 0.2 s: not at import

    mean, count = float(differences.mean()), len(differences)
    half = float(stdtrit(count - 1, 0.975)) * float(differences.std(ddof=1)) / count**0.5
    return max(mean - half, -1.0), min(mean + half, 1.0)


def _kept(book: Book, reads: list[TransferRead], watch: Watcher) -> list[TransferRead]:
    for read in reads:
        if read not in book.archive.transfers.values():
            book.write(read)
        watch(read)
    return reads
