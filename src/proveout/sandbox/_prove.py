"""Finding out how well jobs can be shut in here: a job tries to get out, at each level."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import dataclass, replace

from proveout.sandbox import _cgroup, _hide, _kernel, _supervisor, _view
from proveout.sandbox._records import (
    LEVELS,
    Attempt,
    Level,
    ProcessStart,
    read_exit,
    start_line,
)
from proveout.sandbox._targets import ATTACK_SCRIPT, HIDDEN, ONLY_IN_NAMESPACES, Targets

_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Proof:
    """The highest level whose attacks were all held, and how it went at each that was tried."""

    level: Level
    attempts: tuple[Attempt, ...]
    home: _cgroup.Home | None
    """Where control groups are made, at level A."""


def prove(highest: Level, runtime: _view.Runtime, home: _cgroup.Home | str) -> Proof:
    """Try levels downwards from `highest` until one holds. It takes about as long as two jobs."""
    attempts: list[Attempt] = []
    if isinstance(home, _cgroup.Home):
        home.sweep()
    for level in LEVELS[LEVELS.index(highest) : -1]:
        if level == "A" and isinstance(home, str):
            attempts.append(Attempt(level, (), f"no control groups: {home}"))
            continue
        groups = home if level == "A" and isinstance(home, _cgroup.Home) else None
        attempts.append(_attempt(level, runtime, groups))
        if attempts[-1].holds:
            return Proof(level, tuple(attempts), groups)
    return Proof("E", tuple(attempts), None)


def _attempt(level: Level, runtime: _view.Runtime, home: _cgroup.Home | None) -> Attempt:
    if _kernel.MACHINE is None:
        return Attempt(level, (), _kernel.ELSEWHERE)
    try:
        with Targets() as targets:
            runtime = _with_library(runtime, targets)
            place = targets.prepare(level, runtime.hidden)
            start = ProcessStart(
                launch_id="proof",
                argv=(sys.executable, str(ATTACK_SCRIPT), "targets.json"),
                directory=str(place),
                environment={"PATH": os.defpath},
                log=str(place / "log"),
                writes=str(place),
                wall_seconds=20.0,
                memory_bytes=1 << 30,
                disk_bytes=1 << 24,
                log_bytes=1 << 16,
                reads=(str(ATTACK_SCRIPT),),
            )
            problem = _run(start, level, runtime, home)
            said = (place / "log").read_text(errors="replace")
            if problem is not None:
                return Attempt(level, (), f"{problem}{said.strip().removeprefix('proveout: ')}")
            attacks = targets.found(level, said)
    except (OSError, ValueError, LookupError) as error:
        return Attempt(level, (), f"the proof could not be made: {error!r}")
    if level == "C":
        attacks = tuple(
            each for each in attacks if each.held or each.name not in ONLY_IN_NAMESPACES
        )
    return Attempt(level, attacks)


def _with_library(runtime: _view.Runtime, targets: Targets) -> _view.Runtime:
    """The runtime with a folder that has something hidden in it, whether or not a study has."""
    hidden = str(targets.library / HIDDEN)
    return replace(
        runtime,
        paths=(*runtime.paths, str(targets.library)),
        hides=_hide.Patterns((*runtime.hides.names, hidden)),
        hidden=(*runtime.hidden, hidden),
    )


def _run(
    start: ProcessStart, level: Level, runtime: _view.Runtime, home: _cgroup.Home | None
) -> str | None:
    """One job by a supervisor of its own; what went wrong, None if nothing did.

    Empty where the job could not be shut in: its log says why.
    """
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _supervisor.serve(theirs.detach(), level, runtime, home)
    theirs.close()
    try:
        ours.sendall(start_line(start))
        reply = b""
        while not reply.endswith(b"\n"):
            chunk = ours.recv(_CHUNK_BYTES)
            if not chunk:
                return "the supervisor ended. "
            reply += chunk
    finally:
        ours.close()
        os.waitpid(pid, 0)
        if home is not None:
            _cgroup.Group(home, str(pid)).remove()
    ended = read_exit(json.loads(reply))
    if ended.ended_by == "lost":
        return ""
    if ended.ended_by != "itself" or ended.code != 0:
        return f"the attacker ended by {ended.ended_by} with code {ended.code}. "
    return None
