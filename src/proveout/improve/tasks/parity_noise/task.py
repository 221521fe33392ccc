"""Learning parity with noise: find a hidden subset from bits whose labels are sometimes flipped."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from proveout.improve import whole_numbers

BITS = 10
SAMPLES = 40
QUESTIONS = 20
NOISE = 0.05


class Instance(NamedTuple):
    """One hidden subset, what is shown of it, and the right answers."""

    samples: list[list[int]]
    labels: list[int]
    questions: list[list[int]]
    answers: list[int]


def instances(rng: random.Random, count: int) -> list[Instance]:
    return [_draw(rng) for _ in range(count)]


def _draw(rng: random.Random) -> Instance:
    subset = rng.sample(range(BITS), rng.randint(1, BITS))
    rows = [[rng.randrange(2) for _ in range(BITS)] for _ in range(SAMPLES + QUESTIONS)]
    parities = [sum(row[i] for i in subset) % 2 for row in rows]
    labels = [parity ^ (rng.random() < NOISE) for parity in parities[:SAMPLES]]
    return Instance(rows[:SAMPLES], labels, rows[SAMPLES:], parities[SAMPLES:])


def score(instance: Instance, call: Callable[..., Any]) -> float:
    """Guessing has 0, all right 1."""
    answer = call(instance.samples, instance.labels, instance.questions)
    given = whole_numbers(answer, QUESTIONS, 0, 1)
    right = sum(a == b for a, b in zip(given, instance.answers, strict=True))
    return max(0.0, 2 * right / QUESTIONS - 1)
