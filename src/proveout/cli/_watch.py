"""What a person sees while a study runs: a live view at a terminal, else a line an event."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Self

from rich.console import Console
from rich.live import Live

from proveout.ledger import (
    Decided,
    Entry,
    ForecastMade,
    ForecastScored,
    History,
    IdeaAdded,
    IdeaRefused,
    IdeaWithdrawn,
    Ledger,
    MergeRefused,
    PromotionRead,
    RequestDeclined,
    SourceAnswered,
    SourceAsked,
    TrialFailed,
    TrialInterrupted,
    TrialScored,
    TrialStarted,
    VerdictsRead,
)
from proveout.loop import Watcher
from proveout.report import forecast_lines, in_own_sense, overview, trial_line
from proveout.runners import usable_cores
from proveout.study import Study
from proveout.trials import clean
from proveout.verdicts import judge

_REFRESH_SECONDS = 0.5
_JUDGING_SHARE = 0.05
"""Of the time, at most so much goes into verdicts for the eye."""


class LineWatcher(Watcher):
    """A line for each thing that happened; what a log file wants."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def __enter__(self) -> Self:
        """Usable in a `with` statement."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to clear away."""

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        """Prints the event, if it is one that a person wants to know of."""
        if line := _line(self._study, entry, ledger):
            print(line, flush=True)


class LiveWatcher(LineWatcher):
    """Rungs, running trials, budget, time left and the table of ideas as it firms up."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._drawn_at = 0.0
        self._judged: VerdictsRead | None = None
        self._judge_at = 0.0

    def __enter__(self) -> Self:
        """Takes the lower part of the terminal."""
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Gives the terminal back."""
        self._live.stop()

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        """Draws at the next tick."""

    def tick(self, ledger: Ledger) -> None:
        """Draws, at most twice a second."""
        if time.monotonic() - self._drawn_at < _REFRESH_SECONDS:
            return
        self._drawn_at = time.monotonic()
        self.draw(ledger.history())

    def draw(self, history: History, at_work: bool | None = None) -> None:
        """Draws a history; `at_work` is whether a controller is, where somebody looked."""
        shown = in_own_sense(self._study, replace(history, verdicts=self._verdicts(history)))
        view = overview(
            self._study,
            shown,
            shown.verdicts,
            now=time.time(),
            seconds_left=seconds_left(self._study, history),
            height=self._console.height,
            width=self._console.width,
        )
        self._live.update(replace(view, at_work=at_work), refresh=True)

    def _verdicts(self, history: History) -> VerdictsRead | None:
        """As fresh as they can be had for a small part of the time."""
        known = [each for each in (self._judged, history.verdicts) if each is not None]
        latest = max(known, key=lambda each: each.trials_finished, default=None)
        finished = history.finished_trials
        stale = finished > (latest.trials_finished if latest else 0)
        began = time.monotonic()
        if stale and began >= self._judge_at:
            latest = self._judged = judge(self._study, history)
            took = time.monotonic() - began
            self._judge_at = began + took / _JUDGING_SHARE
        return latest


def seconds_left(study: Study, history: History) -> float | None:
    """How long the study will still take if it spends all of its budget; None while nothing has
    been scored.

    By the slot-seconds that a unit of compute took at the highest rung that has been run.
    """
    pace = _seconds_per_compute(history)
    running = [each for each in history.trials.values() if each.state == "running"]
    if not pace or not running:
        return None
    slots = study.run.slots or len(study.run.devices) or usable_cores()
    ran = sum(time.time() - each.started_at for each in running)
    unspent = history.account.budget - history.account.charged
    return max(0.0, unspent * pace[max(pace)] - ran) / slots


def _seconds_per_compute(history: History) -> dict[int, float]:
    seconds: dict[int, float] = {}
    compute: dict[int, float] = {}
    for trial, record in history.trials.items():
        if record.state == "scored" and record.usage is not None:
            took = record.usage.wall_seconds + record.usage.score_seconds
            seconds[trial.rung] = seconds.get(trial.rung, 0.0) + took
            compute[trial.rung] = compute.get(trial.rung, 0.0) + record.reserved
    return {rung: seconds[rung] / compute[rung] for rung in seconds}


def _line(study: Study, entry: Entry, ledger: Ledger) -> str | None:
    match entry.event:
        case TrialScored() | TrialFailed():
            return trial_line(ledger.record(entry.event.trial))
        case TrialInterrupted() as interrupted:
            return f"  {interrupted.trial}: {interrupted.reason}; it will run again"
        case TrialStarted() as started:
            return f"→ {started.trial}  {started.why}"
        case Decided() as decided if decided.action != "Buy":
            return decided.why
        case IdeaRefused() as refused:
            return f"  refused {refused.name}: {refused.reason}"
        case MergeRefused() as refused:
            return f"  {refused.idea} does not merge: conflict in {', '.join(refused.paths)}"
        case IdeaAdded() as added if added.idea.kind == "stack":
            return f"  merged {added.idea.name} = {' + '.join(added.idea.members)}"
        case PromotionRead() as read if read.agrees is not True:
            return f"  {read.trial}: {clean(read.why, 300)}"
        case SourceAsked() as asked:
            return f"? {asked.source}: {asked.count} wanted, since {asked.why}"
        case SourceAnswered() as answered:
            return _answer_line(answered)
        case IdeaWithdrawn() as withdrawn:
            return f"  withdrew {withdrawn.name}: {withdrawn.why}"
        case RequestDeclined() as declined:
            return f"  declined a request: {declined.why}"
        case ForecastMade() | ForecastScored():
            return "\n".join(forecast_lines(in_own_sense(study, ledger.history())))
        case _:
            return None


def _answer_line(answered: SourceAnswered) -> str:
    cost = f", {answered.usd:.4f} USD" if answered.calls else ""
    trouble = f" ({clean(answered.trouble, 200)})" if answered.trouble else ""
    return f"  {answered.source}: {', '.join(answered.ideas) or 'no idea'}{cost}{trouble}"
