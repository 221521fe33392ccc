"""Laws fitted to a bought share of active_sl's training pools, by several ways of buying.

The pool's prices are those of the data's authors (arXiv 2604.22753): 6 x parameters x tokens, for
mixtures of experts parameters x experts, for parallel streams parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from _suites import Floats, Inputs, Suite

from proveout.scaling import Form, Points, first_runs, fit_laws, next_runs

Rows = npt.NDArray[np.intp]

FIRST_SHARE, FIRST_RUNS = 0.02, 8  # of the budget, or the price of that many of the cheapest runs
NEARLY_ALL = 2.6  # times what is spent already: a budget below that is spent in one last batch


class Task(Protocol):
    """A training pool, its target region and the forms that may describe them."""

    @property
    def name(self) -> str:
        """As in `prices`."""

    @property
    def train(self) -> Suite:
        """The pool."""

    @property
    def test(self) -> Suite:
        """The target region."""

    @property
    def forms(self) -> tuple[Form, ...]:
        """What is fitted."""


def bought(task: Task, share: float, seed: int, how: str = "sequential") -> float:
    """R2 on the target region, in plain loss, of laws fitted to what was bought.

    Args:
        task: one of active_sl's.
        share: of the price of the whole pool that is spent at most.
        seed: of the purchases and the fits.
        how: one of WAYS.
    """
    rows = WAYS[how](task, share * float(prices(task).sum()), seed)
    laws = fit_laws(points(task, rows), task.forms, seed=seed)
    predicted = np.array([one.mean for one in laws.predict(task.test.inputs)])
    measured = task.test.loss
    return float(1 - ((predicted - measured) ** 2).mean() / measured.var())


def prices(task: Task) -> Floats:
    """The price of each run of the pool, [n]."""
    inputs = task.train.inputs
    if task.name == "moe":
        return inputs["params"] * inputs["experts"]
    if task.name.startswith("parallel"):
        return inputs["params"]
    return task.train.compute


def points(task: Task, rows: Rows) -> Points:
    """These runs of the pool, measured."""
    return Points.of(chosen(task, rows), task.train.loss[rows])


def chosen(task: Task, rows: Rows) -> Inputs:
    """The settings of these runs of the pool."""
    return {name: values[rows] for name, values in task.train.inputs.items()}


def sequential(task: Task, budget: float, seed: int) -> Rows:
    """A few runs from the priors; then fit, and spend as much again as before, until all is."""
    price = prices(task)
    first = max(FIRST_SHARE * budget, float(np.sort(price)[:FIRST_RUNS].sum()))
    rows = at_once(task, min(first, budget), seed)
    while True:
        spent = float(price[rows].sum())
        rest = np.setdiff1d(np.arange(price.size), rows)
        rest = rest[price[rest] <= budget - spent]
        if not rest.size:
            return rows
        batch = budget - spent
        if NEARLY_ALL * spent < budget:
            batch = min(batch, max(spent, float(price[rest].min())))
        laws = fit_laws(points(task, rows), task.forms, seed=seed)
        plan = next_runs(laws, chosen(task, rest), price[rest], task.test.inputs, budget=batch)
        if not plan:
            return rows
        rows = np.append(rows, rest[[one.index for one in plan]])


def at_once(task: Task, budget: float, seed: int) -> Rows:
    """All from the priors."""
    price, target = prices(task), task.test.inputs
    plan = first_runs(task.train.inputs, price, target, budget=budget, forms=task.forms, seed=seed)
    return np.array([one.index for one in plan])


def v_optimal_at_once(task: Task, budget: float, seed: int) -> Rows:
    """All from the priors, as if one of the forms were true."""
    price, target = prices(task), task.test.inputs
    plan = first_runs(
        task.train.inputs, price, target, budget=budget, forms=task.forms, miss_sd=0.0, seed=seed
    )
    return np.array([one.index for one in plan])


def at_random(task: Task, budget: float, seed: int) -> Rows:
    """Any run that can still be afforded."""
    return in_order(np.random.default_rng(seed).permutation(prices(task).size), task, budget)


def cheapest_first(task: Task, budget: float, seed: int) -> Rows:
    """As many runs as can be had."""
    return in_order(np.argsort(prices(task), kind="stable"), task, budget)


def in_order(order: Sequence[int] | Rows, task: Task, budget: float) -> Rows:
    """Each run of this order that can still be afforded."""
    price, rows = prices(task), []
    for row in order:
        if price[row] <= budget:
            rows.append(int(row))
            budget -= float(price[row])
    return np.array(rows)


WAYS: Mapping[str, Callable[[Task, float, int], Rows]] = {
    "sequential": sequential,
    "at once": at_once,
    "V-optimal at once": v_optimal_at_once,
    "random": at_random,
    "cheapest first": cheapest_first,
}
