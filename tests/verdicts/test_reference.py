"""Reference policies: each makes its known choice, deals with failures, and never overspends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from proveout.errors import UserError
from proveout.verdicts import (
    POLICIES,
    Asha,
    Board,
    Hyperband,
    KeepIfBetter,
    Policy,
    SuccessiveHalving,
    UniformGrid,
    UniformWithBelief,
    policy_named,
)

PRICES = (1.0, 3.0, 9.0)


def board_of_losses(
    ideas: int, losses: dict[tuple[int, int, int], float], *, seeds: int = 1, budget: float = 1e3
) -> Board:
    """Three rungs and room for three seeds; `losses` by (arm, rung, replicate), NaN for a failure.
    What is in it has been paid for."""
    shape = (ideas + 1, len(PRICES), 3)
    table, failed = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    for at, loss in losses.items():
        table[at] = loss
        failed[at] = np.isnan(loss)
    spent = sum(PRICES[rung] for _, rung, _ in losses)
    nothing = np.zeros(shape, dtype=bool)
    names = ("baseline", *(f"idea-{number}" for number in range(ideas)))
    prices = np.array(PRICES)
    return Board(names, prices * 1e10, prices, 1e12, table, nothing, failed, nothing.copy(),
                 np.zeros(ideas + 1, dtype=bool), (seeds, 3), budget, budget - spent)  # fmt: skip


def cells(policy: Policy, board: Board, slots: int = 99) -> list[tuple[int, int, int]]:
    return [(pick.arm, pick.rung, pick.replicate) for pick in policy.choose(board, slots).picks]


def at_the_bottom(*losses: float) -> dict[tuple[int, int, int], float]:
    """One seed of each arm at the lowest rung, the baseline's first."""
    return {(arm, 0, 0): loss for arm, loss in enumerate(losses)}


BOTTOM = at_the_bottom(1.0, 0.9, 1.2, 0.5, 1.1, 0.8, 1.3)


def test_keep_if_better_buys_one_seed_at_its_rung_and_keeps_what_is_lower() -> None:
    assert cells(KeepIfBetter(1), board_of_losses(2, {})) == [(0, 1, 0), (1, 1, 0), (2, 1, 0)]
    measured = board_of_losses(6, BOTTOM)
    assert cells(KeepIfBetter(), measured) == []
    assert KeepIfBetter().keeps(measured).tolist() == [True, False, True, False, True, False]


def test_a_seed_that_failed_is_replaced_by_the_next_one() -> None:
    failed = board_of_losses(2, {(0, 0, 0): np.nan, (1, 0, 0): 0.9, (2, 0, 0): 1.2})
    assert cells(KeepIfBetter(), failed) == [(0, 0, 1)]
    assert not KeepIfBetter().keeps(failed).any()
    again = board_of_losses(2, {(0, 0, 0): np.nan, (0, 0, 1): 1.0, (1, 0, 0): 0.9, (2, 0, 0): 1.2})
    assert KeepIfBetter().keeps(again).tolist() == [True, False]


def test_the_uniform_grid_fills_low_rungs_first_and_judges_at_the_highest_measured() -> None:
    board = board_of_losses(2, {}, seeds=2)
    assert cells(UniformGrid(), board, 7) == [
        (0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 0, 1), (1, 0, 1), (2, 0, 1), (0, 1, 0),
    ]  # fmt: skip
    above = {(0, 1, 0): 0.9, (1, 1, 0): 1.0}
    measured = board_of_losses(2, at_the_bottom(1.0, 0.9, 0.8) | above)
    assert UniformGrid().keeps(measured).tolist() == [False, True]


def test_the_uniform_grid_goes_on_with_more_seeds() -> None:
    whole = {(arm, rung, 0): 1.0 for arm in range(3) for rung in range(3)}
    assert cells(UniformGrid(), board_of_losses(2, whole), 3) == [(0, 0, 1), (1, 0, 1), (2, 0, 1)]


def test_gaps_are_paired_where_seeds_are_shared() -> None:
    """The idea gains on both seeds it shares, although its third seed alone looks bad."""
    losses = {(0, 0, 0): 1.0, (0, 0, 1): 2.0, (1, 0, 0): 0.9, (1, 0, 1): 1.9, (1, 0, 2): 9.0}
    assert UniformGrid().keeps(board_of_losses(1, losses)).tolist() == [True]


@pytest.mark.parametrize(
    ("eta", "budget", "best"), [(3.0, 1e3, [5, 3]), (2.0, 1e3, [5, 3, 1]), (None, 39.0, [3, 5])]
)
def test_successive_halving_takes_the_best_up(
    eta: float | None, budget: float, best: list[int]
) -> None:
    """With 39 to spend on three rungs, 32 are left after the lowest: half of them, 16, covers the
    baseline and four ideas at a price of 3."""
    wanted = 1 + (4 if eta is None else len(best))
    found = cells(SuccessiveHalving(eta), board_of_losses(6, BOTTOM, budget=budget))
    assert found[0] == (0, 1, 0)
    assert len(found) == wanted
    assert {arm for arm, _, _ in found} >= set(best)
    assert {rung for _, rung, _ in found} == {1}


