"""Distributions of what has not been measured yet."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proveout.scaling import Interval, Predictive


def test_a_normal_has_the_intervals_of_any_table() -> None:
    normal = Predictive.student(1.0, 2.0)
    assert normal.interval(0.95) == pytest.approx((1 - 1.959964 * 2, 1 + 1.959964 * 2), abs=1e-5)
    assert normal.sd == pytest.approx(2.0)
    assert normal.probability_below(1.0) == pytest.approx(0.5)
    assert normal.probability_below(1 + 2 * 1.644854) == pytest.approx(0.95, abs=1e-6)


def test_few_dof_have_the_tails_of_any_table() -> None:
    assert Predictive.student(0, 1, 3).quantile(0.975) == pytest.approx(3.182446, abs=1e-5)
    # One dof is Cauchy's distribution, whose distribution function is 1/2 + atan(x) / pi.
    assert Predictive.student(0, 1, 1).probability_below(2) == pytest.approx(
        0.5 + math.atan(2) / math.pi
    )


def test_a_mixture_is_split_by_its_weights() -> None:
    mixture = Predictive.mixture([-10, 10], [1, 1], [math.inf, math.inf], [3, 1])
    assert mixture.mean == pytest.approx(-5)
    assert mixture.probability_below(0) == pytest.approx(0.75)
    assert abs(mixture.quantile(0.75)) < 4
    assert mixture.quantile(0.375) == pytest.approx(-10, abs=1e-6)


@pytest.mark.parametrize("measured", [-30.0, 0.0, 1.0, 2.5, 400.0])
def test_crps_of_a_normal_is_its_closed_form(measured: float) -> None:
    z = (measured - 1) / 2
    below = 0.5 * math.erfc(-z / math.sqrt(2))
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    # Gneiting and Raftery 2007, equation 21.
    closed = 2 * (z * (2 * below - 1) + 2 * density - 1 / math.sqrt(math.pi))
    assert Predictive.student(1, 2).crps(measured) == pytest.approx(closed, rel=1e-3)


def test_log_density_is_the_densitys_logarithm() -> None:
    normal = Predictive.student(1, 2)
    assert normal.log_density(1) == pytest.approx(-math.log(2 * math.sqrt(2 * math.pi)))
    cauchy = Predictive.student(0, 1, 1)
    assert cauchy.log_density(2) == pytest.approx(-math.log(math.pi * 5))
    far = Predictive.student(0, 1).log_density(1e3)
    assert far == pytest.approx(-5e5, rel=1e-4), "no underflow to minus infinity"


def test_noise_adds_in_variance() -> None:
    noisy = Predictive.student(1, 3).with_noise(4)
    assert noisy.sd == pytest.approx(5)
    assert noisy.dof == math.inf
    # Welch and Satterthwaite: 25^2 / (9^2 / 5 + 16^2 / 8).
    assert Predictive.student(0, 3, 5).with_noise(4, 8).dof == pytest.approx(625 / (16.2 + 32))


def test_certainty_is_a_scale_of_zero() -> None:
    sure = Predictive.student(2, 0)
    assert sure.interval(0.9) == (2, 2)
    assert [sure.probability_below(x) for x in (1, 2, 3)] == [0, 0.5, 1]
    assert sure.crps(5) == 3
    with pytest.raises(ValueError, match="add noise"):
        sure.log_density(2)


def test_an_interval_knows_what_it_holds() -> None:
    assert 0.5 in Interval(0, 1)
    assert 1.5 not in Interval(0, 1)
    assert "0.5" not in Interval(0, 1)


@pytest.mark.parametrize("probability", [0, 1, -0.1, float("nan")])
def test_impossible_probabilities_are_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1"):
        Predictive.student(0, 1).quantile(probability)
    with pytest.raises(ValueError, match=r"between 0 and 1"):
        Predictive.student(0, 1).interval(probability)


def test_bad_mixtures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"centres\[0\] is nan"):
        Predictive.student(math.nan, 1)
    with pytest.raises(ValueError, match="negative"):
        Predictive.student(0, -1)
    with pytest.raises(ValueError, match="dofs"):
        Predictive.student(0, 1, 0)
    with pytest.raises(ValueError, match="2 are needed"):
        Predictive.mixture([0, 1], [1], [1, 1], [1, 1])
    with pytest.raises(ValueError, match="noise needs"):
        Predictive.student(0, 1).with_noise(math.nan)


def test_an_array_given_is_not_changed_or_kept() -> None:
    centres = np.array([0.0, 1.0])
    mixture = Predictive.mixture(centres, [1, 1], [5, 5], [1, 1])
    centres[0] = 100
    assert mixture.centres[0] == 0
