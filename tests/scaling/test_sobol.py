"""Sobol's points, held against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from proveout.scaling._sobol import MOST_DIMENSIONS, Sobol


@pytest.mark.parametrize("dimensions", range(1, MOST_DIMENSIONS + 1))
def test_the_points_are_scipy_s_bit_for_bit(dimensions: int) -> None:
    """However many are asked for at a time. Scipy draws from a child of its generator."""
    theirs = qmc.Sobol(dimensions, rng=np.random.default_rng(7))
    ours = Sobol(dimensions, np.random.default_rng(7).spawn(1)[0])
    for count in (256, 512, 512, 2048):
        points = ours.random(count)
        assert points.shape == (count, dimensions)
        assert np.array_equal(points, theirs.random(count))
