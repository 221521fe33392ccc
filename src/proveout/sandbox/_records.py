"""What the controller and the launcher tell each other, one JSON line each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

EndedBy = Literal["itself", "wall-time", "memory", "disk", "cancelled", "lost"]


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
    """The folder whose size counts against `disk_bytes`."""
    wall_seconds: float
    memory_bytes: int
    disk_bytes: int
    log_bytes: int


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


def lost(launch_id: str) -> ProcessExit:
    """The exit of a process that nobody saw end: nothing about it was measured."""
    return ProcessExit(launch_id, "lost", None, None, 0.0, 0.0, 0, 0)


def line(kind: str, fields: Mapping[str, Any]) -> bytes:
    """One message: its kind and its fields."""
    return json.dumps({"kind": kind, **fields}).encode() + b"\n"


def start_line(start: ProcessStart) -> bytes:
    return line("start", {**asdict(start), "environment": dict(start.environment)})


def exit_line(exit_: ProcessExit) -> bytes:
    return line("exit", asdict(exit_))


def read_start(fields: dict[str, Any]) -> ProcessStart:
    wanted = {name: fields[name] for name in ProcessStart.__dataclass_fields__}
    return ProcessStart(**{**wanted, "argv": tuple(wanted["argv"])})


def read_exit(fields: dict[str, Any]) -> ProcessExit:
    return ProcessExit(**{name: fields[name] for name in ProcessExit.__dataclass_fields__})
