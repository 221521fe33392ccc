"""One idea's gap as a line over log compute."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from proveout.scaling import GapPrior, fit_gap, prior_gap

_VAGUE = GapPrior(
    level_sd=1,
    slope_sd=1,
    drift_sd_per_decade=1e-6,
    rough_sd=1e-6,
    fade_per_decade=0,
    sizes=(1.0,),
    size_weights=(1.0,),
)


def test_with_a_vague_prior_it_is_least_squares() -> None:
    x, y = [10.0, 11.0, 12.0], [-0.1, -0.15, -0.17]
    line = fit_gap(x, y, [0.01] * 3, prior=_VAGUE)
    # By hand: slope (-.17 + .1) / 2, level the mean; variances s^2 / 2 and s^2 / 3.
    assert line.slope == pytest.approx(-0.035, abs=1e-4)
    assert line.level == pytest.approx(-0.14, abs=1e-4)
    assert line.covariance == pytest.approx(np.diag([1e-4 / 3, 1e-4 / 2]), abs=1e-7)
    at_target = line.at(13.0)
    assert at_target.mean == pytest.approx(-0.14 - 2 * 0.035, abs=1e-4)
    assert at_target.sd == pytest.approx(math.sqrt(1e-4 / 3 + 4 * 1e-4 / 2), rel=1e-3)


def test_one_measured_rung_shrinks_by_hand() -> None:
    prior = GapPrior(sizes=(1.0,), size_weights=(1.0,))
    line = fit_gap([10], [-0.05], [0.02], pairs=[4], prior=prior)
    variance = 0.02**2
    total = variance + 0.002**2 + 0.02**2 / 4  # level, rough, noise of four pairs
    assert line.level == pytest.approx(-0.05 * variance / total)
    # Nothing but the belief that gaps fade says anything about the slope.
    assert line.slope == pytest.approx(-0.2 * line.level)


def test_drift_widens_as_an_integrated_walk() -> None:
    prior = replace(_VAGUE, level_sd=1e-6, slope_sd=1e-6, drift_sd_per_decade=0.01)
    line = prior_gap(10, prior=prior)
    for decades in (1, 2, 3):
        assert line.at(10 + decades).sd == pytest.approx(0.01 * math.sqrt(decades**3 / 3), rel=1e-3)
        assert line.at(10 - decades).sd == pytest.approx(line.at(10 + decades).sd)


def test_one_rung_says_little_about_a_far_target() -> None:
    for gap in (-0.1, -0.001, 0.0):
        line = fit_gap([10], [gap], [0.001], pairs=[4], scale=3.0)
        here, near, far = (line.at(x).sd for x in (10, 11, 12))
        assert near > 0.01, "a third of a percent of the loss a decade away at least"
        assert far > 1.5 * near > 10 * here


def test_gains_are_expected_to_fade() -> None:
    line = fit_gap([10], [-0.1], [0.001], scale=3.0)
    assert -0.1 < line.at(11).mean < -0.05
    assert 0.05 < fit_gap([10], [0.1], [0.001], scale=3.0).at(11).mean < 0.1


def test_a_crossing_idea_is_seen_coming() -> None:
    # Twice the learning rate on the byte-level ladder: bits per byte against the baseline.
    line = fit_gap(
        [10, 10.5, 11], [-0.057, -0.004, 0.031], [0.03] * 3, pairs=[5] * 3, dof=10, scale=2.7
    )
    assert line.slope > 0
    assert line.at(10).probability_below(0) > 0.9
    assert line.at(12).probability_below(0) < 0.1


def test_the_unit_of_the_loss_does_not_matter() -> None:
    x, y, sd = [10, 11], [-0.1, -0.12], [0.02, 0.03]
    one = fit_gap(x, y, sd, scale=3.0).at(12)
    ten = fit_gap(x, [10 * v for v in y], [10 * v for v in sd], scale=30.0).at(12)
    assert ten.interval(0.8) == pytest.approx([10 * v for v in one.interval(0.8)])


def test_single_pairs_and_their_mean_tell_the_same() -> None:
    single = fit_gap([10, 10, 11], [-0.1, -0.2, -0.12], [0.02] * 3)
    mean = fit_gap([10, 11], [-0.15, -0.12], [0.02] * 2, pairs=[2, 1])
    # The evidence for each size differs by a constant, the spread within the rung.
    assert single.at(12).interval(0.9) == pytest.approx(mean.at(12).interval(0.9))


def test_few_dof_widen_the_interval() -> None:
    x, y, sd = [10, 10.5, 11], [-0.1] * 3, [0.05] * 3
    known, guessed = (fit_gap(x, y, sd, dof=dof, scale=3.0).at(11) for dof in (math.inf, 2))
    assert guessed.interval(0.99).low < known.interval(0.99).low
    assert guessed.mean == pytest.approx(known.mean)
    assert guessed.dof >= 2, "the prior's share of the doubt is known"


def test_a_measured_rung_without_noise_is_known_exactly() -> None:
    line = fit_gap([10, 11], [-0.1, -0.2], [0.0, 0.0])
    assert line.at(10).interval(0.95) == pytest.approx((-0.1, -0.1), abs=1e-6)
    assert line.at(10.5).sd > 1e-4


def test_results_have_the_shapes_promised() -> None:
    line = fit_gap([10, 11, 12], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1], dof=[3, 4, 5])
    assert line.covariance.shape == (2, 2)
    assert line.noise_sd.shape == line.dof.shape == (3,)
    assert line.at(13).centres.shape == line.at(13).weights.shape == (3,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], []), "log10_compute must be a vector of at least one"),
        (([10, 11], [0.1], [0.1, 0.1]), "gap has 1 entries where 2 are needed"),
        (([10], [math.nan], [0.1]), r"gap\[0\] is nan"),
        (([10], [0.1], [-0.1]), "noise_sd must not be negative"),
    ],
)
def test_what_cannot_be_fitted_is_named(
    arguments: tuple[list[float], list[float], list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_gap(*arguments)


def test_impossible_settings_are_named() -> None:
    with pytest.raises(ValueError, match="pairs must be above zero"):
        fit_gap([10], [0.1], [0.1], pairs=[0])
    with pytest.raises(ValueError, match="dof must be above zero"):
        fit_gap([10], [0.1], [0.1], dof=0)
    with pytest.raises(ValueError, match="scale must be above zero"):
        fit_gap([10], [0.1], [0.1], scale=0)
    with pytest.raises(ValueError, match="slope_sd must be above zero"):
        GapPrior(slope_sd=0)
    with pytest.raises(ValueError, match="as many"):
        GapPrior(sizes=(1.0,))
    with pytest.raises(ValueError, match="must be finite"):
        prior_gap(10).at(math.inf)