def test_successive_halving_waits_for_a_bracket_to_be_complete() -> None:
    board = board_of_losses(6, {at: loss for at, loss in BOTTOM.items() if at[0] != 6})
    assert cells(SuccessiveHalving(3), board) == [(6, 0, 0)]
    board.running[6, 0, 0] = True
    assert cells(SuccessiveHalving(3), board) == []


def test_successive_halving_keeps_those_of_the_last_bracket_that_beat_the_baseline() -> None:
    above = {(0, 1, 0): 0.7, (3, 1, 0): 0.4, (5, 1, 0): 0.8}
    board = board_of_losses(6, BOTTOM | above)
    assert SuccessiveHalving(3).keeps(board).nonzero()[0].tolist() == [2]


def test_asha_promotes_the_best_third_and_then_starts_ideas() -> None:
    some = {at: loss for at, loss in BOTTOM.items() if at[0] <= 3}
    found = cells(Asha(), board_of_losses(6, some))
    # The first idea was the best when it came in, the third is the best now.
    assert found == [(0, 1, 0), (1, 1, 0), (3, 1, 0), (4, 0, 0), (5, 0, 0), (6, 0, 0)]


def test_asha_does_not_climb_with_an_idea_that_failed() -> None:
    losses = at_the_bottom(1.0, 0.9) | {(2, 0, 0): np.nan, (2, 0, 1): np.nan}
    board = board_of_losses(2, losses)
    board.closed[2] = True
    assert {arm for arm, _, _ in cells(Asha(), board)} == {0, 1}


def test_hyperband_lets_some_brackets_climb_without_being_the_best() -> None:
    losses = at_the_bottom(1.0, *(1.0 + number for number in range(20)))
    found = cells(Hyperband(), board_of_losses(20, losses))
    climbs = {arm for arm, rung, _ in found if rung == 1}
    assert len(climbs - set(range(1, 8))) >= 1
    assert climbs < set(range(21))


def test_a_belief_decides_what_uniform_purchase_keeps() -> None:
    both = UniformWithBelief(KeepIfBetter())
    board = board_of_losses(6, BOTTOM)
    assert cells(both, board, 5) == cells(UniformGrid(), board, 5)
    assert both.keeps(board).tolist() == KeepIfBetter().keeps(board).tolist()


@pytest.mark.parametrize("policy", [
    KeepIfBetter(), UniformGrid(), SuccessiveHalving(), SuccessiveHalving(3), Asha(), Hyperband(),
])  # fmt: skip
class TestEveryReference:
    def test_it_buys_no_more_than_the_budget_covers(self, policy: Policy) -> None:
        for budget in (0.0, 0.5, 2.5, 6.0):
            board = board_of_losses(6, {}, budget=budget)
            assert len(cells(policy, board)) <= budget
        board = board_of_losses(6, BOTTOM, budget=9.0)  # 2 are left, and the next rung costs 3
        assert not [at for at in cells(policy, board) if at[1] > 0]

    def test_it_buys_nothing_of_closed_arms(self, policy: Policy) -> None:
        board = board_of_losses(6, BOTTOM)
        board.closed[[3, 5]] = True
        assert not {3, 5} & {arm for arm, _, _ in cells(policy, board)}
        assert not policy.keeps(board)[[2, 4]].any()

    def test_it_buys_nothing_where_the_baseline_is_broken(self, policy: Policy) -> None:
        board = board_of_losses(6, {(0, 0, 0): np.nan, (0, 0, 1): np.nan})
        board.closed[0] = True
        choice = policy.choose(board, 4)
        assert not choice.picks
        assert choice.why

    def test_it_buys_nothing_twice(self, policy: Policy) -> None:
        board = board_of_losses(6, BOTTOM)
        for arm, rung, replicate in cells(policy, board, 2):
            board.running[arm, rung, replicate] = True
        left = board.left - float((board.running.sum(axis=(0, 2)) * board.price).sum())
        again = cells(policy, replace(board, left=left))
        assert not [at for at in again if board.bought[at]]

    def test_before_anything_is_measured_it_keeps_nothing(self, policy: Policy) -> None:
        assert policy.keeps(board_of_losses(3, {})).tolist() == [False] * 3


def test_policies_have_names() -> None:
    for name in POLICIES:
        assert policy_named(name).choose(board_of_losses(2, {}), 1)
    assert policy_named("successive-halving", eta=2.0) == SuccessiveHalving(2.0)
    with pytest.raises(UserError, match="there are information, keep-if-better"):
        policy_named("grid")
    with pytest.raises(UserError, match="does not take eta"):
        policy_named("uniform", eta=2)
