"""Which curves can no longer matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proveout.trials import Curve
from proveout.verdicts import PastTrial, Tenths, hopeless, mean_tenths, tenths

BASELINE: Tenths = (5.0, 4.0, 3.6, 3.4, 3.3, 3.2, 3.1, 3.05, 3.02, 3.0)
SMALLEST = 0.01


def scaled(by: float, upto: int = 10) -> Tenths:
    """The baseline's curve times a factor, as far as it has come."""
    return tuple(loss * by if at < upto else None for at, loss in enumerate(BASELINE) if loss)


def past(by: float, gap: float) -> PastTrial:
    return PastTrial(scaled(by), BASELINE, gap)


def test_a_curve_by_tenths_of_its_compute() -> None:
    curve = Curve((0.0, 10.0, 11.0, 15.0, 20.0, 30.0), (9.0, 5.0, 4.0, None, 3.0, None))
    assert tenths(curve, 100.0) == (7.0, 3.5, *[None] * 8)
    assert tenths(Curve(), 100.0) == (None,) * 10
    assert mean_tenths([(1.0, None, 2.0), (3.0, None, None)]) == (2.0, None, 2.0)


def test_one_that_is_as_bad_as_it_was_before_is_ended() -> None:
    found = hopeless(scaled(1.2, 5), BASELINE, [past(1.2, 0.15)], SMALLEST)
    assert found is not None
    assert 2 * SMALLEST < found.gap <= 0.15
    assert "20% above the baseline's at 40% of its compute" in found.sentence


@pytest.mark.parametrize(
    ("curve", "history"),
    [
        (scaled(0.9, 5), [past(0.9, -0.1)]),  # it is good
        (scaled(1.2, 3), [past(1.2, 0.15)]),  # nobody can say yet
        (scaled(1.05, 5), [past(1.05, 0.05)]),  # it may still end well
        (scaled(1.3, 5), [past(1.3, 0.0)]),  # its curve means nothing of the kind
        (scaled(1.3, 5), [past(1.1, 0.2), past(1.3, 0.02)]),  # it caught up once
        (scaled(1.3, 5), []),  # nobody knows what its curve means
        (scaled(2.0, 5), []),  # the same, and it does not rise
        ((None,) * 10, [past(1.2, 0.15)]),  # it has none
    ],
)
def test_others_are_not(curve: Tenths, history: list[PastTrial]) -> None:
    assert hopeless(curve, BASELINE, history, SMALLEST) is None


def test_without_a_past_only_what_rises_far_above_the_baseline_is_ended() -> None:
    rising = (5.0, 4.5, 5.0, 6.0, 7.0, *[None] * 5)
    found = hopeless(rising, BASELINE, [], SMALLEST)
    assert found is not None
    assert "rising" in found.sentence


@given(st.lists(st.floats(0.1, 20), min_size=10, max_size=10), st.integers(0, 10))
def test_a_curve_that_stays_below_the_baselines_is_never_ended(
    factors: list[float], upto: int
) -> None:
    below = tuple(
        min(1.0, factor) * loss if at < upto else None
        for at, (factor, loss) in enumerate(zip(factors, BASELINE, strict=True))
        if loss is not None
    )
    assert hopeless(below, BASELINE, [past(1.2, 0.15)], SMALLEST) is None
