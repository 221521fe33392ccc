"""How a budget is divided over sources: by what each has yielded for its cost, with doubt.

What a source yields is the ratio of two means over its ideas, gain and cost. Its posterior is drawn
by the Bayesian bootstrap (Rubin 1981): the ideas, with weights from a flat Dirichlet, beside one
idea that is made up from all sources together, so that a source of few ideas is believed to be like
the others and keeps a wide spread. A source's share is the probability that it yields most
(Thompson sampling, 1933), and never less than a floor, so that none starves and a source that
begins badly can still show what it can do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_DRAWS = 2000
_TAIL = 3.0  # the gain of the made-up idea is an exponential to this power: mostly little
_LEAST_COST = 1e-9


@dataclass(frozen=True)
class Arm:
    """What one source's ideas came to: a gain and a cost for each, in any unit common to all."""

    name: str
    gains: tuple[float, ...] = ()
    """What each idea is expected to gain at the target, never below zero."""
    costs: tuple[float, ...] = ()
    """Shares of the budgets of compute and of money that each idea cost, added up."""


def shares(arms: Sequence[Arm], floor: float, seed: int = 0) -> dict[str, float]:
    """The share of each source; they sum to 1.

    Args:
        arms: at least one.
        floor: the least share of each of two sources; with more it shrinks so that they fit.
        seed: of the draws.

    Raises:
        ValueError: no arm, or gains and costs that do not match.
    """
    if not arms:
        raise ValueError("there is no source to give a share to")
    if any(len(arm.gains) != len(arm.costs) for arm in arms):
        raise ValueError("every idea has a gain and a cost")
    least = min(floor, 1.0 / len(arms), 2 * floor / len(arms))
    rng = np.random.default_rng(seed)
    gain, cost = _typical(arms)
    rates = np.array([_rates(arm, gain, cost, rng) for arm in arms])
    best = np.bincount(rates.argmax(axis=0), minlength=len(arms)) / _DRAWS
    return {
        arm.name: float(least + (1 - least * len(arms)) * part)
        for arm, part in zip(arms, best, strict=True)
    }


def _typical(arms: Sequence[Arm]) -> tuple[float, float]:
    """The mean gain and cost of an idea of any source; 1 and 1 where there is none."""
    gains = [gain for arm in arms for gain in arm.gains]
    costs = [cost for arm in arms for cost in arm.costs]
    if not gains:
        return 1.0, 1.0
    return max(float(np.mean(gains)), _LEAST_COST), max(float(np.mean(costs)), _LEAST_COST)


def _rates(arm: Arm, gain: float, cost: float, rng: np.random.Generator) -> np.ndarray:
    """[draws], gain per cost."""
    made_up = gain * rng.exponential(1.0, _DRAWS) ** _TAIL / 6.0  # a mean of 1, with a long tail
    weights = rng.exponential(1.0, (_DRAWS, len(arm.gains) + 1))
    gains = weights[:, :-1] @ np.array(arm.gains) + weights[:, -1] * made_up
    costs = weights[:, :-1] @ np.array(arm.costs) + weights[:, -1] * cost
    rates: np.ndarray = gains / np.maximum(costs, _LEAST_COST)
    return rates
