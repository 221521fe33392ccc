"""Turning a fresh fork of the launcher into the job itself."""

# ruff: noqa: PTH112, PTH123, PTH208 - called often, or in a fork, where pathlib costs more

from __future__ import annotations

import math
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import NoReturn

from proveout.sandbox import _linux, _script
from proveout.sandbox._cell import Cell
from proveout.sandbox._records import ProcessStart

_OPEN_FILES = 4096
_FILE_SLACK_BYTES = 1 << 20
_PROCESS_SLACK = 8
_TROUBLE = 3
CANNOT_RUN = 126
NOT_FOUND = 127


def become(start: ProcessStart, cell: Cell, output: int, trouble: int) -> NoReturn:
    """Never returns: the process ends with the job.

    `output` is where it writes; `trouble` hears of what kept it from being shut in, and then
    nothing of the job has run.
    """
    try:
        os.setsid()
        _linux.die_with_parent()
        _redirect(output, trouble)
        _reset_signals()
        _limit(start, cell.user_processes)
        try:
            cell.confine(start)
        except Exception as error:
            os.write(_TROUBLE, f"it could not be shut in: {error}".encode(errors="replace"))
            os._exit(CANNOT_RUN)
        os.close(_TROUBLE)
        if _nobody_reads(1):
            os._exit(CANNOT_RUN)  # the supervisor died before the kernel was told to watch it
        _run(start)
    except BaseException:
        os.write(2, traceback.format_exc().encode(errors="replace"))
    os._exit(CANNOT_RUN)


def _nobody_reads(pipe: int) -> bool:
    waiting = select.poll()
    waiting.register(pipe, 0)
    return bool(waiting.poll(0))


def _redirect(output: int, trouble: int) -> None:
    """Standard input is empty, output and error go to the supervisor, all else is closed."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(trouble, _TROUBLE)
    for folder in ("/proc/self/fd", "/dev/fd"):
        if os.path.isdir(folder):
            open_now = [int(name) for name in os.listdir(folder)]
            break
    else:
        open_now = list(range(os.sysconf("SC_OPEN_MAX")))
    for descriptor in open_now:
        if descriptor > 2 and descriptor != _TROUBLE:
            os.closerange(descriptor, descriptor + 1)  # ignores what is closed already


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _limit(start: ProcessStart, others: int) -> None:
    """Limits that the kernel holds by itself; memory and wall time are the supervisor's."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    # A little above the limit, so that a file that is stopped by it is seen to be over it.
    _lower(resource.RLIMIT_FSIZE, start.disk_bytes + _FILE_SLACK_BYTES)
    # For a job that allocates faster than the supervisor looks. RLIMIT_DATA counts what may be
    # written, touched or not, so it is generous, and leaves CUDA's address space out of it.
    _lower(resource.RLIMIT_DATA, _writable_bytes() + 2 * start.memory_bytes)
    if start.processes + others < 1 << 30:
        _lower(resource.RLIMIT_NPROC, start.processes + _PROCESS_SLACK + others)
    if math.isfinite(start.cpu_seconds):  # of one process; all together are the supervisor's
        _lower(resource.RLIMIT_CPU, math.ceil(start.cpu_seconds) + 1)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # if the machine runs out of memory, the job goes first
    except OSError:
        pass


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (allowed, allowed))


def _writable_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    except OSError:
        return 1 << 30


def _run(start: ProcessStart) -> NoReturn:
    try:
        os.chdir(start.directory)
    except OSError as error:
        _refuse(f"cannot enter the working directory {start.directory}: {error.strerror}")
    argv = with_this_python(start.argv)
    forks = start.preloaded and argv[0] == sys.executable
    if forks and _script.can_fork(argv[1:], start.environment):
        _script.run(argv[1:], start.environment)
    execute(argv, start.environment)


def with_this_python(argv: Sequence[str]) -> list[str]:
    """`python` and `python3` mean the Python that runs proveout, whatever PATH says."""
    if argv and argv[0] in ("python", "python3"):
        return [sys.executable, *argv[1:]]
    return list(argv)


def execute(argv: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    for name in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)  # Python ignores them; other programs do not expect it
    try:
        os.execvpe(argv[0], list(argv), dict(environment))
    except (FileNotFoundError, NotADirectoryError):
        _refuse(not_found(argv[0], environment), NOT_FOUND)
    except OSError as error:
        _refuse(f"cannot run {argv[0]}: {error.strerror}")


def not_found(command: str, environment: Mapping[str, str]) -> str:
    """The sentence that a job's log gets when its command is not on its PATH."""
    if "/" in command:
        return f"the command {command} does not exist (or the interpreter that it names does not)"
    where = environment.get("PATH", os.defpath)
    return f"the command {command} was not found; PATH is {where}"


def _refuse(sentence: str, code: int = CANNOT_RUN) -> NoReturn:
    os.write(2, f"proveout: {sentence}\n".encode(errors="replace"))
    os._exit(code)
