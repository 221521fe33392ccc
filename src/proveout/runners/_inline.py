"""Trials one at a time in the foreground: slow, plain, and easy to follow with a debugger."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from proveout.runners._runner import Runner
from proveout.sandbox import not_found, with_this_python
from proveout.trials import EndedBy, Exit, Job

_NOT_FOUND = 127
_RSS_UNIT_BYTES = 1024 if os.uname().sysname == "Linux" else 1


class InlineRunner(Runner):
    """`submit` runs the job and returns when it has ended; `poll` hands the exit over.

    Holds the wall limit and the size of the log; memory and disk are not limited here, and a
    process that leaves the job's process group is not found.
    """

    def __init__(self) -> None:
        self._exits: list[Exit] = []

    @property
    def slots(self) -> int:
        return 1

    @property
    def running(self) -> frozenset[str]:
        return frozenset(exit_.job for exit_ in self._exits)

    def submit(self, job: Job) -> None:
        if job.id in self.running:
            raise ValueError(f"job {job.id} has not been collected yet")
        self._exits.append(_run(job))

    def poll(self, timeout_seconds: float | None) -> list[Exit]:
        exits, self._exits = self._exits, []
        return exits

    def cancel(self, job_id: str) -> None:
        """Nothing to do: a job has ended by the time that `submit` returns."""

    def reattach(self, job_id: str) -> bool:
        return False

    def close(self) -> None:
        self._exits = []


def _run(job: Job) -> Exit:
    began = time.monotonic()
    with job.log.open("wb") as log:
        try:
            process = subprocess.Popen(
                with_this_python(job.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=job.directory,
                env=dict(job.environment),
                start_new_session=True,
            )
        except OSError as error:
            sentence = f"cannot run {job.argv[0]} in {job.directory}: {error.strerror}"
            if job.directory.is_dir() and isinstance(error, FileNotFoundError):
                sentence = not_found(job.argv[0], job.environment)
            log.write(f"proveout: {sentence}\n".encode())
            wall_seconds = time.monotonic() - began
            return Exit(job.id, "itself", _NOT_FOUND, None, wall_seconds, 0.0, 0, 0)
    exit_ = _wait(job, process, began)
    _cap(job.log, job.limits.log_bytes)
    return exit_


def _wait(job: Job, process: subprocess.Popen[bytes], began: float) -> Exit:
    overdue = threading.Event()

    def end_it() -> None:
        overdue.set()
        _end_group(process.pid)

    timer = threading.Timer(job.limits.wall_seconds, end_it)
    timer.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        _end_group(process.pid)
        process.wait()
        raise
    finally:
        timer.cancel()
        timer.join()
    wall_seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    ended_by: EndedBy = "wall-time" if overdue.is_set() else "itself"
    _end_group(process.pid)
    return Exit(
        job=job.id,
        ended_by=ended_by,
        code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        wall_seconds=wall_seconds,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_memory_bytes=used.ru_maxrss * _RSS_UNIT_BYTES,
        leftover_processes=0,
    )


def _end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _cap(log: Path, most_bytes: int) -> None:
    dropped = log.stat().st_size - most_bytes
    if dropped <= 0:
        return
    with log.open("r+b") as file:
        file.truncate(most_bytes)
        file.seek(0, os.SEEK_END)
        note = f"\nproveout: the log is full at {most_bytes} bytes; {dropped} more "
        file.write(f"{note}bytes of output were dropped\n".encode())
