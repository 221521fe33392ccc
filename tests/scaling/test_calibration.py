"""Do the intervals of gaps hold what they say? Whole studies with known truths, simulated."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from proveout.scaling import GapPrior, Predictive, fit_gap, pool_noise

Array = npt.NDArray[np.float64]

_LOSS = 3.0
_IDEAS = 15


class _Outcome(NamedTuple):
    top: Predictive  # the gap at the top rung
    target: Predictive  # the gap one decade above it
    true_top: float
    true_target: float


def _true_gaps(rng: np.random.Generator, x: Array, prior: GapPrior, bend: float) -> Array:
    """A gap at `x` drawn as the prior tells it, in words other than the fit's.

    The slope drifts in small independent steps outward from the middle rung; `bend` multiplies it.
    """
    size = _LOSS * rng.choice(prior.sizes, p=prior.size_weights)
    centre = (x[0] + x[-2]) / 2
    level = size * prior.level_sd * rng.normal()
    slope = -prior.fade_per_decade * level + size * prior.slope_sd * rng.normal()
    gaps = level + slope * (x - centre)
    step = 0.01
    kick = size * bend * prior.drift_sd_per_decade * math.sqrt(step)
    for side in (-1, 1):
        distance = np.maximum(side * (x - centre), 0)
        where = np.arange(step / 2, distance.max() + step, step)
        kicks = kick * rng.normal(size=where.size)
        gaps += np.maximum(distance[:, None] - where, 0) @ kicks
    return gaps + size * prior.rough_sd * rng.normal(size=x.size)


def _study(
    rng: np.random.Generator, *, does_nothing: bool = False, bend: float = 1.0
) -> list[_Outcome]:
    """One study: every idea against the same noisy baseline runs, noise by rung and by idea."""
    prior = GapPrior()
    rungs, seeds = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    x = np.append(10 + 0.5 * np.arange(rungs), 10 + 0.5 * (rungs - 1) + 1)
    rung_sd = _LOSS * 0.008 * np.exp(rng.normal(0, 0.5, rungs))[:, None]
    baseline = rung_sd * rng.normal(size=(rungs, seeds))
    truths, pairs = [], []
    for _ in range(_IDEAS):
        truth = np.zeros(x.size) if does_nothing else _true_gaps(rng, x, prior, bend)
        own = rung_sd * math.exp(rng.normal(0, 0.4)) * rng.normal(size=(rungs, seeds))
        truths.append(truth)
        pairs.append(truth[:-1, None] + own - baseline)
    noise = pool_noise({i: {r: list(p[r]) for r in range(rungs)} for i, p in enumerate(pairs)})
    outcomes = []
    for i, truth in enumerate(truths):
        sds = [found for r in range(rungs) if (found := noise.of(i, r))]
        line = fit_gap(
            x[:-1],
            pairs[i].mean(axis=1),
            [s.sd for s in sds],
            pairs=[seeds] * rungs,
            dof=[s.dof for s in sds],
            scale=_LOSS,
        )
        top, target = line.at(x[-2]), line.at(x[-1])
        outcomes.append(_Outcome(top, target, float(truth[-2]), float(truth[-1])))
    return outcomes


def _coverage(ranks: Array, probability: float) -> float:
    return float(np.mean(np.abs(ranks - 0.5) < probability / 2))


@pytest.fixture(scope="module")
def drawn() -> list[_Outcome]:
    rng = np.random.default_rng(7)
    return [outcome for _ in range(50) for outcome in _study(rng)]


@pytest.mark.parametrize("probability", [0.5, 0.8, 0.95])
def test_gaps_at_the_target_lie_in_their_intervals(
    drawn: list[_Outcome], probability: float
) -> None:
    ranks = np.array([o.target.probability_below(o.true_target) for o in drawn])
    # Ideas of one study share their luck: their count is taken for a third of what it is.
    tolerance = 3 * math.sqrt(probability * (1 - probability) / (len(drawn) / 3))
    assert _coverage(ranks, probability) == pytest.approx(probability, abs=tolerance)


@pytest.mark.parametrize("probability", [0.8, 0.95])
def test_gaps_at_the_top_rung_lie_in_their_intervals(
    drawn: list[_Outcome], probability: float
) -> None:
    ranks = np.array([o.top.probability_below(o.true_top) for o in drawn])
    tolerance = 3 * math.sqrt(probability * (1 - probability) / (len(drawn) / 3))
    assert _coverage(ranks, probability) > probability - tolerance


def test_straight_lines_are_covered_at_least_as_often_as_said() -> None:
    rng = np.random.default_rng(8)
    drawn = [outcome for _ in range(20) for outcome in _study(rng, bend=0.0)]
    ranks = np.array([o.target.probability_below(o.true_target) for o in drawn])
    assert _coverage(ranks, 0.8) > 0.8 - 3 * math.sqrt(0.16 / (len(drawn) / 3))


def test_ideas_that_do_nothing_are_seldom_called_anything() -> None:
    rng = np.random.default_rng(9)
    drawn = [outcome for _ in range(60) for outcome in _study(rng, does_nothing=True)]
    for said in (0.9, 0.99):
        top = np.mean([o.top.probability_below(0) > said for o in drawn])
        target = np.mean([o.target.probability_below(0) > said for o in drawn])
        assert top <= 1 - said
        assert target <= 1 - said


@pytest.mark.parametrize(("ideas", "rungs", "seeds"), [(1, 1, 2), (1, 2, 3), (3, 2, 2)])
def test_the_dof_are_honest_in_the_smallest_studies(ideas: int, rungs: int, seeds: int) -> None:
    rng = np.random.default_rng(10)
    ranks = []
    for _ in range(600 // ideas):
        rung_sd = np.exp(rng.normal(0, 0.5, rungs))[:, None]
        baseline = rung_sd * rng.normal(size=(rungs, seeds))
        own = [
            rung_sd * math.exp(rng.normal(0, 0.4)) * rng.normal(size=(rungs, seeds))
            for _ in range(ideas)
        ]
        pairs = {i: {r: list((o - baseline)[r]) for r in range(rungs)} for i, o in enumerate(own)}
        noise = pool_noise(pairs)
        for i in range(ideas):
            found = noise.of(i, 0)
            assert found is not None
            mean_sd = found.sd / math.sqrt(seeds)
            mean = Predictive.student(float(np.mean(pairs[i][0])), mean_sd, found.dof)
            ranks.append(mean.probability_below(0))
    assert _coverage(np.array(ranks), 0.95) > 0.95 - 3 * math.sqrt(0.95 * 0.05 / (600 / ideas))
