"""One run of an improver: its requests answered, counted and refused here, outside of it."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from proveout.errors import EnvironmentFailure, SolutionFailed
from proveout.improve._attempts import Counts, Seen, keep
from proveout.improve._book import Accounts
from proveout.improve._channel import Closed, WrongFrame
from proveout.improve._meter import Budget, Meter
from proveout.improve._model import Model
from proveout.improve._place import Place, Process, Walls
from proveout.improve._program import LONGEST_PROGRAM_BYTES, fenced_programs

MOST_PROMPT_BYTES = 400_000
_MOST_TEXTS_BYTES = 3_500_000
_LOOK_EVERY_SECONDS = 1.0
_BACKSTOP_SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """What came of a run; `returned` is None where what was given stands."""

    ended: str
    why: str
    returned: str | None
    cpu_seconds: float
    wall_seconds: float


@dataclass(frozen=True)
class Given:
    """What an improver is given."""

    solution: str
    description: str
    """Of the task, for a prompt."""
    utility: Callable[[str], float]
    luck: str
    """What the model's luck is drawn from: the same for parent and child."""


@dataclass
class Session:
    """Runs one improver once."""

    place: Place
    book: Accounts
    model: Model
    run: str
    budget: Budget
    counts: Counts
    meter: Meter = field(init=False)
    seen: list[Seen] = field(default_factory=list)
    """What the improver itself tried."""
    _calls: int = 0
    _deadline: float = 0.0

    def __post_init__(self) -> None:
        """Nothing is used yet."""
        self.meter = Meter(self.budget)

    def run_improver(self, source: str, given: Given) -> Outcome:
        """Runs an improver's text on what it is given.

        Raises:
            Ended: a hard end of the whole folder was reached, or somebody asked to stop.
            EnvironmentFailure: the model gives no answer.
        """
        began = time.monotonic()
        self._deadline = began + min(self.budget.seconds, self.book.seconds_left)
        walls = Walls(
            wall_seconds=self.budget.seconds + _BACKSTOP_SECONDS,
            cpu_seconds=self.budget.cpu_seconds,
        )
        process = self.place.start(walls)
        try:
            ended, why, returned = self._converse(process, source, given)
        finally:
            left = process.end()
        if left.ended_by == "processes":
            self.seen.append(Seen("process", "more processes than are allowed"))
        wall_seconds = time.monotonic() - began
        return Outcome(ended, why[:500], returned, left.cpu_seconds, wall_seconds)

    def _converse(self, process: Process, source: str, given: Given) -> tuple[str, str, str | None]:
        start = {
            "source": source,
            "solution": given.solution,
            "description": given.description,
            "seed": luck_of(given.luck, "improver"),
            "budget": self._left(),
        }
        try:
            process.send({"kind": "improver", **start})
            while True:
                frame = self._next(process)
                if frame is None:
                    return self._silence(process)
                if (end := self._take(process, frame, given)) is not None:
                    return end
        except Closed as closed:
            return "crashed", str(closed), None
        except WrongFrame as wrong:
            self.seen.append(Seen("protocol", str(wrong)))
            return "wrong frame", str(wrong), None

    def _next(self, process: Process) -> dict[str, Any] | None:
        while True:
            self.book.check()
            seconds = self._deadline - time.monotonic()
            frame = process.receive(min(seconds, _LOOK_EVERY_SECONDS))
            if frame is not None or process.has_ended or seconds <= 0:
                return frame

    def _silence(self, process: Process) -> tuple[str, str, None]:
        self.book.check()
        if not process.has_ended:
            return "timed out", f"no end in {self.budget.seconds:g} s", None
        return "crashed", "its process ended before it returned", None

    def _take(
        self, process: Process, frame: dict[str, Any], given: Given
    ) -> tuple[str, str, str | None] | None:
        match frame["kind"]:
            case "note":
                keep(self.seen, Seen.told(frame))
            case "model":
                process.send(self._sample(frame, given))
            case "utility":
                process.send(self._score(frame, given))
            case "returned" if isinstance(solution := frame.get("solution"), str):
                if len(solution.encode(errors="replace")) > LONGEST_PROGRAM_BYTES:
                    return "too long", f"a program of {len(solution)} characters", None
                return "returned", "", solution
            case "raised":
                return "raised", f"{frame.get('type')}: {frame.get('text')}", None
            case "no text":
                return "no text", f"returned a {frame.get('type')}, not a text", None
            case "too long":
                return "too long", f"a program of {frame.get('bytes')} characters", None
            case kind:
                raise WrongFrame(f"a frame of the kind {kind[:40]!r}")
        return None

    def _score(self, frame: dict[str, Any], given: Given) -> dict[str, Any]:
        candidate = frame.get("candidate")
        if not isinstance(candidate, str):
            raise WrongFrame("a candidate that is no text")
        if self.meter.utility_calls >= self.budget.utility_calls:
            return self._refusal("no utility calls are left")
        self.meter.utility_calls += 1
        score = given.utility(candidate)
        return {"kind": "score", "score": score, "budget": self._left()}

    def _sample(self, frame: dict[str, Any], given: Given) -> dict[str, Any]:
        prompt, count, temperature = (frame.get(k) for k in ("prompt", "count", "temperature"))
        if not isinstance(prompt, str) or type(count) is not int or type(temperature) is not float:
            raise WrongFrame("a request for samples that has not the form of one")
        if len(prompt.encode(errors="replace")) > MOST_PROMPT_BYTES:
            return self._refusal(f"a prompt of more than {MOST_PROMPT_BYTES} bytes")
        most = self.model.most(prompt, max(0, count))
        if why := self.meter.over(count, most):
            return self._refusal(why)
        if not math.isfinite(temperature):
            return self._refusal("the temperature is not a number")
        self._calls += 1
        temperature = min(2.0, max(0.0, temperature))
        request = _request(prompt, count, temperature)
        self.book.charge(self.run, self._calls, request, count, most)
        self.meter.charge(count, most)
        try:
            seed = luck_of(given.luck, self._calls)
            got = self.model.sample(prompt, count, temperature, seed)
        except SolutionFailed as failed:
            raise EnvironmentFailure(
                f"the model {self.model.name} gives no answer: {str(failed).rstrip('.')}. "
                "Nothing is lost: the "
                "same command goes on from here"
            ) from None
        self.book.settle(self.run, self._calls, request, most, got)
        self.meter.settle(most, got)
        for text in got.texts:
            self.counts.wrote(next(reversed(fenced_programs(text)), None))
        texts = [_shortened(text, _MOST_TEXTS_BYTES // count) for text in got.texts]
        return {"kind": "samples", "texts": texts, "budget": self._left()}

    def _refusal(self, why: str) -> dict[str, Any]:
        self.meter.refused += 1
        return {"kind": "refused", "why": why, "budget": self._left()}

    def _left(self) -> dict[str, Any]:
        return self.meter.left(self._deadline - time.monotonic())


def _shortened(text: str, most_bytes: int) -> str:
    """A reply that fits through the channel beside the others."""
    return text if len(json.dumps(text)) <= most_bytes else text[: most_bytes // 6]


def luck_of(*parts: object) -> int:
    """A seed of 31 bits, by a keyed hash of its parts."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) >> 1


def _request(prompt: str, count: int, temperature: float) -> str:
    told = json.dumps([prompt, count, temperature])
    return hashlib.blake2b(told.encode(), digest_size=12).hexdigest()
