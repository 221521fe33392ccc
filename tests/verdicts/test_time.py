"""An idea that gains what its time would give the baseline has shown nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from proveout.study import Study
from proveout.verdicts import Buy, Promote, judge

Simulate = Callable[..., Any]


def trained(times: float) -> Callable[[float], float]:
    """The gap of a baseline that trains so many times as long, by the simulation's law."""
    gained = 1 - 10 ** (-0.15 * math.log10(times))
    return lambda log_compute: -2.0 * 10 ** (-0.15 * (log_compute - 10)) * gained


def verdicts(world: Any, study: Study | None = None) -> dict[str, tuple[str, str]]:
    found = judge(study or world.study, world.history).verdicts
    return {each.idea: (each.verdict, each.why) for each in found}


def play(
    simulate: Simulate, gap: Callable[[float], float], *slower: float, scoring: float = 0.1,
    policy: str = "information",
) -> Any:  # fmt: skip
    world = simulate({"idea": gap, "nothing": lambda _: 0.0}, noise_sd=0.02, policy=policy)
    world.slower, world.scoring = {"idea": slower}, {"idea": scoring}
    world.run()
    return world


def test_training_that_is_not_counted_does_not_hold_and_is_never_merged(
    simulate: Simulate,
) -> None:
    world = play(simulate, trained(3.0), 3.0)
    verdict, why = verdicts(world)["idea"]
    assert verdict == "undecided"
    assert "3.0 times the baseline's CPU seconds" in why
    assert "budget.believe_flops" in why
    assert world.actions[-1].ok
    assert "no idea holds" in world.actions[-1].why


def test_nothing_is_trained_anew_for_it(simulate: Simulate) -> None:
    from proveout.ledger import SplitMade

    world = simulate({"idea": trained(3.0)})
    world.slower = {"idea": (3.0,)}
    world.add(SplitMade(64, 900))
    world.run()
    assert not any(isinstance(action, Promote) for action in world.actions)
    assert not any(each.promotion for action in world.actions if isinstance(action, Buy)
                   for each in action.purchases)  # fmt: skip


def test_a_slow_idea_that_gains_more_than_its_time_holds(simulate: Simulate) -> None:
    world = play(simulate, trained(30.0), 3.0)
    assert verdicts(world)["idea"][0] == "holds"


def test_as_much_time_as_busy_cores_take_is_no_reason(simulate: Simulate) -> None:
    world = play(simulate, trained(2.0), 2.0)
    assert verdicts(world)["idea"][0] == "holds"


def test_a_trial_that_takes_no_longer_does_not_hide_those_that_do(simulate: Simulate) -> None:
    """Every other seed trains five times as long as it says."""
    world = play(simulate, trained(3.0), 5.0, 1.0, policy="uniform")
    verdict, why = verdicts(world)["idea"]
    assert (verdict, "times the baseline's CPU seconds" in why) == ("undecided", True)


def test_training_while_it_is_scored_counts(simulate: Simulate) -> None:
    """Its trials take no longer, and what scores them trains twice as much again."""
    verdict, why = verdicts(play(simulate, trained(3.0), 1.0, scoring=2.3))["idea"]
    assert (verdict, "3.0 times the baseline's CPU seconds" in why) == ("undecided", True)


def test_a_model_that_is_slower_to_ask_holds(simulate: Simulate) -> None:
    world = play(simulate, trained(3.0), 1.0, scoring=0.25)
    assert verdicts(world)["idea"][0] == "holds"


def test_who_pays_for_flops_may_believe_them(simulate: Simulate) -> None:
    world = play(simulate, trained(3.0), 3.0)
    budget = world.study.budget.model_copy(update={"believe_flops": True})
    study = world.study.model_copy(update={"budget": budget})
    assert verdicts(world, study)["idea"][0] == "holds"
