"""improve.toml in, a checked `Improvement` out; every mistake named with the line to change."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from proveout.errors import UserError
from proveout.improve._book import Ends
from proveout.improve._check import problem_with
from proveout.improve._meter import Budget
from proveout.improve._strategies import strategies
from proveout.improve._task import Task, library_tasks, read_task
from proveout.study import STUDY_FILE, LanguageModel, Part, Seconds, Usd, locate

IMPROVE_FILE = "improve.toml"
_CHILD = re.compile(r"g[0-9]+-[a-z]")
_MODEL = re.compile(r"[A-Za-z0-9_-]{1,40}")
_MODELS = ("embedded", "llm", "replay")


class InnerBudget(Part):
    """What one run of an improver may use; equal for all that are compared."""

    samples: int = Field(default=24, ge=1, le=10_000)
    utility_calls: int = Field(default=24, ge=1, le=10_000)
    tokens: int | None = Field(default=None, ge=1)
    usd: Usd | None = None
    time: Seconds = 120.0
    """Wall time, with all that the run asks for."""
    cpu: Seconds = 20.0
    """Of the improver's own process."""

    @property
    def budget(self) -> Budget:
        """As the meter takes it."""
        return Budget(self.samples, self.utility_calls, self.tokens, self.usd, self.time, self.cpu)


class OuterBudget(InnerBudget):
    """What a run of an improver on an improver may use."""

    samples: int = Field(default=8, ge=1, le=10_000)
    utility_calls: int = Field(default=8, ge=1, le=10_000)
    time: Seconds = 1800.0
    repeats: int = Field(default=1, ge=1, le=100)
    """Seeds of each training task that one utility call is the mean over."""


class Gate(Part):
    """How it is decided whether a child is better."""

    alpha: float = Field(default=0.02, gt=0, lt=1)
    """The probability of any wrong adoption, over the whole run."""
    rounds: int = Field(default=24, ge=1, le=10_000)
    """The most pairs that a gate may buy of each held-out task."""
    screen: int = Field(default=2, ge=1, le=100)
    """Seeds of each training task on which a child must be ahead before it comes to the gate."""


class Finish(Part):
    """Hard ends of the whole folder."""

    samples: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    usd: Usd | None = None
    time: Seconds | None = None


class Execution(Part):
    """How it is run here; changes no result."""

    workers: int = Field(default=2, ge=1, le=64)
    isolation: Literal["A", "B", "C", "E"] = "C"
    """The least level that is accepted."""


class Improvement(Part):
    """All that improve.toml declares."""

    folder: Path
    name: str = Field(min_length=1, max_length=80)
    improver: str = "best_of_n"
    """The seed: a strategy of the library, or a file beside improve.toml."""
    archive: tuple[str, ...] = ()
    """Others that may be edited, and whose parts may be taken over; named in the same way."""
    tasks: tuple[str, ...] = Field(min_length=1)
    """Training tasks: of the library, or folders beside improve.toml."""
    held_out: tuple[str, ...] = Field(min_length=1)
    """Tasks that decide about adoption, and nothing else."""
    transfer: tuple[str, ...] = ()
    """Tasks that decide about nothing; by default all of the library that are not used."""
    generations: int = Field(default=3, ge=0, le=10_000)
    approve: bool = False
    """Whether a person has to say yes to each adoption."""
    key: str = ""
    """Instances are drawn from it; by default a random one, which stands in the ledger alone."""
    model: Literal["embedded", "llm", "replay"] = "embedded"
    llm: LanguageModel | None = None
    models: dict[str, LanguageModel] = Field(default_factory=dict)
    """Others to transfer with, by a name of their own."""
    inner: InnerBudget = InnerBudget()
    outer: OuterBudget = OuterBudget()
    gate: Gate = Gate()
    end: Finish = Finish()
    run: Execution = Execution()

    @model_validator(mode="after")
    def _fits(self) -> Improvement:
        train, decide, after = map(_names, (self.tasks, self.held_out, self.transfer))
        improvers = [Path(name).stem for name in (self.improver, *self.archive)]
        if both := sorted(set(train) & set(decide)):
            raise ValueError(f"{', '.join(both)}: a task cannot be trained on and held out")
        if used := sorted({*train, *decide} & set(after)):
            raise ValueError(f"{', '.join(used)}: decided on, so nothing can be transferred to it")
        for each in (train, decide, after, improvers):
            if twice := sorted({name for name in each if each.count(name) > 1}):
                raise ValueError(f"{', '.join(twice)}: named twice")
        for name in self.models:
            if name in _MODELS or not _MODEL.fullmatch(name):
                raise ValueError(f"models.{name}: call it something else, of letters, digits, - "
                                 f"and _, and not {', '.join(_MODELS)}")  # fmt: skip
        if self.model != "embedded" and self.llm is None:
            raise ValueError(f'model = "{self.model}" needs a table [llm], as in a study')
        return self

    @property
    def ends(self) -> Ends:
        """As the book takes them."""
        end = self.end
        return Ends(end.samples, end.tokens, end.usd, end.time)

    def task(self, name: str) -> Task:
        """A task by its name. Raises `UserError` where there is none, or it cannot be run here."""
        known = library_tasks()
        if name in known:
            if (self.folder / name).is_dir():
                raise UserError(f"task {name!r} is in the library and in {self.folder}: call the "
                                "folder something else")  # fmt: skip
            found = known[name]
        elif (self.folder / name).is_dir():
            found = read_task(self.folder / name)
        else:
            raise UserError(
                f"there is no task {name!r}: no folder {self.folder / name}, and the library has "
                f"{', '.join(known)}"
            )
        if found.missing:
            raise UserError(found.missing)
        return found

    def source(self, name: str) -> str:
        """An improver's text by its name, or its file's. Raises `UserError` where there is none,
        or it is no improver."""
        known = strategies()
        if name in known:
            return known[name]
        file = self.folder / name
        if not file.is_file():
            raise UserError(
                f"there is no improver {name!r}: no file {file}, and the library has "
                f"{', '.join(known)}"
            )
        try:
            source = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise UserError(
                f"{file} is no text in UTF-8; an improver is a file of Python"
            ) from None
        if wrong := problem_with(source):
            raise UserError(f"{file} cannot be run as an improver: {wrong[1]}")
        return source

    @property
    def transfers(self) -> tuple[str, ...]:
        """The tasks that nothing was decided on."""
        used = {*_names(self.tasks), *_names(self.held_out)}
        return self.transfer or tuple(
            name for name, task in library_tasks().items() if name not in used and not task.missing
        )


