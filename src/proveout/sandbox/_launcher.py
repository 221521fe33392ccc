"""The controller's end of the launcher: starts it, asks for processes, takes in how they ended."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import IO, Any, Self

from proveout.errors import EnvironmentFailure, LauncherDied
from proveout.sandbox._environment import highest_from_outside, launcher_environment
from proveout.sandbox._records import (
    Attempt,
    Level,
    ProcessExit,
    ProcessStart,
    line,
    read_attempt,
    read_exit,
    start_line,
    worse,
)

_CHUNK_BYTES = 1 << 16
_CLOSE_SECONDS = 10.0
_STDERR_TAIL_BYTES = 2000
_SERVE = Path(__file__).with_name("_serve.py")


class Launcher:
    """Starts processes from one that has its heavy imports already.

    A Python script then runs in a fork, milliseconds after it was asked for; anything else is
    executed. Use it as a context manager: closing it ends all that it runs, and so does the end of
    the controller, even by SIGKILL. It has a session of its own, so Ctrl-C in the terminal reaches
    neither it nor what it runs.
    """

    def __init__(
        self, preload: Sequence[str] = (), highest: Level = "A", hides: Sequence[str] = ()
    ) -> None:
        """`highest` is the first level that is tried; it can only be lowered by it.

        `hides` are patterns of files, by the last parts of their paths, that nothing may read of
        the system and the interpreter, which it otherwise can.
        """
        self._preload = tuple(preload)
        self._highest = worse(highest, highest_from_outside())
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._stderr: IO[bytes] | None = None
        self._loaded: tuple[str, ...] | None = None
        self._level: Level = "E"
        self._attempts: tuple[Attempt, ...] = ()
        self._shown: tuple[str, ...] = ()
        self._hides = tuple(hides)
        self._hidden: tuple[str, ...] = ()
        self._chunks: list[bytes] = [b""]
        self._exits: list[ProcessExit] = []
        self._outbox = b""
        self._sent: list[int] = []
        self._asked: frozenset[str] = frozenset()
        self._delivered: list[ProcessExit] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it; does not wait for its imports. Requests made meanwhile are served after."""
        if self._process is not None:
            return
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_SERVE), str(theirs.fileno()), self._highest, *self._preload],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                cwd="/",
                env=launcher_environment(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._socket.setblocking(False)
        self._outbox = line("hides", {"patterns": self._hides})
        self._send()

    def close(self) -> None:
        """End everything that it runs, then itself."""
        process, self._process = self._process, None
        if self._socket is not None:
            self._socket.close()
        if process is not None:
            try:
                process.wait(_CLOSE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._stderr is not None:
            self._stderr.close()

    @property
    def preloaded(self) -> tuple[str, ...]:
        """What it has imported of what it was asked to; waits until it has."""
        return self._wait_until_ready()

    @property
    def isolation(self) -> Level:
        """The level that everything it starts runs at: the highest whose attacks were all held."""
        self._wait_until_ready()
        return self._level

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """How it went at each level that was tried, the highest first."""
        self._wait_until_ready()
        return self._attempts

    @property
    def shown(self) -> tuple[str, ...]:
        """Folders and files of the system and the interpreter that everything can read."""
        self._wait_until_ready()
        return self._shown

    @property
    def hidden(self) -> tuple[str, ...]:
        """What of that nothing can read, at every level but E."""
        self._wait_until_ready()
        return self._hidden

    def _wait_until_ready(self) -> tuple[str, ...]:
        """Until it has said what it imported and at which level it runs; returns the former."""
        while self._loaded is None:
            self._exchange(None)
        return self._loaded

    def fileno(self) -> int:
        """Readable when `poll` has something to return."""
        return self._connection().fileno()

    def start_process(
        self,
        launch_id: str,
        *,
        argv: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        log: Path,
        writes: Path,
        wall_seconds: float,
        memory_bytes: int,
        disk_bytes: int,
        log_bytes: int,
        reads: Sequence[Path] = (),
        network: bool = False,
        processes: int = 512,
        cpu_seconds: float = math.inf,
        files: int = 100_000,
        preloaded: bool = True,
    ) -> None:
        """Ask for a process. How it ended comes from `poll`, under the same `launch_id`.

        It finds `writes` as its own, and `reads`, the system and the interpreter to be read; of
        all other files there are none, or none that open, as `isolation` says.

        `python` and `python3` as argv[0] mean the Python that runs proveout; without `preloaded`
        it is a new one, executed, whatever this launcher has imported. Asking again for an
        id that `poll` has not returned yet changes nothing, so a call that was interrupted can be
        repeated. Raises LauncherDied, or EnvironmentFailure if the log cannot be written.
        """
        self._settle()
        if launch_id in self._asked:
            self._send()
            return
        if not os.access(log if log.exists() else log.parent, os.W_OK):
            raise EnvironmentFailure(f"cannot write the log {log}: is its folder there?")
        start = ProcessStart(
            launch_id=launch_id,
            argv=tuple(argv),
            directory=str(directory.absolute()),
            environment=environment,
            log=str(log.absolute()),
            writes=str(writes.absolute()),
            wall_seconds=wall_seconds,
            memory_bytes=memory_bytes,
            disk_bytes=disk_bytes,
            log_bytes=log_bytes,
            reads=tuple(str(path.absolute()) for path in reads),
            network=network,
            processes=processes,
            cpu_seconds=cpu_seconds,
            files=files,
            preloaded=preloaded,
        )
        text, asked = start_line(start), self._asked | {launch_id}
        self._outbox, self._asked = self._outbox + text, asked
        self._send()

    def cancel(self, launch_id: str) -> None:
        """End a process; it is reported as cancelled, unless it has just ended otherwise."""
        self._outbox += line("cancel", {"launch_id": launch_id})
        self._send()

    def poll(self, timeout_seconds: float | None) -> list[ProcessExit]:
        """Processes that have ended; waits for the first one, None without end.

        May be interrupted (Ctrl-C): what has not been returned comes with the next call.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._settle()
        try:
            self._exchange(0)
            while not self._exits:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._exchange(left)
        except LauncherDied:
            if not self._exits:
                raise
        # CPython runs signal handlers after calls only, and there is none from here on.
        self._delivered, self._exits = self._exits, []
        return self._delivered

    def _connection(self) -> socket.socket:
        if self._process is None or self._socket is None:
            raise LauncherDied("the launcher is not running: it was never started, or is closed")
        return self._socket

    def _settle(self) -> None:
        """What was delivered is over: its ids may be used again."""
        over = frozenset([exit_.launch_id for exit_ in self._delivered])
        self._asked, self._delivered = self._asked - over, []

    def _send(self) -> None:
        """Give the launcher all requests, taking in reports meanwhile: neither can block."""
        while self._unsent():
            self._exchange(None)

    def _unsent(self) -> bytes:
        return self._outbox[sum(self._sent) :]

    def _exchange(self, timeout_seconds: float | None) -> None:
        """Wait for the launcher, then take what it says and give what it takes."""
        connection = self._connection()
        if len(self._chunks) > 1:  # an interruption came before they were read
            self._read()
            return
        unsent = self._unsent()
        waiting = select.poll()
        waiting.register(connection, select.POLLIN | (select.POLLOUT if unsent else 0))
        events = waiting.poll(None if timeout_seconds is None else timeout_seconds * 1000)
        flags = events[0][1] if events else 0
        try:
            if flags & ~select.POLLOUT:
                self._receive(connection)
            if flags & select.POLLOUT:
                # As below. Written so, the count of what was sent cannot be lost either.
                self._sent.extend(map(connection.send, (unsent,)))
                if not self._unsent():
                    self._outbox, self._sent = b"", []
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            raise self._died() from None

    def _receive(self, connection: socket.socket) -> None:
        # One call in C takes the bytes and keeps them: between two statements a signal handler
        # could raise, and the bytes would be in nobody's hands.
        self._chunks.extend(map(connection.recv, repeat(_CHUNK_BYTES, 1)))
        self._read()

    def _read(self) -> None:
        """Understand what has come. Interrupted, it is done again from the start."""
        closed = b"" in self._chunks[1:]
        *lines, rest = b"".join(self._chunks).split(b"\n")
        messages: list[dict[str, Any]] = [json.loads(text) for text in lines]
        ended = [read_exit(message) for message in messages if message["kind"] == "exit"]
        exits = self._exits + ended
        for message in messages:
            if message["kind"] == "ready":
                self._level = message["isolation"]
                self._attempts = tuple(map(read_attempt, message["attempts"]))
                self._shown = tuple(message["shown"])
                self._hidden = tuple(message["hidden"])
                self._loaded = tuple(message["preloaded"])
        self._chunks, self._exits = [rest], exits
        if closed:
            raise self._died()

    def _died(self) -> LauncherDied:
        said = ""
        if self._stderr is not None and not self._stderr.closed:
            size = self._stderr.seek(0, os.SEEK_END)
            self._stderr.seek(max(0, size - _STDERR_TAIL_BYTES))
            said = self._stderr.read().decode(errors="replace").strip()
        how = "ended"
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self._process.wait(1.0)
                how = f"ended with status {status}"
                if status < 0:
                    how = f"was ended by {signal.Signals(-status).name}"
        return LauncherDied(f"the launcher {how}; it said: {said or 'nothing'}")
