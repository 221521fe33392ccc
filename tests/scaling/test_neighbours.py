"""What of the scatter of runs is noise, and what a law misses."""

from __future__ import annotations

import numpy as np

from proveout.scaling import Points, fit_laws

LADDER = np.geomspace(1e16, 1e21, 17)


def noise_of(loss: np.ndarray, sd: float, seeds: int) -> float:
    """The median noise that runs of this law, each with noise of `sd`, are found to have."""
    found = []
    for seed in range(seeds):
        off = sd * np.random.default_rng(seed).standard_normal(loss.size)
        found.append(fit_laws(Points.of({"compute": LADDER}, loss * np.exp(off))).noise_sd)
    return float(np.median(found))


def test_what_a_law_misses_is_not_taken_for_noise() -> None:
    law = 1.6 + 1.5 * (LADDER / 1e18) ** -0.16
    wavy = law * np.exp(0.03 * np.sin(0.9 * np.log(LADDER)))
    assert noise_of(wavy, 0.002, 2) < 0.01, "the wave is .03 high, and smooth"


def test_noise_is_still_found() -> None:
    law = 1.6 + 1.5 * (LADDER / 1e18) ** -0.16
    assert 0.012 < noise_of(law, 0.02, 3) < 0.033
