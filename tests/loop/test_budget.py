"""The budget is exact and every trial is bought once, whatever ends when and however it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proveout.ideas import BASELINE, Idea
from proveout.ledger import (
    Decided,
    Event,
    History,
    IdeaAdded,
    Ledger,
    MergeRefused,
    PromotionRead,
    RestsOn,
    SplitMade,
    StudyOpened,
    TrialFailed,
    TrialInterrupted,
    TrialScored,
    TrialStarted,
    read_history,
)
from proveout.study import Study
from proveout.trials import Failure, Measurement, Trial, Usage
from proveout.verdicts import (
    Buy,
    EndLadder,
    MakeForecast,
    Merge,
    Promote,
    Purchase,
    ScoreForecast,
    Stop,
    Wait,
    forecast,
    judge,
    members_of,
    plan,
    score_forecast,
)

RUNGS = (0.1e10, 0.3e10, 1e10)  # shares of ten, so that sums of prices round
PRICE_OF_ALL = 5 * 2 * sum(RUNGS) + 4 * 3e10
GAPS = {"good": -0.2, "other": -0.1, "nothing": 0.0, "bad": 0.3}
USAGE = Usage(1.0, 1.0, 0.0, 1, 0, None)
FAILURES = (
    Failure("crashed", "it exited with code 1"),
    Failure("timed out", "it was still running"),
    Failure("ended early", "its curve", gap=0.2),
    Failure("not causal", "it looks ahead"),
)


def make_study(budget: float, policy: str) -> Study:
    return Study.model_validate(
        {
            "program": {"train": "x --seed {seed} --out {out}", "editable": ["x"]},
            "score": {"kind": "language-model", "held_out": "h", "serve": "x.py:load"},
            "ladder": {
                "target": "3e10 flops",
                "rung": [{"compute": f"{rung:g} flops"} for rung in RUNGS],
            },
            "budget": {"compute": f"{budget!r} flops"},
            "seeds": {"per_rung": [2, 2]},
            "policy": {"name": policy},
        }
    )


class World:
    """A study whose trials end as chance has it, in a ledger on disk."""

    def __init__(self, folder: Path, study: Study, slots: int, luck: np.random.Generator) -> None:
        self.folder, self.study, self.slots, self.luck = folder, study, slots, luck
        self.ledger = Ledger(folder)
        self.running: dict[Trial, float] = {}
        self.ended: set[Trial] = set()
        budget = study.budget.compute.amount
        self.add(StudyOpened("world", "0", budget, "flops", "", ""))
        self.add(SplitMade(64, 900))
        self.add(IdeaAdded(Idea(BASELINE, "baseline", BASELINE, None)))
        for name in GAPS:
            self.add(IdeaAdded(Idea(name, "idea", name, BASELINE)))

    def add(self, event: Event) -> None:
        self.ledger.append(event)
        account = self.ledger.history().account
        assert account.charged + account.reserved <= account.budget * (1 + 1e-9)
        assert account.reserved == pytest.approx(sum(self.running.values()) + self._being(event))

    def _being(self, event: Event) -> float:
        return event.reserved if isinstance(event, TrialStarted) else 0.0

    def run(self, most_steps: int = 600) -> Stop:
        for _ in range(most_steps):
            free = self.slots - len(self.running)
            action = plan(self.study, self.ledger.history(), free)
            match action:
                case Stop():
                    assert not self.running
                    return action
                case Buy():
                    assert 1 <= len(action.purchases) <= free
                    for purchase in action.purchases:
                        self.start(purchase)
                case Wait():
                    assert self.running
                case _:
                    assert not self.running
                    self.compound(action)
            if self.running and (isinstance(action, Wait) or self.luck.random() < 0.6):
                self.something_happens()
        raise AssertionError("the study does not come to an end")

    def start(self, purchase: Purchase) -> None:
        trial = purchase.trial
        assert trial not in self.running
        assert trial not in self.ended
        assert purchase.why
        price = self.study.rung(trial.rung).compute.amount
        self.add(TrialStarted(trial.id, trial.idea, trial.rung, trial.replicate, 0, price,
                              purchase.why, purchase.audit, purchase.promotion))  # fmt: skip
        self.running[trial] = price

    def something_happens(self) -> None:
        what = self.luck.random()
        if what < 0.04:
            self.killed_and_resumed()
            return
        trial = list(self.running)[int(self.luck.integers(len(self.running)))]
        price = self.running.pop(trial)
        if what < 0.08:
            self.add(TrialInterrupted(trial.id, "lost"))
            return
        self.ended.add(trial)
        if what < 0.3 and (trial.idea != BASELINE or what < 0.1):
            failure = FAILURES[int(self.luck.integers(len(FAILURES)))]
            if trial.idea == BASELINE:
                failure = FAILURES[0]
            self.add(TrialFailed(trial.id, price * self.luck.uniform(0.05, 1), failure, USAGE))
            return
        parts = members_of(self.ledger.idea(trial.idea))
        loss = 3.0 - 0.3 * trial.rung + sum(GAPS.get(name, 0.0) for name in parts)
        loss += float(self.luck.normal(0, 0.02))
        measured = Measurement(loss, "bits_per_byte", "bits per byte", "audited", "A", 1)
        self.add(TrialScored(trial.id, price, measured, USAGE))

    def read(self, trial: Trial, history: History) -> None:
        record = history.trials[trial]
        assert record.state == "scored"
        twin = history.trials.get(Trial(trial.rung, trial.replicate, BASELINE))
        if record.promotion:
            assert twin
            assert twin.promotion
            assert twin.state == "scored"
        agrees = [True, True, True, None, False][int(self.luck.integers(5))]
        rests_on: RestsOn = "anew" if record.promotion else "chosen"
        self.add(PromotionRead(trial.id, trial.idea, agrees, "so", rests_on=rests_on))

    def killed_and_resumed(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.folder)
        while self.running:
            trial, _ = self.running.popitem()
            self.add(TrialInterrupted(trial.id, "the controller ended while it ran"))

    def compound(self, action: EndLadder | Promote | Merge | MakeForecast | ScoreForecast) -> None:
        history = self.ledger.history()
        match action:
            case Promote():
                for trial in action.trials:
                    self.read(trial, history)
            case EndLadder():
                self.add(Decided("EndLadder", action.why))
            case Merge() if self.luck.random() < 0.2:
                self.add(MergeRefused(action.base, action.idea, ("x",)))
            case Merge():
                members = (*members_of(history.ideas[action.base]), action.idea)
                self.add(IdeaAdded(Idea(action.name, "stack", action.name, BASELINE,
                                        members=members)))  # fmt: skip
            case MakeForecast():
                self.add(forecast(self.study, history, action.idea))
            case ScoreForecast():
                self.add(score_forecast(self.study, history, action.idea))


@pytest.mark.parametrize("slots", [1, 16])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    share=st.sampled_from([0.004, 0.1, 0.5, 1.0, 3.0]),
    policy=st.sampled_from(["information", "information", "uniform", "successive-halving"]),
)
def test_the_budget_is_exact_and_every_trial_is_bought_once(
    tmp_path_factory: pytest.TempPathFactory, slots: int, seed: int, share: float, policy: str
) -> None:
    folder = tmp_path_factory.mktemp("world")
    study = make_study(share * PRICE_OF_ALL, policy)
    world = World(folder, study, slots, np.random.default_rng(seed))
    try:
        world.run()
    finally:
        world.ledger.close()
    history = read_history(folder)
    assert history.account.reserved == 0
    assert history.account.charged == pytest.approx(
        sum(record.charged for record in history.trials.values())
    )
    judge(study, history)
    anew = {(trial.rung, trial.replicate) for trial, past in history.trials.items()
            if past.promotion}  # fmt: skip
    assert all(past.promotion for trial, past in history.trials.items()
               if (trial.rung, trial.replicate) in anew)  # fmt: skip


class Planned:
    """A study with one slot whose trials end the same way whenever they run."""

    def __init__(self, folder: Path, stops: set[int]) -> None:
        self.world = World(folder, make_study(PRICE_OF_ALL, "information"), 1,
                           np.random.default_rng(0))  # fmt: skip
        self.stops, self.bought = stops, 0

    def run(self) -> dict[str, Any]:
        try:
            return self._run()
        finally:
            self.world.ledger.close()

    def _run(self) -> dict[str, Any]:
        world = self.world
        while not isinstance(
            action := plan(world.study, world.ledger.history(), 1 - len(world.running)), Stop
        ):
            if isinstance(action, Buy):
                (purchase,) = action.purchases
                world.start(purchase)
                self.bought += 1
                if self.bought in self.stops:
                    world.killed_and_resumed()
                    continue
                self.score(purchase.trial)
            else:
                assert not isinstance(action, Wait)
                world.luck = np.random.default_rng(1)
                world.compound(action)
        return {t.id: (r.state, r.why, r.measurement) for t, r in sorted(
            world.ledger.history().trials.items())}  # fmt: skip

    def score(self, trial: Trial) -> None:
        noise = np.random.default_rng([trial.rung, trial.replicate, len(trial.idea)])
        parts = members_of(self.world.ledger.idea(trial.idea))
        loss = 3 - trial.rung / 3 + sum(map(GAPS.__getitem__, parts)) if trial.idea != BASELINE \
            else 3 - trial.rung / 3  # fmt: skip
        value = loss + float(noise.normal(0, 0.02))
        measured = Measurement(value, "bits_per_byte", "bits per byte", "audited", "A", 1)
        self.world.add(TrialScored(trial.id, self.world.running.pop(trial), measured, USAGE))


def test_with_one_slot_it_decides_the_same_however_often_it_is_stopped(tmp_path: Path) -> None:
    for name in ("calm", "hunted"):
        (tmp_path / name).mkdir()
    calm = Planned(tmp_path / "calm", set()).run()
    hunted = Planned(tmp_path / "hunted", {1, 2, 5, 11, 12, 13, 24, *range(30, 60)}).run()
    assert hunted == calm
    anew = [trial for trial in calm if "trained anew" in calm[trial][1]]
    assert {trial.partition("-")[0] for trial in anew} >= {"baseline", "good"}
