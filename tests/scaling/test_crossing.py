"""Where a gap changes sign."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from proveout.scaling import Crossing, GapPrior, crossing, fit_gap, prior_gap

Array = npt.NDArray[np.float64]

_VAGUE = GapPrior(
    level_sd=1,
    slope_sd=1,
    drift_sd_per_decade=1e-6,
    rough_sd=1e-6,
    fade_per_decade=0,
    sizes=(1.0,),
    size_weights=(1.0,),
)


def test_a_line_crosses_where_it_does_by_hand() -> None:
    found = crossing(fit_gap([10, 11, 12], [-0.1, 0.0, 0.1], [1e-3] * 3, prior=_VAGUE), 10, 12)
    assert found.worsens == found.probability == 1
    assert found.improves == 0
    assert found.log10_compute == pytest.approx(11, abs=1e-3)
    # The level's sd over the slope: .001 / sqrt(3) / .1; 80% of a normal lie within 1.2816 sd.
    assert found.low is not None and found.high is not None
    sd = (found.high - found.low) / 2 / 1.2816
    assert sd == pytest.approx(1e-3 / math.sqrt(3) / 0.1, rel=0.1)
    assert found.why is None


def test_the_direction_is_told() -> None:
    late = fit_gap([10, 11, 12], [0.1, 0.01, -0.08], [0.01] * 3, scale=3.0)
    assert crossing(late, 10, 12).improves > 0.9
    assert crossing(late, 10, 12).worsens < 0.05


def test_a_crossing_past_the_ladder_is_foreseen_with_more_doubt() -> None:
    line = fit_gap([10, 10.5, 11], [-0.15, -0.1, -0.05], [0.005] * 3, dof=6, scale=3.0)
    found = crossing(line, 10, 13)
    assert found.log10_compute == pytest.approx(11.6, abs=0.2)
    assert found.low is not None and found.high is not None
    assert found.high - found.low > 0.3
    assert crossing(line, 10, 11).log10_compute is None


def test_what_hardly_crosses_has_no_place_and_says_why() -> None:
    line = fit_gap([10, 11, 12], [-0.3, -0.3, -0.3], [0.01] * 3, scale=3.0)
    found = crossing(line, 10, 12)
    assert found.probability < 0.01
    assert found.log10_compute is found.low is found.high is None
    assert found.why is not None and "changes sign with a probability of 0.0" in found.why


def test_an_unmeasured_idea_crosses_either_way_alike() -> None:
    found = crossing(prior_gap(10), 10, 12)
    assert found.improves == pytest.approx(found.worsens, abs=0.05)
    assert found.log10_compute is None


def test_units_and_directions_do_not_matter() -> None:
    x, y = np.array([10, 10.5, 11]), np.array([-0.06, 0.0, 0.03])
    one = crossing(fit_gap(x, y, [0.02] * 3, scale=3.0), 10, 12)
    ten = crossing(fit_gap(x + 5, 10 * y, [0.2] * 3, scale=30.0), 15, 17)
    turned = crossing(fit_gap(x, -y, [0.02] * 3, scale=3.0), 10, 12)
    assert ten.probability == pytest.approx(one.probability, abs=0.01)
    assert ten.log10_compute == pytest.approx((one.log10_compute or 0) + 5, abs=0.02)
    assert turned.improves == pytest.approx(one.worsens, abs=0.05)
    assert turned.log10_compute == pytest.approx(one.log10_compute, abs=0.03)


def test_the_same_seed_draws_the_same() -> None:
    line = fit_gap([10, 11], [-0.05, 0.05], [0.02] * 2, scale=3.0)
    assert crossing(line, 10, 12) == crossing(line, 10, 12)
    assert crossing(line, 10, 12, seed=1) != crossing(line, 10, 12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 12, "high": 10}, "low < high, got 12 and 10"),
        ({"low": 1e17, "high": 1e20}, "log10 of computes"),
        ({"interval": 1.0}, "interval must lie strictly between"),
        ({"least": 0.0}, "least must lie strictly between"),
    ],
)
def test_an_impossible_question_is_named(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crossing(prior_gap(10), **{"low": 10, "high": 12, **arguments})  # type: ignore[arg-type]


class _Idea(NamedTuple):
    crosses: bool
    where: float
    found: Crossing


@pytest.fixture(scope="module")
def drawn() -> list[_Idea]:
    """Ideas as the prior tells of them, measured on four rungs; the truth is a smooth gap."""
    rng = np.random.default_rng(5)
    grid = np.linspace(10, 12, 201)
    rungs = [0, 50, 100, 150]
    ideas = []
    for _ in range(400):
        prior = GapPrior()
        k = int(rng.choice(len(prior.sizes), p=prior.size_weights))
        line = prior_gap(10.75, scale=3.0, prior=_sized(prior, k))
        truth = line.joint(grid, rough=False).draws(1, int(rng.integers(1 << 30)))[0]
        luck = 3.0 * math.hypot(prior.sizes[k] * prior.rough_sd, 0.004)
        gaps = truth[rungs] + luck * rng.normal(size=4)
        fit = fit_gap(grid[rungs], gaps, [0.012] * 4, scale=3.0, centre=10.75)
        turns = np.nonzero((truth[1:] > 0) != (truth[:-1] > 0))[0]
        where = float(grid[turns[-1]]) if turns.size else math.nan
        crosses = bool((truth[0] > 0) != (truth[-1] > 0))
        ideas.append(_Idea(crosses, where, crossing(fit, 10, 12)))
    return ideas


def _sized(prior: GapPrior, k: int) -> GapPrior:
    return replace(prior, sizes=(prior.sizes[k],), size_weights=(1.0,))


def test_crossings_come_as_often_as_said(drawn: list[_Idea]) -> None:
    said = np.array([idea.found.probability for idea in drawn])
    truth = np.array([idea.crosses for idea in drawn])
    for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.01)):
        chosen = (said >= low) & (said < high)
        expected = float(said[chosen].mean())
        tolerance = 3 * math.sqrt(expected * (1 - expected) / chosen.sum()) + 0.01
        assert truth[chosen].mean() == pytest.approx(expected, abs=tolerance)


def test_crossings_lie_where_said(drawn: list[_Idea]) -> None:
    inside = [
        idea.found.low <= idea.where <= idea.found.high
        for idea in drawn
        if idea.crosses and idea.found.low is not None and idea.found.high is not None
    ]
    assert len(inside) > 40
    assert np.mean(inside) == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / len(inside)))
