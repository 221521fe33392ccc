"""Looking at a process's descendants and at a folder's size, from outside, cheaply.

Everything here reads /proc. Where there is none (macOS), a tree is seen as empty: memory is then
not limited, and killing falls back to the process group.
"""

# ruff: noqa: PTH123 - called often, or in a fork, where pathlib costs more

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One line of /proc/PID/stat."""

    pid: int
    state: str
    parent: int
    group: int
    own_seconds: float
    """Of processor time, without its children's."""
    cpu_seconds: float
    """Of itself and of the children that it waited for."""
    threads: int


@dataclass
class Tree:
    """The living descendants of `root`; rescanning costs little, as strangers are remembered.

    Use one for as long as `root` lives. A stranger is known by its number and that of its folder in
    /proc, which another process with its number would not have; and only what is known to come of
    somebody else is one, not what lost its parent between two looks.
    """

    root: int
    _strangers: dict[int, int] = field(default_factory=dict)
    """By pid, the folder of each."""

    def scan(self) -> dict[int, Process]:
        """Every descendant that is alive now, by pid; zombies are left out."""
        listed = _pids()
        known = {pid: its for pid, its in self._strangers.items() if listed.get(pid) == its}
        fresh = {pid: seen for pid in listed.keys() - known if (seen := _stat(pid))}
        below = _by_parent(fresh)
        ours = _descendants([self.root], below)
        others = _descendants([0, *known], below) - ours - {self.root}
        self._strangers = known | {pid: listed[pid] for pid in others}
        return {pid: fresh[pid] for pid in ours if fresh[pid].state not in "ZX"}


def children(parent: int) -> set[int]:
    """Of one process, those included that have ended and were not waited for."""
    seen = filter(None, map(_stat, _pids()))
    return {process.pid for process in seen if process.parent == parent}


def _by_parent(processes: dict[int, Process]) -> dict[int, list[int]]:
    below: dict[int, list[int]] = {}
    for process in processes.values():
        below.setdefault(process.parent, []).append(process.pid)
    return below


def _descendants(roots: Iterable[int], below: dict[int, list[int]]) -> set[int]:
    found: set[int] = set()
    waiting = [pid for root in roots for pid in below.get(root, [])]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting.extend(below.get(pid, []))
    return found


def _pids() -> dict[int, int]:
    """The processes that there are, and the inode of the folder of each."""
    try:
        with os.scandir("/proc") as entries:
            return {int(each.name): each.inode() for each in entries if each.name.isdigit()}
    except OSError:
        return {}


def _stat(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name may hold anything, brackets too: the fields start after the last one.
            fields = file.read().rpartition(b")")[2].split(maxsplit=18)
        ticks = [int(each) for each in fields[11:15]]
        return Process(
            pid,
            fields[0].decode(),
            int(fields[1]),
            int(fields[2]),
            sum(ticks[:2]) / _TICKS_PER_SECOND,
            sum(ticks) / _TICKS_PER_SECOND,
            int(fields[17]),
        )
    except (OSError, ValueError, IndexError):
        return None  # it ended since it was listed


def resident_bytes(pid: int) -> int:
    """What the process holds in memory, pages that it shares with others included."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def proportional_bytes(pid: int) -> int:
    """The same with each shared page divided by the number of its users; costs milliseconds.

    Where the kernel does not say, shared pages count in full: a limit errs on the strict side.
    """
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:
        for row in file:
            if row.startswith(b"Pss:"):
                return int(row.split()[1]) * 1024
    return resident_bytes(pid)


class FolderUse(NamedTuple):
    """What lies below a folder."""

    disk_bytes: int
    files: int
    """Of every kind, folders too."""


def folder_use(folder: str) -> FolderUse:
    """Disk space that is taken below `folder`; links are not followed, hard links count once."""
    total = files = 0
    linked: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        files += len(entries)
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif status.st_nlink > 1:
                if (status.st_dev, status.st_ino) in linked:
                    continue
                linked.add((status.st_dev, status.st_ino))
            total += status.st_blocks * 512
    return FolderUse(total, files)
