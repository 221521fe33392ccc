"""Tune a small optimizer on noisy functions, with a fixed number of measurements for each."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from proveout.improve import finite_numbers

DIMENSIONS = 3
LOW, HIGH = -5.0, 5.0
MEASUREMENTS = 20
NOISE = 0.05
"""The sd of a measurement, as a share of the function's value in the middle of the box."""


class Instance(NamedTuple):
    """A function, and the noise of each of its measurements."""

    centre: list[float]
    steepness: list[float]
    ripple: float
    noise: list[float]

    def value(self, point: list[float]) -> float:
        """The function without noise: 0 at its centre, above 0 anywhere else."""
        away = [x - c for x, c in zip(point, self.centre, strict=True)]
        bowl = sum(s * a * a for s, a in zip(self.steepness, away, strict=True))
        return bowl + self.ripple * sum(1 - math.cos(3 * a) for a in away)


def instances(rng: random.Random, count: int) -> list[Instance]:
    return [_draw(rng) for _ in range(count)]


def _draw(rng: random.Random) -> Instance:
    return Instance(
        centre=[rng.choice((-1, 1)) * rng.uniform(1.0, 4.0) for _ in range(DIMENSIONS)],
        steepness=[math.exp(rng.uniform(-1, 1)) for _ in range(DIMENSIONS)],
        ripple=rng.uniform(0.0, 0.5),
        noise=[rng.gauss(0, 1) for _ in range(MEASUREMENTS)],
    )


def score(instance: Instance, call: Callable[..., Any]) -> float:
    """0 for the middle of the box or worse, 1 for the least value."""
    history: list[list[Any]] = []
    middle = instance.value([(LOW + HIGH) / 2] * DIMENSIONS)
    for step in range(MEASUREMENTS):
        answer = call(history, MEASUREMENTS - step, LOW, HIGH)
        point = finite_numbers(answer, DIMENSIONS, LOW, HIGH)
        value = instance.value(point) + NOISE * middle * instance.noise[step]
        history = [*history, [point, round(value, 6)]]
    last = finite_numbers(call(history, 0, LOW, HIGH), DIMENSIONS, LOW, HIGH)
    return max(0.0, 1 - math.sqrt(instance.value(last) / middle))
