"""What a person sees while a study runs: a live view at a terminal, else a line an event."""

from __future__ import annotations

import time
from collections.abc import Sequence
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
    Ledger,
    MergeRefused,
    TrialFailed,
    TrialInterrupted,
    TrialScored,
)
from proveout.loop import Watcher
from proveout.report import forecast_lines, overview, trial_line
from proveout.study import Study
from proveout.trials import Trial

_REFRESH_SECONDS = 0.5


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
        if line := _line(entry, ledger):
            print(line, flush=True)


class LiveWatcher(LineWatcher):
    """Rungs, running trials, budget, time left and the table of ideas as it firms up."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._drawn_at = 0.0
        self._planned: tuple[Trial, ...] = ()

    def __enter__(self) -> Self:
        """Takes the lower part of the terminal."""
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Gives the terminal back."""
        self._live.stop()

    def planned(self, trials: Sequence[Trial]) -> None:
        """Remembers the round, to say how long it will take."""
        self._planned = tuple(trials)

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        """Draws at the next tick."""

    def tick(self, ledger: Ledger) -> None:
        """Draws, at most twice a second."""
        if time.monotonic() - self._drawn_at < _REFRESH_SECONDS:
            return
        self._drawn_at = time.monotonic()
        history = ledger.history()
        view = overview(
            self._study,
            history,
            history.verdicts,
            now=time.time(),
            seconds_left=seconds_left(self._study, history, self._planned),
            height=self._console.height,
            width=self._console.width,
        )
        self._live.update(view, refresh=True)


def seconds_left(study: Study, history: History, planned: Sequence[Trial]) -> float | None:
    """How long the present round will still take; None while nothing has been scored.

    By the slot-seconds that a unit of compute took at the nearest rung that has been run.
    """
    pace = _seconds_per_compute(history)
    if not pace:
        return None
    busy = 0.0
    for trial in planned:
        record = history.trials.get(trial)
        if record is not None and record.state in {"scored", "failed"}:
            continue
        nearest = min(pace, key=lambda rung: abs(rung - trial.rung))
        expected = study.rung(trial.rung).compute.amount * pace[nearest]
        if record is not None and record.state == "running":
            expected = max(0.0, expected - (time.time() - record.started_at))
        busy += expected
    slots = sum(record.state == "running" for record in history.trials.values())
    return busy / max(slots, 1)


def _seconds_per_compute(history: History) -> dict[int, float]:
    seconds: dict[int, float] = {}
    compute: dict[int, float] = {}
    for trial, record in history.trials.items():
        if record.state == "scored" and record.usage is not None:
            took = record.usage.wall_seconds + record.usage.score_seconds
            seconds[trial.rung] = seconds.get(trial.rung, 0.0) + took
            compute[trial.rung] = compute.get(trial.rung, 0.0) + record.reserved
    return {rung: seconds[rung] / compute[rung] for rung in seconds}


def _line(entry: Entry, ledger: Ledger) -> str | None:
    match entry.event:
        case TrialScored() | TrialFailed():
            return trial_line(ledger.record(entry.event.trial))
        case TrialInterrupted() as interrupted:
            return f"  {interrupted.trial}: {interrupted.reason}; it will run again"
        case Decided() as decided:
            return decided.why
        case IdeaRefused() as refused:
            return f"  refused {refused.name}: {refused.reason}"
        case MergeRefused() as refused:
            return f"  {refused.idea} does not merge: conflict in {', '.join(refused.paths)}"
        case IdeaAdded() as added if added.idea.kind == "stack":
            return f"  merged {added.idea.name} = {' + '.join(added.idea.members)}"
        case ForecastMade() | ForecastScored():
            return "\n".join(forecast_lines(ledger.history()))
        case _:
            return None
