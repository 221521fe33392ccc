"""The bandit: shares follow yield, doubt keeps them apart from 0, and a floor holds."""

from __future__ import annotations

import pytest

from proveout.ideas import Arm, shares


def many(name: str, gain: float, ideas: int, cost: float = 0.01) -> Arm:
    return Arm(name, (gain,) * ideas, (cost,) * ideas)


def test_sources_of_which_nothing_is_known_share_alike() -> None:
    found = shares([Arm("a"), Arm("b"), Arm("c")], floor=0.1)
    assert sum(found.values()) == pytest.approx(1.0)
    assert all(0.25 < share < 0.42 for share in found.values())


def test_more_goes_to_what_yields_more_and_the_more_the_more_is_known() -> None:
    few = shares([many("good", 0.2, 2), many("bad", 0.02, 2)], floor=0.05)
    lots = shares([many("good", 0.2, 20), many("bad", 0.02, 20)], floor=0.05)
    assert 0.5 < few["good"] < lots["good"]
    assert lots["bad"] == pytest.approx(0.05, abs=0.02)


def test_none_starves() -> None:
    arms = [many("good", 1.0, 50), *(many(f"bad-{i}", 0.0, 50) for i in range(4))]
    found = shares(arms, floor=0.1)
    assert min(found.values()) == pytest.approx(0.04)
    assert sum(found.values()) == pytest.approx(1.0)


def test_cost_counts_as_much_as_gain() -> None:
    found = shares([many("cheap", 0.1, 20, 0.01), many("dear", 0.1, 20, 0.1)], floor=0.0)
    assert found["cheap"] > 0.9


def test_a_source_that_was_paid_and_brought_nothing_falls_behind() -> None:
    found = shares([many("good", 0.1, 10), Arm("paid", (0.0,), (0.5,))], floor=0.0)
    assert found["paid"] < found["good"]


def test_the_same_records_give_the_same_shares() -> None:
    arms = [many("a", 0.1, 3), many("b", 0.2, 2)]
    assert shares(arms, 0.1, seed=7) == shares(arms, 0.1, seed=7)
    with pytest.raises(ValueError, match="no source"):
        shares([], 0.1)
