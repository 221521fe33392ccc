"""Noise that grows with scale, and losses that end at zero: what forecasts make of either."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from proveout.scaling import Points, fit_laws
from proveout.scaling._growth import growth_of_noise, with_growth

LADDER = np.repeat(np.geomspace(1e17, 1e20, 8), 3)
BEYOND = np.array([1e21, 1e22])


def ladder(seed: int, first: float, last: float) -> Points:
    """Three runs at each of eight scales, their noise going from the one to the other."""
    noise = first * (last / first) ** (np.log10(LADDER / 1e17) / 3)
    random = np.random.default_rng(seed).standard_normal(LADDER.size)
    return Points.of({"compute": LADDER}, law(LADDER) * np.exp(noise * random))


def law(compute: np.ndarray) -> np.ndarray:
    losses: np.ndarray = 1.6 + 1.8 * (compute / 1e17) ** -0.17
    return losses


def test_noise_that_grows_tenfold_is_seen_and_steady_noise_seldom_is() -> None:
    growing = [growth_of_noise(ladder(seed, 0.003, 0.03)) for seed in range(20)]
    steady = [growth_of_noise(ladder(seed, 0.01, 0.01)) for seed in range(40)]
    assert sum(bool(each.warnings) for each in growing) >= 17
    assert 3 < np.median([each.times for each in growing]) < 15
    assert sum(bool(each.warnings) for each in steady) <= 2
    assert growth_of_noise(ladder(0, 0.03, 0.003)).per_decade == 0  # shrinks


def test_what_is_not_known_to_grow_weighs_as_it_did() -> None:
    points = ladder(0, 0.003, 0.03)
    weighted = dataclasses.replace(points, weight=np.linspace(1, 2, LADDER.size))
    assert growth_of_noise(weighted).per_decade == 0  # weights say how noise goes
    assert with_growth(weighted, growth_of_noise(weighted)) is weighted
    plane = Points.of({"params": LADDER, "tokens": 20 * LADDER}, points.loss)
    assert growth_of_noise(plane).per_decade == 0
    counted = with_growth(points, growth_of_noise(points)).weight
    assert counted[0] > 10 * counted[-1]


def test_a_run_beyond_is_as_loud_as_the_largest() -> None:
    laws = fit_laws(ladder(1, 0.002, 0.05))
    at = {"compute": [1e17, 1e20, 3e20]}
    bare, run = (laws.predict(at, noise=noise) for noise in (False, True))
    small, large, beyond = (
        float(np.sqrt(b.log_loss.sd**2 - a.log_loss.sd**2)) for a, b in zip(bare, run, strict=True)
    )
    assert large > 5 * small
    assert beyond == pytest.approx(large, rel=0.2)
    assert any("noise grows with scale" in each for each in laws.warnings)


def at_ten_times(scale: float, seed: int) -> float:
    """The forecast of a rate of errors that falls to zero over the truth, at ten times the largest
    compute; `scale` is what losses are multiplied by."""
    compute = np.geomspace(1e17, 1e20, 8)
    noise = 0.05 * np.random.default_rng(seed).standard_normal(compute.size)
    rates = 0.5 * (np.append(compute, 1e21) / 1e17) ** -0.35
    laws = fit_laws(Points.of({"compute": compute}, scale * rates[:-1] * np.exp(noise)))
    (told,) = laws.predict({"compute": [1e21]}, noise=False)
    return told.mean / (scale * rates[-1])


def test_rates_of_errors_that_near_zero_are_not_believed_to_have_a_floor() -> None:
    """As losses of another kind they are, and forecast too high."""
    rates = np.array([at_ten_times(1.0, seed) for seed in range(1)])
    losses = np.array([at_ten_times(5.0, seed) for seed in range(1)])
    assert (rates < losses).all()
    assert losses.mean() - 1 > 1.2 * (rates.mean() - 1)


def test_runs_that_drift_off_as_they_grow_are_asked_about() -> None:
    """A learning rate that suits the smallest run costs 2% a decade squared."""
    compute = np.geomspace(1e17, 1e20, 8)
    noise = 0.002 * np.random.default_rng(0).standard_normal(compute.size)
    off = 0.02 * np.log10(compute / 1e17) ** 2
    told, clean = (
        fit_laws(Points.of({"compute": compute}, law(compute) * np.exp(noise + each))).warnings
        for each in (off, 0.0)
    )
    words = ("learning rate tuned at small ones", "above the law of the smaller ones")
    assert any(word in each for each in told for word in words)
    assert not any(word in each for each in clean for word in words)
