"""The gate adopts what is better, and next to nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proveout.improve import Standing, alpha_of, stand

ROUNDS = 24


def gate(rng: np.random.Generator, draw: object, alpha: float = 0.0122) -> Standing:
    """One gate, round by round, until it is over."""
    rounds: list[list[float]] = []
    while True:
        rounds.append([float(np.clip(each, -1, 1)) for each in draw(rng)])  # type: ignore[operator]
        found = stand(rounds, alpha, ROUNDS)
        if found.passed or found.over:
            return found


def test_a_child_that_is_clearly_better_passes_and_its_interval_lies_above_zero() -> None:
    found = [
        gate(np.random.default_rng(seed), lambda r: r.normal(0.3, 0.25, 3)) for seed in range(20)
    ]
    assert sum(each.passed for each in found) >= 18
    assert all(each.interval95[0] > 0 for each in found if each.passed)


@pytest.mark.parametrize(
    "draw",
    [
        lambda r: r.normal(0, 0.2, 3),
        lambda r: r.normal(-0.05, 0.3, 2),
        # Better on one task, as much worse on another: no better on the mean.
        lambda r: r.normal([0.4, -0.4], 0.1),
        # Often a little better, seldom much worse.
        lambda r: np.where(r.random(2) < 0.9, 0.05, -0.45),
    ],
    ids=["same", "worse", "mixed", "seldom"],
)
def test_a_child_that_is_no_better_passes_no_more_often_than_declared(draw: object) -> None:
    alpha = 0.1
    found = [gate(np.random.default_rng(seed), draw, alpha).passed for seed in range(60)]
    # 60 gates at 0.1: more than 12 has a probability below 0.01.
    assert sum(found) <= 12


def test_a_child_that_does_the_same_is_told_apart_from_one_that_is_no_better() -> None:
    same = stand([[0.0, 0.0]] * 3, 0.01, ROUNDS)
    assert not same.passed and same.over.startswith("no different")
    assert not stand([[0.0, 0.0]] * 2, 0.01, ROUNDS).over


def test_rounds_are_used_up_without_a_pass() -> None:
    found = stand([[0.02, -0.01]] * 2, 0.01, 2)
    assert "all that a gate may buy" in found.over


def test_the_interval_holds_the_mean_and_shrinks() -> None:
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rounds = rng.normal(0.1, 0.2, (20, 2)).clip(-1, 1).tolist()
        early, late = stand(rounds[:3], 0.01, 99), stand(rounds, 0.01, 99)
        width = [each.interval95[1] - each.interval95[0] for each in (early, late)]
        assert width[1] < width[0]
        held += late.interval95[0] <= 0.1 <= late.interval95[1]
    assert held >= 36


def test_nothing_is_known_before_the_first_round() -> None:
    found = stand([], 0.01, ROUNDS)
    assert (found.rounds, found.interval95, found.passed, found.over) == (0, (-1.0, 1.0), False, "")


def test_what_all_gates_may_err_with_sums_to_alpha() -> None:
    spent = sum(alpha_of(gate, 0.02) for gate in range(1, 20_000))
    assert spent < 0.02
    assert spent == pytest.approx(0.02, rel=1e-3)
    assert alpha_of(1, 0.02) == pytest.approx(0.02 * 6 / math.pi**2)
