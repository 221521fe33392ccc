"""The process that follows one study for one tracker: `python -m proveout.trackers STUDY NUMBER`.

Its standard input is its leash: a number of seconds there, or its end, says that the study is done
and how long it may still take. What hangs is ended from inside, by a thread that waits for nothing
but the clock.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path

from proveout.ledger import LedgerFollower
from proveout.study import read_study
from proveout.trackers._send import Sender, describe_error
from proveout.trackers._sent import SentFile, sent_file

_LOOK_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0
_CALL_SECONDS = 90.0
"""After which a call to a tracker is taken to hang."""
_ORPHAN_SECONDS = 5.0


class Leash:
    """Knows when the study is done, and ends this process where it does not end by itself."""

    def __init__(self) -> None:
        self.sender: Sender | None = None
        self._stopped = threading.Event()
        self._end_at = float("inf")
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def stopped(self) -> bool:
        """Whether nothing more will happen in the study."""
        return self._stopped.is_set()

    def wait(self, seconds: float) -> None:
        """Until then, or until the study is done."""
        self._stopped.wait(seconds)

    def _watch(self) -> None:
        while True:
            if self.stopped:
                time.sleep(min(_LOOK_SECONDS, max(0.0, self._end_at - time.monotonic())))
            elif select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
                said = sys.stdin.readline().strip()
                self._end_at = time.monotonic() + (float(said) if said else _ORPHAN_SECONDS)
                self._stopped.set()
            since = self.sender.calling_since if self.sender else None
            if since is not None and time.monotonic() - since > _CALL_SECONDS:
                self._end(f"no answer in {_CALL_SECONDS:g} s")
            if time.monotonic() > self._end_at:
                self._end("the study's end did not wait any longer")

    def _end(self, why: str) -> None:
        if self.sender is not None:
            with contextlib.suppress(Exception):
                self.sender.put_on_record(why)
        os.killpg(0, signal.SIGKILL)


def follow(folder: Path, number: int) -> None:
    """Sends what happens in a study to its tracker of this number, from 0, until it is done."""
    leash = Leash()
    study = read_study(folder)
    destination = study.tracker[number]
    file = _held(sent_file(study, destination))
    sender = leash.sender = Sender(study, destination, file)
    follower, pause = LedgerFollower(study.folder), 0.0
    while True:
        final = leash.stopped  # asked first: what was written before it is read below
        try:
            if follower.advance():
                sender.send(follower.history(), final)
            if final:
                sender.close()
            pause = 0.0
        except Exception as error:  # a tracker may raise anything, and is tried again
            sender.failed(describe_error(error))
            pause = min(max(2 * pause, 1.0), _LONGEST_PAUSE_SECONDS)
        if final:
            return
        leash.wait(max(pause, _LOOK_SECONDS))


def _held(file: Path) -> SentFile:
    """The file of what was sent, once the process of a run before has let go of it. The leash is
    what ends this, if nothing else does."""
    while True:
        with contextlib.suppress(BlockingIOError):
            return SentFile(file)
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    os.nice(10)  # trials come first
    # Trackers import torch where it is there, to take tensors: a second and 300 MB for nothing.
    sys.modules["torch"] = None  # type: ignore[assignment]
    follow(Path(sys.argv[1]), int(sys.argv[2]))
