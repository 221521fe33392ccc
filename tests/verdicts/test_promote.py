"""The sealed part is read before anything is believed, once, and what it says is final."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from proveout.ledger import BudgetAdded, History, PromotionRead, SplitMade, TrialFailed
from proveout.trials import Failure, Trial, Usage
from proveout.verdicts import (
    Buy,
    EndLadder,
    MakeForecast,
    Merge,
    Promote,
    borne_out,
    judge,
    kept_trials,
    selection_bias,
)

Simulate = Callable[..., Any]
SPLIT = SplitMade(64, 900)
USAGE = Usage(1.0, 1.0, 0.0, 1, 0, None)


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


def bought_anew(world: Any) -> list[Trial]:
    """What was trained anew, in the order in which it was bought."""
    return [each.trial for action in world.actions if isinstance(action, Buy)
            for each in action.purchases if each.promotion]  # fmt: skip


@pytest.mark.parametrize("slots", [1, 4])
def test_what_is_believed_is_trained_anew_with_a_seed_that_nothing_was_chosen_by(
    simulate: Simulate, slots: int
) -> None:
    world = simulate({"good": steady(-0.3), "better": steady(-0.4), "nothing": steady(0.0)})
    world.add(SPLIT)
    world.run(slots)
    anew = bought_anew(world)
    assert len(anew) == len(set(anew))
    assert {"baseline", "good", "better"} <= {trial.idea for trial in anew}
    history = world.history
    searched = {(trial.rung, trial.replicate) for trial in history.trials if trial not in anew}
    for trial in anew:
        assert history.trials[trial].promotion
        assert (trial.rung, trial.replicate) not in searched
        # Each beside a baseline of that seed, which all ideas there share.
        assert replace(trial, idea="baseline") in anew
        # At the highest rung that the idea had climbed to by then.
        before = [t.rung for t, past in history.trials.items() if t.idea == trial.idea
                  and past.started_at < history.trials[trial].started_at]  # fmt: skip
        assert trial.idea == "baseline" or trial.rung == max(before)
    read = [t for action in world.actions if isinstance(action, Promote) for t in action.trials]
    assert set(read) <= set(anew)
    (good,) = (v for v in judge(world.study, history).verdicts if v.idea == "good")
    assert good.verdict == "holds"
    assert "trained anew" in good.why
    # Its score on the search part is evidence as any other's.
    assert history.losses("good", max(t.rung for t in anew if t.idea == "good")).keys() & {3}


def test_what_the_budget_does_not_train_anew_is_read_as_it_is_and_the_verdict_says_so(
    simulate: Simulate,
) -> None:
    world = simulate({"good": steady(-0.3), "nothing": steady(0.0)}, budget=2.3e11)
    world.add(SPLIT)
    world.run()
    history = world.history
    assert not bought_anew(world)
    (promote,) = (action for action in world.actions if isinstance(action, Promote))
    assert "does not cover training anew" in promote.instead
    assert promote.instead in promote.why
    assert all(history.trials[trial].measurement for trial in promote.trials)
    (good,) = (v for v in judge(world.study, history).verdicts if v.idea == "good")
    assert good.verdict == "holds"
    assert "rests on trials that it was chosen by" in good.why
    world.add(BudgetAdded(2e12, "a person has more"))
    world.run()
    assert any(trial.idea == "good" for trial in bought_anew(world))
    (good,) = (v for v in judge(world.study, world.history).verdicts if v.idea == "good")
    assert good.verdict == "holds" and "rests on trials" not in good.why


def test_what_lost_its_baseline_when_trained_anew_is_not_read_as_what_it_was_chosen_by(
    simulate: Simulate,
) -> None:
    world = simulate({"good": steady(-0.3), "nothing": steady(0.0)}, budget=9e11)
    world.add(SPLIT)
    for trial in (Trial(rung, seed, name) for rung in (0, 2) for seed in range(2)
                  for name in ("baseline", "good")):  # fmt: skip
        world.buy(trial)
    anew = Trial(2, 3, "good")
    world.start(replace(anew, idea="baseline"), promotion=True)
    world.add(TrialFailed("baseline-r3-s4", 1e11, Failure("crashed", "code 1"), USAGE))
    world.buy(anew, promotion=True)
    assert world.history.trials[replace(anew, idea="baseline")].state == "failed"
    world.run()
    (promote,) = (action for action in world.actions if isinstance(action, Promote))
    assert "does not cover training anew" in promote.instead
    assert promote.trials
    assert anew not in promote.trials


def test_an_alarm_that_was_unfounded_lets_nothing_hold(simulate: Simulate) -> None:
    world = simulate({"good": steady(-0.3), "nothing": steady(0.0)})
    world.add(SPLIT)
    world.buy(Trial(0, 0, "baseline"))
    world.buy(Trial(0, 0, "good"))
    world.add(PromotionRead("good-r1-s1", "good", True, "agrees", rests_on="alarm"))
    world.run()
    alarm = world.history.promotions["good-r1-s1"]
    (good,) = (v for v in judge(
        world.study, replace(world.history, promotions={"good-r1-s1": alarm})
    ).verdicts if v.idea == "good")  # fmt: skip
    assert good.verdict == "undecided"
    assert words(world)["good"] == "holds"
    assert "good" in {trial.idea for trial in bought_anew(world)}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("budget", [3e12, 4.5e12, 6e12])
def test_a_merge_that_was_begun_is_proven_before_anything_else_is_bought(
    simulate: Simulate, budget: float, seed: int
) -> None:
    """Winners of nearly one gain change places with each new score."""
    gaps = {name: steady(-0.2 - number / 500) for number, name in enumerate("abcdef")}
    world = simulate(gaps, seed=seed, budget=budget)
    world.add(SPLIT)
    world.run(2)
    stack, top = "", len(world.study.rungs) - 1
    for action in world.actions:
        if isinstance(action, Merge):
            stack, members = action.name, {action.base, action.idea, "baseline"}
            bought: list[Trial] = []
        elif stack and isinstance(action, Buy):
            bought += [each.trial for each in action.purchases]
            assert {trial.idea for trial in bought} <= {stack, *members}
            if sum((trial.idea, trial.rung) == (stack, top) for trial in bought) == 2:
                stack = ""
    assert not stack
    (forecast,) = world.history.forecasts
    stacks = [name for name, idea in world.history.ideas.items() if idea.kind == "stack"]
    assert not stacks or forecast in stacks


def test_where_artifacts_are_gone_it_is_trained_once_more_and_not_without_end(
    simulate: Simulate,
) -> None:
    world = simulate({"good": steady(-0.3), "nothing": steady(0.0)})
    world.add(SPLIT)
    world.outcomes["good"] = [None]
    world.run()
    own = [trial for trial in bought_anew(world) if trial.idea == "good"]
    assert [trial.replicate for trial in own] == [3, 4, 5]
    assert words(world)["good"] == "undecided"
    once = simulate({"good": steady(-0.3), "nothing": steady(0.0)})
    once.add(SPLIT)
    once.outcomes["good"] = [None, None, True]
    once.run()
    assert words(once)["good"] == "holds"


def test_who_gains_only_where_it_is_chosen_is_found_out_by_what_is_trained_anew(
    simulate: Simulate,
) -> None:
    """A program that behaves once it sees that it was started by exec: both tiers agree on that."""
    world = simulate({"good": steady(-0.3), "nothing": steady(0.0)}, noise_sd=0.01)
    study, base = world.study, [Trial(2, seed, "baseline") for seed in range(4)]
    for trial in (*base[:3], *(Trial(2, seed, "good") for seed in range(3))):
        world.buy(trial)
    world.buy(base[3], promotion=True)
    honest, found_out = Trial(2, 3, "good"), Trial(2, 4, "good")
    world.buy(honest, promotion=True)
    assert borne_out(study, world.history, honest).agrees
    world.gaps["good"] = steady(0.3)
    world.buy(replace(found_out, idea="baseline"), promotion=True)
    world.buy(found_out, promotion=True)
    assert borne_out(study, world.history, found_out).agrees is not True


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
    assert not bought_anew(world)
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
