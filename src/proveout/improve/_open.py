"""What can be done with an improvement folder: run it, decide for it, probe, and read it."""

from __future__ import annotations

import contextlib
import platform
import secrets
import shlex
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from proveout import __version__
from proveout.errors import DataError, NotIsolated, UserError
from proveout.improve._archive import Archive
from proveout.improve._book import Book, Ended
from proveout.improve._chat import ChatModel
from proveout.improve._crew import Crew
from proveout.improve._embedded import EmbeddedModel
from proveout.improve._meter import Budget
from proveout.improve._model import Model
from proveout.improve._recursion import Recursion, Watcher
from proveout.improve._spec import IMPROVE_FILE, Improvement
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
    read_entries,
)

_PROBE = 3_000_000
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
    with opened(spec, model or model_of(spec, spec.model)) as (book, crew):
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
        raise DataError(_not_run(folder))
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
    counts what they reach for. Nothing is adopted.

    Raises:
        Ended: a hard end of the folder was reached. What was made is on record.
    """
    with opened(spec, model_of(spec, spec.model)) as (book, crew):
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


def _settle(spec: Improvement, name: str, event_of: Callable[[str], Event]) -> str:
    with _book(spec) as book:
        waiting = book.archive.waiting
        if not waiting or name != waiting:
            told = f"{waiting} does" if waiting else "none does"
            raise UserError(f"{name!r} does not wait for a person; {told}")
        why = book.archive.gates[-1].reason
        book.write(event_of(why))
    return why


@contextlib.contextmanager
def _book(spec: Improvement) -> Iterator[Book]:
    """The book of a folder that has one."""
    if not (spec.folder / LEDGER_FILE).is_file():
        raise UserError(_not_run(spec.folder))
    with Book(spec.folder, spec.ends) as book:
        yield book


@contextlib.contextmanager
def opened(
    spec: Improvement, model: Model, more: Sequence[Task] = ()
) -> Iterator[tuple[Book, Crew]]:
    """The book and the crew; what was declared is on record, and is still the same.

    Tasks that a user brought are rehearsed before anything is measured on them: those that decide
    when the folder is begun, and `more` each time.
    """
    deciding = {name: spec.task(name) for name in (*spec.tasks, *spec.held_out)}
    with Book(spec.folder, spec.ends) as book:
        begun = book.archive.opened
        if begun is not None:
            _check_unchanged(spec, begun, deciding)
        key = begun.key if begun else spec.key or secrets.token_hex(16)
        run = spec.run
        with Crew(spec.folder, book, model, key, run.workers, run.isolation) as crew:
            _check_isolation(spec, book.archive.isolation or crew.isolation, crew.isolation)
            new = [*more, *(() if begun else deciding.values())]
            crew.do([partial(_rehearse, task) for task in new if task.is_own])
            if begun is None:
                text = (spec.folder / IMPROVE_FILE).read_text(encoding="utf-8")
                machine = f"{platform.system()} {platform.release()} {platform.machine()}"
                digests = {name: task.digest for name, task in deciding.items()}
                book.write(ImprovementOpened(spec.name, __version__, text, key, model.name, machine,
                                             crew.isolation, digests))  # fmt: skip
            yield book, crew


def model_of(spec: Improvement, name: str) -> Model:
    """A model by its name: `embedded`, `llm`, `replay`, or one of the tables `[models]`.

    Raises:
        UserError: there is none of that name, or it lacks a key or a library.
    """
    if name == "embedded":
        return EmbeddedModel([spec.source(each) for each in spec.archive])
    own = name in ("llm", "replay")
    declared = spec.llm if own else spec.models.get(name)
    if declared is None:
        there = ["embedded", *(["llm", "replay"] if spec.llm else []), *spec.models]
        table = "llm" if own else f"models.{name}"
        raise UserError(f"there is no model {name!r}; there are: {', '.join(there)}. Others are "
                        f"declared in {IMPROVE_FILE}, as [{table}]")  # fmt: skip
    replay = declared.cached_only or "replay" in (name, spec.model)
    calls = spec.folder / "sources" / ("llm" if own else f"llm-{name}")
    return ChatModel(declared.model_copy(update={"cached_only": replay}), calls)


def _not_run(folder: Path) -> str:
    word = shlex.quote(str(folder))
    return f"nothing was run in {folder} yet: `proveout improve {word}` does"


def _rehearse(task: Task, shop: Workshop) -> None:
    shop.rehearse(task)


def _check_isolation(spec: Improvement, before: str, now: str) -> None:
    said = "isolation" in spec.run.model_fields_set
    if max(now, before) != before and not said:
        raise NotIsolated(
            f"improvers ran at isolation level {before} so far, and would run at {now} here; "
            "`proveout doctor` says what would raise it. To go on all the same, write isolation = "
            f'"{now}" into [run]'
        )


def _difference(name: str, was: object, now: object) -> str:
    """What is another than it was, key by key where it is a table."""
    if isinstance(was, BaseModel) and isinstance(now, BaseModel):
        keys = [key for key in type(was).model_fields if getattr(was, key) != getattr(now, key)]
        told = [_difference(f"{name}.{key}", getattr(was, key), getattr(now, key)) for key in keys]
        return "; ".join(told)
    return f"{name} was {was!r} when this folder was begun and is {now!r}"


def _check_unchanged(
    spec: Improvement, begun: ImprovementOpened, deciding: Mapping[str, Task]
) -> None:
    file = spec.folder / IMPROVE_FILE
    before = Improvement.model_validate(tomllib.loads(begun.improve_toml) | {"folder": spec.folder})
    for name in _FIXED:
        was, now = getattr(before, name), getattr(spec, name)
        if name == "model" and {was, now} == {"llm", "replay"}:
            continue
        if was != now:
            raise UserError(
                f"{file}: {_difference(name, was, now)} now; put it back, or begin another folder. "
                "What may change: generations, approve, transfer, [end], [run], [llm], [models]"
            )
    if spec.key and spec.key != begun.key:
        raise UserError(f"{file}: the key was another when it was begun")
    for name, task in deciding.items():
        if begun.tasks.get(name, task.digest) != task.digest:
            raise UserError(
                f"task {name} is another than when this folder was begun: a file in {task.folder} "
                "was changed. Put it back, or begin another folder"
            )
