"""The controller's side: a process for each tracker, which nothing ever waits for but the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from proveout.study import Study
from proveout.trackers._kinds import TRACKERS, check_installed

_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 300.0
_HURRIED_SECONDS = 1.0
_LOOK_SECONDS = 0.05
_GRACE_SECONDS = 5.0
"""A process ends itself when its time is up; after so much more it is ended."""


@dataclass
class _Follower:
    number: int
    wait_seconds: float
    process: subprocess.Popen[str] | None = None
    pause_seconds: float = _FIRST_PAUSE_SECONDS
    start_at: float = 0.0


class Followers:
    """While entered, every tracker of a study is kept up to date by a process of its own.

    They read the ledger, which is their queue: it has no end that could be full, nothing in it is
    lost, and a study with a tracker that hangs is the same as one without. One that has ended is
    started again, after a pause that doubles. `impatient` says whether somebody wants out.

    Raises:
        UserError: a tracker's library is not installed; says what to install.
    """

    def __init__(self, study: Study, impatient: Callable[[], bool] = lambda: False) -> None:
        for each in study.tracker:
            check_installed(each)
        self._study, self._impatient = study, impatient
        self._followers = [_Follower(i, each.wait) for i, each in enumerate(study.tracker)]

    def __enter__(self) -> Self:
        """Usable in a `with` statement; nothing is started before the first `tend`."""
        return self

    def tend(self) -> None:
        """Starts those that do not run. Takes no time worth speaking of."""
        for each in self._followers:
            if each.process is not None and each.process.poll() is not None:
                _let_go(each.process)
                each.process, each.start_at = None, time.monotonic() + each.pause_seconds
                each.pause_seconds = min(2 * each.pause_seconds, _LONGEST_PAUSE_SECONDS)
            if each.process is None and time.monotonic() >= each.start_at:
                self._start(each)

    def _start(self, follower: _Follower) -> None:
        here = self._study.folder / TRACKERS
        try:
            here.mkdir(exist_ok=True)
            follower.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "proveout.trackers", str(self._study.folder),
                 str(follower.number)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                cwd=here, text=True, start_new_session=True,
                env={"OMP_NUM_THREADS": "1"} | os.environ,
            )  # fmt: skip
        except OSError:  # no room for one more process or for its folder: later, perhaps
            follower.start_at = time.monotonic() + follower.pause_seconds

    def __exit__(self, *error: object) -> None:
        """Waits for what is still to be written, as long as each tracker is given; a second where
        somebody wants out, for the next run goes on."""
        running = [(each, each.process) for each in self._followers if each.process is not None]
        began = time.monotonic()
        for each, process in running:
            _let_go(process, f"{self._patience(each)}\n")
        try:
            while any(
                process.poll() is None
                and time.monotonic() < began + self._patience(each) + _GRACE_SECONDS
                for each, process in running
            ):
                time.sleep(_LOOK_SECONDS)
        finally:
            for _, process in running:
                _sweep(process)

    def _patience(self, follower: _Follower) -> float:
        wait = follower.wait_seconds
        return min(wait, _HURRIED_SECONDS) if self._impatient() else wait


def _let_go(process: subprocess.Popen[str], last_word: str = "") -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # it may have ended
        process.stdin.write(last_word)
    with contextlib.suppress(OSError):
        process.stdin.close()


def _sweep(process: subprocess.Popen[str]) -> None:
    """Ends a process that has not ended, and what it started; it leads a group of its own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
