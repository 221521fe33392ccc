"""Studies that are simulated: the truth of every idea is known, trials cost nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from proveout.ideas import BASELINE, Idea
from proveout.ledger import (
    Entry,
    Event,
    ForecastMade,
    History,
    HistoryBuilder,
    IdeaAdded,
    StudyOpened,
    TrialScored,
    TrialStarted,
)
from proveout.study import Study
from proveout.trials import Measurement, Trial, Usage
from proveout.verdicts import (
    Action,
    Buy,
    MakeForecast,
    Merge,
    ScoreForecast,
    Stop,
    forecast,
    plan,
    score_forecast,
)

RUNGS = (1e10, 3e10, 1e11, 3e11)
TARGET = 1e12

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
    ) -> None:
        self.gaps = dict(gaps)
        self.noise_sd = noise_sd
        self.rng = np.random.default_rng(seed)
        self.study = _study(budget, seeds)
        self.builder = HistoryBuilder()
        self.actions: list[Action] = []
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

    def buy(self, trial: Trial) -> None:
        """Runs a trial."""
        price = self.study.rung(trial.rung).compute.amount
        self.add(TrialStarted(trial.id, trial.idea, trial.rung, trial.replicate, 0, price))
        measured = Measurement(
            self.loss(trial), "bits_per_byte", "bits per byte", "audited", "E", 1
        )
        self.add(TrialScored(trial.id, price, measured, Usage(1.0, 1.0, 0.0, 1, 0, None)))

    def run(self, most_actions: int = 60) -> Stop:
        """Follows the policy to its end."""
        for _ in range(most_actions):
            action = plan(self.study, self.history)
            self.actions.append(action)
            match action:
                case Stop():
                    return action
                case Buy():
                    for trial in action.trials:
                        self.buy(trial)
                case Merge():
                    self._merge(action)
                case MakeForecast():
                    made: ForecastMade = forecast(self.study, self.history, action.idea)
                    self.add(made)
                case ScoreForecast():
                    self.add(score_forecast(self.study, self.history, action.idea))
        raise AssertionError("the policy does not come to an end")

    def _merge(self, merge: Merge) -> None:
        """A stack's true gap: four fifths of the sum, as gains rarely add up."""
        base, idea = self.gaps[merge.base], self.gaps[merge.idea]
        self.gaps[merge.name] = lambda x: 0.8 * (base(x) + idea(x))
        members = (*(self.history.ideas[merge.base].members or (merge.base,)), merge.idea)
        stack = Idea(merge.name, "stack", merge.name, BASELINE, members=members)
        self.add(IdeaAdded(stack))


def _study(budget: float, seeds: tuple[int, int]) -> Study:
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
            "folder": Path("/nowhere"),
        }
    )


@pytest.fixture
def simulate() -> type[Simulation]:
    """The simulator."""
    return Simulation
