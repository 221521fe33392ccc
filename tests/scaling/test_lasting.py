"""Luck that lasts from rung to rung, told from luck that does not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proveout.scaling import Course, FieldPrior, fit_field, lasting_share, measure_cells


def losses(
    lasting: float, seed: int, *, arms: int = 9, rungs: int = 6, seeds: int = 3
) -> np.ndarray:
    """Noise of variance one, of which a share is each run's own at all rungs."""
    rng = np.random.default_rng(seed)
    kept = rng.normal(size=(arms, 1, seeds)) * math.sqrt(lasting)
    return 100 + kept + rng.normal(size=(arms, rungs, seeds)) * math.sqrt(1 - lasting)


@pytest.mark.parametrize("paired", [True, False])
def test_it_is_found_where_it_is(paired: bool) -> None:
    found = [lasting_share(losses(0.8, seed), paired=paired) for seed in range(20)]
    assert np.count_nonzero(found) >= 18
    assert np.median(found) == pytest.approx(0.8, abs=0.15)


@pytest.mark.parametrize(("arms", "rungs", "seeds"), [(2, 2, 2), (9, 4, 2), (3, 10, 3), (9, 3, 8)])
def test_and_not_where_it_is_not(arms: int, rungs: int, seeds: int) -> None:
    found = [
        lasting_share(losses(0.0, seed, arms=arms, rungs=rungs, seeds=seeds)) for seed in range(100)
    ]
    assert np.count_nonzero(found) <= 3


def test_luck_of_a_seed_that_all_arms_share_is_no_luck_of_an_arm() -> None:
    luck = np.random.default_rng(1).normal(size=(1, 1, 3)) * 10
    found = [lasting_share(losses(0.0, seed) + luck) for seed in range(50)]
    assert np.count_nonzero(found) <= 2


def test_what_lacks_is_passed_over() -> None:
    some = losses(0.8, 0)
    some[2, :4] = np.nan
    some[0, 5] = np.nan
    assert lasting_share(some) > 0.5
    assert lasting_share(np.full((3, 4, 2), np.nan)) == 0.0


def test_six_readings_of_one_run_tell_of_a_gap_no_more_than_one() -> None:
    """Steady gaps of any size, so that noise decides: 2.3 times as wide is (.917 / (1/6))^.5."""
    cells = measure_cells(losses(0.9, 3))
    x = np.linspace(10, 12, 6)
    prior = FieldPrior((1.0,), (Course(1e-6, 0.001, 2.5, 0.0001),), (1.0,))
    apart, together = (
        fit_field(x, cells, scale=100.0, centre=11.0, prior=prior, luck=False, lasting=lasting)
        for lasting in (0.0, 0.9)
    )
    narrow, wide = (
        field.at([11.0]).quantiles(0.9) - field.at([11.0]).quantiles(0.1)
        for field in (apart, together)
    )
    assert (wide > 1.8 * narrow).all()


def test_a_correlation_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="lasting is a correlation"):
        fit_field(np.arange(6.0), measure_cells(losses(0.5, 0)), scale=1, centre=0, lasting=1.0)
