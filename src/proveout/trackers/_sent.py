"""What was sent to a tracker: a file that grows by a line at a time, so that nothing goes twice."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from proveout.ledger import History
from proveout.study import Destination, Study
from proveout.trackers._kinds import TRACKERS, name_of, place_of
from proveout.trials import clean

_FORMAT = {"format": "proveout-tracker", "version": 1}
_SECRET = re.compile(r"KEY|TOKEN|PASSWORD|SECRET|CREDENTIAL", re.IGNORECASE)
_SHORTEST_SECRET = 6
_LONGEST_TROUBLE = 300


@dataclass
class Sent:
    """What a file of this kind says."""

    trials: set[str] = field(default_factory=set)
    summarized: int = 0
    """Entries of the ledger that the summary was made of."""
    trouble: str = ""
    """Why the last thing could not be written; empty once something was."""

    def take(self, line: dict[str, Any]) -> None:
        """Takes one line in."""
        if isinstance(trial := line.get("sent"), str):
            self.trials.add(trial)
            self.trouble = ""
        elif isinstance(entries := line.get("summarized"), int):
            self.summarized = entries
            self.trouble = ""
        elif isinstance(trouble := line.get("trouble"), str):
            self.trouble = trouble


def sent_file(study: Study, destination: Destination) -> Path:
    """`trackers/<kind>-<hash>.jsonl`."""
    return study.folder / TRACKERS / f"{name_of(destination)}.jsonl"


def read_sent(file: Path) -> Sent:
    """What was sent; a line that is not whole, as a kill leaves it, is passed over."""
    sent = Sent()
    for line in _lines(file):
        sent.take(line)
    return sent


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            yield told


class SentFile:
    """The file, held by the one process that sends. The kernel gives it back at any end."""

    def __init__(self, file: Path) -> None:
        """Raises `BlockingIOError` where another process holds it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._stream: IO[str] = file.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._stream.close()
            raise
        self.sent = read_sent(file)
        if self._stream.tell() == 0:
            self.add(**_FORMAT)
        else:
            self._stream.write("\n")  # what a kill left of a line stays a line of its own

    def add(self, **line: Any) -> None:
        """Appends a line."""
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()
        self.sent.take(line)

    def close(self) -> None:
        """Gives it back."""
        self._stream.close()


def without_secrets(text: str) -> str:
    """A message as it may be kept: no value of a variable that looks like a key, no password in
    an address."""
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "...")
    return clean(re.sub(r"://[^/@\s]*@", "://...@", text), _LONGEST_TROUBLE)


@dataclass(frozen=True)
class TrackerState:
    """How far a destination has come."""

    kind: str
    place: str
    sent: int
    """Trials."""
    waiting: int
    """Finished trials that it has not been given."""
    trouble: str

    def line(self, folder: Path) -> str:
        """For people, with what to do."""
        send = f"proveout report {shlex.quote(str(folder))} --to {self.kind}"
        total = self.sent + self.waiting
        if self.trouble and self.waiting:
            return (
                f"{self.kind}: {self.waiting} of {total} trials not written to {self.place} "
                f"({self.trouble}); send them with: {send}"
            )
        if self.trouble:
            return (
                f"{self.kind}: {total} trials written to {self.place}, but not the table of "
                f"verdicts ({self.trouble}); send it with: {send}"
            )
        if self.waiting:
            return (
                f"{self.kind}: {self.sent} of {total} trials written to {self.place}; "
                f"`proveout run` writes the others, or: {send}"
            )
        return f"{self.kind}: {self.sent} trials written to {self.place}"


def tracker_states(study: Study, history: History) -> tuple[TrackerState, ...]:
    """Every destination of a study, in the order of study.toml."""
    ended = {
        trial.id for trial, record in history.trials.items() if record.state in {"scored", "failed"}
    }
    states = []
    for each in study.tracker:
        sent = read_sent(sent_file(study, each))
        done = len(ended & sent.trials)
        states.append(
            TrackerState(each.kind, place_of(each), done, len(ended) - done, sent.trouble)
        )
    return tuple(states)
