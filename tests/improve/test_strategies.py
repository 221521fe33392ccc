"""The library's strategies: each improves a program, and none asks for more than it has."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from proveout.improve import EmbeddedModel, Model, strategies

FENCE = "`" * 3
START = "SIZE = 3  # the dial\n\n\ndef solve(x):\n    return x + SIZE\n"


class Refused(RuntimeError):
    """A request over what is left."""


class World:
    """What a run gives an improver, in this process: a dial that is best at 400, and counters."""

    def __init__(self, model: Model | Callable[[int], list[str]], samples: int, calls: int) -> None:
        self.samples, self.utility_calls = samples, calls
        self.tokens, self.usd, self.seconds = 10**6, 1.0, 60.0
        self.description = "Write solve(x). Scored is how close its SIZE is to 400."
        self.prompts: list[str] = []
        self._model = model

    def model(self, prompt: str, count: int = 1, temperature: float = 0.7) -> list[str]:
        assert type(count) is int and count >= 1
        if count > self.samples:
            raise Refused(f"{count} samples of {self.samples}")
        self.samples -= count
        self.prompts.append(prompt)
        if isinstance(self._model, Model):
            return list(self._model.sample(prompt, count, temperature, len(self.prompts)).texts)
        return self._model(count)

    def __call__(self, candidate: str) -> float:
        if self.utility_calls < 1:
            raise Refused("no utility calls")
        self.utility_calls -= 1
        return score(candidate)

    @property
    def utility(self) -> World:
        return self


def score(candidate: str) -> float:
    found = re.search(r"^SIZE = (\d{1,9})\b", candidate, re.M)
    if not found or int(found[1]) < 1 or "def solve" not in candidate:
        return 0.0
    return max(0.0, 1 - abs(math.log(int(found[1]) / 400)) / 6)


def run(name: str, world: World) -> Any:
    space: dict[str, Any] = {}
    exec(strategies()[name], space)
    return space["improve"](START, world.utility, world.model, world)


@pytest.mark.parametrize("name", strategies())
def test_a_strategy_is_one_short_file_with_its_source_and_the_standard_library(name: str) -> None:
    source = strategies()[name]
    assert 30 <= len(source.splitlines()) <= 80
    tree = ast.parse(source)
    assert re.search(r"\d{4}", ast.get_docstring(tree) or ""), "no source is named"
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= {"ast", "math", "random", "re"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
    assert re.search(f"^{FENCE}", source, re.M) is None  # it would end the fence that quotes it


@pytest.mark.parametrize("name", strategies())
def test_a_strategy_improves_and_uses_what_it_has(name: str) -> None:
    world = World(EmbeddedModel(), samples=60, calls=70)
    returned = run(name, world)
    assert score(returned) > score(START) + 0.1
    assert world.samples == 0


@pytest.mark.parametrize("name", strategies())
@pytest.mark.parametrize(("samples", "calls"), [(0, 1), (1, 1), (1, 2), (5, 1), (7, 30), (30, 7)])
def test_no_strategy_asks_for_more_than_is_left(name: str, samples: int, calls: int) -> None:
    returned = run(name, World(EmbeddedModel(), samples, calls))
    assert score(returned) >= score(START)


@pytest.mark.parametrize("name", strategies())
@pytest.mark.parametrize(
    "reply",
    ["", "I would rather not.", FENCE, f"{FENCE}\n", f"{FENCE}python\n{FENCE}",
     f"{FENCE}python\ndef solve(:\n{FENCE}", f"{FENCE}python\n{START}{FENCE}"],
    ids=["empty", "prose", "fence", "open", "hollow", "broken", "same"],
)  # fmt: skip
def test_no_reply_of_a_model_upsets_a_strategy(name: str, reply: str) -> None:
    returned = run(name, World(lambda count: [reply] * count, 9, 9))
    assert score(returned) == score(START)


def test_genetic_shows_two_parents_and_by_parts_asks_for_one_part() -> None:
    world = World(EmbeddedModel(), 30, 30)
    run("genetic", world)
    assert all(prompt.count(f"{FENCE}python") == 2 for prompt in world.prompts)
    world = World(EmbeddedModel(), 30, 30)
    run("by_parts", world)
    parts = {prompt.split(f"{FENCE}python\n")[-1].split("\n")[0] for prompt in world.prompts}
    assert any(part.startswith("SIZE = ") for part in parts) and "def solve(x):" in parts
