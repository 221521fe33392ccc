"""Reading the sealed part: trials scored with their targets withheld; and giving disk back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from proveout.errors import ScoringFailed
from proveout.ideas import BASELINE, Idea
from proveout.ledger import Event, History, PromotionRead, RestsOn
from proveout.loop._active import MOST_TIMES_LOST, POLL_SECONDS
from proveout.loop._open import Trees
from proveout.runners import Runner
from proveout.scoring import Evaluator, Scored, compare_tiers, items_file, keep_items, kept_items
from proveout.study import Study
from proveout.trials import Exit, Trial, remove, trial_folder
from proveout.verdicts import borne_out, kept_trials


@dataclass(frozen=True)
class Promotions:
    """Scores trials on the sealed part and records what that says."""

    study: Study
    evaluator: Evaluator
    trees: Trees
    runner: Runner
    record: Callable[[Event], None]
    tick: Callable[[], None]

    def submit(self, trial: Trial, idea: Idea, device: str | None) -> None:
        """Starts a trial's promotion job; its exit is for `compared`."""
        job = self.evaluator.job(trial, self.trees.of(idea), device, "promotion")
        assert job is not None, "only kinds with a job have a sealed part"
        self.runner.submit(job)

    def read(
        self,
        trials: Sequence[Trial],
        history: Callable[[], History],
        device: str | None,
        instead: str = "",
    ) -> None:
        """Reads it for each of some finished trials, and before that for the baseline's of the same
        rung and seed. Nothing else may be running.

        `instead` says why they are trials that their ideas were chosen by. What was read because of
        an alarm is read once more, for the gap to a twin that has been read too.
        """
        known = history()
        done = {name for name, read in known.promotions.items() if read.rests_on != "alarm"}
        wanted = [trial for trial in trials if trial.id not in done]
        twins = dict.fromkeys(Trial(each.rung, each.replicate, BASELINE) for each in wanted)
        before = [
            twin
            for twin in twins
            if twin in known.trials and twin not in wanted and twin.id not in known.promotions
        ]
        for group in (before, wanted):
            there = [trial for trial in group if self._has_artifacts(history(), trial)]
            exits = self._run(there, known.ideas, device)
            for trial in group:
                rests_on: RestsOn = "anew" if known.trials[trial].promotion else "chosen"
                search = self._search(history(), trial)
                if trial in exits and search is not None:
                    told = self.compared(trial, search, exits[trial], history(), rests_on)
                else:
                    gone = "its artifacts are gone"
                    told = PromotionRead(trial.id, trial.idea, None, gone, rests_on=rests_on)
                if instead and trial.idea != BASELINE:
                    told = replace(told, why=f"{told.why}; {instead}")
                self.record(told)

    def _run(
        self, trials: Sequence[Trial], ideas: Mapping[str, Idea], device: str | None
    ) -> dict[Trial, Exit]:
        """Their jobs, side by side, to their ends. One that is lost is run again."""
        waiting = {f"{trial.id}.promote": trial for trial in trials}
        lost: Counter[Trial] = Counter()
        exits: dict[Trial, Exit] = {}
        for trial in trials:
            self.submit(trial, ideas[trial.idea], device)
        try:
            while waiting:
                for ended in self.runner.poll(POLL_SECONDS):
                    trial = waiting[ended.job]
                    lost[trial] += ended.ended_by == "lost"
                    if ended.ended_by == "lost" and lost[trial] < MOST_TIMES_LOST:
                        self.submit(trial, ideas[trial.idea], device)
                    else:
                        exits[waiting.pop(ended.job)] = ended
                self.tick()
        except BaseException:
            for job in waiting:
                self.runner.cancel(job)
            raise
        return exits

    def compared(
        self, trial: Trial, search: Scored, ended: Exit, history: History, rests_on: RestsOn
    ) -> PromotionRead:
        """What a trial's promotion job says, held against its score on the search part; and one
        that was trained anew against those that its idea was chosen by."""
        try:
            sealed = self.evaluator.measure(trial, ended, ended, "promotion")
        except ScoringFailed as error:
            why = f"it cannot be scored with its targets withheld: {error}"
            return PromotionRead(trial.id, trial.idea, False, why, rests_on=rests_on)
        twin = Trial(trial.rung, trial.replicate, BASELINE)
        base_search = base_sealed = None
        if trial.idea != BASELINE:
            base_search, base_sealed = self._search(history, twin), self._sealed(history, twin)
        told = compare_tiers(
            search, sealed, base_search, base_sealed, is_baseline=trial.idea == BASELINE
        )
        keep_items(self.study, trial, sealed, "promotion")
        agrees: bool | None = told.agrees
        why = told.why
        if agrees and rests_on == "anew" and trial.idea != BASELINE:
            told_anew = borne_out(self.study, history, trial)
            agrees, why = told_anew.agrees, told_anew.why or why
        return PromotionRead(
            trial.id, trial.idea, agrees, why, sealed.measurement, sealed.measurement.items,
            told.search_gap, told.sealed_gap, told.standard_error, rests_on,
        )  # fmt: skip

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
    """Removes the artifacts of an idea's scored trials that no rule keeps.

    Raises:
        OSError: something cannot be removed.
    """
    kept = kept_trials(study, history, idea)
    for trial, record in history.trials.items():
        spare = trial.idea == idea and record.state == "scored" and trial not in kept
        if spare and items_file(study, trial).exists():
            trial_folder(study, trial).clear_artifacts()
            remove(items_file(study, trial))
            remove(items_file(study, trial, "promotion"))