def _names(places: Sequence[str]) -> list[str]:
    """The names of tasks, so that `mine`, `./mine/` and `other/mine` are one."""
    return [Path(os.path.normpath(place)).name for place in places]


def read_improvement(folder: Path) -> Improvement:
    """Reads and checks improve.toml of a folder.

    Raises:
        UserError: with every mistake found, each with its line and what is allowed.
    """
    file = folder / IMPROVE_FILE
    if (folder / STUDY_FILE).is_file():
        raise UserError(f"{folder} holds a study, whose ledger is its own: give the improvers a "
                        "folder of theirs")  # fmt: skip
    try:
        text = file.read_text(encoding="utf-8")
        declared = tomllib.loads(text)
    except FileNotFoundError:
        raise UserError(
            f"there is no {IMPROVE_FILE} in {folder}; `proveout improve "
            f"{shlex.quote(str(folder))} --init` writes "
            "one to start from"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not valid TOML: {error}") from None
    if "folder" in declared:
        raise UserError(f"{file}: unknown key folder; it is the one that {IMPROVE_FILE} lies in")
    try:
        spec = Improvement.model_validate(declared | {"folder": folder.resolve()})
    except ValidationError as error:
        raise UserError("\n".join(_lines(file, text, error))) from None
    for name in (*spec.tasks, *spec.held_out, *spec.transfer):
        spec.task(name)
    for name in (spec.improver, *spec.archive):
        spec.source(name)
        if _CHILD.fullmatch(stem := Path(name).stem):
            raise UserError(
                f"{file}: {name}: children made here are named {stem!r} and the like, so call the "
                "file something else"
            )
    return spec


def _lines(file: Path, text: str, error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors():
        where = tuple(item["loc"])
        number = locate(text, where)
        place = f"{file}, line {number}" if number else f"{file}"
        said = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            said = f"unknown key; allowed here: {', '.join(_allowed(where[:-1]))}"
        name = ".".join(map(str, where))
        lines.append(f"{place}: {name + ': ' if name else ''}{said}")
    return lines


def _allowed(table: tuple[int | str, ...]) -> list[str]:
    parts: dict[str, type[Part]] = {
        "inner": InnerBudget,
        "outer": OuterBudget,
        "gate": Gate,
        "end": Finish,
        "run": Execution,
        "llm": LanguageModel,
        "models": LanguageModel,
    }
    model = parts.get(str(table[0]), Part) if table else Improvement
    return sorted(set(model.model_fields) - {"folder"})


STARTING_POINT = """\
name = "improvers"
improver = "best_of_n"         # the seed: a strategy of the library, or a file beside this one
archive = ["varied_temperature", "annealing"]  # others that may be edited and borrowed from
tasks = ["max_cut", "quadratic_assignment", "parity"]  # to train on
held_out = ["three_sat", "string_grid"]        # to decide on, and for nothing else
generations = 4
approve = false                # true: a person says yes before each adoption
model = "embedded"             # needs no key; "llm" asks the model of a table [llm]

[inner]                        # one run of an improver on a task
samples = 24
utility_calls = 24

[outer]                        # one run of an improver on an improver
samples = 10
utility_calls = 11
repeats = 2                    # seeds of each training task that one utility call is a mean over

[gate]
alpha = 0.02                   # the probability of any wrong adoption, over the whole folder
rounds = 24                    # pairs of each held-out task, at most
screen = 3                     # seeds of each training task that come before the gate

[end]
time = "8 min"
"""
