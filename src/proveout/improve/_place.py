"""A place where programs run shut in: one launcher, a folder for each process, a channel to it."""

from __future__ import annotations

import contextlib
import itertools
import marshal
import select
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from proveout.errors import EnvironmentFailure
from proveout.improve._channel import Channel
from proveout.sandbox import Launcher, Level, ProcessExit

_PRELOADED = (
    "json", "random", "math", "itertools", "functools", "collections", "heapq", "statistics",
    "ast", "re", "struct", "encodings.idna",
)  # fmt: skip
"""What programs of one file import most, had already when a process starts."""
_DRIVER = Path(__file__).with_name("_driver.py")
_START = """import marshal, sys
with open(sys.path.pop(0) + "/driver", "rb") as file:
    code = marshal.loads(file.read())
exec(code)
"""
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONHASHSEED": "0",
                "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp", "LANG": "C.UTF-8"}  # fmt: skip
_END_SECONDS = 20.0


@dataclass(frozen=True)
class Walls:
    """The limits of one process, all held from outside of it."""

    wall_seconds: float = 60.0
    cpu_seconds: float = 20.0
    memory_bytes: int = 256 << 20
    disk_bytes: int = 8 << 20
    log_bytes: int = 20_000
    processes: int = 16
    files: int = 200


class Place:
    """Starts processes and hears of their ends. One thread at a time may use it."""

    def __init__(self, scratch: Path) -> None:
        """`scratch` is made where it is missing; what a process leaves there is removed."""
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix="place-", dir=scratch)).absolute()
        self._launcher = Launcher(_PRELOADED)
        self._numbers = itertools.count(1)
        self._ended: dict[str, ProcessExit] = {}

    def __enter__(self) -> Self:
        """Starts the launcher."""
        self._launcher.start()
        # Compiled once here, and not in each process that starts.
        code = compile(_DRIVER.read_text(encoding="utf-8"), _DRIVER.name, "exec")
        (self._scratch / "driver").write_bytes(marshal.dumps(code))
        (self._scratch / "start.py").write_text(_START)
        return self

    def __exit__(self, *error: object) -> None:
        """Ends all that runs here."""
        self._launcher.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    @property
    def isolation(self) -> Level:
        """The level at which everything here runs."""
        return self._launcher.isolation

    def start(self, walls: Walls) -> Process:
        """A process that waits for its first frame, which says what to run."""
        name = f"p{next(self._numbers)}"
        script = self._scratch / "start.py"
        folder = self._scratch / name
        (folder / "work").mkdir(parents=True)
        channel = Channel(folder / "work")
        self._launcher.start_process(
            name,
            argv=["python", str(script)],
            directory=folder / "work",
            environment=_ENVIRONMENT,
            log=folder / "log",
            writes=folder / "work",
            wall_seconds=walls.wall_seconds,
            memory_bytes=walls.memory_bytes,
            disk_bytes=walls.disk_bytes,
            log_bytes=walls.log_bytes,
            processes=walls.processes,
            cpu_seconds=walls.cpu_seconds,
            files=walls.files,
            reads=(script, self._scratch / "driver"),
        )
        return Process(self, name, folder, channel)

    def _wait(self, name: str, channel: Channel | None, seconds: float) -> bool:
        """Waits for a frame or an end; whether the time is not over."""
        self._hear()
        if name in self._ended:
            return True
        waiting = [self._launcher.fileno(), *([channel.fileno()] if channel else [])]
        ready = select.select(waiting, [], [], max(0.0, seconds))[0]
        if channel is not None and channel.fileno() in ready:
            channel.take_in()
        if self._launcher.fileno() in ready:
            self._hear()
        return bool(ready)

    def _hear(self) -> None:
        """Takes in what ended. The launcher may have said so while it was asked for something
        else, and then nothing is left to be read: so it is asked each time before one waits."""
        self._ended |= {each.launch_id: each for each in self._launcher.poll(0)}

    def _end(self, name: str) -> ProcessExit:
        """Ends a process, if it has not ended, and says how it did."""
        deadline = time.monotonic() + _END_SECONDS
        if name not in self._ended:
            self._launcher.cancel(name)
        while name not in self._ended and time.monotonic() < deadline:
            self._wait(name, None, deadline - time.monotonic())
        if name not in self._ended:
            raise EnvironmentFailure(
                f"a process was told to end and had not after {_END_SECONDS:g} s; nothing is lost: "
                "the same command goes on from here"
            )
        return self._ended.pop(name)


@dataclass
class Process:
    """One process that is shut in. `end` must be called, whatever happens."""

    _place: Place
    _name: str
    _folder: Path
    _channel: Channel

    def send(self, message: Mapping[str, Any], seconds: float = 5.0) -> None:
        """Raises `Closed` where it is not taken in."""
        self._channel.send(dict(message), time.monotonic() + seconds)

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """The next frame; None where none came in time or the process has ended.

        Raises:
            WrongFrame: it does not keep to the protocol.
        """
        deadline = time.monotonic() + seconds
        while True:
            frame = self._channel.next_frame()
            if frame is not None:
                return frame
            if self.has_ended:
                self._channel.take_in()
                return self._channel.next_frame()
            if not self._place._wait(self._name, self._channel, deadline - time.monotonic()):
                return None

    @property
    def has_ended(self) -> bool:
        """Whether its end was heard of."""
        return self._name in self._place._ended

    def end(self) -> ProcessExit:
        """Ends it with all that it started, and removes its folder."""
        ended = self._place._end(self._name)
        self._channel.close()
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder)
        return ended
