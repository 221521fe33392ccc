"""A task that costs next to nothing, improvers of every kind, and a model that says what it is
told to."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from proveout.improve import (
    Book,
    Budget,
    EmbeddedModel,
    Ends,
    Model,
    Most,
    Place,
    Samples,
    Task,
    Workshop,
    read_task,
)

FENCE = "`" * 3

TASK_TOML = """\
name = "{name}"
description = "Write solve(top): a number from 0 to top, the higher the better. {name}"
range = [0, 1]
visible = 2
hidden = 3
seconds = 1.0
"""
TASK = """
from proveout.errors import SolutionFailed

def instances(rng, count):
    return [rng.uniform(1, 2) for _ in range(count)]

def score(instance, call):
    answer = call(instance)
    if type(answer) not in (int, float) or not 0 <= answer <= instance:
        raise SolutionFailed("wrong answer", "not a number from 0 to top")
    return answer / instance
"""
BASELINE = "SHARE = 0.1\n\n\ndef solve(top):\n    return SHARE * top\n"

# Takes over what the model says, with no look at its utility.
TRUSTING = """
import re

ASK = "plainly"


def improve(solution, utility, model, budget):
    prompt = f"{ASK}: {utility.description}\\n```python\\n{solution}\\n```\\n"
    found = re.findall(r"^```\\w*\\n(.*?)^```", model(prompt, 1)[0], re.S | re.M)
    return found[-1] if found else solution
"""
BETTER = TRUSTING.replace('"plainly"', '"carefully"')
WORSE = TRUSTING.replace('"plainly"', '"carelessly"')


def solution(share: float | str) -> str:
    """A program for the task that answers a share of what is possible."""
    return BASELINE.replace("0.1", str(share))


def fenced(program: str) -> str:
    """A reply with a program in it."""
    return f"Here it is:\n\n{FENCE}python\n{program.strip()}\n{FENCE}\n"


def write_task(folder: Path, name: str) -> Path:
    """A task folder, as a user would add one."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "task.toml").write_text(TASK_TOML.format(name=name))
    (place / "task.py").write_text(TASK)
    (place / "baseline.py").write_text(BASELINE)
    return place


@dataclass
class Told(Model):
    """A model that answers by a function of the prompt; a list is answered in turn."""

    answer: Callable[[str], str] | list[str] = field(default_factory=list)
    asked: list[tuple[str, int, float, int]] = field(default_factory=list)
    usd: float = 0.0
    """What a sample costs."""

    @property
    def name(self) -> str:
        """As it stands in the records."""
        return "told"

    def most(self, prompt: str, count: int) -> Most:
        """Twice what it will cost."""
        return Most(2 * count * 10, 2 * count * self.usd)

    def sample(self, prompt: str, count: int, temperature: float, seed: int) -> Samples:
        """The next answers."""
        self.asked.append((prompt, count, temperature, seed))
        if callable(self.answer):
            texts = tuple(self.answer(prompt) for _ in range(count))
        else:
            texts = tuple(self.answer.pop(0) if self.answer else "no more" for _ in range(count))
        return Samples(texts, 4 * count, 6 * count, count * self.usd)


def by_tone(prompt: str) -> str:
    """Asked carefully, a model gives better programs for a task than asked otherwise."""
    for tone, share in (("carefully", 0.9), ("carelessly", 0.15)):
        if prompt.startswith(tone):
            return fenced(solution(share))
    return fenced(solution(0.4))


def is_about_improvers(prompt: str) -> bool:
    """Whether a prompt asks for an improver and not for a task's program."""
    return bool(re.search(r"improve\(solution, utility, model, budget\)", prompt))


@pytest.fixture
def level(tmp_path: Path) -> Task:
    """The task."""
    return read_task(write_task(tmp_path / "tasks", "level"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place to run programs in, shared by the tests of a file."""
    with Place(tmp_path_factory.mktemp("scratch")) as found:
        yield found


@pytest.fixture
def shop(place: Place, tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    """Makes a workshop around a model: `shop(model)`; all of one test share a book."""
    with Book(tmp_path, Ends(), durable=False) as book:
        yield lambda model=None: Workshop(place, book, model or EmbeddedModel(), "key")


@pytest.fixture
def attempt(shop: Any, level: Task) -> Callable[..., Any]:
    """Runs an improver's body on the task: `attempt("return solution")`."""

    def run(body: str, model: Model | None = None, **budget: Any) -> Any:
        source = "def improve(solution, utility, model, budget):\n"
        source += textwrap.indent(textwrap.dedent(body).strip() + "\n", "    ")
        limits = {"samples": 4, "utility_calls": 4, "seconds": 20.0, "cpu_seconds": 5.0} | budget
        name = f"run-{len(run.done)}"  # type: ignore[attr-defined]
        run.done.append(name)  # type: ignore[attr-defined]
        made = shop(model or Told(by_tone))
        return made.improve_task(name, "tried", source, level, 1, Budget(**limits))

    run.done = []  # type: ignore[attr-defined]
    return run
