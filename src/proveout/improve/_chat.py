"""A language model behind the one interface: every call paid from an account, and kept.

Calls and answers lie in the folder as a study's do (`sources/llm`), so what was asked before costs
nothing again, and a folder can be replayed without the model.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from proveout.errors import SolutionFailed
from proveout.ideas import CallAccount, CallFailed, Client, Message, Reply, key_of, without
from proveout.improve._model import Model, Most, Samples
from proveout.study import LanguageModel

_INSTRUCTIONS = (
    "You improve programs. Think as long as you need, and end with one whole program in a fence "
    "of three backquotes."
)
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


class ChatModel(Model):
    """Any model of the `llm` extra; with `cached_only`, a replay of recorded calls."""

    def __init__(
        self, declared: LanguageModel, folder: Path, account: CallAccount | None = None
    ) -> None:
        """`folder` keeps the calls; `account` is given where others pay from it too.

        Raises:
            UserError: a key, price or library is missing.
        """
        self._declared = declared
        self._account = account or CallAccount(folder, declared.budget)
        self._client = Client(declared)
        self.ask: int | None = None
        """Under which question calls are booked; their luck's seed where there is none."""
        self._under_way: set[Client] = set()
        self._ended = threading.Event()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """As the server knows it, whether it is asked or replayed."""
        return self._client.name

    def most(self, prompt: str, count: int) -> Most:
        """Each sample is a call of its own; a token has at least one byte."""
        messages = _messages(prompt)
        size_bytes = sum(len(message.text.encode(errors="replace")) for message in messages)
        tokens = size_bytes + 1000 + self._declared.max_output_tokens
        usd = self._client.prices.most(messages, self._declared.max_output_tokens)
        return Most(count * tokens, count * usd)

    def sample(self, prompt: str, count: int, temperature: float, seed: int) -> Samples:
        """See `Model`."""
        replies = [self._one(prompt, temperature, seed, index) for index in range(count)]
        told = [(each.input_tokens or 0, each.output_tokens or 0) for each in replies]
        usd = sum(self._price(_messages(prompt), each) for each in replies)
        return Samples(
            tuple(each.text for each in replies),
            sum(one for one, _ in told),
            sum(other for _, other in told),
            usd,
        )

    def cancel(self) -> None:
        """Ends calls that other threads make, and makes no more."""
        self._ended.set()
        for client in tuple(self._under_way):
            client.cancel()

    def _one(self, prompt: str, temperature: float, seed: int, index: int) -> Reply:
        messages = _messages(prompt)
        settings = [self._declared.max_output_tokens, temperature, index]
        key = key_of(self._declared.model, settings, seed, messages)
        with self._lock:
            kept = self._account.reply(key)
        if kept is not None:
            return kept
        if self._declared.cached_only:
            raise SolutionFailed("no answer", "no answer to this is on disk, and nothing is asked")
        pause_seconds = _FIRST_PAUSE_SECONDS
        for left in range(self._declared.tries - 1, -1, -1):
            try:
                return self._call(seed, key, messages, temperature)
            except CallFailed as failure:
                if self._ended.is_set():
                    raise SolutionFailed("no answer", "the study ended") from None
                if failure.paid and not failure.again:
                    return self._no_use(key, messages)
                if not failure.again or not left:
                    raise SolutionFailed("no answer", str(failure)) from None
            self._ended.wait(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
        raise AssertionError("the last try returns or raises")

    def _call(self, seed: int, key: str, messages: list[Message], temperature: float) -> Reply:
        """One paid call: its most is reserved first; without room for that it is not made."""
        if self._ended.is_set():
            raise CallFailed("the study ended", again=False, paid=False)
        prices = self._client.prices
        most_usd = prices.most(messages, self._declared.max_output_tokens)
        with self._lock:
            if not self._account.covers(most_usd):
                left = max(self._account.left, 0.0)
                raise CallFailed(
                    f"a call may cost {most_usd:.4f} USD, and {left:.4f} USD of the model's "
                    "budget is left: raise [llm] budget",
                    again=False,
                    paid=False,
                )
            call = self._account.begin(seed if self.ask is None else self.ask, key, most_usd)
        began = time.monotonic()
        declared = self._declared.model_copy(update={"temperature": temperature})
        client = Client(declared)
        try:
            self._under_way.add(client)
            reply = client.call(messages)
        except CallFailed as failure:
            outcome = without(self._client.secrets, str(failure))
            usd = most_usd if failure.paid else 0.0
            with self._lock:
                self._account.end(call, usd, outcome, None, time.monotonic() - began)
            raise
        finally:
            self._under_way.discard(client)
        with self._lock:
            self._account.end(
                call, self._price(messages, reply), "answered", reply, time.monotonic() - began
            )
            self._account.keep(key, self._declared.model, messages, reply)
        return reply

    def _no_use(self, key: str, messages: list[Message]) -> Reply:
        """What cannot be taken in, such as an answer without end, is an answer without a program;
        it is paid for, and stays one when the folder is replayed."""
        reply = Reply("", None, None)
        with self._lock:
            self._account.keep(key, self._declared.model, messages, reply)
        return reply

    def _price(self, messages: list[Message], reply: Reply) -> float:
        if reply.input_tokens is None or reply.output_tokens is None:
            return self._client.prices.most(messages, self._declared.max_output_tokens)
        return self._client.prices.of(reply.input_tokens, reply.output_tokens)


def _messages(prompt: str) -> list[Message]:
    text = prompt.encode(errors="replace").decode()
    return [Message("system", _INSTRUCTIONS), Message("user", text)]
