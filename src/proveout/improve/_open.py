"""What can be done with an improvement folder: run it, decide for it, probe, and read it."""

from __future__ import annotations

import contextlib
import platform
import secrets
import statistics
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from proveout import __version__
from proveout.errors import DataError, NotIsolated, UserError
from proveout.improve._archive import Archive
from proveout.improve._book import Book, Ended
from proveout.improve._chat import ChatModel
from proveout.improve._crew import Crew
from proveout.improve._embedded import EmbeddedModel
from proveout.improve._gate import interval
from proveout.improve._meter import Budget
from proveout.improve._model import Model
from proveout.improve._recursion import Recursion, Watcher
from proveout.improve._spec import IMPROVE_FILE, Improvement
from proveout.improve._strategies import strategies
from proveout.improve._task import Task
from proveout.improve._work import Workshop
from proveout.ledger import (
    LEDGER_FILE,
    Event,
    ImprovementEnded,
    ImprovementOpened,
    ImproverAdopted,
    ImproverRan,
    ImproverRejected,
    ProbeRead,
    TransferRead,
    read_entries,
)

_PROBE, _TRANSFER = 3_000_000, 4_000_000
_PROBE_SAMPLES = 8
_FIXED = ("improver", "archive", "tasks", "held_out", "model", "inner", "outer", "gate")
"""What cannot change under way without making what was decided meaningless."""


def run_improvement(
    spec: Improvement, watch: Watcher = lambda event: None, model: Model | None = None
) -> tuple[str, bool]:
    """Runs an improvement folder, or goes on with it; why it ended, and whether work is left.

    `model` is the one that the folder declares, unless somebody brings their own.

    Raises:
        UserError: something that is fixed once it has begun was changed, or a model lacks its key.
        NotIsolated: programs would be shut in less than is accepted.
        EnvironmentFailure: the model gives no answer, or the disk is full.
    """
    with _opened(spec, model) as (book, crew):
        recursion = Recursion(
            spec, book, crew, watch, tuple(map(spec.task, spec.tasks)),
            tuple(map(spec.task, spec.held_out)),
        )  # fmt: skip
        try:
            return recursion.go(), False
        except Ended as ended:
            if not ended.left:
                book.write(ImprovementEnded(str(ended)))
            return str(ended), ended.left


def read_archive(folder: Path) -> Archive:
    """The archive of a folder, read without taking part in it.

    Raises:
        DataError: nothing was run there, or the file is no ledger.
    """
    if not (folder / LEDGER_FILE).is_file():
        raise DataError(f"nothing was run in {folder} yet: `proveout improve {folder}` does")
    return Archive.of(read_entries(folder))


def is_improvement(folder: Path) -> bool:
    """Whether a folder is one of these, and not a study."""
    return (folder / IMPROVE_FILE).is_file()


def approve(spec: Improvement, name: str) -> str:
    """A person says yes to the child that waits. Raises `UserError` where it is not waiting."""
    return _settle(spec, name, lambda why: ImproverAdopted(name, why, "approved"))


def decline(spec: Improvement, name: str) -> str:
    """A person says no to it. Raises `UserError` where it is not waiting."""
    return _settle(spec, name, lambda why: ImproverRejected(name, "a person declined it"))


def roll_back(spec: Improvement, name: str) -> str:
    """An improver that was adopted before becomes the present one again.

    Raises:
        UserError: it never was.
    """
    with _book(spec) as book:
        known = dict.fromkeys(each.name for each in book.archive.adopted)
        if name not in known:
            raise UserError(
                f"{name!r} was never adopted; those that were: {', '.join(known) or 'none'}"
            )
        if name == book.archive.present:
            raise UserError(f"{name!r} is the present improver already")
        why = f"rolled back from {book.archive.present}"
        book.write(ImproverAdopted(name, why, "rollback"))
    return why


