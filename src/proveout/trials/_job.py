"""The unit of work that every runner takes: a command, a directory, an environment, limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proveout.trials._trial import Isolation


@dataclass(frozen=True)
class Limits:
    """What a job may use before it is ended from outside."""

    wall_seconds: float
    memory_bytes: int
    """Resident memory of all its processes together."""
    disk_bytes: int
    """What may lie below `Job.writes`."""
    log_bytes: int = 1_000_000
    """What is kept of its output; the rest is dropped and the log says so."""
    processes: int = 512
    """At a time; threads count too."""
    cpu_seconds: float = math.inf
    """Processor time of all its processes together."""
    files: int = 100_000
    """What may lie below `Job.writes`, folders too."""


@dataclass(frozen=True)
class Job:
    """A process to run. Never a pickle: every field is plain data, so any runner can take it."""

    id: str
    argv: tuple[str, ...]
    directory: Path
    """Its working directory."""
    environment: Mapping[str, str]
    """The whole environment; nothing is inherited."""
    writes: Path
    """The one folder that it may write; its size counts against `Limits.disk_bytes`."""
    log: Path
    """Where its standard output and error go, capped."""
    limits: Limits
    reads: tuple[Path, ...] = ()
    """What it may read beyond `writes`, the system and the interpreter."""
    network: bool = False
    preloaded: bool = True
    """Whether a Python script may start in a fork of a process that has its imports already. False:
    by exec, with nothing in its memory that was there before."""


EndedBy = Literal[
    "itself", "wall-time", "cpu-time", "memory", "processes", "disk", "files", "cancelled", "lost"
]


@dataclass(frozen=True)
class Exit:
    """How a job ended and what it used, all measured from outside."""

    job: str
    ended_by: EndedBy
    code: int | None
    """Exit status; None if a signal ended it or it was lost."""
    signal: int | None
    wall_seconds: float
    cpu_seconds: float
    """User and system time of the job and of every child that was waited for."""
    peak_memory_bytes: int
    leftover_processes: int
    """Processes that it left behind, all killed."""
    isolation: Isolation = "E"
    """The level that it really ran at."""
