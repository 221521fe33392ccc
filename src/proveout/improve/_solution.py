"""A solution, run shut in: one call after the other, each with a deadline kept outside of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from proveout.errors import SolutionFailed
from proveout.improve._attempts import Seen
from proveout.improve._channel import Closed, WrongFrame
from proveout.improve._place import Place, Process, Walls

_SLACK_SECONDS = 0.25
"""What a busy machine may add to a call, and to the start of a process."""
_START_SECONDS = 5.0
MOST_BYTES = 64_000
"""The longest program that is run."""
_GIVES_UP_AFTER = 3


@dataclass
class Solution:
    """Use it as a context manager. Its process starts with the first call, and anew after a call
    that did not come back; after three of these in a row it is not started again."""

    place: Place
    source: str
    function: str
    seconds: float
    """For one call."""
    seed: int
    walls: Walls = field(default_factory=Walls)
    cpu_seconds: float = 0.0
    seen: list[Seen] = field(default_factory=list)
    _process: Process | None = None
    _lost: int = 0

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends its process."""
        self._stop()

    def __call__(self, *arguments: Any) -> Any:
        """The answer to one call, as JSON gives it back.

        Raises:
            SolutionFailed: it raised, took too long, ended, or did not answer in JSON.
        """
        process = self._started()
        try:
            process.send({"kind": "call", "arguments": arguments})
            reply = self._reply(process, self.seconds + _SLACK_SECONDS)
        except Closed as closed:
            raise self._gone("crashed", str(closed)) from None
        self._lost = 0
        if reply["kind"] == "answer":
            return reply.get("value")
        raise SolutionFailed("raised" if reply["kind"] == "raised" else "no json", _words(reply))

    def _started(self) -> Process:
        if self._process is not None:
            return self._process
        if self._lost >= _GIVES_UP_AFTER:
            raise SolutionFailed("gave up", f"{self._lost} calls in a row did not come back")
        if len(self.source.encode(errors="replace")) > MOST_BYTES:
            raise SolutionFailed("too long", f"a program of more than {MOST_BYTES} bytes")
        process = self._process = self.place.start(self.walls)
        start = {"source": self.source, "function": self.function, "seed": self.seed}
        try:
            process.send({"kind": "solution", **start})
        except Closed as closed:
            raise self._gone("crashed", str(closed)) from None
        reply = self._reply(process, self.seconds + _START_SECONDS)
        if reply["kind"] != "ready":
            self._lost = _GIVES_UP_AFTER  # it would not load the next time either
            self._stop()
            raise SolutionFailed("does not load", _words(reply))
        return process

    def _reply(self, process: Process, seconds: float) -> dict[str, Any]:
        while True:
            try:
                frame = process.receive(seconds)
            except WrongFrame as wrong:
                self.seen.append(Seen("protocol", str(wrong)))
                raise self._gone("wrong frame", str(wrong)) from None
            if frame is None:
                over = not process.has_ended
                what = f"no answer in {seconds:g} s" if over else "its process ended"
                raise self._gone("timed out" if over else "crashed", what)
            if frame["kind"] == "note":
                self.seen.append(Seen.told(frame))
            else:
                return frame

    def _gone(self, kind: str, message: str) -> SolutionFailed:
        self._lost += 1
        self._stop()
        return SolutionFailed(kind, message)

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            ended = process.end()
            self.cpu_seconds += ended.cpu_seconds
            if ended.ended_by == "processes":
                self.seen.append(Seen("process", "more processes than are allowed"))


def _words(reply: dict[str, Any]) -> str:
    return f"{reply.get('type', '')}: {reply.get('text', '')}"[:300]
