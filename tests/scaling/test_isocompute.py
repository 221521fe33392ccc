"""Sweeps whose best size is known by construction."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proveout.scaling import best_size, power_line


@given(st.floats(3.0, 90.0), st.floats(0.01, 10.0))
def test_the_minimum_of_a_parabola_is_found_wherever_it_lies(best: float, curvature: float) -> None:
    sizes = [2.0, 8.0, 32.0, 128.0]
    losses = [1.5 + curvature * (math.log(s) - math.log(best)) ** 2 for s in sizes]
    found = best_size(sizes[::-1], losses[::-1])
    if found.inside:
        assert found.size == pytest.approx(best, rel=1e-6)
        assert found.loss == pytest.approx(1.5, abs=1e-6)
    else:
        assert found.size in (2.0, 128.0)


def test_the_least_at_an_end_is_not_taken_for_the_best() -> None:
    found = best_size([1, 2, 4], [3.0, 2.0, 1.0])
    assert (found.size, found.inside) == (4.0, False)
    assert best_size([1, 2, 4], [1.0, 1.0, 1.0]).loss == 1.0


def test_a_power_line_goes_through_its_points() -> None:
    line = power_line([1e9, 1e10, 1e11], [0.3 * x**0.4 for x in (1e9, 1e10, 1e11)])
    assert line.exponent == pytest.approx(0.4)
    assert line.at(1e13) == pytest.approx(0.3 * 1e13**0.4)
    assert power_line([100.0], [20.0], 0.5).at(400.0) == pytest.approx(40)
