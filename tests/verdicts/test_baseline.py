"""The baseline's laws as verdicts and forecasts use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from proveout.ideas import BASELINE
from proveout.ledger import VerdictsRead
from proveout.trials import Trial
from proveout.verdicts import forecast, judge

Simulate = Any


def measure(world: Any, losses: Sequence[float], gap: float = -0.1) -> VerdictsRead:
    """The verdicts once a baseline with these losses by rung and an idea have two seeds each."""
    world.loss = lambda trial: (
        losses[trial.rung]
        + 0.004 * trial.replicate * (-1) ** trial.rung
        + (0 if trial.idea == BASELINE else gap + 0.003 * trial.replicate)
    )
    for rung in range(len(losses)):
        for idea in (BASELINE, "one"):
            for replicate in range(2):
                world.buy(Trial(rung, replicate, idea))
    return judge(world.study, world.history)


def world_of_one(simulate: Simulate) -> Any:
    return simulate({"one": lambda x: 0.0})


def test_one_scale_has_no_law(simulate: Simulate) -> None:
    read = measure(world_of_one(simulate), [3.0])
    assert read.baseline is None
    assert read.verdicts[0].compute_multiplier is None
    assert read.verdicts[0].multiplier_interval80 is None


def test_a_task_that_is_solved_to_the_last_digit_has_no_law_and_a_verdict(
    simulate: Simulate,
) -> None:
    world = world_of_one(simulate)
    read = measure(world, [311.0, 167.0, 2e-6, 3.5e-8], gap=0.001)
    assert read.baseline is None
    (verdict,) = read.verdicts
    assert verdict.compute_multiplier is None
    assert verdict.gap_at_target is not None
    assert abs(forecast(world.study, world.history, "one").mean_gap) < 311


def test_two_scales_say_that_they_fix_no_law_and_forecast_with_doubt(simulate: Simulate) -> None:
    read = measure(world_of_one(simulate), [3.0, 2.75])
    assert read.baseline is not None
    assert read.baseline.formula == "L = E + A C^-alpha (too few scales)"
    _, loss, low, high = read.baseline.points[-1]
    assert low < loss < high
    assert loss < 2.75, "the target is beyond"
    (verdict,) = read.verdicts
    assert verdict.compute_multiplier is not None and verdict.compute_multiplier > 1


@pytest.mark.parametrize("losses", [[3.0, 3.1], [3.0, 3.1, 3.2], [3, 3.2, 3.1, 3.3]])
def test_without_a_fall_of_the_loss_no_multiplier_is_known(
    simulate: Simulate, losses: list[float]
) -> None:
    read = measure(world_of_one(simulate), losses)
    (verdict,) = read.verdicts
    assert verdict.compute_multiplier is None
    assert verdict.multiplier_interval80 == (None, None)
    assert read.baseline is not None and read.baseline.formula == "no fall of the loss yet"


def test_the_law_is_told_in_numbers(simulate: Simulate) -> None:
    truth = [1.2 + 40 * compute**-0.13 for compute in (1e10, 3e10, 1e11, 3e11)]
    read = measure(world_of_one(simulate), truth)
    assert read.baseline is not None
    assert read.baseline.formula.startswith("L = ") and "C^-0." in read.baseline.formula
    assert "alpha" not in read.baseline.formula
    computes, losses, lows, highs = zip(*read.baseline.points, strict=True)
    assert computes[0] == pytest.approx(1e10, rel=1e-4)
    assert computes[-1] == pytest.approx(1e12)
    assert list(losses) == sorted(losses, reverse=True)
    assert all(low < loss < high for low, loss, high in zip(lows, losses, highs, strict=True))
    assert lows[-1] < 1.2 + 40 * 1e12**-0.13 < highs[-1]


def test_multipliers_are_bounded(simulate: Simulate) -> None:
    falling = [3.0, 2.8, 2.62, 2.47]
    (hopeless,) = measure(world_of_one(simulate), falling, gap=50.0).verdicts
    assert hopeless.compute_multiplier == pytest.approx(1e-4)
    assert hopeless.multiplier_interval80 == pytest.approx((1e-4, 1e-4))
    (beyond,) = measure(world_of_one(simulate), falling, gap=-2.4).verdicts
    assert beyond.compute_multiplier is None
    assert beyond.multiplier_interval80 is not None and beyond.multiplier_interval80[1] is None


def test_the_forecast_of_the_baseline_is_of_the_mean_that_will_be_measured(
    simulate: Simulate,
) -> None:
    world = world_of_one(simulate)
    read = measure(world, [3.0, 2.8, 2.62, 2.47])
    made = forecast(world.study, world.history, "one")
    assert read.baseline is not None
    _, loss, low, high = read.baseline.points[-1]
    assert made.baseline_loss == pytest.approx(loss, rel=1e-6)
    assert made.baseline_interval80 is not None
    assert made.baseline_interval80[0] < low < high < made.baseline_interval80[1]


def test_the_order_of_trials_does_not_change_the_verdicts(simulate: Simulate) -> None:
    world = world_of_one(simulate)
    read = measure(world, [3.0, 2.8, 2.62])
    trials = dict(reversed(world.history.trials.items()))
    assert judge(world.study, replace(world.history, trials=trials)) == read
