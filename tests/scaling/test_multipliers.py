"""Gaps told as compute, and how well that is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from proveout.scaling import Points, fit_gap, fit_laws, multipliers

Array = npt.NDArray[np.float64]
Truth = Callable[[Array | float], Array]

_GRID = np.geomspace(1e8, 1e16, 33)


def _law(compute: Array) -> Array:
    return 1.5 + 2.0 * (compute / 1e10) ** -0.2


def test_the_multiplier_is_the_laws_own() -> None:
    grid = np.geomspace(1e8, 1e16, 2001)
    at = [10.0, 12.0]
    # The loss that the baseline has at 4 times the compute, and at a third of it.
    gaps = [_law(4 * 10 ** np.array(x)) - _law(10 ** np.array(x)) for x in at]
    found = multipliers(grid, [_law(grid)] * 3, at, [gaps] * 3)
    for each in found:
        assert each.value == pytest.approx(4, rel=1e-3)
        assert each.low == pytest.approx(4, rel=1e-3)
        assert each.high == pytest.approx(4, rel=1e-3)
        assert each.why is None
    at = [8.0, 10.0, 16.0]
    none = multipliers(grid, [_law(grid)], at, [[0.0] * 3])
    assert [each.value for each in none] == pytest.approx([1, 1, 1])


def test_between_the_grids_computes_a_power_law_is_exact() -> None:
    found = multipliers([1e8, 1e16], [[1e4, 1.0]], [12.0], [[10.0 - 100.0]])
    assert found[0].value == pytest.approx(100)  # the exponent is a half


def test_doubt_of_gap_and_law_becomes_the_intervals() -> None:
    rng = np.random.default_rng(0)
    laws = _law(_GRID) * np.exp(rng.normal(0, 0.01, (3000, 1)))
    line = fit_gap([10, 11], [-0.1, -0.08], [0.01] * 2, dof=6, scale=3.0)
    near, far = multipliers(_GRID, laws, [10.5, 13], line.joint([10.5, 13]).draws(3000, 0))
    for each in (near, far):
        assert each.value is not None and each.low is not None
        assert each.low < each.value
    assert near.high is not None and near.low is not None and near.high > (near.value or 0)
    assert far.high is None or far.high / (far.low or 1) > near.high / near.low
    # The 80% interval of the gap on one law, by hand, holds the one with the law's doubt too.
    alone = multipliers(_GRID, [_law(_GRID)] * 3000, [10.5], line.joint([10.5]).draws(3000, 0))
    assert near.high / near.low == pytest.approx(
        (alone[0].high or 0) / (alone[0].low or 1), rel=0.1
    )


def test_a_loss_that_is_never_reached_has_no_multiplier() -> None:
    laws = [_law(_GRID)] * 10
    gaps = [[-0.1]] * 4 + [[-3.0]] * 6
    never = multipliers(_GRID, laws, [10.0], gaps)[0]
    assert never.value is None and never.high is None and never.low is not None
    assert never.why is not None and "wider grid" in never.why
    sometimes = multipliers(_GRID, laws, [10.0], gaps[::-1][4:] + [[-0.1]] * 4)[0]
    assert sometimes.value is not None and sometimes.high is None


def test_a_loss_above_the_grid_is_bounded_below() -> None:
    found = multipliers(_GRID, [_law(_GRID)] * 10, [10.0], [[50.0]] * 6 + [[0.0]] * 4)[0]
    assert found.value == found.low == pytest.approx(1e-2)
    assert found.high == pytest.approx(1)
    assert found.why is None


def test_several_ideas_at_one_compute_are_each_as_if_alone() -> None:
    laws = _law(_GRID) * np.exp(np.random.default_rng(1).normal(0, 0.01, (500, 1)))
    gaps = np.random.default_rng(2).normal([-0.1, 0.05], 0.02, (500, 2))
    together = multipliers(_GRID, laws, [12.0, 12.0], gaps)
    alone = [multipliers(_GRID, laws, [12.0], gaps[:, [i]])[0] for i in range(2)]
    assert list(together) == alone


def test_less_is_known_of_the_multiplier_where_less_is_known_of_the_gap() -> None:
    draws = np.random.default_rng(3).standard_normal((2000, 1))
    sure, unsure = (
        multipliers(_GRID, [_law(_GRID)] * 2000, [12.0], -0.05 + sd * draws)[0]
        for sd in (0.001, 0.05)
    )
    assert sure.low is not None and sure.high is not None and unsure.low is not None
    assert sure.low > 1 > unsure.low
    assert unsure.high is None or unsure.high > sure.high


class _Ladder(NamedTuple):
    points: Points
    target: float
    truth: Truth
    noise_sd: float  # relative, of one run


def _ladder(rng: np.random.Generator) -> _Ladder:
    """2 to 6 rungs of 2 to 4 seeds, and a target half a decade above."""
    rungs, seeds = int(rng.integers(2, 7)), int(rng.integers(2, 5))
    compute: Array = 1e10 * 10 ** (0.5 * np.repeat(np.arange(rungs, dtype=np.float64), seeds))
    floor, exponent = rng.uniform(0, 2), 0.15 * math.exp(rng.normal(0, 0.5))
    removable, noise_sd = rng.uniform(1, 4), rng.uniform(0.003, 0.01)

    def truth(c: Array | float) -> Array:
        return np.asarray(floor + removable * (np.asarray(c) / 5e10) ** -exponent)

    losses = truth(compute) * np.exp(rng.normal(0, noise_sd, compute.size))
    points = Points.of({"compute": compute}, losses)
    return _Ladder(points, float(compute[-1]) * 10**0.5, truth, noise_sd)


def test_intervals_of_small_ladders_hold_what_they_say() -> None:
    """Of the baseline's loss at the target, and of the multiplier of a gap measured there."""
    rng = np.random.default_rng(20)
    losses, factors = 0, 0
    for _ in range(24):
        points, target, truth, noise_sd = _ladder(rng)
        laws = fit_laws(points)
        loss = laws.predict({"compute": [target]}, noise=False)[0].interval(0.8)
        losses += float(truth(target)) in loss
        factor, sd = math.exp(rng.normal(0.3, 0.5)), noise_sd * float(truth(target))
        measured = float(truth(factor * target) - truth(target)) + rng.normal(0, sd)
        grid = target * np.geomspace(1e-4, 1e4, 81)
        gaps = rng.normal(measured, sd, (1000, 1))
        drawn = laws.draws({"compute": grid})
        found = multipliers(grid, drawn, [math.log10(target)], gaps)[0]
        low = math.inf if found.low is None else found.low
        high = math.inf if found.high is None else found.high
        factors += low <= factor <= high
    # These laws are smooth: the discrepancy for real curves makes the intervals too wide for them.
    assert losses >= 19 - 6, "three binomial sds of 24 draws"
    assert factors >= 19 - 6


