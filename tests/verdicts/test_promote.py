"""The sealed part is read before anything is believed, once, and what it says is final."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from proveout.ledger import History, PromotionRead, SplitMade
from proveout.verdicts import (
    Buy,
    EndLadder,
    MakeForecast,
    Merge,
    Promote,
    judge,
    kept_trials,
    selection_bias,
)

Simulate = Callable[..., Any]
SPLIT = SplitMade(64, 900)


def steady(gap: float) -> Callable[[float], float]:
    return lambda _: gap


def words(world: Any) -> dict[str, str]:
    return {v.idea: v.verdict for v in judge(world.study, world.history).verdicts}


def promoted(world: Any) -> list[str]:
    trials = [t for action in world.actions if isinstance(action, Promote) for t in action.trials]
    return [trial.idea for trial in trials]


def test_without_a_sealed_part_nothing_is_promoted(simulate: Simulate) -> None:
    world = simulate({"good": steady(-0.3), "nothing": steady(0.0)})
    world.run()
    assert not promoted(world)
    assert words(world)["good"] == "holds"


def test_what_would_hold_and_each_merge_is_promoted_before_it_is_built_on(
    simulate: Simulate,
) -> None:
    world = simulate({"good": steady(-0.3), "better": steady(-0.4), "nothing": steady(0.0)})
    world.add(SPLIT)
    world.run()
    kinds = [type(action) for action in world.actions]
    first = kinds.index(Promote)
    assert kinds.index(EndLadder) < first < kinds.index(Merge) < kinds.index(MakeForecast)
    assert {"good", "better"} <= set(promoted(world)) <= {"good", "better", "stack-1"}
    assert "nothing" not in promoted(world)
    (made,) = (action for action in world.actions if isinstance(action, MakeForecast))
    assert made.idea in promoted(world)
    found = words(world)
    assert found["good"] == found["better"] == "holds"


def test_an_idea_waits_as_undecided_until_it_is_checked(simulate: Simulate) -> None:
    world = simulate({"good": steady(-0.3), "nothing": steady(0.0)})
    world.add(SPLIT)
    world.run()
    before = replace(world.history, promotions={})
    (good,) = (v for v in judge(world.study, before).verdicts if v.idea == "good")
    assert good.verdict == "undecided"
    assert "waits for its check" in good.why


def test_what_is_refuted_is_rejected_and_never_merged_nor_bought_again(simulate: Simulate) -> None:
    world = simulate({"good": steady(-0.3), "cheat": steady(-0.8), "nothing": steady(0.0)})
    world.add(SPLIT)
    world.outcomes["cheat"] = [False]
    world.run()
    found = words(world)
    assert found["cheat"] == "rejected"
    assert found["good"] == "holds"
    assert not any(isinstance(action, Merge) for action in world.actions)
    after = world.actions[[type(a) for a in world.actions].index(Promote) :]
    bought = {t.idea for action in after if isinstance(action, Buy) for t in action.trials}
    assert "cheat" not in bought
    assert set(world.history.forecasts) == {"good"}


def test_where_artifacts_are_gone_one_more_trial_is_bought_and_not_without_end(
    simulate: Simulate,
) -> None:
    world = simulate({"good": steady(-0.3), "nothing": steady(0.0)})
    world.add(SPLIT)
    world.outcomes["good"] = [None]
    world.run()
    again = [p for action in world.actions if isinstance(action, Buy) for p in action.purchases
             if "artifacts are gone" in p.why]  # fmt: skip
    assert 1 <= len(again) <= 3
    assert words(world)["good"] == "undecided"
    once = simulate({"good": steady(-0.3), "nothing": steady(0.0)})
    once.add(SPLIT)
    once.outcomes["good"] = [None, None, True]
    once.run()
    assert words(once)["good"] == "holds"


def test_best_and_last_are_kept_and_all_of_the_baseline(simulate: Simulate) -> None:
    world = simulate({"good": steady(-0.3), "nothing": steady(0.0)})
    world.run()
    history = world.history
    kept = kept_trials(world.study, history, "good")
    ladder = [t for t in history.trials if t.idea == "good" and t.rung < 4]
    top = max(trial.rung for trial in ladder)
    on_ladder = {trial for trial in kept if trial.rung < 4}
    losses = history.losses("good", 4) or history.losses("good", top)
    assert losses
    assert all(trial.rung >= top for trial in on_ladder)
    assert len(on_ladder) <= 2
    every = {t for t, r in history.trials.items() if t.idea == "baseline" and r.measurement}
    assert kept_trials(world.study, history, "baseline") == every
    assert kept_trials(world.study, history, "nobody") == frozenset()


@pytest.mark.parametrize("agrees", [True, False])
def test_the_selection_bias_is_the_mean_difference_of_the_gaps(agrees: bool) -> None:
    reads = {
        "a": PromotionRead("a", "a", True, "", None, 9, -0.30, -0.28, 0.02),
        "b": PromotionRead("b", "b", agrees, "", None, 9, -0.10, -0.02, 0.04),
        "base": PromotionRead("base", "baseline", True, ""),
        "gone": PromotionRead("gone", "c", None, ""),
    }
    bias = selection_bias(History(promotions=reads))
    assert bias
    assert bias.reads == 3
    assert bias.trials == (2 if agrees else 1)
    assert bias.bias == pytest.approx(0.05 if agrees else 0.02)
    assert bias.standard_error == pytest.approx(0.03 if agrees else 0.02)
    assert selection_bias(History()) is None
