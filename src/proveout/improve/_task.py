"""A task: a folder that says what a solution has to do, draws instances of it, and scores answers.

`task.toml` declares it, `task.py` draws and scores, `baseline.py` is the solution to start from.
`task.py` is the controller's own code: it never meets a solution but through `call`, which runs the
shut-in solution once, with JSON going in and JSON coming out. What comes out is believed to be
anything at all, so `finite_numbers` and `whole_numbers` are there to read it with.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import random
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proveout.errors import DataError, SolutionFailed
from proveout.improve._check import problem_with
from proveout.improve._own_code import finished

LIBRARY = Path(__file__).parent / "tasks"
_FILES = ("task.toml", "task.py", "baseline.py")

Part = Literal["visible", "hidden"]
Call = Callable[..., Any]


class _Declared(BaseModel):
    """`task.toml`, key by key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    description: str = Field(min_length=1, max_length=4000)
    function: str = Field(default="solve", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    range: tuple[float, float]
    visible: int = Field(ge=1, le=1000)
    hidden: int = Field(ge=1, le=1000)
    seconds: float = Field(gt=0, le=3600)
    source: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """What a solution has to do, and how well it does it."""

    name: str
    description: str
    """Prose for a prompt: the function's signature, what it has to answer, what is scored."""
    function: str
    """The name of the one function that a solution has to have."""
    low: float
    """The least score of an instance: what one that failed is worth."""
    high: float
    """The highest score of an instance that there can be."""
    visible: int
    """Instances that an improver's utility is the mean over."""
    hidden: int
    """Instances that what an improver returned is scored on."""
    seconds: float
    """Wall time that a solution has for one instance, all its calls together."""
    source: str
    baseline: str
    """The program to start from."""
    folder: Path
    needs: tuple[str, ...] = ()
    """Modules that `task.py` needs beside proveout's own dependencies."""
    digest: str = ""
    """Of the three files, as they were read."""
    _code: ModuleType = field(repr=False, compare=False, default_factory=lambda: ModuleType("task"))

    @property
    def is_own(self) -> bool:
        """Whether a user brought it."""
        return self.folder.parent != LIBRARY.resolve()

    @property
    def missing(self) -> str:
        """Why the task cannot be scored on this machine; empty where it can."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        return f"task {self.name} needs {', '.join(absent)}, not installed here" if absent else ""

    def instances(self, key: str, part: Part, seed: int) -> list[Any]:
        """Fresh instances, the same for the same key, part and seed, and for no others.

        Raises:
            DataError: `task.py` draws another number of instances than it was asked for, raises, or
                does not end.
        """
        count = self.visible if part == "visible" else self.hidden
        luck = random.Random(f"{key}/{self.name}/{part}/{seed}")
        file = self.folder / "task.py"
        drawn = finished(file, "instances()", lambda: self._code.instances(luck, count))
        if not isinstance(drawn, list) or len(drawn) != count:
            got = f"a list of {len(drawn)}" if isinstance(drawn, list) else _told(drawn)
            raise DataError(f"{file}: instances() must give a list of {count}; it gave {got}")
        return drawn

    def score(self, instance: Any, call: Call) -> float:
        """How well the solution behind `call` did on one instance: 0 (the low end) to 1.

        Raises:
            SolutionFailed: it gave no answer, or one that scores outside the declared range.
        """
        value = self._code.score(instance, call)
        if not _is_number(value) or not self.low <= value <= self.high:
            raise SolutionFailed(
                "out of range",
                f"task {self.name}: {_told(value)} as a score; declared are {self.low:g} to "
                f"{self.high:g}, and nothing outside counts",
            )
        return (float(value) - self.low) / (self.high - self.low)


def read_task(folder: Path) -> Task:
    """A task from its folder.

    Raises:
        DataError: a file is missing, or says something that cannot be; names the file and the key.
    """
    folder = folder.resolve()
    for name in _FILES:
        if not (folder / name).is_file():
            raise DataError(f"{folder} has no {name}; a task is a folder with {', '.join(_FILES)}")
    declared = _read_declaration(folder / "task.toml")
    if declared.name != folder.name:
        raise DataError(f"{folder / 'task.toml'}: name is {declared.name!r}; it must be the "
                        f"folder's, {folder.name!r}")  # fmt: skip
    baseline = _baseline(folder / "baseline.py", declared.function)
    low, high = declared.range
    told = declared.model_dump(exclude={"range"})
    digest = hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in _FILES))
    return Task(**told, low=low, high=high, baseline=baseline, folder=folder,
                digest=digest.hexdigest()[:16], _code=_code(folder))  # fmt: skip


@cache
def library_tasks() -> dict[str, Task]:
    """The tasks that come with proveout, by name."""
    folders = sorted(path.parent for path in LIBRARY.glob("*/task.toml"))
    return {folder.name: read_task(folder) for folder in folders}


def finite_numbers(answer: Any, count: int, low: float, high: float) -> list[float]:
    """A solution's answer as `count` finite numbers from low to high.

    Raises:
        SolutionFailed: it is anything else; true and false are no numbers.
    """
    if not isinstance(answer, list) or len(answer) != count:
        raise SolutionFailed("wrong answer", f"{_told(answer)}; asked for was a list of {count}")
    for value in answer:
        if type(value) not in (int, float) or not low <= value <= high:
            raise SolutionFailed(
                "wrong answer", f"{_told(value)}; asked for were numbers from {low:g} to {high:g}"
            )
    return [float(value) for value in answer]


def whole_numbers(answer: Any, count: int, low: int, high: int) -> list[int]:
    """A solution's answer as `count` whole numbers from low to high; see `finite_numbers`."""
    values = finite_numbers(answer, count, low, high)
    if any(type(value) is not int for value in answer):
        raise SolutionFailed("wrong answer", "fractions; asked for were whole numbers")
    return [int(value) for value in values]


def _is_number(value: Any) -> bool:
    return isinstance(value, Real)  # of NumPy's too


def _told(answer: Any) -> str:
    if isinstance(answer, (list, dict)):
        return f"a {type(answer).__name__} of {len(answer)}"
    if isinstance(answer, (int, float)) and abs(answer) < 1e12:
        return repr(answer)
    return f"a {type(answer).__name__}"


def _read_declaration(path: Path) -> _Declared:
    try:
        declared = _Declared(**tomllib.loads(path.read_text()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where, said = ".".join(str(part) for part in first["loc"]), first["msg"]
        if first["type"] == "extra_forbidden":
            said = f"unknown key; allowed here: {', '.join(_Declared.model_fields)}"
        raise DataError(f"{path}: {where}: {said}") from None
    low, high = declared.range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise DataError(f"{path}: range must be two numbers, the lower first; got {low}, {high}")
    return declared


def _baseline(path: Path, function: str) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path} is no text in UTF-8; a baseline is a file of Python") from None
    if problem := problem_with(text, function):
        raise DataError(f"{path}: {problem[1]}")
    return text


def _code(folder: Path) -> ModuleType:
    path = folder / "task.py"
    spec = importlib.util.spec_from_file_location(f"proveout_task_{folder.name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    load = spec.loader.exec_module
    finished(path, "loading it", lambda: load(module))
    for name in ("instances", "score"):
        if not callable(getattr(module, name, None)):
            raise DataError(f"{path} has no function {name}; a task needs instances and score")
    return module
