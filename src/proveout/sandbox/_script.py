"""Running a Python script in a fork of a process that has its heavy imports already.

The script must not be able to tell: same `__main__`, paths, environment, streams, random numbers,
traceback and exit status as `python script.py` would give it.
"""

# ruff: noqa: PTH100, PTH113, PTH119, PTH120, SIM115 - pathlib would cost a fork milliseconds

from __future__ import annotations

import atexit
import builtins
import gc
import importlib.machinery
import io
import os
import signal
import sys
import threading
import types
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

from proveout.sandbox import _linux

# What Python reads only when it starts. A value that the launcher was not started with cannot be
# given to a fork, so such a script gets a Python of its own.
_APPLIED_IN_FORK = {"PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING"}
_HASH_SEED = "PYTHONHASHSEED"
_PLAIN_LOCALES = ("C", "POSIX", "C.UTF-8", "C.utf8", "UTF-8")

_forgotten: list[types.ModuleType | None] = []
_LOG_LOCKS = "_at_fork_reinit_lock_weakset"
_log_locks: list[Any] = []

# Named once, not searched for in the fork: each object that a fork looks at first is a page that
# the kernel copies, and going through 2000 modules costs milliseconds.
_LAUNCHER_MODULES = (
    "proveout",
    "proveout.errors",
    "proveout.sandbox",
    *(f"proveout.sandbox.{file.stem}" for file in Path(__file__).parent.glob("_[!_]*.py")),
)


def can_fork(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether `python *arguments` would be the same run in this process."""
    if not arguments or not arguments[0].endswith(".py") or not os.path.isfile(arguments[0]):
        return False
    locale = _locale(environment)
    if locale not in _PLAIN_LOCALES and not locale.lower().endswith(("utf-8", "utf8")):
        return False
    special = {name for name in environment if name.startswith("PYTHON")} - _APPLIED_IN_FORK
    same_hashes = environment.get(_HASH_SEED, "random") in ("random", os.environ.get(_HASH_SEED))
    return same_hashes and special <= {_HASH_SEED}


def _locale(environment: Mapping[str, str]) -> str:
    given = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next(filter(None, given), "C")


def renew_chance() -> None:
    """For the next fork: Python's own `random` reseeds itself there, NumPy's generator does not.

    Before the fork and not in it, where it would touch, and so copy, two hundred pages.
    """
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def set_log_locks_aside() -> None:
    """The locks of the preloaded modules' log handlers, each of which every fork would renew.

    In the launcher, where nobody holds one; a script has them back.
    """
    logging = sys.modules.get("logging")
    if hasattr(logging, _LOG_LOCKS):
        _log_locks.append(getattr(logging, _LOG_LOCKS))
        setattr(logging, _LOG_LOCKS, weakref.WeakSet())


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Run `python *arguments` here and end with it."""
    os.environ.clear()
    os.environ.update(environment)
    _open_streams(environment)
    _forget_the_launcher(environment)
    _linux.set_name(os.path.basename(arguments[0]))
    sys.argv = list(arguments)
    real_folder = os.path.dirname(os.path.realpath(arguments[0]))
    more = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [real_folder, *more, *sys.path]
    module = _main_module(os.path.abspath(arguments[0]))
    _end(_execute(module), module)


def _open_streams(environment: Mapping[str, str]) -> None:
    at_once = bool(environment.get("PYTHONUNBUFFERED"))
    usual = "surrogateescape" if _locale(environment) in _PLAIN_LOCALES else "strict"
    encoding, _, errors = environment.get("PYTHONIOENCODING", "").partition(":")
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        is_error = name == "stderr"
        buffering = 0 if at_once and mode == "w" else -1
        stream = io.TextIOWrapper(
            open(descriptor, f"{mode}b", buffering=buffering, closefd=False),
            encoding=encoding or "utf-8",
            errors="backslashreplace" if is_error else errors or usual,
            line_buffering=is_error,
            write_through=at_once,
        )
        stream.mode = mode  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _forget_the_launcher(environment: Mapping[str, str]) -> None:
    """Undo what would make this fork differ from a Python that has just started."""
    # Kept, since taking them apart would touch, and so copy, every page that they lie on.
    global _forgotten
    _forgotten = [sys.modules.pop(name, None) for name in _LAUNCHER_MODULES]
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    gc.enable()
    for locks in _log_locks:
        setattr(sys.modules["logging"], _LOG_LOCKS, locks)
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None  # type: ignore[attr-defined]
    torch: Any = sys.modules.get("torch")
    threads = environment.get("OMP_NUM_THREADS", "").partition(",")[0]
    if torch is not None and threads.isdigit() and int(threads) > 1:  # the launcher has one
        torch.set_num_threads(int(threads))


def _main_module(path: str) -> types.ModuleType:
    module = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    vars(module).update(__file__=path, __cached__=None, __loader__=loader, __builtins__=builtins)
    if sys.version_info < (3, 14):
        module.__annotations__ = {}
    sys.modules["__main__"] = module
    return module


def _execute(module: types.ModuleType) -> int:
    path = str(module.__file__)
    try:
        with io.open_code(path) as file:
            source = file.read()
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))
    except SystemExit as stop:
        return _exit_status(stop.code)
    except BaseException as error:
        # The first entry of the traceback is this function's; a fresh Python would not show it.
        inner = error.__traceback__.tb_next if error.__traceback__ else None
        error.__traceback__ = inner
        sys.excepthook(type(error), error, inner)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _end(status: int, module: types.ModuleType) -> NoReturn:
    """What Python does when it ends, without taking the whole of torch apart (0.1 s)."""
    shut_down_threads: Any = getattr(threading, "_shutdown")  # noqa: B009
    shut_down_threads()
    run_exit_functions: Any = getattr(atexit, "_run_exitfuncs")  # noqa: B009
    try:
        run_exit_functions()
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    if threading.active_count() == 1:  # a daemon thread may still read the script's names
        vars(module).clear()
    gc.collect()
    _flush_what_is_open()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _flush_what_is_open() -> None:
    """Files that the script never closed; buffers last, as text flushes into them."""
    files = [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, (io.TextIOWrapper, io.BufferedWriter))
    ]
    streams: list[TextIO | None] = [sys.stdout, sys.stderr]
    for file in [*sorted(files, key=lambda file: isinstance(file, io.BufferedWriter)), *streams]:
        try:
            if file is not None and not file.closed:
                file.flush()
        except Exception:
            continue
