"""Processor time of a job and all that it ever started, counted from outside."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proveout.sandbox._cgroup import Group
from proveout.sandbox._tree import Process


def _cpu_seconds_of(whom: int) -> float:
    used: Any = resource.getrusage(whom)
    return float(used.ru_utime + used.ru_stime)


@dataclass
class Spent:
    """What one job has used. Made before the job has used anything."""

    job: int
    first: int | None
    """The first process of its namespace, which takes its orphans and waits for none of them."""
    group: Group | None
    waited_before: float = field(default_factory=lambda: _cpu_seconds_of(resource.RUSAGE_CHILDREN))
    group_before: float = field(init=False)
    orphans: dict[int, float] = field(default_factory=dict)
    """CPU seconds of processes that nobody waits for, by pid, as they were last seen."""
    seen: dict[int, float] = field(default_factory=dict)
    """The same of each of its processes, without its children: who ignores that its children end
    waits for none, and the kernel then counts them nowhere."""

    def __post_init__(self) -> None:
        self.group_before = self._group_seconds()

    def look(self, processes: Mapping[int, Process]) -> None:
        """Remembers what its processes, those that live, have used by now."""
        for pid, process in processes.items():
            self.seen[pid] = process.own_seconds
            if pid != self.job and process.parent == self.first:
                self.orphans[pid] = process.cpu_seconds

    def seconds(self, processes: Mapping[int, Process]) -> float:
        """Used so far: by what lives, by what was waited for, and by orphans that ended; or by all
        that was seen, or that the kernel counts for the group, where that is more."""
        waited = _cpu_seconds_of(resource.RUSAGE_CHILDREN) - self.waited_before
        orphans = sum(used for pid, used in self.orphans.items() if pid not in processes)
        living = sum(process.cpu_seconds for process in processes.values())
        group = self._group_seconds() - self.group_before
        return max(waited + orphans + living, sum(self.seen.values()), group)

    def _group_seconds(self) -> float:
        """By the control group, but for what looking costs the supervisor; 0 where none is."""
        group = self.group
        return group.cpu_seconds - _cpu_seconds_of(resource.RUSAGE_SELF) if group else 0.0
