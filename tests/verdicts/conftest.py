"""Studies that are simulated: the truth of every idea is known, trials cost nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proveout.ideas import BASELINE, Idea
from proveout.ledger import (
    Decided,
    Entry,
    Event,
    ForecastMade,
    History,
    HistoryBuilder,
    IdeaAdded,
    PromotionRead,
    RestsOn,
    StudyOpened,
    TrialFailed,
    TrialScored,
    TrialStarted,
)
from proveout.study import Study
from proveout.trials import Failure, Measurement, Trial, Usage
from proveout.verdicts import (
    Action,
    Buy,
    EndLadder,
    MakeForecast,
    Merge,
    Promote,
    ScoreForecast,
    Stop,
    forecast,
    plan,
    score_forecast,
)

RUNGS = (1e10, 3e10, 1e11, 3e11)
TARGET = 1e12
USAGE = Usage(1.0, 1.0, 0.0, 1, 0, None)

Gap = Callable[[float], float]
"""A true gap as a function of log10 compute."""


class Simulation:
    """Runs the policy against a world where baseline, gaps and noise are known."""

    def __init__(
        self,
        gaps: Mapping[str, Gap],
        seed: int = 0,
        noise_sd: float = 0.02,
        budget: float = 1e15,
        seeds: tuple[int, int] = (2, 3),
        policy: str = "information",
    ) -> None:
        self.gaps = dict(gaps)
        self.noise_sd = noise_sd
        self.rng = np.random.default_rng(seed)
        self.study = _study(budget, seeds, policy)
        self.builder = HistoryBuilder()
        self.actions: list[Action] = []
        self.outcomes: dict[str, list[bool | None]] = {}
        self.slower: dict[str, tuple[float, ...]] = {}
        """By how much the trials of an idea are, seed by seed."""
        self.scoring: dict[str, float] = {}
        """CPU seconds of scoring, as a share of the baseline's training."""
        self._sequence = 0
        self.add(StudyOpened("sim", "0", budget, "flops", "", ""))
        self.add(IdeaAdded(Idea(BASELINE, "baseline", BASELINE, None)))
        for name in gaps:
            self.add(IdeaAdded(Idea(name, "idea", name, BASELINE)))

    @property
    def history(self) -> History:
        """What has happened so far."""
        return self.builder.history()

    def add(self, event: Event) -> None:
        """Puts an event into the history."""
        self._sequence += 1
        self.builder.add(Entry(self._sequence, float(self._sequence), event))

    def loss(self, trial: Trial) -> float:
        """A draw of a trial's loss: the baseline's law, the true gap, fresh noise."""
        log_compute = math.log10(self.study.rung(trial.rung).compute.amount)
        baseline = 1.0 + 2.0 * 10 ** (-0.15 * (log_compute - 10))
        gap = self.gaps[trial.idea](log_compute) if trial.idea != BASELINE else 0.0
        return baseline + gap + float(self.rng.normal(0, self.noise_sd))

    def start(
        self, trial: Trial, why: str = "", audit: bool = False, promotion: bool = False
    ) -> float:
        """Starts a trial; returns its price."""
        price = self.study.rung(trial.rung).compute.amount
        self.add(TrialStarted(trial.id, trial.idea, trial.rung, trial.replicate, 0, price, why,
                              audit, promotion))  # fmt: skip
        return price

    def buy(
        self, trial: Trial, why: str = "", audit: bool = False, promotion: bool = False
    ) -> None:
        """Runs a trial."""
        price = self.start(trial, why, audit, promotion)
        loss = self.loss(trial)
        measured = Measurement(loss, "bits_per_byte", "bits per byte", "audited", "A", 1)
        slower, usual = self.slower.get(trial.idea, (1.0,)), price / 1e9
        usage = replace(USAGE, cpu_seconds=usual * slower[trial.replicate % len(slower)],
                        score_cpu_seconds=usual * self.scoring.get(trial.idea, 0.1))  # fmt: skip
        self.add(TrialScored(trial.id, price, measured, usage))

    def fail(self, trial: Trial, failure: Failure) -> None:
        """Runs a trial that fails."""
        self.add(TrialFailed(trial.id, self.start(trial), failure, USAGE))

    def run(self, slots: int = 4, most_actions: int = 400) -> Stop:
        """Follows the policy to its end, so many trials at a time."""
        for _ in range(most_actions):
            action = plan(self.study, self.history, slots)
            self.actions.append(action)
            match action:
                case Stop():
                    return action
                case Buy():
                    for purchase in action.purchases:
                        self.buy(purchase.trial, purchase.why, purchase.audit, purchase.promotion)
                case EndLadder():
                    self.add(Decided("EndLadder", action.why))
                case Promote():
                    for trial in action.trials:
                        self.promote(trial)
                case Merge():
                    self._merge(action)
                case MakeForecast():
                    made: ForecastMade = forecast(self.study, self.history, action.idea)
                    self.add(made)
                case ScoreForecast():
                    self.add(score_forecast(self.study, self.history, action.idea))
        raise AssertionError("the study does not come to an end")

    def promote(self, trial: Trial) -> None:
        """Reads the sealed part: as `outcomes` has it for the idea, else in agreement."""
        said = self.outcomes.get(trial.idea, [True])
        agrees = said.pop(0) if len(said) > 1 else said[0]
        anew = self.history.trials[trial].promotion
        rests_on: RestsOn = "anew" if anew else "chosen"
        self.add(PromotionRead(trial.id, trial.idea, agrees, "as it was told", rests_on=rests_on))

    def _merge(self, merge: Merge) -> None:
        """A stack's true gap: four fifths of the sum, as gains rarely add up."""
        base, idea = self.gaps[merge.base], self.gaps[merge.idea]
        self.gaps[merge.name] = lambda x: 0.8 * (base(x) + idea(x))
        members = (*(self.history.ideas[merge.base].members or (merge.base,)), merge.idea)
        stack = Idea(merge.name, "stack", merge.name, BASELINE, members=members)
        self.add(IdeaAdded(stack))


def _study(budget: float, seeds: tuple[int, int], policy: str) -> Study:
    return Study.model_validate(
        {
            "program": {"train": "x --seed {seed} --out {out}", "editable": ["x"]},
            "score": {"kind": "language-model", "held_out": "h", "serve": "x.py:load"},
            "ladder": {
                "target": f"{TARGET:g} flops",
                "rung": [{"compute": f"{rung:g} flops"} for rung in RUNGS],
            },
            "budget": {"compute": f"{budget:g} flops"},
            "seeds": {"per_rung": list(seeds)},
            "policy": {"name": policy},
            "folder": Path("/nowhere"),
        }
    )


@pytest.fixture
def simulate() -> type[Simulation]:
    """The simulator."""
    return Simulation
