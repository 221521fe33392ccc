"""String grid distance: find a string that lies at a given distance from another."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from proveout.errors import SolutionFailed

SHORTEST, LONGEST = 8, 24


class Instance(NamedTuple):
    """A string, and a distance at which another one was seen to lie."""

    text: str
    distance: int


def instances(rng: random.Random, count: int) -> list[Instance]:
    return [_draw(rng) for _ in range(count)]


def _draw(rng: random.Random) -> Instance:
    length = rng.randint(SHORTEST, LONGEST)
    often, other_often = rng.uniform(0.2, 0.8), rng.random()  # distances of all sizes are drawn
    text, other = _string(rng, length, often), _string(rng, length, other_often)
    return Instance(text, grid_distance(text, other))


def _string(rng: random.Random, length: int, change: float) -> str:
    """Letters that differ from the one before them with a probability of `change`."""
    letters = [rng.randrange(2)]
    for _ in range(length - 1):
        letters.append(letters[-1] ^ (rng.random() < change))
    return "".join("AB"[letter] for letter in letters)


def grid_distance(one: str, other: str) -> int:
    """Places where the strings differ, and those where neighbours within either differ."""
    return (
        sum(a != b for a, b in zip(one, other, strict=True))
        + sum(a != b for a, b in pairwise(one))
        + sum(a != b for a, b in pairwise(other))
    )


def score(instance: Instance, call: Callable[..., Any]) -> float:
    """1 for a hit; half the share of the longest way that was not missed for all else."""
    answer = call(instance.text, instance.distance)
    length = len(instance.text)
    if not isinstance(answer, str) or len(answer) != length or set(answer) - set("AB"):
        raise SolutionFailed("wrong answer", f"asked for was a string of {length} letters A and B")
    missed = abs(grid_distance(instance.text, answer) - instance.distance)
    return 0.5 * (1 - missed / (3 * length)) if missed else 1.0
