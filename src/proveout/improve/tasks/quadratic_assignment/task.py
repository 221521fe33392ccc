"""Quadratic assignment with preferences: place facilities so that what flows has a short way.

The tables are drawn around a hidden assignment that suits them. In wholly random ones the best
assignment lies not far below a random one, and most of the range would be out of reach.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from proveout.errors import SolutionFailed
from proveout.improve import whole_numbers

SIZE = 10
PREFERENCE = 0.5
FIT = 0.7
"""How much of a way is settled by what flows on it under the hidden assignment."""

Table = npt.NDArray[np.float64]


class Instance(NamedTuple):
    """Three tables [SIZE, SIZE]; what a random assignment costs, and the least that one could."""

    flow: Table
    distance: Table
    preference: Table
    mean: float
    bound: float


def instances(rng: random.Random, count: int) -> list[Instance]:
    return [_draw(rng) for _ in range(count)]


def _draw(rng: random.Random) -> Instance:
    flow, luck, preference = (
        np.array([[round(rng.random(), 3) for _ in range(SIZE)] for _ in range(SIZE)])
        for _ in range(3)
    )
    hidden = np.array(rng.sample(range(SIZE), SIZE))
    distance = np.empty((SIZE, SIZE))
    distance[np.ix_(hidden, hidden)] = np.round(FIT * (1 - flow) + (1 - FIT) * luck, 3)
    np.fill_diagonal(flow, 0.0)
    np.fill_diagonal(distance, 0.0)
    pairs = flow.sum() * distance.sum() / (SIZE * (SIZE - 1))
    mean = float(pairs - PREFERENCE * preference.mean() * SIZE)
    return Instance(flow, distance, preference, mean, least_cost(flow, distance, preference))


def least_cost(flow: Table, distance: Table, preference: Table) -> float:
    """The bound of Gilmore and Lawler: each facility pairs its largest flows with short ways."""
    others = ~np.eye(SIZE, dtype=bool)
    flows = np.sort(flow[others].reshape(SIZE, SIZE - 1))[:, ::-1]
    ways = np.sort(distance[others].reshape(SIZE, SIZE - 1))
    costs = flows @ ways.T - PREFERENCE * preference
    rows, columns = linear_sum_assignment(costs)
    return float(costs[rows, columns].sum())


def cost(instance: Instance, places: list[int]) -> float:
    """What an assignment costs."""
    at = np.array(places)
    moved = float((instance.flow * instance.distance[np.ix_(at, at)]).sum())
    return moved - PREFERENCE * float(instance.preference[np.arange(SIZE), at].sum())


def score(instance: Instance, call: Callable[..., Any]) -> float:
    """0 for what a random assignment costs, or more; 1 for the bound, which few reach."""
    tables = [instance.flow, instance.distance, instance.preference]
    places = whole_numbers(call(*(table.tolist() for table in tables)), SIZE, 0, SIZE - 1)
    if len(set(places)) != SIZE:
        raise SolutionFailed("wrong answer", "two facilities in one location")
    saved = instance.mean - cost(instance, places)
    return max(0.0, saved / (instance.mean - instance.bound))
