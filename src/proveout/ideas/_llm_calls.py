"""Calls to a language model: paid from an account of their own, logged, and kept to be had again.

`sources/llm/calls.jsonl` is the account: a line before each call with what it may cost at most,
synced to disk, and a line after it with what it did cost. A call whose second line is missing was
under way when the controller ended, and is reckoned at all that it could have cost. The answers lie
in `sources/llm/answers/`, by a hash of what was asked, so an ask that is repeated costs nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from proveout.ideas._source import Cost

_ROUNDING = 1e-12
_OVERHEAD_TOKENS = 200
"""What a chat's own marks may add to a prompt."""


class Message(NamedTuple):
    """One turn of a conversation: `system`, `user` or `assistant`."""

    role: str
    text: str


@dataclass(frozen=True)
class Reply:
    """What a server answered to one call."""

    text: str
    input_tokens: int | None
    """None where the server did not say."""
    output_tokens: int | None


class CallFailed(Exception):
    """A call came to nothing."""

    def __init__(self, why: str, *, again: bool, paid: bool) -> None:
        super().__init__(why)
        self.again, self.paid = again, paid


@dataclass(frozen=True)
class Prices:
    """USD for a million tokens."""

    input: float
    output: float

    def most(self, messages: Sequence[Message], output_tokens: int) -> float:
        """What a call can cost: a token has at least one byte."""
        size_bytes = sum(len(message.text.encode()) for message in messages)
        marks = _OVERHEAD_TOKENS * (len(messages) + 1)
        return self.of(size_bytes + marks, output_tokens)

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost, in USD."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


class CallAccount:
    """What may be spent on calls, what was, and the calls themselves."""

    def __init__(self, folder: Path, budget_usd: float) -> None:
        self._folder, self._budget = folder, budget_usd
        self._log = folder / "calls.jsonl"
        (folder / "answers").mkdir(parents=True, exist_ok=True)
        self._begun: dict[int, dict[str, Any]] = {}
        self._ended: dict[int, dict[str, Any]] = {}
        self._read()

    @property
    def spent(self) -> float:
        """USD, calls whose end nobody saw at their most."""
        return sum(map(self._cost_usd, self._begun))

    @property
    def left(self) -> float:
        """USD that calls may still cost."""
        return self._budget - self.spent

    def cost_of(self, ask: int) -> Cost:
        """What the calls of one ask came to."""
        cost = Cost()
        for call, begun in self._begun.items():
            if begun["ask"] == ask:
                ended = self._ended.get(call, {})
                cost = cost.plus(Cost(self._cost_usd(call), ended.get("input_tokens") or 0,
                                      ended.get("output_tokens") or 0, 1))  # fmt: skip
        return cost

    def covers(self, most_usd: float) -> bool:
        """Whether a call that may cost so much may be made."""
        return self.spent + most_usd <= self._budget + _ROUNDING

    def begin(self, ask: int, key: str, most_usd: float) -> int:
        """Reserves what a call may cost, on disk, before it is made; returns its number."""
        call = max(self._begun, default=0) + 1
        line = {"call": call, "ask": ask, "at": time.time(), "answer": key, "most_usd": most_usd}
        self._write({"state": "begun", **line})
        self._begun[call] = line
        return call

    def end(self, call: int, usd: float, outcome: str, reply: Reply | None, seconds: float) -> None:
        """Settles a call."""
        line = {
            "call": call,
            "usd": usd,
            "outcome": outcome,
            "input_tokens": reply.input_tokens if reply else None,
            "output_tokens": reply.output_tokens if reply else None,
            "seconds": round(seconds, 3),
        }
        self._write({"state": "ended", **line})
        self._ended[call] = line

    def answer(self, key: str) -> str | None:
        """What was answered before to the same question."""
        reply = self.reply(key)
        return reply.text if reply else None

    def reply(self, key: str) -> Reply | None:
        """The same with its tokens."""
        try:
            kept = json.loads(self._answer_file(key).read_text(encoding="utf-8"))
            reply = Reply(kept["text"], kept.get("input_tokens"), kept.get("output_tokens"))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return reply if isinstance(reply.text, str) else None

    def keep(self, key: str, model: str, messages: Sequence[Message], reply: Reply) -> None:
        """Puts a question and its answer on disk, whole or not at all."""
        kept = {"model": model, "messages": [m._asdict() for m in messages], **asdict(reply)}
        file = self._answer_file(key)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        partial.replace(file)

    def _answer_file(self, key: str) -> Path:
        return self._folder / "answers" / f"{key}.json"

    def _cost_usd(self, call: int) -> float:
        ended = self._ended.get(call)
        return float(ended["usd"] if ended else self._begun[call]["most_usd"])

    def _read(self) -> None:
        lines = self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:  # a kill struck while it was written; what it says did not happen
                continue
            state = entry.pop("state")
            (self._begun if state == "begun" else self._ended)[entry["call"]] = entry

    def _write(self, entry: dict[str, Any]) -> None:
        with self._log.open("a+b") as file:
            torn = file.tell() and not _ends_a_line(file)
            file.write((b"\n" if torn else b"") + json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    last = file.read(1)
    return bool(last == b"\n")


def key_of(model: str, settings: object, ask: int, messages: Sequence[Message]) -> str:
    """The name of an answer: a hash of all that it depends on."""
    told = json.dumps([model, settings, ask, [tuple(message) for message in messages]])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def without(secrets: Sequence[str], text: str) -> str:
    """Text of a server without the keys that it was sent."""
    for secret in secrets:
        text = text.replace(secret, "[key removed]")
    return text
