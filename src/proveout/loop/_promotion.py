"""Reading the sealed part: finished trials scored with their targets withheld."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proveout.errors import ScoringFailed
from proveout.ideas import BASELINE
from proveout.ledger import Event, History, PromotionRead
from proveout.scoring import Evaluator, Scored, compare_tiers, items_file, keep_items, kept_items
from proveout.study import Study
from proveout.trials import Exit, Trial, remove, trial_folder
from proveout.verdicts import kept_trials

Run = Callable[[Sequence[Trial]], dict[Trial, Exit]]
"""Runs the promotion jobs of some trials to their ends."""


@dataclass(frozen=True)
class Promotions:
    """Scores finished trials on the sealed part and records what that says."""

    study: Study
    evaluator: Evaluator
    record: Callable[[Event], None]

    def read(self, trials: Sequence[Trial], history: Callable[[], History], run: Run) -> None:
        """Reads it for each trial, and before that for the baseline's of the same rung and seed."""
        wanted = [trial for trial in trials if trial.id not in history().promotions]
        twins = [Trial(trial.rung, trial.replicate, BASELINE) for trial in wanted]
        scored = history().trials
        before = [twin for twin in dict.fromkeys(twins)
                  if twin not in wanted and twin in scored and not self._read_already(history(), twin)]  # fmt: skip
        for group in (before, wanted):
            there = [trial for trial in group if self._has_artifacts(history(), trial)]
            exits = run(there)
            for trial in group:
                self.settle(trial, exits.get(trial), history())

    def settle(self, trial: Trial, ended: Exit | None, history: History) -> PromotionRead:
        """Records what came of one promotion; `ended` is None where there was nothing to score."""
        search = self._search(history, trial)
        if ended is None or search is None:
            event = PromotionRead(trial.id, trial.idea, None, "its artifacts are gone")
        else:
            event = self._compared(trial, search, ended, history)
        self.record(event)
        return event

    def compared(
        self, trial: Trial, search: Scored, ended: Exit, history: History
    ) -> PromotionRead:
        """What a promotion says of a trial whose measurement is not on record yet."""
        return self._compared(trial, search, ended, history)

    def _compared(
        self, trial: Trial, search: Scored, ended: Exit, history: History
    ) -> PromotionRead:
        try:
            sealed = self.evaluator.measure(trial, ended, ended, "promotion")
        except ScoringFailed as error:
            why = f"it cannot be scored without its targets: {error}"
            return PromotionRead(trial.id, trial.idea, False, why)
        twin = Trial(trial.rung, trial.replicate, BASELINE)
        base_search = base_sealed = None
        if trial.idea != BASELINE and twin in history.trials:
            base_search, base_sealed = self._search(history, twin), self._sealed(history, twin)
        told = compare_tiers(search, sealed, base_search, base_sealed)
        keep_items(self.study, trial, sealed, "promotion")
        return PromotionRead(
            trial.id, trial.idea, told.agrees, told.why, sealed.measurement,
            sealed.measurement.items, told.search_gap, told.sealed_gap, told.standard_error,
        )  # fmt: skip

    def _read_already(self, history: History, twin: Trial) -> bool:
        return twin.id in history.promotions

    def _has_artifacts(self, history: History, trial: Trial) -> bool:
        folder = trial_folder(self.study, trial)
        if self._search(history, trial) is None or not folder.is_intact:
            return False
        return any(each != folder.metrics for each in folder.out.iterdir())

    def _search(self, history: History, trial: Trial) -> Scored | None:
        record = history.trials.get(trial)
        if record is None or record.measurement is None:
            return None
        return kept_items(self.study, trial, record.measurement)

    def _sealed(self, history: History, trial: Trial) -> Scored | None:
        read = history.promotions.get(trial.id)
        if read is None or read.measurement is None:
            return None
        return kept_items(self.study, trial, read.measurement, "promotion")


def give_back_disk(study: Study, history: History, idea: str) -> None:
    """Removes the artifacts of an idea's trials that no rule keeps. Raises `OSError`."""
    kept = kept_trials(study, history, idea)
    for trial, record in history.trials.items():
        finished = trial.idea == idea and record.state in {"scored", "failed"}
        if finished and trial not in kept and items_file(study, trial).exists():
            trial_folder(study, trial).clear_artifacts()
            remove(items_file(study, trial))
            remove(items_file(study, trial, "promotion"))
