"""A replayed study: never overspent, the same each time, and as the policy decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proveout.errors import BudgetExceeded
from proveout.replay import Simulator, World, play
from proveout.verdicts import (
    Asha,
    Board,
    Choice,
    Hyperband,
    InformationPolicy,
    KeepIfBetter,
    Pick,
    Policy,
    SuccessiveHalving,
    UniformGrid,
)

CRASHING = Simulator(crashes=0.3, room=4)
QUIET = Simulator(noise=(1e-9, 1e-9), crashes=0.0)


@dataclass
class AtRandom:
    """Buys anything that may be bought, and sometimes nothing."""

    seed: int

    def choose(self, board: Board, slots: int) -> Choice:
        # No memory: what it does depends on the board alone.
        random = np.random.default_rng([self.seed, int(board.bought.sum()), slots])
        open_cells = ~board.bought & ~board.closed[:, None, None]
        open_cells[:, :, board.seeds[1] :] = False
        picks: list[Pick] = []
        left = board.left
        for at in random.permutation(np.argwhere(open_cells)):
            arm, rung, replicate = (int(place) for place in at)
            if len(picks) < slots and board.price[rung] <= left and random.random() < 0.8:
                left -= board.price[rung]
                picks.append(Pick(arm, rung, replicate, "by chance"))
        return Choice(tuple(picks))

    def keeps(self, board: Board) -> np.ndarray:
        return np.zeros(len(board.arms) - 1, dtype=bool)


POLICIES: tuple[Policy, ...] = (
    AtRandom(1), KeepIfBetter(), UniformGrid(), SuccessiveHalving(), SuccessiveHalving(3.0),
    Asha(), Hyperband(), InformationPolicy(),
)  # fmt: skip


class Auditor:
    """Holds the board's account against what is on it, after every trial."""

    def __init__(self, world: World, slots: int) -> None:
        self.world = world
        self.slots = slots

    def __call__(self, board: Board) -> None:
        assert board.left >= 0
        assert board.running.sum() <= self.slots
        assert not (board.running & board.failed).any()
        scored = ~np.isnan(board.losses)
        assert not (scored & (board.running | board.failed)).any()
        assert np.array_equal(board.losses[scored], self.world.losses[scored])
        assert np.isnan(self.world.losses[board.failed]).all()
        used = scored | board.running
        owed = (used.sum(axis=(0, 2)) * board.price).sum()
        owed += 0.1 * (board.failed.sum(axis=(0, 2)) * board.price).sum()
        assert owed == pytest.approx(board.budget - board.left)


@settings(max_examples=50, deadline=None)
@given(
    policy=st.sampled_from(POLICIES),
    seed=st.integers(0, 10_000),
    slots=st.integers(1, 16),
    ideas=st.integers(1, 6),
    runs=st.floats(0.0, 6.0),
    least=st.integers(1, 3),
)
def test_a_budget_is_never_overspent(
    policy: Policy, seed: int, slots: int, ideas: int, runs: float, least: int
) -> None:
    world = CRASHING.world(seed, ideas)
    budget = runs * float(world.price[-1])
    played = play(world, policy, budget, slots=slots, seed=seed, seeds=(least, 4),
                  watch=Auditor(world, slots))  # fmt: skip
    assert 0 <= played.spent <= budget
    assert played.board.idle
    assert len({(p.arm, p.rung, p.replicate) for p in played.picks}) == len(played.picks)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
def test_the_same_seed_gives_the_same_study(policy: Policy) -> None:
    budget = 8 * Simulator().compute[-1]
    first, again, other = (
        play(Simulator().world(3, 8), policy, budget, seed=seed) for seed in (1, 1, 2)
    )
    assert first.picks == again.picks
    assert np.array_equal(first.board.losses, again.board.losses, equal_nan=True)
    assert first.looks[-1].keeps.tolist() == again.looks[-1].keeps.tolist()
    assert other.spent <= budget


def test_looks_are_taken_where_they_were_asked_for() -> None:
    world = Simulator().world(0, 6)
    top = float(world.price[-1])
    played = play(world, UniformGrid(), 6 * top, look_at=(top, 2 * top, 3 * top, 99 * top))
    spends = [look.spent / top for look in played.looks]
    assert len(spends) == 4
    assert all(spend >= asked for spend, asked in zip(spends[:3], (1, 2, 3), strict=True))
    assert spends[-1] == pytest.approx(played.spent / top)


def test_trials_end_out_of_order_and_slots_are_kept_full() -> None:
    world = Simulator(crashes=0.0).world(1, 6)
    running: list[int] = []
    played = play(world, UniformGrid(), 3 * float(world.price[-1]), slots=5,
                  watch=lambda board: running.append(int(board.running.sum())))  # fmt: skip
    assert max(running) == 4  # one has just ended
    assert len(running) == len(played.picks)


def test_without_noise_the_grid_keeps_what_gains_at_its_top_rung() -> None:
    world = QUIET.world(5, 40)
    played = play(world, UniformGrid(), np.inf, seeds=(1, 1))
    gains = world.gaps[:, -2] < 0
    clear = np.abs(world.gaps[:, -2]) > 1e-6
    assert clear.any()
    assert (played.looks[-1].keeps == gains)[clear].all()


def test_an_arm_that_fails_twice_is_closed() -> None:
    world = Simulator(mix={"crash": 1.0}, crashes=0.0).world(0, 3)
    played = play(world, UniformGrid(), 4 * float(world.price[-1]))
    assert played.board.closed.tolist() == [False, True, True, True]
    failures = played.board.failed[1:].sum(axis=2)
    assert (failures[:, 0] >= 2).all()
    assert (failures[:, 0] <= 3).all()  # a third may have been under way
    assert not failures[:, 1:].any()


@dataclass
class Buys:
    """Always asks for the same."""

    picks: tuple[Pick, ...]

    def choose(self, board: Board, slots: int) -> Choice:
        return Choice(self.picks)

    def keeps(self, board: Board) -> np.ndarray:
        return np.zeros(len(board.arms) - 1, dtype=bool)


def test_a_policy_that_breaks_the_rules_is_stopped() -> None:
    world, top = Simulator().world(0, 2), Simulator().compute[-1]
    dear, twice = Pick(0, 3, 0, ""), (Pick(0, 0, 0, ""),) * 2
    with pytest.raises(BudgetExceeded, match="was bought with"):
        play(world, Buys((dear,)), 0.9 * top)
    with pytest.raises(ValueError, match="bought twice"):
        play(world, Buys(twice), top)
    with pytest.raises(ValueError, match="for 1 slots"):
        play(world, Buys(twice), top, slots=1)
    with pytest.raises(ValueError, match="its arm is closed, or its seed"):
        play(world, Buys((Pick(0, 0, 5, ""),)), top, seeds=(1, 2))
    with pytest.raises(ValueError, match="seeds must be"):
        play(world, UniformGrid(), top, seeds=(1, 9))


def test_regret_is_the_share_of_the_gain_that_is_lost() -> None:
    world = Simulator().world(0, 4)
    gaps = np.zeros((4, 5))
    gaps[:, -1] = [-0.3, -0.1, 0.2, np.nan]
    truth = World(world.arms, world.kinds, world.compute, world.price, world.target,
                  world.losses, gaps, world.loss)  # fmt: skip
    keeps = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1], [1, 1, 1, 0]], dtype=bool)
    assert [truth.regret(each) for each in keeps] == pytest.approx([0.0, 1.0, 0.25, 0.5])
