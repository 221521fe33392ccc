"""A whole examination of a level: every attack of the proof, and those that take their time."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proveout.sandbox._launcher import Launcher
from proveout.sandbox._records import LEVELS, Attack, Attempt, EndedBy, Level, ProcessExit
from proveout.sandbox._targets import ATTACK_SCRIPT

_PROCESSES = 40
_MEGABYTE = 1_000_000
_FLOODS: dict[str, tuple[str, dict[str, Any], EndedBy]] = {
    "start processes without end": ("fork-bomb", {"processes": _PROCESSES}, "processes"),
    "fill the memory": ("fill-memory", {"memory_bytes": 300 * _MEGABYTE}, "memory"),
    "fill the disk": ("fill-disk", {"disk_bytes": 20 * _MEGABYTE}, "disk"),
    "make files without end": ("make-files", {"files": 1000}, "files"),
    "use the processor without end": ("burn", {"cpu_seconds": 0.3}, "cpu-time"),
}
_SECONDS = 10.0


@dataclass(frozen=True)
class Examination:
    """What every level came to on this machine, the highest first."""

    attempts: tuple[Attempt, ...]

    @property
    def level(self) -> Level:
        """The highest that holds."""
        return next((attempt.level for attempt in self.attempts if attempt.holds), "E")


def examine() -> Examination:
    """Attacks this machine's isolation at each level; takes some seconds."""
    return Examination(tuple(_examine(level) for level in LEVELS if level != "E"))


def _examine(level: Level) -> Attempt:
    with Launcher(highest=level) as launcher:
        attempts = [attempt for attempt in launcher.attempts if attempt.level == level]
        if not attempts:
            return Attempt(level, (), "a lower level was asked for from outside")
        attempt = attempts[0]
        if not attempt.holds:
            return attempt
        with tempfile.TemporaryDirectory(prefix="proveout-doctor-") as folder:
            floods = [
                _flood(launcher, Path(folder), name, *flood) for name, flood in _FLOODS.items()
            ]
            floods.append(_survive(launcher, Path(folder)))
        return Attempt(level, (*attempt.attacks, *floods))


def _flood(
    launcher: Launcher,
    folder: Path,
    name: str,
    kind: str,
    limits: dict[str, Any],
    expected: EndedBy,
) -> Attack:
    ended = _run(launcher, folder / kind, kind, limits)
    detail = f"ended: {ended.ended_by} limit"
    if kind == "fork-bomb":
        counts = (folder / kind / "log").read_text(errors="replace").split()
        most = max((int(count) for count in counts if count.isdigit()), default=1)
        detail += f", after {most} processes where {_PROCESSES} are allowed"
    if kind == "fill-memory":
        detail += f", at {ended.peak_memory_bytes / _MEGABYTE:.0f} MB"
    return Attack(name, ended.ended_by == expected, detail)


def _survive(launcher: Launcher, folder: Path) -> Attack:
    place = folder / "survive"
    ended = _run(launcher, place, "survive", {})
    alive = _processes_in(place)
    detail = f"{ended.leftover_processes} left behind, {len(alive)} alive now"
    return Attack("outlive its end", not alive, detail)


def _run(launcher: Launcher, place: Path, kind: str, limits: dict[str, Any]) -> ProcessExit:
    place.mkdir()
    options: dict[str, Any] = {
        "wall_seconds": _SECONDS,
        "memory_bytes": 2000 * _MEGABYTE,
        "disk_bytes": 200 * _MEGABYTE,
        "log_bytes": 100_000,
        **limits,
    }
    launcher.start_process(
        kind,
        argv=("python", str(ATTACK_SCRIPT), kind),
        directory=place,
        environment={"PATH": os.defpath},
        log=place / "log",
        writes=place,
        reads=(ATTACK_SCRIPT,),
        **options,
    )
    (ended,) = launcher.poll(None)
    return ended


def _processes_in(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
