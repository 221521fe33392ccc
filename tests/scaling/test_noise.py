"""How much one paired difference varies by luck."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proveout.scaling import Noise, NoiseSd, pool_noise

Differences = dict[str, dict[int, list[float]]]


def _simulate(
    seed: int, sds: list[float], *, ideas: int = 20, seeds: int = 3, wild: float = 1.0
) -> Differences:
    rng = np.random.default_rng(seed)
    return {
        f"idea {i}": {
            r: list(rng.normal(0.1, sd * (wild if i == 0 else 1), seeds))
            for r, sd in enumerate(sds)
        }
        for i in range(ideas)
    }


def _mean_ratio(noises: list[Noise[str, int]], sds: list[float], idea: str) -> float:
    """The geometric mean of estimated over true sd."""
    ratios = []
    for noise in noises:
        for r, sd in enumerate(sds):
            found = noise.of(idea, r)
            assert found is not None
            ratios.append(math.log(found.sd / sd))
    return math.exp(float(np.mean(ratios)))


def test_each_rung_has_its_own_noise() -> None:
    sds = [0.01, 0.04, 0.02]
    noises = [pool_noise(_simulate(s, sds)) for s in range(20)]
    for r, sd in enumerate(sds):
        found = [noise.rungs[r].sd for noise in noises]
        assert np.median(found) == pytest.approx(sd, rel=0.15)


def test_one_wild_idea_neither_drowns_the_others_nor_is_called_quiet() -> None:
    sds = [0.02, 0.02, 0.02]
    noises = [pool_noise(_simulate(s, sds, wild=10)) for s in range(40)]
    assert 0.8 < _mean_ratio(noises, sds, "idea 3") < 1.25
    assert 0.7 < _mean_ratio(noises, [10 * sd for sd in sds], "idea 0") < 1.1


def test_a_rung_with_one_idea_borrows_from_the_others() -> None:
    differences = _simulate(1, [0.02, 0.02])
    differences["late"] = {2: [0.1, 0.1 + 1e-6]}  # as if without noise, by luck
    found = pool_noise(differences).rungs[2]
    # One square of next to nothing and two dof of .02: sqrt(2 / 3) of it.
    assert found.sd == pytest.approx(0.02 * math.sqrt(2 / 3), rel=0.25)
    assert found.dof < 5


def test_dof_stay_below_what_the_shared_baselines_seeds_allow() -> None:
    many = pool_noise(_simulate(1, [0.02], ideas=300, seeds=2))
    assert many.rungs[0].dof < 4, "one dof in half of the variance is worth four in all"


def test_more_pairs_are_worth_more_dof() -> None:
    few, many = (pool_noise(_simulate(1, [0.02], ideas=1, seeds=n)) for n in (2, 30))
    assert few.cells["idea 0", 0].dof < 3
    assert many.cells["idea 0", 0].dof > 10


def test_identical_runs_teach_nothing_about_noise() -> None:
    differences = _simulate(1, [0.02])
    before = pool_noise(differences)
    differences["nothing"] = {0: [0.0, 0.0, 0.0]}
    after = pool_noise(differences)
    assert after.identical == {("nothing", 0)}
    assert after.rungs[0].sd == pytest.approx(before.rungs[0].sd, rel=0.02)


def test_what_cannot_be_known_is_none_and_not_zero() -> None:
    assert pool_noise({}).of("any", 0) is None
    assert pool_noise({"one seed": {0: [0.1]}, "none": {1: []}}).of("one seed", 0) is None
    assert pool_noise({"nothing": {0: [0.0, 0.0]}}).of("nothing", 0) is None


def test_unseen_ideas_and_rungs_take_what_is_known() -> None:
    noise = pool_noise(_simulate(1, [0.01, 0.04]))
    assert noise.of("new", 1) == noise.rungs[1]
    assert noise.of("idea 1", 7) == noise.anywhere
    assert noise.anywhere is not None
    assert noise.anywhere.dof <= 2
    assert noise.rungs[0].sd < noise.anywhere.sd < noise.rungs[1].sd


def test_a_program_without_randomness_has_a_tiny_noise() -> None:
    noise = pool_noise({"a": {0: [0.1, 0.1]}, "b": {0: [-0.3, -0.3]}})
    found = noise.of("a", 0)
    assert found is not None
    assert 0 < found.sd < 1e-8


def test_the_unit_of_the_loss_does_not_matter() -> None:
    differences = _simulate(3, [0.01, 0.03])
    thousand = {
        i: {r: [1e3 * d for d in v] for r, v in by.items()} for i, by in differences.items()
    }
    small, large = pool_noise(differences), pool_noise(thousand)
    assert large.cells["idea 2", 1] == pytest.approx(
        NoiseSd(1e3 * small.cells["idea 2", 1].sd, small.cells["idea 2", 1].dof)
    )


def test_a_difference_that_is_not_a_number_is_named() -> None:
    with pytest.raises(ValueError, match=r"differences of 'a' at 0\[1\] is nan"):
        pool_noise({"a": {0: [0.1, math.nan]}})
