"""A stack is believed to go as its members do, as far as they are known and it follows them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from proveout.ideas import BASELINE, Idea
from proveout.ledger import IdeaAdded
from proveout.replay import Simulator
from proveout.trials import Trial
from proveout.verdicts import Board, board_of, judge
from proveout.verdicts._believe import Belief, believe_board
from tests.verdicts.conftest import Simulation

Array = npt.NDArray[np.float64]
COMPUTE = np.array([1e10, 3e10, 1e11, 3e11])
TARGET = 1e12
LEVEL = np.array([3.4, 3.1, 2.8, 2.55])
X = np.log10(np.append(COMPUTE, TARGET))
FADING = np.array([-0.20 * 10 ** (-0.35 * (X - 10)), -0.15 * 10 ** (-0.45 * (X - 10))])


def believe(losses: Array, stack: bool = True, compute: Array = COMPUTE) -> Belief:
    """The last arm is all before it together."""
    arms = len(losses)
    no = [np.zeros(losses.shape, dtype=bool) for _ in range(3)]
    names = ("baseline", *map(str, range(arms - 1)))
    members = {arms - 2: tuple(range(arms - 2))} if stack else {}
    board = Board(names, compute, compute, TARGET, losses, *no, np.zeros(arms, dtype=bool),
                  (2, losses.shape[2]), 1e15, 1e15, members=members)  # fmt: skip
    return believe_board(board, teach=np.arange(arms - 1) < arms - 2)


def losses_of(gaps: Array, stack: Array, rng: np.random.Generator, rungs: int = 4) -> Array:
    """Three seeds; the stack at the highest rungs only."""
    noise = rng.normal(0, 0.012, (len(gaps) + 2, 4, 3))
    truth = LEVEL + np.vstack([np.zeros(4), gaps[:, :4], stack[:4]])
    losses: Array = truth[:, :, None] + noise
    losses[-1, : 4 - rungs] = np.nan
    return losses


@pytest.mark.parametrize(("kept", "rungs"), [(1.0, 1), (1.0, 3), (0.8, 1), (0.6, 3)])
def test_a_stack_of_ideas_that_fade_fades(kept: float, rungs: int) -> None:
    stack = kept * FADING.sum(axis=0)
    by_members, by_itself = [], []
    for seed in range(12):
        losses = losses_of(FADING, stack, np.random.default_rng(seed), rungs)
        together = believe(losses)
        assert stack[-1] in together.at_target.of(2).interval(0.99)
        by_members.append(together.mean_at_target[2] - stack[-1])
        by_itself.append(believe(losses, stack=False).mean_at_target[2] - stack[-1])
    # One rung says nothing of how a stack goes on; its members do.
    assert rungs > 1 or np.square(by_members).mean() < np.square(by_itself).mean() / 2
    assert abs(np.mean(by_members)) < 0.25 * abs(stack[-1])


def test_members_are_believed_as_they_are_without_their_stack() -> None:
    losses = losses_of(FADING, FADING.sum(axis=0), np.random.default_rng(0))
    with_stack, without = believe(losses), believe(losses, stack=False)
    assert with_stack.mean_at_target[:2] == pytest.approx(without.mean_at_target[:2], rel=1e-12)


@pytest.mark.parametrize("arm", [1, 3])
def test_what_is_not_measured_tells_nothing(arm: int) -> None:
    losses = losses_of(FADING, FADING.sum(axis=0), np.random.default_rng(0))
    losses[arm] = np.nan
    assert not believe(losses).stacks


def test_a_run_at_the_target_outweighs_what_members_say() -> None:
    losses = losses_of(FADING, FADING.sum(axis=0), np.random.default_rng(0))
    top = np.full((4, 1, 3), np.nan)
    top[[0, 3]] = 2.3
    top[3] += -0.02 + np.array([-0.005, 0.0, 0.005])
    believed = believe(np.concatenate([losses, top], axis=1), compute=np.append(COMPUTE, TARGET))
    assert believed.mean_at_target[2] == pytest.approx(-0.02, abs=0.02)


def test_intervals_hold_stacks_of_simulated_ideas() -> None:
    """Pairs of winners of simulated studies, which keep two thirds to all of their sum."""
    held, ours, alone = [], [], []
    for seed in range(160):
        rng = np.random.default_rng(seed)
        world = Simulator(target=TARGET, crashes=0.0).world(seed, 20)
        losses = world.losses[:, :, :3]
        every = believe(np.concatenate([losses, losses[:1]]), stack=False)
        pair = np.argsort(every.mean_at_target[:-1])[:2]
        if every.helps[pair].min() < 0.9:
            continue
        truth = rng.uniform(0.67, 1.0) * world.gaps[pair].sum(axis=0)
        sd = 0.005 * world.loss
        stack = world.losses[0, :, :3] + truth[:4, None] + rng.normal(0, sd, (4, 3))
        board = np.concatenate([losses[[0, *(pair + 1)]], stack[None]])
        board[-1, 0] = np.nan
        at = believe(board).at_target.of(2)
        held.append(truth[-1] in at.interval(0.8))
        ours.append(at.crps(float(truth[-1])))
        alone.append(believe(board, stack=False).at_target.of(2).crps(float(truth[-1])))
    assert len(held) > 25
    assert np.mean(held) >= 0.8 - 2 * math.sqrt(0.8 * 0.2 / len(held))
    assert np.mean(ours) < np.mean(alone)


def test_a_source_s_merge_is_believed_as_a_stack_is() -> None:
    """Recombination proposes merges as ideas, and runs them at the smallest scales first."""
    gaps = {"rotary": lambda x: -0.20 * 10 ** (-0.35 * (x - 10)),
            "bigram": lambda x: -0.15 * 10 ** (-0.45 * (x - 10))}  # fmt: skip
    truth, missed = float(FADING.sum(axis=0)[-1]), []
    for seed, members in itertools.product(range(4), (("rotary", "bigram"), ())):
        sim = Simulation(gaps, seed=seed, noise_sd=0.01)
        sim.gaps["both"] = lambda x: gaps["rotary"](x) + gaps["bigram"](x)
        sim.add(IdeaAdded(Idea("both", "idea", "both", BASELINE, members=members)))
        for rung, replicate in np.ndindex(4, 2):
            for name in (BASELINE, "rotary", "bigram", *(["both"] if rung < 2 else [])):
                sim.buy(Trial(rung, replicate, name))
        (told,) = [v for v in judge(sim.study, sim.history).verdicts if v.idea == "both"]
        assert told.gap_at_target is not None
        assert told.interval80 is not None
        missed.append(told.gap_at_target - truth)
        assert not members or told.interval80[0] < truth < told.interval80[1]
        # What is bought of it is chosen by the same belief.
        board = board_of(sim.study, sim.history)
        bought_by = believe_board(board).mean_at_target[board.arms.index("both") - 1]
        assert bought_by == pytest.approx(told.gap_at_target, rel=0.1)
    by_members, by_itself = np.array(missed).reshape(4, 2).T
    assert np.square(by_members).mean() < np.square(by_itself).mean()
