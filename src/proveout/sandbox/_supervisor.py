"""One supervisor runs one process at a time: the clock, the limits and the kill are outside of it.

A supervisor is a fork of the launcher that never runs a job's code. It is the reaper of whatever
its job's orphans are, so nothing of a job escapes it, however often it forks, detaches or ignores
signals; once its job is over and has no descendant left, it serves the next one. Without Linux's
child reaper (macOS), only the job's process group is killed.

Where there are namespaces, whatever a job leaves is gone with its first process, and the look at
its descendants only counts them.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
import traceback
from dataclasses import dataclass, field
from typing import NoReturn

from proveout.sandbox import _cell, _cgroup, _job, _linux, _script, _tree, _view
from proveout.sandbox._log import Log
from proveout.sandbox._records import (
    EndedBy,
    Level,
    ProcessExit,
    ProcessStart,
    exit_line,
    lost,
    read_start,
)
from proveout.sandbox._requests import Requests
from proveout.sandbox._spent import Spent

_FIRST_LOOK_SECONDS = 0.01
_MEMORY_EVERY_SECONDS = 0.1
_MEMORY_NEAR_LIMIT_SECONDS = 0.02
_DISK_EVERY_SECONDS = 0.5
_LOOKING_SHARE = 0.02
"""The most of a core that looking may take: after a look of 1 ms, none for 50 ms."""
_CHUNK_BYTES = 1 << 16


def serve(
    channel: int, level: Level, runtime: _view.Runtime, home: _cgroup.Home | None
) -> NoReturn:
    """Run what the launcher asks for over `channel` until it closes, all at one level."""
    _linux.adopt_orphans()
    cell: _cell.Cell | OSError
    try:
        cell = _cell.build(level, runtime, home)
    except OSError as error:
        cell = error
    awake, wake = os.pipe()
    for end in (awake, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    requests = Requests(channel)
    _script.renew_chance()
    with contextlib.suppress(ConnectionError):  # the launcher has gone
        while (messages := requests.read()) is not None:
            requests.cancelled |= {m["launch_id"] for m in messages if m["kind"] == "cancel"}
            for message in messages:
                if message["kind"] == "start":
                    report = _run(read_start(message), requests, awake, cell)
                    requests.cancelled.clear()
                    os.write(channel, exit_line(report))
                    _script.renew_chance()
    if isinstance(cell, _cell.Cell):
        cell.close()
    os._exit(0)


def _run(
    start: ProcessStart, requests: Requests, awake: int, cell: _cell.Cell | OSError
) -> ProcessExit:
    log = os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        if isinstance(cell, OSError):
            raise cell
        cell.begin(start)
        watch = _start(start, requests, awake, cell, log)
    except OSError as error:
        if isinstance(cell, _cell.Cell):
            cell.abandon(start)
        os.write(log, f"proveout: {error}\n".encode(errors="replace"))
        os.close(log)
        return lost(start.launch_id)
    try:
        report = watch.until_it_ends()
        if said := _read_all(watch.trouble):
            os.write(log, b"proveout: " + said + b"\n")
            report = lost(start.launch_id, cell.level)
    except BaseException:
        watch.kill()
        os.write(log, traceback.format_exc().encode())
        report = lost(start.launch_id, cell.level)
    finally:
        for descriptor in (watch.log.output, watch.trouble, log):
            os.close(descriptor)
    cell.take_back(start)
    return report


def _start(
    start: ProcessStart, requests: Requests, awake: int, cell: _cell.Cell, log: int
) -> _Watch:
    output, writer = os.pipe()
    trouble, complaint = os.pipe()
    for end in (output, trouble):
        os.set_blocking(end, False)
    pid = os.fork()
    if pid == 0:
        _job.become(start, cell, writer, complaint)
    cell.forked()
    os.close(writer)
    os.close(complaint)
    return _Watch(start, pid, requests, awake, cell, Log(log, output, start.log_bytes), trouble)


def _read_all(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except BlockingIOError:
        return b""


@dataclass
class _Watch:
    """One job under way."""

    start: ProcessStart
    pid: int
    requests: Requests
    awake: int
    cell: _cell.Cell
    log: Log
    trouble: int
    ended_by: EndedBy = "itself"
    status: int | None = None
    peak_bytes: int = 0
    began: float = field(default_factory=time.monotonic)
    look_at_memory: float = 0.0
    look_at_disk: float = 0.0
    looks: int = 0

    def __post_init__(self) -> None:
        self.spent = Spent(self.pid, self.cell.first, self.cell.group)
        if self.start.launch_id in self.requests.cancelled:
            self.ended_by = "cancelled"
        self.look_at_memory = self.began + _FIRST_LOOK_SECONDS
        self.look_at_disk = self.began + _DISK_EVERY_SECONDS

    def until_it_ends(self) -> ProcessExit:
        waiting = select.poll()
        for descriptor in (self.requests.channel, self.awake, self.log.output):
            waiting.register(descriptor, select.POLLIN)
        while self.status is None and self.ended_by == "itself":
            ready = {descriptor for descriptor, _ in waiting.poll(self._until_next_look_ms())}
            if self.log.output in ready and not self.log.copy():
                waiting.unregister(self.log.output)
            if self.requests.channel in ready:
                self._listen()
            if self.awake in ready:
                self._reap()
            if self.status is None and self.ended_by == "itself":
                self._look()
        wall_seconds = time.monotonic() - self.began
        return self._report(wall_seconds, self.kill())

    def _until_next_look_ms(self) -> float:
        deadline = self.began + self.start.wall_seconds
        until = min(self.look_at_memory, self.look_at_disk, deadline) - time.monotonic()
        return max(0.0, until * 1000)

    def _listen(self) -> None:
        """While a job runs the launcher can cancel it, or end, and then everything ends."""
        try:
            messages = self.requests.read()
        except ConnectionError:
            messages = None
        if messages is None:
            self.kill()
            self.cell.take_back(self.start)
            self.cell.close()
            os._exit(0)
        if any(message["launch_id"] == self.start.launch_id for message in messages):
            self.ended_by = "cancelled"

    def _reap(self) -> None:
        """Take every child that has ended: the job, or an orphan of it."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.awake, _CHUNK_BYTES)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.status = status

    def _look(self) -> None:
        now = time.monotonic()
        if now - self.began >= self.start.wall_seconds:
            self.ended_by = "wall-time"
        elif now >= self.look_at_memory:
            self._look_at_memory(now)
        elif now >= self.look_at_disk:
            self.ended_by = self._over_disk()
            self.look_at_disk = _next_look(now, _DISK_EVERY_SECONDS)

    def _over_disk(self) -> EndedBy:
        used = _tree.folder_use(self.start.writes)
        if used.disk_bytes > self.start.disk_bytes:
            return "disk"
        return "files" if used.files > self.start.files else "itself"

    def _scan(self) -> dict[int, _tree.Process]:
        """The job and its descendants; the first process of its namespace is none of them."""
        processes = self.cell.tree.scan()
        processes.pop(self.cell.first or 0, None)
        self.spent.look(processes)
        return processes

    def _look_at_memory(self, now: float) -> None:
        seen = self._scan()
        if sum(process.threads for process in seen.values()) > self.start.processes:
            self.ended_by = "processes"
        if self.spent.seconds(seen) > self.start.cpu_seconds:
            self.ended_by = "cpu-time"
        processes = list(seen)
        used = sum(map(_tree.resident_bytes, processes))
        if used > self.start.memory_bytes and len(processes) > 1:
            # Forked workers share pages; what counts against the limit is each page once.
            used = sum(map(_tree.proportional_bytes, processes))
        self.peak_bytes = max(self.peak_bytes, used)
        # The kernel may have ended one of its processes between two looks; the others go on.
        if used > self.start.memory_bytes or self._kernel_ended_it():
            self.ended_by = "memory"
        near = used > self.start.memory_bytes // 2
        self.looks += 1
        usual = pause_after(self.looks)
        self.look_at_memory = _next_look(now, _MEMORY_NEAR_LIMIT_SECONDS if near else usual)

    def kill(self) -> int:
        """End the job and all its descendants; how many were left beside it."""
        left: set[int] = set()
        # Where we end the job, what is in its process group ends with it and is not left behind.
        its_own_group = self.pid if self.status is None or self._kernel_ended_it() else None
        woken = select.poll()
        woken.register(self.awake, select.POLLIN)
        pause_ms = 0.5
        while self._has_children():
            alive = self._scan()
            left |= {pid for pid, seen in alive.items() if seen.group != its_own_group}
            if self.status is None:
                self._end_group()
            for pid in alive:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self.cell.end()
            woken.poll(pause_ms)
            pause_ms = min(50.0, pause_ms * 2)
        return len(left - {self.pid})

    def _kernel_ended_it(self) -> bool:
        """Whether it came to the end of its memory before anybody looked."""
        group = self.cell.group
        refused = group is not None and group.memory_was_refused
        if refused:  # it is known to have asked for so much, if not to have been seen with it
            self.peak_bytes = max(self.peak_bytes, self.start.memory_bytes)
        return refused

    def _has_children(self) -> bool:
        """Orphans become our children, so having none means that nothing is left at all."""
        self._reap()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            if not _linux.ON_LINUX:
                self._end_group()
            return False
        return True

    def _end_group(self) -> None:
        for end in (os.kill, os.killpg):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                end(self.pid, signal.SIGKILL)

    def _report(self, wall_seconds: float, leftover: int) -> ProcessExit:
        self.log.finish()
        status = self.status if self.status is not None else 0
        cpu_seconds = self.spent.seconds({})
        ended_by = self.ended_by
        if ended_by == "itself":
            ended_by = self._breach(cpu_seconds, leftover, failed=status != 0)
        return ProcessExit(
            launch_id=self.start.launch_id,
            ended_by=ended_by,
            code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            wall_seconds=wall_seconds,
            cpu_seconds=cpu_seconds,
            peak_memory_bytes=self.peak_bytes,
            leftover_processes=leftover,
            isolation=self.cell.level,
        )

    def _breach(self, cpu_seconds: float, leftover: int, *, failed: bool) -> EndedBy:
        """The limit that the kernel held before anybody looked, or that was passed at the end."""
        if self._kernel_ended_it():
            return "memory"
        group = self.cell.group
        refused = group is not None and group.processes_were_refused
        if leftover > self.start.processes:  # on a busy machine it may end before it is looked at
            return "processes"
        if failed and (refused or leftover >= self.start.processes):
            return "processes"
        if failed and cpu_seconds > self.start.cpu_seconds:
            return "cpu-time"
        return self._over_disk()


def pause_after(looks: int) -> float:
    """Seconds until memory is looked at again: soon at first, later as often as always."""
    return min(_MEMORY_EVERY_SECONDS, _FIRST_LOOK_SECONDS * 2.0 ** min(looks, 30))


def _next_look(began: float, every_seconds: float) -> float:
    now = time.monotonic()
    return now + max(every_seconds, (now - began) / _LOOKING_SHARE)
