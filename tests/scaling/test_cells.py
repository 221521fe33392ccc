"""Gaps from losses: what they are off by is what is said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from proveout.scaling import Cells, measure_cells, own_variance

Array = npt.NDArray[np.float64]
NAN = np.nan
LEVEL = np.array([3.0, 2.8, 2.6, 2.5, 2.4, 2.3])
OWN_SD = 0.012


@dataclass(frozen=True)
class World:
    """Runs whose variance is known: a seed's luck, shared by all arms, and each run's own noise."""

    own_share: float
    paired: bool = True
    ideas: int = 30

    def losses(self, rng: np.random.Generator, gaps: Array, most: int = 4) -> Array:
        """[1 + ideas, 6, most], for true gaps [ideas, 6]."""
        luck_sd = OWN_SD * np.sqrt(1 / self.own_share - 1)
        arms = 1 if self.paired else self.ideas + 1
        luck = rng.normal(0, luck_sd, (arms, LEVEL.size, most))
        noise = rng.normal(0, OWN_SD, (self.ideas + 1, LEVEL.size, most))
        truth = LEVEL + np.vstack([np.zeros(LEVEL.size), gaps])
        losses: Array = truth[:, :, None] + luck + noise
        return losses


def keep_seeds(losses: Array, baseline: int, idea: int) -> Array:
    """The first so many seeds of the baseline and of each idea."""
    kept = losses.copy()
    kept[0, :, baseline:], kept[1:, :, idea:] = NAN, NAN
    return kept


def errors_of(
    world: World, baseline: int, idea: int, studies: int = 120
) -> tuple[list[Cells], Array]:
    """What was measured in many studies, and by how much gaps were off, [studies, ideas, 6]."""
    rng = np.random.default_rng([baseline, idea, round(100 * world.own_share)])
    found, errors = [], []
    for _ in range(studies):
        gaps = rng.normal(0, 0.1, (world.ideas, LEVEL.size))
        losses = keep_seeds(world.losses(rng, gaps), baseline, idea)
        found.append(measure_cells(losses, paired=world.paired))
        errors.append(found[-1].gap - gaps)
    return found, np.array(errors)


LAYOUTS = [
    pytest.param(World(0.4), 3, 3, id="equal seeds, much of the noise shared"),
    pytest.param(World(1.0), 3, 3, id="equal seeds, none of the noise shared"),
    pytest.param(World(0.4), 4, 2, id="the baseline has more seeds, much shared"),
    pytest.param(World(0.8), 4, 2, id="the baseline has more seeds, little shared"),
    pytest.param(World(0.5), 2, 4, id="the ideas have more seeds"),
    pytest.param(World(0.6, paired=False), 3, 3, id="unpaired"),
    pytest.param(World(0.6, paired=False), 4, 2, id="unpaired, the baseline has more runs"),
]


@pytest.mark.parametrize(("world", "baseline", "idea"), LAYOUTS)
def test_gaps_are_off_by_as_much_as_is_said(world: World, baseline: int, idea: int) -> None:
    """Over 120 studies of 30 ideas at 6 rungs, 720 draws of the baseline's luck: where that is
    half of the variance, the sd of its estimate is at most sqrt(2 / 720) / 2, 3% of it."""
    found, errors = errors_of(world, baseline, idea)
    said = np.mean([cells.variance + cells.shared for cells in found])
    common = errors.mean(axis=1)  # of all ideas of a study at a rung
    assert abs(common.mean()) < 4 * common.std() / np.sqrt(common.size)
    assert np.mean(errors**2) == pytest.approx(said, rel=0.1)


@pytest.mark.parametrize(("world", "baseline", "idea"), [LAYOUTS[0], LAYOUTS[1], LAYOUTS[5]])
def test_what_ideas_share_is_told_apart_from_what_is_their_own(
    world: World, baseline: int, idea: int
) -> None:
    found, errors = errors_of(world, baseline, idea)
    own = errors.var(axis=1, ddof=1).mean()
    common = (errors.mean(axis=1) ** 2).mean() - own / world.ideas
    assert own == pytest.approx(np.mean([cells.variance for cells in found]), rel=0.06)
    # 720 draws: an sd of 5%, of which three.
    assert common == pytest.approx(np.mean([cells.shared for cells in found]), rel=0.16)


@pytest.mark.parametrize("share", [0.25, 0.6, 1.0])
def test_the_share_of_a_runs_own_noise_is_recovered(share: float) -> None:
    """In a study of 30 ideas luck is known from 6 rungs' 3 seeds, 12 dof: to 40% of itself. So
    the mean of 40 studies is known to a twentieth at most. Where there is no luck, shares cannot
    miss 1 upwards, and the half that would have done so are 1: 2% are lost."""
    rng = np.random.default_rng(5)
    gaps = np.zeros((30, LEVEL.size))
    shares = [
        measure_cells(keep_seeds(World(share).losses(rng, gaps), 3, 3)).own_share for _ in range(40)
    ]
    assert all(0 < each <= 1 for each in shares)
    assert np.mean(shares) == pytest.approx(share, abs=0.05 if share < 1 else 0.08)


def test_without_replicates_the_usual_noise_is_assumed_and_counts_as_little_known() -> None:
    losses = World(0.7).losses(np.random.default_rng(0), np.zeros((30, LEVEL.size)))
    single, many = (measure_cells(keep_seeds(losses, n, n)) for n in (1, 4))
    assert 0.5 < single.own_share <= 1
    assert (single.dof < many.dof).all()
    assert np.isfinite(single.variance).all()
    assert (single.variance > 0).all()


def test_an_idea_that_is_noisier_than_the_others_is_said_to_be() -> None:
    rng = np.random.default_rng(2)
    losses = World(1.0).losses(rng, np.zeros((30, LEVEL.size)))
    losses[1] += rng.normal(0, 10 * OWN_SD, losses[1].shape)
    cells = measure_cells(losses)
    assert cells.run_variance[0].mean() == pytest.approx((10 * OWN_SD) ** 2, rel=0.5)
    assert cells.run_variance[1:].mean() == pytest.approx(OWN_SD**2, rel=0.3)


def test_one_more_run_of_the_baseline_serves_all_ideas() -> None:
    world, rng = World(0.8), np.random.default_rng(4)
    squares = np.zeros(2)
    for _ in range(120):
        losses = world.losses(rng, np.zeros((world.ideas, LEVEL.size)))
        before, after = (measure_cells(keep_seeds(losses, n, 2)) for n in (2, 3))
        squares += [(cells.gap**2).mean() for cells in (before, after)]
    # By hand, of s^2 / 2 for the idea and as much for the baseline, 0.8 s^2 (1/2 - 1/3) goes.
    assert squares[1] / squares[0] == pytest.approx(1 - 0.8 / 6, abs=0.04)
    now, more = before.variance + before.shared, before.baseline_runs + 1
    said = before.variance_after(before.runs, more) + before.baseline_variance / more
    gained = before.own_share * before.baseline_variance * (1 / 2 - 1 / 3)
    assert now - said == pytest.approx(np.broadcast_to(gained, now.shape))


def test_the_own_variance_by_hand() -> None:
    one = np.array(1.0)

    def own(runs: float, baseline_runs: float, share: float) -> float:
        return float(own_variance(np.array(runs), np.array(baseline_runs), 2 * one, one, share))

    assert own(4, 4, 0.5) == pytest.approx(2 / 4)
    assert own(2, 4, 0.5) == pytest.approx(2 / 2 + 0.5 * (1 / 2 - 1 / 4))
    # Luck has variance 1 (1 / .5 - 1) = 1: that of four seeds against that of two of them.
    assert own(4, 2, 0.5) == pytest.approx(2 / 4 + 1 * (1 / 2 - 1 / 4))
    assert own(0, 2, 0.5) == np.inf
    assert own(2, 0, 0.5) == pytest.approx(2 / 2), "the rest is in what all ideas share"


def test_arms_that_are_the_same_to_the_last_bit_are_named() -> None:
    losses = World(0.5).losses(np.random.default_rng(1), np.zeros((30, LEVEL.size)))
    losses[3] = losses[0]
    losses[4] = losses[0]
    losses[4, 2, 1] += 1e-12
    losses[5] = NAN
    losses[6] = losses[0]
    losses[6, 1:] = NAN
    cells = measure_cells(losses)
    assert np.flatnonzero(cells.identical).tolist() == [2, 5]
    assert not cells.gap[[2, 5]].any()
    assert not measure_cells(losses, paired=False).identical.any()


def test_identical_arms_teach_nothing_about_noise() -> None:
    losses = World(1.0).losses(np.random.default_rng(1), np.zeros((30, LEVEL.size)))
    before = measure_cells(losses)
    after = measure_cells(np.vstack([losses, *[losses[:1]] * 10]))
    assert after.baseline_variance == pytest.approx(before.baseline_variance, rel=0.1)


def test_what_is_not_measured_is_not_zero_error() -> None:
    losses = World(0.5).losses(np.random.default_rng(1), np.zeros((30, LEVEL.size)))
    losses[0, 2] = NAN
    losses[1, 3] = NAN
    cells = measure_cells(losses)
    assert np.isinf(cells.shared).tolist() == [False, False, True, False, False, False]
    assert np.isinf(cells.variance[0]).tolist() == [False, False, False, True, False, False]
    assert np.isfinite(cells.variance[1:]).all(), "between ideas there is something to compare"
    assert cells.gap[0, 3] == 0
    assert cells.runs[0].tolist() == [4, 4, 4, 0, 4, 4]
    assert cells.baseline_runs.tolist() == [4, 4, 0, 4, 4, 4]
    # Ideas are then held against the level of them all.
    assert cells.level[2] == pytest.approx(LEVEL[2], abs=4 * OWN_SD)
    assert cells.gap[4, 2] - cells.gap[3, 2] == pytest.approx(
        losses[5, 2].mean() - losses[4, 2].mean()
    )


def test_noise_is_learnt_only_from_what_may_teach() -> None:
    losses = World(0.5).losses(np.random.default_rng(1), np.zeros((30, LEVEL.size)))
    wild = losses.copy()
    wild[1] += np.random.default_rng(2).normal(0, 20 * OWN_SD, wild[1].shape)
    teach = np.ones(losses.shape[:2], dtype=bool)
    teach[1] = False
    tame, kept_out = (measure_cells(each, teach=teach) for each in (losses, wild))
    assert kept_out.run_variance[1:] == pytest.approx(tame.run_variance[1:])
    assert kept_out.own_share == pytest.approx(tame.own_share)
    assert measure_cells(wild).own_share != pytest.approx(tame.own_share)
    # A run at a rung that must not teach changes nothing that is believed of the others.
    teach[1], teach[:, 5] = True, False
    loud = losses.copy()
    loud[:, 5] += np.random.default_rng(3).normal(0, 20 * OWN_SD, loud[:, 5].shape)
    tame, kept_out = (measure_cells(each, teach=teach) for each in (losses, loud))
    assert kept_out.run_variance == pytest.approx(tame.run_variance, rel=0.03)


def test_the_unit_of_the_loss_does_not_matter() -> None:
    losses = World(0.5).losses(np.random.default_rng(1), np.zeros((30, LEVEL.size)))
    one, thousand = measure_cells(losses), measure_cells(1000 * losses)
    assert thousand.gap == pytest.approx(1e3 * one.gap)
    assert thousand.variance == pytest.approx(1e6 * one.variance, rel=1e-2)
    assert thousand.own_share == pytest.approx(one.own_share, rel=1e-2)


def test_the_shapes_are_those_promised() -> None:
    cells = measure_cells(World(0.5, ideas=5).losses(np.random.default_rng(1), np.zeros((5, 6))))
    for array in (cells.gap, cells.variance, cells.dof, cells.runs, cells.run_variance):
        assert array.shape == (5, 6)
    for array in (cells.shared, cells.baseline_runs, cells.baseline_variance, cells.level):
        assert array.shape == (6,)
    assert cells.identical.shape == (5,)
    with pytest.raises(ValueError, match=r"losses must be \[arms, rungs, seeds\]"):
        measure_cells(np.ones((3, 4)))


@pytest.mark.parametrize("theirs", [(1, 2), (2, 3)])
def test_seeds_that_are_not_the_baselines_have_luck_of_their_own(theirs: tuple[int, int]) -> None:
    """The baseline has seeds 0 and 1, three ideas two others, in part or in all."""
    world, rng = World(0.3), np.random.default_rng(7)
    squares, said = [], []
    for _ in range(150):
        losses = keep_seeds(world.losses(rng, np.zeros((30, LEVEL.size))), 2, 4)
        losses[4:, :, 2:] = NAN
        for seed in {0, 1, 2, 3} - set(theirs):
            losses[1:4, :, seed] = NAN
        cells = measure_cells(losses)
        squares.append(cells.gap[:3] ** 2)
        said.append((cells.variance + cells.shared)[:3])
    assert np.mean(squares) == pytest.approx(np.mean(said), rel=0.15)


def test_a_pair_is_no_surer_than_seeds_that_differ_by_much() -> None:
    baseline = [[0.142, 0.194], [0.106, 0.242], [0.122, 0.066]]
    worse = [[0.157, NAN], [0.123, NAN], [NAN, NAN]]
    cells = measure_cells(np.array([baseline, worse]))
    error = np.sqrt(cells.variance + cells.shared)
    measured = cells.runs > 0
    assert (cells.gap + 2 * error > 0)[measured].all()
