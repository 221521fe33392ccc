"""The gate: is a child better than its parent on held-out tasks? Decided while pairs come in.

Each round brings one pair of scores from every held-out task, child and parent at equal budget on
the same fresh instances with the same luck. The differences lie in [-1, 1]. A gambler who may not
go into debt bets on them being above zero: wealth starts at 1 and is multiplied by 1 + L d for each
difference d of a round, with a stake L in [0, 1) fixed before the round (Waudby-Smith and Ramdas,
"Estimating means of bounded random variables by betting", JRSS B 2023). If the mean over tasks is
not above zero, the expected wealth never grows: within a round the product of the tasks' means
1 + L m is at most the power of their average. So by Ville's inequality wealth passes 1/alpha with
probability alpha at most, whenever one looks.

The error is spent over the whole run: the k-th gate gets alpha * 6 / (pi^2 k^2), which sums to
alpha over however many there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_HIGHEST_STAKE = 0.95
_FIRST_STAKE = 0.5
_ROUNDS_BEFORE_GIVING_UP = 4
_SAME_ROUNDS = 3
_HOPE = 1.5
"""Standard errors above its mean that a child is still hoped to be."""
_GRID = 801


def alpha_of(gate: int, alpha: float) -> float:
    """What the `gate`-th test, from 1, may err with."""
    return alpha * 6 / (math.pi**2 * gate**2)


@dataclass(frozen=True)
class Standing:
    """Where a gate stands after some rounds."""

    rounds: int
    mean: float
    """Of the differences, child minus parent."""
    interval95: tuple[float, float]
    """Holds at every time at once, by the same bets."""
    log_wealth: float
    passed: bool
    over: str
    """Why it ended without passing; empty while it goes on, and where it passed."""


def stand(rounds: Sequence[Sequence[float]], alpha: float, most_rounds: int) -> Standing:
    """A gate as it stands: a pure function of its rounds, [rounds][tasks], each in [-1, 1]."""
    differences = np.asarray(rounds, dtype=float).reshape(
        len(rounds), len(rounds[0]) if rounds else 0
    )
    needed = math.log(1 / alpha)
    wealth, best = _wealth(differences)
    passed = best >= needed
    flat = differences.ravel()
    mean = float(flat.mean()) if flat.size else 0.0
    over = "" if passed else _over(differences, wealth, needed, most_rounds)
    return Standing(len(rounds), mean, interval(differences), wealth, passed, over)


def _stakes(differences: np.ndarray) -> np.ndarray:
    """The stake of each round, from the rounds before it: about mean / (variance + mean^2)."""
    stakes = []
    for number in range(len(differences)):
        before = differences[:number].ravel()
        if not before.size:
            stakes.append(_FIRST_STAKE)
            continue
        mean = before.sum() / (before.size + 1)
        square = (before @ before + 0.01) / (before.size + 1)
        stakes.append(float(np.clip(mean / square, 0.0, _HIGHEST_STAKE)))
    return np.array(stakes)


def _wealth(differences: np.ndarray) -> tuple[float, float]:
    """The logarithm of the wealth now, and the highest it ever was."""
    if not len(differences):
        return 0.0, 0.0
    gains = np.log1p(_stakes(differences)[:, None] * differences).sum(axis=1)
    path = np.cumsum(gains)
    return float(path[-1]), float(path.max())


def _over(differences: np.ndarray, wealth: float, needed: float, most: int) -> str:
    """Whether going on is worth nothing; any rule will do here, as it can only adopt less."""
    done = len(differences)
    if done >= _SAME_ROUNDS and not differences.any():
        return f"no different from its parent in {differences.size} pairs"
    if done >= most:
        return f"not clearly better in {differences.size} pairs, all that a gate may buy"
    if done < _ROUNDS_BEFORE_GIVING_UP:
        return ""
    flat = differences.ravel()
    error = float(flat.std(ddof=1)) / math.sqrt(flat.size)
    hoped = float(flat.mean()) + _HOPE * error
    if hoped <= 0:
        return f"no better than its parent in {flat.size} pairs"
    square = hoped**2 + float(flat.var())
    stake = min(hoped / square, _HIGHEST_STAKE)
    growth = stake * hoped - stake**2 * square / 2
    if wealth + growth * (most - done) * differences.shape[1] < needed:
        return f"too little better after {flat.size} pairs to become clear"
    return ""


def interval(differences: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Means that no gambler has become rich betting against: [low, high] in [-1, 1].

    The gambler who bets on more than zero is the gate's own, so what passed it lies above zero.
    """
    if not len(differences):
        return -1.0, 1.0
    needed = math.log(2 / (1 - level))
    means = np.linspace(-1, 1, _GRID)
    alive = np.ones(_GRID, dtype=bool)
    for sign in (1.0, -1.0):
        most = _HIGHEST_STAKE / (1 + sign * means + 1e-9)  # no difference then costs all
        path = np.zeros(_GRID)
        for number in range(len(differences)):
            centred = sign * (differences[:number].reshape(-1, 1) - means)
            count = len(centred) + 1
            stake = np.full(_GRID, _FIRST_STAKE)
            if count > 1:
                stake = centred.sum(axis=0) / ((centred**2).sum(axis=0) + 0.01)
            stake = np.clip(stake, 0.0, most)
            now = sign * (differences[number][:, None] - means)
            path += np.log1p(stake * now).sum(axis=0)
            alive &= path < needed
    kept = means[alive]
    if not kept.size:
        return float(differences.mean()), float(differences.mean())
    return float(kept[0]), float(kept[-1])
