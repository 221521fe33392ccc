"""Ctrl-C and a polite kill as a request, taken up where the records are in order."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupts:
    """While entered, the first SIGINT or SIGTERM is only noted; a second one acts at once.

    SIGHUP, sent when a terminal is closed, and often twice, is noted each time; under `nohup`,
    which ignores it, it goes on being ignored.

    An exception out of a signal handler can strike between two statements that belong together.
    The loop asks `requested` at points where it can stop and say how to go on.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Takes the signals over; does nothing outside the main thread, which gets none."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
            if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
                self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        """Gives the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number != signal.SIGHUP:
            raise KeyboardInterrupt
        self.requested = True
