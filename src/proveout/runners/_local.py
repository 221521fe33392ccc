"""Trials on this machine, side by side, each forked from a process that has torch loaded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from proveout.errors import LauncherDied
from proveout.runners._runner import Runner
from proveout.sandbox import Attempt, Launcher, ProcessExit
from proveout.trials import EndedBy, Exit, Isolation, Job


def usable_cores() -> int:
    """The cores that this process may use, which a container may hold below the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalRunner(Runner):
    """Runs jobs on this machine; `slots` of them at a time, by default one a core.

    Jobs die with their controller, so there is never one to reattach to. If the launcher dies, its
    jobs come back as lost and the next job gets a new launcher; if that dies too before a single
    job has ended, LauncherDied is raised.
    """

    def __init__(
        self,
        slots: int | None = None,
        preload: Sequence[str] = ("torch",),
        hides: Sequence[str] = (),
    ) -> None:
        self._slots = slots or usable_cores()
        self._hides = tuple(hides)
        self._preload = tuple(preload)
        self._waiting: dict[str, Job] = {}
        self._started: dict[str, Job] = {}
        self._ended: list[ProcessExit] = []
        self._exits: list[Exit] = []
        self._deaths = 0
        self._death: LauncherDied | None = None
        self._launcher: Launcher | None = self._new_launcher()

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def running(self) -> frozenset[str]:
        return frozenset([*self._waiting, *self._started, *(exit_.job for exit_ in self._exits)])

    @property
    def isolation(self) -> Isolation:
        """The level that jobs run at, found by attacking it; waits until that is over."""
        return self._living_launcher().isolation

    def shown_folder(self, path: Path) -> str | None:
        """As in Runner; waits as `isolation` does."""
        real = path.resolve()
        shown = (Path(folder) for folder in self._living_launcher().shown)
        return next((str(each) for each in shown if real.is_relative_to(each.resolve())), None)

    @property
    def hides(self) -> tuple[str, ...]:
        """As in Runner."""
        return self._hides

    @property
    def hidden(self) -> tuple[str, ...]:
        """The files and folders of this machine that `hides` names; waits as `isolation` does."""
        return self._living_launcher().hidden

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """How it went at each level that was tried; waits until that is over."""
        return self._living_launcher().attempts

    @property
    def preloaded(self) -> tuple[str, ...]:
        """The modules that jobs find imported already; waits until they are."""
        return self._living_launcher().preloaded

    def submit(self, job: Job) -> None:
        if job.id in self.running:
            raise ValueError(f"job {job.id} is running already")
        self._waiting[job.id] = job
        self._fill_slots()

    def poll(self, timeout_seconds: float | None) -> list[Exit]:
        """As in Runner. A Ctrl-C, wherever it strikes, loses no exit and starts no job twice."""
        self._take_in()  # what an interrupted call has left, for which nobody should wait
        if not self._exits:
            self._fill_slots()
        if self._started and not self._exits:
            try:
                # CPython runs signal handlers after calls and at loops, not on the way from one
                # call's return to the next call: nothing is lost between these two.
                self._ended.extend(self._living_launcher().poll(timeout_seconds))
            except LauncherDied as death:
                self._lose_everything(death)
            self._take_in()
            if self._launcher is not None:
                self._fill_slots()
        exits, self._exits = self._exits, []
        return exits

    def cancel(self, job_id: str) -> None:
        self._fill_slots()
        if job_id in self._waiting:
            exits = [*self._exits, _unmeasured(job_id, "cancelled")]
            self._exits = exits
            del self._waiting[job_id]
        elif job_id in self._started:
            try:
                self._living_launcher().cancel(job_id)
            except LauncherDied as death:
                self._lose_everything(death)

    def reattach(self, job_id: str) -> bool:
        return False

    def close(self) -> None:
        launcher, self._launcher = self._launcher, None
        self._waiting, self._started, self._ended, self._exits = {}, {}, [], []
        if launcher is not None:
            launcher.close()

    def _new_launcher(self) -> Launcher:
        launcher = Launcher(self._preload, hides=self._hides)
        launcher.start()
        return launcher

    def _living_launcher(self) -> Launcher:
        if self._launcher is None:
            if self._death is not None and self._deaths > 1:
                raise self._death
            self._launcher = self._new_launcher()
        return self._launcher

    def _fill_slots(self) -> None:
        while self._waiting and len(self._started) < self._slots:
            job = next(iter(self._waiting.values()))
            try:
                _start(self._living_launcher(), job)
            except LauncherDied as death:
                if self._launcher is None:
                    raise
                self._lose_everything(death)
                continue
            self._started[job.id] = job
            del self._waiting[job.id]

    def _take_in(self) -> None:
        ids = {ended.launch_id for ended in self._ended}
        started = {id_: job for id_, job in self._started.items() if id_ not in ids}
        exits = [*self._exits, *map(_as_exit, self._ended)]
        if ids:
            self._deaths = 0
        self._started, self._exits, self._ended = started, exits, []

    def _lose_everything(self, death: LauncherDied) -> None:
        """The launcher has gone, and by its end every job that it ran."""
        if self._launcher is not None:
            with contextlib.suppress(LauncherDied):
                self._ended.extend(self._launcher.poll(0))
            self._take_in()
            self._launcher.close()
        exits = [*self._exits, *(_unmeasured(job, "lost") for job in self._started)]
        self._death, self._deaths, self._launcher = death, self._deaths + 1, None
        self._started, self._exits = {}, exits


def _unmeasured(job_id: str, ended_by: EndedBy) -> Exit:
    """The exit of a job that was not seen to run: the noughts are no measurements."""
    return Exit(job_id, ended_by, None, None, 0.0, 0.0, 0, 0)


def _start(launcher: Launcher, job: Job) -> None:
    launcher.start_process(
        job.id,
        argv=job.argv,
        directory=job.directory,
        environment=job.environment,
        log=job.log,
        writes=job.writes,
        reads=job.reads,
        network=job.network,
        preloaded=job.preloaded,
        **asdict(job.limits),
    )


def _as_exit(ended: ProcessExit) -> Exit:
    return Exit(
        job=ended.launch_id,
        ended_by=ended.ended_by,
        code=ended.code,
        signal=ended.signal,
        wall_seconds=ended.wall_seconds,
        cpu_seconds=ended.cpu_seconds,
        peak_memory_bytes=ended.peak_memory_bytes,
        leftover_processes=ended.leftover_processes,
        isolation=ended.isolation,
    )
