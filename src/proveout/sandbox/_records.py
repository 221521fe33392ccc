"""What the controller and the launcher tell each other, one JSON line each."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

EndedBy = Literal[
    "itself", "wall-time", "cpu-time", "memory", "processes", "disk", "files", "cancelled", "lost"
]
Level = Literal["A", "B", "C", "E"]
"""How far processes are shut in, the most first; see docs/isolation.md."""

LEVELS: tuple[Level, ...] = ("A", "B", "C", "E")


def worse(one: Level, other: Level) -> Level:
    """The level that promises less."""
    return max(one, other)


@dataclass(frozen=True)
class ProcessStart:
    """A request to start one process; plain data, paths as text."""

    launch_id: str
    argv: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]
    """The whole environment; nothing is inherited."""
    log: str
    """Where standard output and error go, capped."""
    writes: str
    """The one folder that it may write; its size counts against `disk_bytes`."""
    wall_seconds: float
    memory_bytes: int
    disk_bytes: int
    log_bytes: int
    reads: tuple[str, ...] = ()
    """What it may read beyond `writes`, the system and the interpreter."""
    network: bool = False
    processes: int = 512
    """Threads count too."""
    cpu_seconds: float = math.inf
    files: int = 100_000
    preloaded: bool = True
    """Whether a Python script may start in a fork that has its imports already; else by exec."""


@dataclass(frozen=True)
class ProcessExit:
    """How a process ended and what it used, all measured from outside of it."""

    launch_id: str
    ended_by: EndedBy
    code: int | None
    """Exit status; None if a signal ended it or it was lost."""
    signal: int | None
    wall_seconds: float
    cpu_seconds: float
    """User and system time of the process and of every descendant that ended below it."""
    peak_memory_bytes: int
    """Resident memory of all its processes together; pages that they share count in each."""
    leftover_processes: int
    """Processes that were still alive after the process itself had ended, all killed."""
    isolation: Level = "E"
    """The level that it ran at."""


@dataclass(frozen=True)
class Attack:
    """Something that a job tried to do at a level."""

    name: str
    held: bool
    """Whether it failed to do it."""
    detail: str
    """What came of it."""


@dataclass(frozen=True)
class Attempt:
    """What was found out about a level by a job that tried to get out of it."""

    level: Level
    attacks: tuple[Attack, ...]
    obstacle: str | None = None
    """Why the level cannot be had at all; None where it was attacked."""

    @property
    def holds(self) -> bool:
        return self.obstacle is None and all(attack.held for attack in self.attacks)


def lost(launch_id: str, isolation: Level = "E") -> ProcessExit:
    """The exit of a process that nobody saw end: nothing about it was measured."""
    return ProcessExit(launch_id, "lost", None, None, 0.0, 0.0, 0, 0, isolation)


def line(kind: str, fields: Mapping[str, Any]) -> bytes:
    """One message: its kind and its fields."""
    return json.dumps({"kind": kind, **fields}).encode() + b"\n"


def start_line(start: ProcessStart) -> bytes:
    return line("start", {**vars(start), "environment": dict(start.environment)})


def exit_line(exit_: ProcessExit) -> bytes:
    return line("exit", vars(exit_))


def read_start(fields: dict[str, Any]) -> ProcessStart:
    wanted = {name: fields[name] for name in ProcessStart.__dataclass_fields__}
    return ProcessStart(
        **{**wanted, "argv": tuple(wanted["argv"]), "reads": tuple(wanted["reads"])}
    )


def read_exit(fields: dict[str, Any]) -> ProcessExit:
    return ProcessExit(**{name: fields[name] for name in ProcessExit.__dataclass_fields__})


def attempt_fields(attempt: Attempt) -> dict[str, Any]:
    return asdict(attempt)


def read_attempt(fields: dict[str, Any]) -> Attempt:
    attacks = tuple(Attack(**each) for each in fields["attacks"])
    return Attempt(fields["level"], attacks, fields["obstacle"])
