"""Solutions, run shut in: one call after the other, each with a deadline kept outside of it.

A host is one sandbox in which solutions run one after the other, each in a fork of its own. The
candidates of one run share a host, so the worst that one can do is to spoil the scores of others
that the same improver asks for. What an improver returns is scored in a host of its own.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Self

from proveout.errors import SolutionFailed
from proveout.improve._attempts import Seen, keep
from proveout.improve._channel import Closed, WrongFrame
from proveout.improve._place import Place, Process, Walls
from proveout.improve._program import LONGEST_PROGRAM_BYTES

_SLACK_SECONDS = 0.25
"""What a busy machine may add to a call, and to the start of a process."""
_START_SECONDS = 5.0
_GIVES_UP_AFTER = 3
_REPLIES = {"ready", "broken", "answer", "raised", "no json", "gone"}


@dataclass
class Host:
    """A sandbox for solutions; use it as a context manager. It starts when it is needed."""

    place: Place
    walls: Walls = field(default_factory=Walls)
    cpu_seconds: float = 0.0
    """Of processes that have ended."""
    _process: Process | None = None

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends its process."""
        self.drop()

    def process(self) -> Process:
        """The one that runs; a new one where there is none."""
        if self._process is None:
            self._process = self.place.start(self.walls)
        return self._process

    def drop(self) -> bool:
        """Ends the process with all in it; whether it had made more processes than allowed."""
        process, self._process = self._process, None
        if process is None:
            return False
        ended = process.end()
        self.cpu_seconds += ended.cpu_seconds
        return ended.ended_by == "processes"


@dataclass
class Solution:
    """Use it as a context manager. It starts with the first call, and anew after a call that did
    not come back; after three of these in a row it is not started again."""

    host: Host
    source: str
    function: str
    seconds: float
    """For all calls of one instance together."""
    seed: int
    seen: list[Seen] = field(default_factory=list)
    _process: Process | None = None
    _token: str = ""
    _lost: int = 0
    _left: float = 0.0

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends it; its host goes on."""
        process, self._process = self._process, None
        if process is not None:
            try:
                process.send({"kind": "end"})
            except Closed:
                self._drop()

    def begin(self) -> None:
        """The next instance begins, with all its time."""
        self._left = self.seconds

    def __call__(self, *arguments: Any) -> Any:
        """The answer to one call, as JSON gives it back.

        Raises:
            SolutionFailed: it raised, took too long, ended, or did not answer in JSON.
        """
        process, began = self._started(), time.monotonic()
        try:
            process.send({"kind": "call", "arguments": arguments})
            reply = self._reply(process, self._left + _SLACK_SECONDS)
        except Closed as closed:
            raise self._gone("crashed", str(closed)) from None
        self._left -= time.monotonic() - began
        self._lost = 0
        if reply["kind"] == "answer":
            return reply.get("value")
        raise SolutionFailed("raised" if reply["kind"] == "raised" else "no json", _words(reply))

    def _started(self) -> Process:
        if self._process is not None:
            return self._process
        if self._lost >= _GIVES_UP_AFTER:
            raise SolutionFailed("gave up", f"{self._lost} calls in a row did not come back")
        if len(self.source.encode(errors="replace")) > LONGEST_PROGRAM_BYTES:
            raise SolutionFailed("too long", f"more than {LONGEST_PROGRAM_BYTES} bytes")
        process = self._process = self.host.process()
        self._token = secrets.token_hex(8)
        start = {"source": self.source, "function": self.function, "seed": self.seed}
        try:
            process.send({"kind": "solution", "token": self._token, **start})
        except Closed as closed:
            raise self._gone("crashed", str(closed)) from None
        reply = self._reply(process, self.seconds + _START_SECONDS)
        if reply["kind"] != "ready":
            self._lost = _GIVES_UP_AFTER  # it would not load the next time either
            self.__exit__()
            raise SolutionFailed("does not load", _words(reply))
        return process

    def _reply(self, process: Process, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds  # of the answer, however many notes come before it
        while True:
            left = deadline - time.monotonic()
            try:
                frame = process.receive(left) if left > 0 else None
            except WrongFrame as wrong:
                raise self._abuse(str(wrong)) from None
            if frame is None:
                over = not process.has_ended
                what = f"no answer in {seconds:g} s" if over else "its process ended"
                raise self._gone("timed out" if over else "crashed", what)
            if frame["kind"] == "note":
                keep(self.seen, Seen.told(frame))
                continue
            if frame["kind"] not in _REPLIES or frame.get("token") != self._token:
                raise self._abuse(f"a frame of the kind {frame['kind'][:40]!r} that was not due")
            if frame["kind"] == "gone":
                self._process = None  # the host waits for the next one
                self._lost += 1
                raise SolutionFailed("crashed", "its process ended")
            return frame

    def _abuse(self, what: str) -> SolutionFailed:
        self.seen.append(Seen("protocol", what))
        return self._gone("wrong frame", what)

    def _gone(self, kind: str, message: str) -> SolutionFailed:
        self._lost += 1
        self._drop()
        return SolutionFailed(kind, message)

    def _drop(self) -> None:
        self._process = None
        if self.host.drop():
            self.seen.append(Seen("process", "more processes than are allowed"))


def _words(reply: dict[str, Any]) -> str:
    return f"{reply.get('type', '')}: {reply.get('text', '')}"[:300]
