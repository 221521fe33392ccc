"""A user's own code of a task, run in the controller: with a deadline, and its mistakes named."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from proveout.errors import DataError, ProveoutError

PATIENCE_SECONDS = 60.0
"""What one draw of instances, one score or the loading of `task.py` may take."""

Result = TypeVar("Result")


def finished(path: Path, what: str, run: Callable[[], Result], more_seconds: float = 0) -> Result:
    """What `run` returns, which calls code of the file at `path`.

    It runs in a thread of its own, so that a loop without end costs an error and not the terminal:
    the command ends, and the thread with it.

    Raises:
        DataError: it raised, called `exit`, or had not ended in time.
        ProveoutError: what it raised of ours.
    """
    found: list[Result] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            found.append(run())
        except BaseException as error:
            failed.append(error)

    seconds = PATIENCE_SECONDS + more_seconds
    thread = threading.Thread(target=work, name="a task's own code", daemon=True)
    thread.start()
    thread.join(seconds)
    if found:
        return found[0]
    if not failed:
        raise DataError(f"{path}: {what} had not ended after {seconds:g} s; is there a loop in it?")
    if isinstance(failed[0], ProveoutError):
        raise failed[0]
    raise DataError(f"{_place_of(failed[0], path)}: {what} raised {_said(failed[0])}") from failed[
        0
    ]


def _place_of(error: BaseException, path: Path) -> str:
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__)
             if each.filename == str(path)]  # fmt: skip
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
