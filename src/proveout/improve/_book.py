"""The one book of an improvement folder: its ledger, kept by many threads, one at a time.

A request for samples is charged here before it is made. What was charged before the controller was
killed is known to it when it comes back, so a run that is made again pays for nothing twice.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from proveout.improve._archive import Archive
from proveout.improve._model import Most, Samples
from proveout.ledger import (
    Event,
    ImproverRan,
    Ledger,
    SamplesCharged,
    SamplesSettled,
    read_entries,
)


class Ended(Exception):
    """A hard end was reached: of samples, money or time, or somebody asked to stop."""

    def __init__(self, why: str, *, left: bool = False) -> None:
        super().__init__(why)
        self.left = left
        """Whether the same command goes on, with nothing more allowed."""


@dataclass(frozen=True)
class Ends:
    """What the whole folder may use; None without end."""

    samples: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None


class Accounts(Protocol):
    """Who charges what a run asks for, and may end it."""

    @property
    def seconds_left(self) -> float:
        """Until a hard end."""

    def check(self) -> None:
        """Raises `Ended` where the run is to end."""

    def charge(self, run: str, call: int, request: str, samples: int, most: Most) -> None:
        """Charges samples before they are asked for. Raises `Ended`."""

    def settle(self, run: str, call: int, request: str, most: Most, got: Samples) -> None:
        """What they did cost."""


class Book:
    """Use it as a context manager: it holds the folder's lock."""

    def __init__(self, folder: Path, ends: Ends, durable: bool = True) -> None:
        """Raises what `Ledger` raises; `durable` is as there."""
        self._ledger = Ledger(folder, durable=durable, any_thread=True)
        self._lock = threading.RLock()
        self._ends = ends
        self.archive = Archive.of(read_entries(folder))
        self._began, self._before = time.monotonic(), self.archive.active_seconds
        self.stopping = ""

    def __enter__(self) -> Self:
        """Usable in a `with` statement."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the file and gives the lock back."""
        self._ledger.close()

    def write(self, event: Event) -> None:
        """Appends one event, on disk before this returns."""
        with self._lock:
            self.archive.add(self._ledger.append(event))

    def ran(self, run: str) -> ImproverRan | None:
        """What is on record of a run; None where it is still to be made."""
        return self.archive.runs.get(run)

    @property
    def seconds_left(self) -> float:
        """Until the hard end of time."""
        if self._ends.seconds is None:
            return float("inf")
        return self._ends.seconds - self._before - (time.monotonic() - self._began)

    def check(self) -> None:
        """Raises `Ended` where somebody asked to stop, or the time is over."""
        if self.stopping:
            raise Ended(self.stopping, left=True)
        if self.seconds_left <= 0:
            raise Ended(f"the time is over: {self._ends.seconds:g} s")

    def charge(self, run: str, call: int, request: str, samples: int, most: Most) -> None:
        """Charges samples before they are asked for; free where they were charged before.

        Raises:
            Ended: they are over what the whole folder may use; nothing was charged.
        """
        with self._lock:
            if (run, call, request) in self.archive.asked:
                return
            used, ends = self.archive.charges, self._ends
            if ends.samples is not None and used.samples + samples > ends.samples:
                raise Ended(f"the samples are used up: {used.samples} of {ends.samples}")
            if ends.tokens is not None and used.tokens + most.tokens > ends.tokens:
                raise Ended(f"the tokens are used up: {used.tokens} of {ends.tokens}")
            if ends.usd is not None and used.usd + most.usd > ends.usd:
                raise Ended(f"the money is used up: {used.usd:.4f} of {ends.usd:g} USD")
            self.write(SamplesCharged(run, call, request, samples, most.tokens, most.usd))

    def settle(self, run: str, call: int, request: str, most: Most, got: Samples) -> None:
        """What they did cost."""
        tokens = got.input_tokens + got.output_tokens
        with self._lock:
            same = (tokens, got.usd) == (most.tokens, most.usd)
            if not same and (run, call, request) not in self.archive.settled:
                self.write(SamplesSettled(run, call, request, tokens, got.usd))