def test_the_laws_own_discrepancy_is_part_of_the_interval() -> None:
    compute = np.geomspace(1e10, 1e12, 5)
    grid, gaps = 1e13 * np.geomspace(1e-4, 1e4, 81), np.full((1000, 1), -0.05)
    spreads = []
    for discrepancy in ("models", None):
        points = Points.of({"compute": compute}, _law(compute))
        drawn = fit_laws(points, discrepancy=discrepancy).draws({"compute": grid})
        found = multipliers(grid, drawn, [13.0], gaps)[0]
        assert found.low is not None and found.high is not None
        spreads.append(found.high / found.low)
    assert spreads[0] > spreads[1]


def test_a_law_that_is_flat_or_rises_reaches_nothing_new() -> None:
    rising = multipliers([1e9, 1e10, 1e11], [[3.0, 2.0, 2.5]], [10.0], [[-0.1]])[0]
    assert rising.value is None
    worse = multipliers([1e9, 1e10, 1e11], [[3.0, 2.0, 2.5]], [10.0], [[0.5]])[0]
    assert worse.value is not None and 0.1 < worse.value < 1


@pytest.mark.parametrize(
    ("grid", "losses", "at", "gaps", "message"),
    [
        ([1e10, 1e9], [[2, 3]], [9.5], [[0]], "compute_grid must rise"),
        ([1e9, 1e10], [[3, 2]], [11], [[0]], "must lie within the grid"),
        ([1e9, 1e10], [[3, 2, 1]], [9.5], [[0]], r"must be \[k, 2\] and \[k, 1\]"),
        ([1e9, 1e10], [[3, 2]], [9.5], [[0], [0]], "with the same k"),
        ([1e9, 1e10], [[3, 0]], [9.5], [[0]], "losses must be above zero"),
        ([1e9, 1e10], [[3, 2]], [9.5], [[math.nan]], "gaps finite"),
    ],
)
def test_draws_that_do_not_fit_are_named(
    grid: list[float], losses: object, at: list[float], gaps: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        multipliers(grid, losses, at, gaps)  # type: ignore[arg-type]
