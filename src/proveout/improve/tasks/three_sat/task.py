"""3-SAT with a planted solution: satisfy as many clauses as possible."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from proveout.improve import whole_numbers

FEWEST, MOST = 5, 30
CLAUSES_PER_VARIABLE = 4
RANDOM_SHARE = 7 / 8


class Instance(NamedTuple):
    """Clauses over variables from 1 on, negative where negated."""

    variables: int
    clauses: list[list[int]]


def instances(rng: random.Random, count: int) -> list[Instance]:
    return [_draw(rng) for _ in range(count)]


def _draw(rng: random.Random) -> Instance:
    variables = rng.randint(FEWEST, MOST)
    planted = [rng.randrange(2) for _ in range(variables)]
    clauses: list[list[int]] = []
    while len(clauses) < CLAUSES_PER_VARIABLE * variables:
        chosen = rng.sample(range(1, variables + 1), 3)
        clause = [rng.choice((variable, -variable)) for variable in chosen]
        if satisfied(clause, planted):
            clauses.append(clause)
    return Instance(variables, clauses)


def satisfied(clause: list[int], values: list[int]) -> bool:
    """Whether one of a clause's three holds."""
    return any(values[abs(literal) - 1] == (literal > 0) for literal in clause)


def score(instance: Instance, call: Callable[..., Any]) -> float:
    """0 for what a random answer satisfies, or less; 1 for all."""
    values = whole_numbers(call(instance.variables, instance.clauses), instance.variables, 0, 1)
    held = sum(satisfied(clause, values) for clause in instance.clauses)
    return max(0.0, (held / len(instance.clauses) - RANDOM_SHARE) / (1 - RANDOM_SHARE))
