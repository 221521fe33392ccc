"""The numbers that laws are drawn with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from proveout.scaling._sobol import sobol


@pytest.mark.parametrize("dimensions", range(1, 11))
def test_they_are_scipys_numbers(dimensions: int) -> None:
    """Drawn in parts, too."""
    ours = sobol(dimensions, np.random.default_rng(5).spawn(1)[0])
    theirs = qmc.Sobol(dimensions, rng=np.random.default_rng(5))
    for count in (256, 512, 1, 7):
        points = ours.random(count)
        assert points.shape == (count, dimensions)
        assert np.array_equal(points, theirs.random(count))


def test_more_dimensions_than_the_table_has_are_drawn_too() -> None:
    points = sobol(11, np.random.default_rng(5)).random(256)
    for each in points.T:  # one point in each 256th
        assert np.array_equal(np.sort((each * 256).astype(int)), np.arange(256))
