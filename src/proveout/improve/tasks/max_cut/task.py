"""Max-cut: split a graph's nodes in two so that many edges join the sides.

The graphs are drawn around a hidden split that cuts nine edges in ten. In wholly random graphs the
best cut lies not far above half the edges, and most of the range would be out of reach.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from proveout.improve import whole_numbers

FEWEST, MOST = 20, 40
DEGREE = 6.0
"""Edges at a node, on average."""
CROSSING = 0.9
"""The share of edges that join the two sides of the hidden split."""


class Instance(NamedTuple):
    """A graph, and the number of edges that no cut can exceed."""

    nodes: int
    edges: list[list[int]]
    bound: float


def instances(rng: random.Random, count: int) -> list[Instance]:
    return [_draw(rng) for _ in range(count)]


def _draw(rng: random.Random) -> Instance:
    nodes = rng.randint(FEWEST, MOST)
    side = [node % 2 for node in range(nodes)]
    rng.shuffle(side)
    pairs = [(a, b) for a in range(nodes) for b in range(a + 1, nodes)]
    rng.shuffle(pairs)
    wanted = round(DEGREE * nodes / 2)
    crossing = round(CROSSING * wanted)
    apart = [pair for pair in pairs if side[pair[0]] != side[pair[1]]][:crossing]
    within = [pair for pair in pairs if side[pair[0]] == side[pair[1]]][: wanted - crossing]
    edges = sorted([a, b] for a, b in [*apart, *within])
    return Instance(nodes, edges, most_cut(nodes, edges))


def most_cut(nodes: int, edges: list[list[int]]) -> float:
    """A quarter of the nodes times the Laplacian's largest eigenvalue, or all the edges."""
    laplacian = np.zeros((nodes, nodes))
    for a, b in edges:
        laplacian[[a, b], [b, a]] -= 1
        laplacian[[a, b], [a, b]] += 1
    return min(nodes / 4 * float(np.linalg.eigvalsh(laplacian)[-1]), float(len(edges)))


def score(instance: Instance, call: Callable[..., Any]) -> float:
    """0 for half the edges, which a random split cuts, or fewer; 1 for the bound."""
    sides = whole_numbers(call(instance.nodes, instance.edges), instance.nodes, 0, 1)
    cut = sum(sides[a] != sides[b] for a, b in instance.edges)
    half = len(instance.edges) / 2
    return max(0.0, (cut - half) / (instance.bound - half))
