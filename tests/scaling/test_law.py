"""The baseline's loss over compute, and gaps told as compute."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from proveout.scaling import Predictive, compute_multiplier, fit_power_law

Array = npt.NDArray[np.float64]

_COMPUTE = np.repeat([1e10, 3e10, 1e11, 3e11], 3)


def _loss(compute: Array | float, floor: float = 1.2, exponent: float = 0.13) -> Array:
    return floor + 40 * np.asarray(compute, dtype=np.float64) ** -exponent


@pytest.mark.parametrize(("floor", "exponent"), [(1.2, 0.13), (0.4, 0.05), (2.5, 0.3)])
def test_a_law_without_noise_is_recovered(floor: float, exponent: float) -> None:
    law = fit_power_law(_COMPUTE, _loss(_COMPUTE, floor, exponent))
    assert law.form == "floor"
    assert law.floor == pytest.approx(floor, rel=1e-6)
    assert law.exponent == pytest.approx(exponent, rel=1e-6)
    assert math.exp(law.log_amplitude) == pytest.approx(40, rel=1e-6)
    assert law.at(1e13) == pytest.approx(float(_loss(1e13, floor, exponent)), rel=1e-6)


def test_the_law_is_its_own_inverse() -> None:
    law = fit_power_law(_COMPUTE, _loss(_COMPUTE))
    assert law.compute_for(law.at(7e12)) == pytest.approx(7e12)
    assert law.compute_for(law.floor) is None
    assert law.compute_for(0.1) is None


def test_a_floor_below_zero_is_not_believed() -> None:
    # Falls faster than any power law with a floor of 0 or more bends.
    compute = np.array([1.0, 10.0, 100.0, 1000.0])
    law = fit_power_law(compute, np.array([4.0, 3.0, 2.0, 1.0]))
    assert law.floor == 0
    assert law.at(1e6) > 0


def test_two_scales_are_a_straight_line_in_log_log() -> None:
    law = fit_power_law([1, 1, 100], [4.0, 4.0, 1.0])
    assert (law.form, law.floor) == ("line", 0)
    assert law.exponent == pytest.approx(math.log(4) / math.log(100))
    assert law.at(10) == pytest.approx(2.0)


@pytest.mark.parametrize("losses", [[3.0], [3.0, 3.1], [3.0, 3.1, 3.2]])
def test_no_fall_is_a_constant_that_reaches_nothing(losses: list[float]) -> None:
    law = fit_power_law([10.0 ** (10 + i) for i in range(len(losses))], losses)
    assert law.form == "constant"
    assert law.at(1e13) == pytest.approx(np.exp(np.mean(np.log(losses))))
    assert law.compute_for(2.9) is None
    multiplier = compute_multiplier(law, 1e11, Predictive.student(-0.1, 0.01))
    assert multiplier.value is multiplier.low is multiplier.high is None
    assert multiplier.why is not None


def test_doubt_falls_with_scales_and_grows_with_distance() -> None:
    loss = _loss(_COMPUTE)
    laws = [fit_power_law(_COMPUTE[: 3 * n], loss[: 3 * n]) for n in (1, 2, 3, 4)]
    spreads = [law.predict(1e12).sd for law in laws]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] > 0.3, "one scale knows next to nothing"
    distances = [laws[3].predict(c).sd for c in (3e11, 1e12, 1e13, 1e14)]
    assert distances == sorted(distances)
    assert distances[2] > 0.01 * 1.5 * 2, "1% a decade of model error at least"


def test_forecasts_of_the_loss_cover_the_truth() -> None:
    rng = np.random.default_rng(20)
    held = 0
    for _ in range(100):
        floor, exponent = rng.uniform(0, 2), 0.15 * math.exp(rng.normal(0, 0.5))
        middle = rng.uniform(1, 4)  # what compute can still remove at 5e10
        truth = floor + middle * (np.append(_COMPUTE, 3e12) / 5e10) ** -exponent
        noisy = truth[:-1] * np.exp(rng.normal(0, 0.01, _COMPUTE.size))
        held += truth[-1] in fit_power_law(_COMPUTE, noisy).predict(3e12).interval(0.8)
    # These laws are smooth: the discrepancy for real curves makes the intervals too wide for them.
    assert held >= 80 - 12, "three binomial sds of 100 draws"


def test_the_unit_of_compute_does_not_matter() -> None:
    loss = _loss(_COMPUTE) * np.exp(np.random.default_rng(1).normal(0, 0.01, _COMPUTE.size))
    one, other = fit_power_law(_COMPUTE, loss), fit_power_law(_COMPUTE / 1e9, loss)
    assert other.predict(1e4).interval(0.8) == pytest.approx(one.predict(1e13).interval(0.8))


def test_laws_have_the_shapes_promised() -> None:
    law = fit_power_law(_COMPUTE, _loss(_COMPUTE))
    count = law.laws.weights.size
    assert law.laws.shares.shape == law.laws.exponents.shape == (count,)
    assert law.predict(1e12).centres.shape == (count,)
    assert law.laws.weights.sum() == pytest.approx(1)
    assert (law.lowest, law.highest) == (1e10, 3e11)


@pytest.mark.parametrize(
    ("compute", "loss", "message"),
    [
        ([], [], "compute must be a vector of at least one"),
        ([1, 2], [3], "loss has 1 entries where 2 are needed"),
        ([1, 2], [3, math.nan], r"loss\[1\] is nan"),
        ([0, 2], [3, 3], "compute must be above zero"),
        ([1, 2], [3, -3], "loss must be above zero"),
    ],
)
def test_what_cannot_be_fitted_is_named(
    compute: list[float], loss: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_power_law(compute, loss)


def test_impossible_computes_are_named() -> None:
    law = fit_power_law(_COMPUTE, _loss(_COMPUTE))
    for compute in (0, -1, math.inf, math.nan):
        with pytest.raises(ValueError, match="above zero and finite"):
            law.at(compute)
        with pytest.raises(ValueError, match="above zero and finite"):
            law.predict(compute)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 5.0])
def test_the_multiplier_is_exact_without_noise(factor: float) -> None:
    law = fit_power_law(_COMPUTE, _loss(_COMPUTE))
    gap = float(_loss(factor * 1e12) - _loss(1e12))
    found = compute_multiplier(law, 1e12, Predictive.student(gap, 1e-9))
    assert found.value == pytest.approx(factor, rel=1e-5)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high
    assert found.why is None


def test_less_is_known_of_the_multiplier_where_less_is_known_of_the_gap() -> None:
    law = fit_power_law(_COMPUTE, _loss(_COMPUTE))
    sure, unsure = (
        compute_multiplier(law, 1e12, Predictive.student(-0.05, sd)) for sd in (0.001, 0.05)
    )
    assert sure.low is not None
    assert unsure.low is not None
    assert sure.high is not None
    assert sure.low > 1 > unsure.low
    assert unsure.high is None or unsure.high > sure.high


def test_a_loss_below_the_floor_is_none_and_not_infinite() -> None:
    law = fit_power_law(_COMPUTE, _loss(_COMPUTE))
    found = compute_multiplier(law, 1e12, Predictive.student(-2.0, 0.01))
    assert found.value is None
    assert found.high is None
    assert found.why is not None
    assert "never reaches" in found.why


def test_multipliers_are_bounded() -> None:
    law = fit_power_law(_COMPUTE, _loss(_COMPUTE))
    hopeless = compute_multiplier(law, 1e12, Predictive.student(50.0, 0.01))
    assert (hopeless.value, hopeless.low, hopeless.high) == (1e-4, 1e-4, 1e-4)
    with pytest.raises(ValueError, match="between 0 and 1"):
        compute_multiplier(law, 1e12, Predictive.student(0, 1), interval=1)