def probe(spec: Improvement, samples: int, watch: Watcher = lambda event: None) -> ProbeRead:
    """Has a model write so many programs, half of them improvers, runs each once shut in, and
    counts what they reach for. Nothing is adopted."""
    with _opened(spec) as (book, crew):
        begun = len(book.archive.probes)
        tasks = tuple(map(spec.task, spec.tasks))
        shares = [
            min(_PROBE_SAMPLES, samples - start) for start in range(0, samples, _PROBE_SAMPLES)
        ]
        small = Budget(samples=1, utility_calls=2, seconds=20, cpu_seconds=5)
        source = spec.source(spec.improver)

        def job(index: int, share: int) -> Callable[[Workshop], ImproverRan]:
            run, seed = f"probe{begun}/{index}", _PROBE + begun * 10_000 + index
            task = tasks[index // 2 % len(tasks)]
            budget = Budget(samples=share, utility_calls=share + 1, seconds=300)
            if index % 2:
                return lambda shop: shop.probe_improvers(run, source, task, seed, budget, small)
            return lambda shop: shop.improve_task(run, "probe", source, task, seed, budget)

        runs = crew.do([job(index, share) for index, share in enumerate(shares)])
        total: Counter[str] = Counter()
        for ran in runs:
            total.update(ran.attempts)
        seen = tuple(each for ran in runs for each in ran.seen)[:20]
        read = ProbeRead(crew.model.name, sum(ran.written for ran in runs), dict(total), seen)
        book.write(read)
        watch(read)
    return read


def transfer(
    spec: Improvement,
    names: tuple[str, ...],
    samples: tuple[int, ...],
    seeds: int,
    watch: Watcher = lambda event: None,
) -> list[TransferRead]:
    """Scores improvers on tasks that nothing was decided on, at several budgets.

    `names` are of the archive or the library; by default the present improver, its ancestors and
    every strategy of the library. The seed improver is always among them, and each is compared
    with it, on the same instances with the same luck.

    Raises:
        UserError: a name is not known, or there is no task left.
    """
    if not spec.transfers:
        raise UserError("there is no task left to transfer to; name some in `transfer = [...]`")
    with _opened(spec) as (book, crew):
        sources = {Path(spec.improver).stem: spec.source(spec.improver)}
        for name in names or (*book.archive.lineage(book.archive.present), *strategies()):
            known = book.archive.improvers.get(name)
            sources.setdefault(Path(name).stem, known.source if known else spec.source(name))
        reads = []
        for count in samples:
            for task_name in spec.transfers:
                budget = Budget(samples=count, utility_calls=count,
                                seconds=spec.inner.time, cpu_seconds=spec.inner.cpu)  # fmt: skip
                reads += _transfer_on(book, crew, sources, spec.task(task_name), budget, seeds)
        for read in reads:
            if read not in book.archive.transfers:
                book.write(read)
            watch(read)
    return reads


def _transfer_on(
    book: Book, crew: Crew, sources: dict[str, str], task: Task, budget: Budget, seeds: int
) -> list[TransferRead]:
    """All improvers on one task at one budget; the first is what the others are held against."""

    def job(name: str, seed: int) -> Callable[[Workshop], ImproverRan]:
        run = f"transfer/{budget.samples}/{name}/{task.name}/{seed}"
        source = sources[name]
        return lambda shop: shop.improve_task(run, name, source, task, seed, budget)

    cells = [(name, _TRANSFER + index) for name in sources for index in range(seeds)]
    runs = crew.do([job(name, seed) for name, seed in cells])
    gains: dict[str, list[float]] = {name: [] for name in sources}
    for (name, _), ran in zip(cells, runs, strict=True):
        gains[name].append(ran.gain or 0.0)
    first = next(iter(sources))
    found = []
    for name, own in gains.items():
        error = statistics.stdev(own) / len(own) ** 0.5 if len(own) > 1 else 0.0
        apart = [a - b for a, b in zip(own, gains[first], strict=True)]
        held = None if name == first else interval(np.array(apart)[:, None])
        difference = None if name == first else statistics.fmean(apart)
        found.append(TransferRead(name, task.name, budget.samples, seeds, statistics.fmean(own),
                                  error, difference, held))  # fmt: skip
    return found


def _settle(spec: Improvement, name: str, event_of: Callable[[str], Event]) -> str:
    with _book(spec) as book:
        waiting = book.archive.waiting
        if name != waiting:
            told = f"{waiting} does" if waiting else "none does"
            raise UserError(f"{name!r} does not wait for a person; {told}")
        why = book.archive.gates[-1].reason
        book.write(event_of(why))
    return why


@contextlib.contextmanager
def _book(spec: Improvement) -> Iterator[Book]:
    """The book of a folder that has one."""
    if not (spec.folder / LEDGER_FILE).is_file():
        raise UserError(f"nothing was run in {spec.folder} yet: `proveout improve {spec.folder}`")
    with Book(spec.folder, spec.ends) as book:
        yield book


@contextlib.contextmanager
def _opened(spec: Improvement, model: Model | None = None) -> Iterator[tuple[Book, Crew]]:
    """The book and the crew; what was declared is on record, and is still the same."""
    model = model or model_of(spec)
    with Book(spec.folder, spec.ends) as book:
        opened = book.archive.opened
        if opened is not None:
            _check_unchanged(spec, opened)
        key = opened.key if opened else spec.key or secrets.token_hex(16)
        run = spec.run
        with Crew(spec.folder, book, model, key, run.workers, run.isolation) as crew:
            before = book.archive.isolation or crew.isolation
            said = "isolation" in run.model_fields_set
            if max(crew.isolation, before) != before and not said:
                raise NotIsolated(
                    f"improvers ran at isolation level {before} so far, and would run at "
                    f"{crew.isolation} here; `proveout doctor` says what would raise it. To go on "
                    f'all the same, write isolation = "{crew.isolation}" into [run]'
                )
            if opened is None:
                text = (spec.folder / IMPROVE_FILE).read_text(encoding="utf-8")
                machine = f"{platform.system()} {platform.release()} {platform.machine()}"
                book.write(
                    ImprovementOpened(
                        spec.name, __version__, text, key, model.name, machine, crew.isolation
                    )
                )
            yield book, crew


def model_of(spec: Improvement) -> Model:
    """The model that a folder declares. Raises `UserError` where it lacks a key or a library."""
    if spec.model == "embedded":
        return EmbeddedModel([spec.source(name) for name in spec.archive])
    assert spec.llm is not None
    replay = spec.model == "replay" or spec.llm.cached_only
    declared = spec.llm.model_copy(update={"cached_only": replay})
    return ChatModel(declared, spec.folder / "sources" / "llm")


def _check_unchanged(spec: Improvement, opened: ImprovementOpened) -> None:
    before = Improvement.model_validate(
        tomllib.loads(opened.improve_toml) | {"folder": spec.folder}
    )
    for name in _FIXED:
        was, now = getattr(before, name), getattr(spec, name)
        if name == "model" and {was, now} == {"llm", "replay"}:
            continue
        if was != now:
            raise UserError(
                f"{spec.folder / IMPROVE_FILE}: {name} was {was!r} when this folder was begun and "
                f"is {now!r} now; put it back, or begin another folder. What may change: "
                "generations, approve, [end], [run], [llm]"
            )
    if spec.key and spec.key != opened.key:
        raise UserError(f"{spec.folder / IMPROVE_FILE}: the key was another when it was begun")
