"""Runs trials to their measurements, as many side by side as there are slots."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from proveout.errors import ScoringFailed
from proveout.ideas import BASELINE, Idea
from proveout.interpret import classify
from proveout.ledger import (
    Event,
    History,
    Ledger,
    TrialFailed,
    TrialInterrupted,
    TrialScored,
    TrialStarted,
)
from proveout.loop._active import MOST_TIMES_LOST, POLL_SECONDS, Active, evaluator_for
from proveout.loop._audits import Auditor
from proveout.loop._endings import Endings
from proveout.loop._formula import over_formula
from proveout.loop._isolation import check_isolation
from proveout.loop._open import Trees
from proveout.loop._promotion import Promotions, give_back_disk
from proveout.runners import Runner
from proveout.scoring import Scored, items_file, keep_items
from proveout.study import Study
from proveout.trials import (
    Curve,
    Exit,
    Failure,
    Isolation,
    Measurement,
    Trial,
    check_disk,
    folder_bytes,
    keep_curve,
    prepare_trial,
    remove,
    tail,
    trial_curve,
    trial_folder,
    trial_seed,
)
from proveout.verdicts import Purchase

_LEAST_CHARGE = 0.05
"""A trial that did not run to its end is charged what it reported, and at least this share of its
grant."""


class Bench:
    """Where trials run and are scored. Every start and every end goes through the ledger."""

    def __init__(
        self,
        study: Study,
        ledger: Ledger,
        runner: Runner,
        record: Callable[[Event], None],
        tick: Callable[[], None],
    ) -> None:
        self._study = study
        self._ledger = ledger
        self._runner = runner
        self._record = record
        self._tick = tick
        self._trees = Trees(study)
        self._evaluator = evaluator_for(study, ledger.history())
        self._has_sealed = ledger.history().split is not None
        self._auditor = Auditor(study)
        self._promotions = Promotions(study, self._evaluator, self._trees, runner, record, tick)
        self._active: dict[str, Active] = {}
        self._times_lost: Counter[Trial] = Counter()
        self._devices = deque(study.run.devices)
        self._endings = Endings(study)
        self._isolation: Isolation | None = None

    @property
    def free_slots(self) -> int:
        """How many trials may be started."""
        return self._runner.slots - len(self._active)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is running."""
        return not self._active

    def wait(self, until: Callable[[], bool] = lambda: False) -> None:
        """Until a trial has been scored, has failed or was lost, so that a slot is free again; or
        `until` says so.

        Raises:
            EnvironmentFailure: the disk is full or the launcher died. What has
                finished is in the ledger; what has not will be asked for again.
        """
        running = len(self._active)
        while self._active and len(self._active) == running and not until():
            for ended in self._runner.poll(POLL_SECONDS):
                self._advance(ended)
            self._end_hopeless()
            self._tick()

    def abandon(self, reason: str) -> None:
        """Ends what is running and gives its reservations back."""
        for active in list(self._active.values()):
            self._runner.cancel(active.trial.id)
            for job in ("score", "promote"):
                self._runner.cancel(f"{active.trial.id}.{job}")
            self._record(TrialInterrupted(active.trial.id, reason))
            with contextlib.suppress(OSError):
                trial_folder(self._study, active.trial).clear_work()
        self._active.clear()

    def promote(self, trials: Sequence[Trial], instead: str = "") -> None:
        """Scores finished trials with their targets withheld, while nothing else is running;
        `instead` says why nothing was trained anew for it.

        Raises:
            EnvironmentFailure: as `wait` does; what has not been recorded is asked for again.
        """
        device = self._devices[0] if self._devices else None
        self._promotions.read(trials, self._ledger.history, device, instead)

    def close(self) -> None:
        """Removes what was kept for the next trial."""
        self._trees.close()

    def start(self, purchase: Purchase) -> None:
        """Starts a trial in a free slot; the ledger reserves its price or refuses."""
        study, trial = self._study, purchase.trial
        self._check_isolation()
        idea = self._ledger.idea(trial.idea)
        device = self._devices.popleft() if self._devices else None
        tree, preloaded = self._trees.of(idea), not purchase.promotion
        job = prepare_trial(study, trial, idea, tree, device, preloaded)
        self._record(
            TrialStarted(
                trial=trial.id,
                idea=trial.idea,
                rung=trial.rung,
                replicate=trial.replicate,
                seed=trial_seed(study, trial),
                reserved=study.price(trial.rung),
                why=purchase.why,
                audit=purchase.audit,
                promotion=purchase.promotion,
            )
        )
        self._endings.began(trial)
        self._active[trial.id] = Active(trial, device)
        self._runner.submit(job)

    def _check_isolation(self) -> None:
        """Before anything runs, and whenever another launcher finds another level."""
        if self._runner.isolation != self._isolation:
            check_isolation(self._study, self._ledger.history(), self._runner)
            self._isolation = self._runner.isolation

    def _advance(self, ended: Exit) -> None:
        """Takes a trial one step on."""
        active = self._active[ended.job.removesuffix(".score").removesuffix(".promote")]
        if ended.ended_by == "lost":
            self._lost(active, ended)
        elif active.scored is not None:
            self._after_promotion(active, active.scored, ended)
        elif active.trained is None:
            active.trained, active.trained_at = ended, time.monotonic()
            self._after_training(active)
        else:
            self._after_scoring(active, ended)
        for each in list(self._active.values()):
            if each.waits is not None and not self._baseline_runs(each.trial):
                self._judge(each, each.waits)

    def _end_hopeless(self) -> None:
        """Ends trials whose curves can no longer matter; they come back as cancelled."""
        for active in self._active.values():
            waits = active.trained is None and active.ending is None
            if waits and self._endings.is_due(active.trial):
                active.ending = self._endings.judge(active.trial, self._ledger.history())
                if active.ending is not None:
                    self._runner.cancel(active.trial.id)

    def _after_training(self, active: Active) -> None:
        assert active.trained is not None
        if active.ending is not None and active.trained.ended_by == "cancelled":
            self._fail(active, active.ending)
            return
        folder = trial_folder(self._study, active.trial)
        failure = classify(
            active.trained, self._curve(active), tail(folder.log), self._claimable(active)
        )
        failure = failure or over_formula(self._study, active.trial, self._idea(active))
        if failure is None and not folder.is_intact:
            failure = Failure("unscorable", "its output folder is no longer a folder")
        if failure is not None:
            self._fail(active, failure)
            return
        active.artifact_bytes = folder_bytes(folder.out)
        tree = self._trees.of(self._ledger.idea(active.trial.idea))
        try:
            job = self._evaluator.job(active.trial, tree, active.device)
        except ScoringFailed as error:
            self._fail(active, Failure(error.kind, str(error)))
            return
        if job is None:
            self._after_scoring(active, active.trained)
        else:
            self._runner.submit(job)

    def _after_scoring(self, active: Active, ended: Exit) -> None:
        assert active.trained is not None
        if ended is not active.trained:
            active.score_cpu_seconds = ended.cpu_seconds
        try:
            scored = self._evaluator.measure(active.trial, active.trained, ended)
        except ScoringFailed as error:
            self._fail(active, Failure(error.kind, str(error)))
            return
        active.waits, active.scored_at = scored, time.monotonic()

    def _baseline_runs(self, trial: Trial) -> bool:
        """Whether what a trial is judged by is still to come: the baseline's first at its rung."""
        if trial.idea == BASELINE or self._ledger.history().losses(BASELINE, trial.rung):
            return False
        running = {(each.trial.idea, each.trial.rung) for each in self._active.values()}
        return (BASELINE, trial.rung) in running

    def _judge(self, active: Active, scored: Scored) -> None:
        active.waits = None
        history, measurement = self._ledger.history(), scored.measurement
        curve = self._curve(active)
        usage = active.usage(curve)
        active.audits = self._auditor.audit(active.trial, history, usage, curve, measurement)
        if failed := [each for each in active.audits if not each.passed]:
            told = "; ".join(f"{each.name}: {each.evidence}" for each in failed)
            self._fail(active, Failure("implausible", told))
        elif self._is_alarming(active.trial, history, measurement):
            # Before anybody is told of a gap that no known idea has come near.
            active.scored = scored
            idea = self._ledger.idea(active.trial.idea)
            self._promotions.submit(active.trial, idea, active.device)
        else:
            self._succeed(active, scored)

    def _is_alarming(self, trial: Trial, history: History, measurement: Measurement) -> bool:
        """Whether a score is not to be recorded unread; what is trained anew is read at once."""
        if not self._has_sealed or history.trials[trial].promotion:
            return False
        return self._auditor.is_notable(trial, history, measurement)

    def _after_promotion(self, active: Active, scored: Scored, ended: Exit) -> None:
        history = self._ledger.history()
        read = self._promotions.compared(active.trial, scored, ended, history, "alarm")
        if read.agrees:
            self._succeed(active, scored)
        else:
            remove(items_file(self._study, active.trial, "promotion"))
            self._fail(active, Failure("not confirmed", read.why))
        self._record(read)

    def _succeed(self, active: Active, scored: Scored) -> None:
        trial = active.trial
        keep_items(self._study, trial, scored)
        self._record(
            TrialScored(
                trial.id,
                self._charge(active),
                scored.measurement,
                active.usage(self._curve(active)),
                active.audits,
            )
        )
        self._release(active, keep_artifacts=True)
        with contextlib.suppress(OSError):
            give_back_disk(self._study, self._ledger.history(), trial.idea)

    def _fail(self, active: Active, failure: Failure) -> None:
        # A full disk makes any program fail: that is the machine's fault, not the idea's.
        check_disk(self._study.folder)
        charged = self._charge(active, failure)
        self._record(
            TrialFailed(active.trial.id, charged, failure, active.usage(self._curve(active)))
        )
        self._release(active, keep_artifacts=False)

    def _lost(self, active: Active, ended: Exit) -> None:
        """Gives a trial back that ended with what watched it; it will be asked for again."""
        trial = active.trial
        self._times_lost[trial] += 1
        if self._times_lost[trial] >= MOST_TIMES_LOST:
            active.trained = active.trained or ended
            times = f"{MOST_TIMES_LOST} times the process that watches it ended with it"
            self._fail(active, Failure("crashed", times))
            return
        self._record(TrialInterrupted(trial.id, "the process that watches it ended"))
        self._release(active, keep_artifacts=False)

    def _release(self, active: Active, keep_artifacts: bool) -> None:
        folder = trial_folder(self._study, active.trial)
        with contextlib.suppress(OSError):  # what cannot be removed is left; results are safe
            keep_curve(self._study, active.trial, self._idea(active))
            folder.clear_work()
            if not keep_artifacts:
                folder.clear_artifacts()
        if active.device is not None:
            self._devices.append(active.device)
        del self._active[active.trial.id]

    def _claimable(self, active: Active) -> float:
        """What its curve may claim; where compute is time, the clock outside decides alone."""
        counts_flops = self._study.budget.compute.unit == "flops"
        return self._granted(active) if counts_flops else math.inf

    def _granted(self, active: Active) -> float:
        return self._study.rung(active.trial.rung).compute.amount

    def _idea(self, active: Active) -> Idea:
        return self._ledger.idea(active.trial.idea)

    def _curve(self, active: Active) -> Curve:
        return trial_curve(self._study, active.trial, self._idea(active))

    def _charge(self, active: Active, failure: Failure | None = None) -> float:
        """What a trial costs, never more than was reserved for it.

        It is a function of the trial alone where compute is counted in FLOPs, so that a study
        spends the same on every machine and after every resume.
        """
        granted = self._granted(active)
        if self._study.budget.compute.unit == "device-seconds":
            reserved = self._study.price(active.trial.rung)
            return min(reserved, active.trained.wall_seconds if active.trained else reserved)
        if failure is None or failure.kind not in {"crashed", "diverged", "ended early"}:
            return granted
        reported = self._curve(active).claimed_compute or 0.0
        return min(granted, max(reported, _LEAST_CHARGE * granted))
