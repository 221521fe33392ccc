"""What every place that runs trials offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from proveout.trials import Exit, Isolation, Job


class Runner(ABC):
    """Runs jobs somewhere, some at a time. Each submitted job comes back from `poll` once.

    The unit of work is a command with its directory, environment and limits, never a pickle. Use a
    runner as a context manager: closing it ends what it still runs, and that is not reported.
    """

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many jobs run side by side; more may be submitted, and wait."""

    @property
    @abstractmethod
    def running(self) -> frozenset[str]:
        """The ids of the jobs that were submitted and have not come back."""

    @property
    def isolation(self) -> Isolation:
        """The level that jobs run at; E, which is none, unless a runner knows better."""
        return "E"

    def shown_folder(self, path: Path) -> str | None:
        """The folder that every job can read and that `path` lies in, if there is one."""
        return None

    @property
    def hides(self) -> tuple[str, ...]:
        """Patterns of files that jobs do not find, at every level but E; none unless it can."""
        return ()

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Run it as soon as a slot is free."""

    @abstractmethod
    def poll(self, timeout_seconds: float | None) -> list[Exit]:
        """Jobs that have ended; waits for the first one (None: for as long as any runs).

        Returns at once if nothing is running.
        """

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """End a job; it comes back as cancelled. Unknown ids are ignored."""

    @abstractmethod
    def reattach(self, job_id: str) -> bool:
        """Whether a job of an earlier controller still runs and will come back from this one."""

    @abstractmethod
    def close(self) -> None:
        """End everything that is running."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
