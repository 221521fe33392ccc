"""Brings a tracker up to date with a study's ledger."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

from proveout.ledger import History, TrialRecord
from proveout.study import Destination, Study
from proveout.trackers._describe import describe_run, describe_study, describe_summary
from proveout.trackers._kinds import tracker_of
from proveout.trackers._sent import SentFile, without_secrets
from proveout.trackers._tracker import Tracker
from proveout.trials import trial_folder

_SUMMARY_SECONDS = 30.0
_SETTLING_SECONDS = 5.0
"""After a trial's end, its curve is put where it stays within so many seconds."""


class Sender:
    """Gives a tracker what it has not been given, each finished trial once."""

    def __init__(self, study: Study, destination: Destination, file: SentFile) -> None:
        self._study, self._destination, self._file = study, destination, file
        self._tracker: Tracker | None = None
        self._told: dict[str, float] = {}
        self._summarized_at = 0.0
        self.calling_since: float | None = None
        """When the call to the tracker that is under way began, by the monotonic clock."""

    def send(self, history: History, final: bool = False) -> int:
        """Writes every trial that has ended and then, now and then and at the end, the summary.

        Returns how many trials were written. Raises whatever the tracker raises; what was written
        before that is on record.
        """
        waiting = self.waiting(history, final)
        for record in waiting:
            with self._calling():
                self._opened(history).log(describe_run(self._study, history, record))
            self._file.add(sent=record.trial.id)
        news = history.entries > self._file.sent.summarized and bool(self._file.sent.trials)
        if news and (final or time.monotonic() - self._summarized_at > _SUMMARY_SECONDS):
            self._summarize(history)
        return len(waiting)

    def waiting(self, history: History, final: bool = True) -> list[TrialRecord]:
        """Finished trials that were not sent, the first to finish first."""
        sent = self._file.sent.trials
        found = [
            record for trial, record in history.trials.items()
            if record.state in {"scored", "failed"} and trial.id not in sent
            and (final or self._has_settled(record))
        ]  # fmt: skip
        return sorted(found, key=lambda record: (record.finished_at or 0.0, record.trial))

    def _has_settled(self, record: TrialRecord) -> bool:
        """Whether its curve lies where it stays: before its work folder is removed."""
        ended = time.time() - (record.finished_at or 0.0)
        work = trial_folder(self._study, record.trial).work
        return ended > _SETTLING_SECONDS or not work.exists()

    def _summarize(self, history: History) -> None:
        summary = describe_summary(self._study, history, time.time())
        news = {
            name: each for name, each in summary.numbers.items() if self._told.get(name) != each
        }
        with self._calling():
            self._opened(history).summarize(replace(summary, numbers=news))
        self._told = dict(summary.numbers)
        self._summarized_at = time.monotonic()
        self._file.add(summarized=history.entries)

    def _opened(self, history: History) -> Tracker:
        if self._tracker is None:
            tracker = tracker_of(self._study, self._destination)
            tracker.open(describe_study(self._study, history, self._destination.project))
            self._tracker = tracker
        return self._tracker

    def failed(self, why: str) -> None:
        """Puts on record that something could not be written, and begins anew with the tracker."""
        self.put_on_record(why)
        tracker, self._tracker = self._tracker, None
        self._told = {}
        with contextlib.suppress(Exception), self._calling():
            if tracker is not None:
                tracker.close()

    def put_on_record(self, why: str) -> None:
        """Why something could not be written."""
        self._file.add(trouble=without_secrets(why))

    def close(self) -> None:
        """Waits until the tracker has everything. Raises whatever it raises."""
        tracker, self._tracker = self._tracker, None
        with self._calling():
            if tracker is not None:
                tracker.close()

    @contextlib.contextmanager
    def _calling(self) -> Iterator[None]:
        self.calling_since = time.monotonic()
        try:
            yield
        finally:
            self.calling_since = None


def describe_error(error: BaseException) -> str:
    """An error of anybody's library in one line."""
    told = " ".join(str(error).split())
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
