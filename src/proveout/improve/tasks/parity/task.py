"""Parity without noise: linear equations over two elements, of several sizes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from proveout.improve import whole_numbers

SHORTEST, LONGEST = 3, 12
SPARE_SAMPLES = 8
QUESTIONS = 20


class Instance(NamedTuple):
    """One hidden subset, what is shown of it, and the right answers."""

    samples: list[list[int]]
    labels: list[int]
    questions: list[list[int]]
    answers: list[int]


def instances(rng: random.Random, count: int) -> list[Instance]:
    return [_draw(rng) for _ in range(count)]


def _draw(rng: random.Random) -> Instance:
    bits = rng.randint(SHORTEST, LONGEST)
    subset = rng.sample(range(bits), rng.randint(1, bits))
    shown = bits + SPARE_SAMPLES
    rows = [[rng.randrange(2) for _ in range(bits)] for _ in range(shown + QUESTIONS)]
    parities = [sum(row[i] for i in subset) % 2 for row in rows]
    return Instance(rows[:shown], parities[:shown], rows[shown:], parities[shown:])


def score(instance: Instance, call: Callable[..., Any]) -> float:
    """Guessing has 0, all right 1."""
    answer = call(instance.samples, instance.labels, instance.questions)
    given = whole_numbers(answer, QUESTIONS, 0, 1)
    right = sum(a == b for a, b in zip(given, instance.answers, strict=True))
    return max(0.0, 2 * right / QUESTIONS - 1)
