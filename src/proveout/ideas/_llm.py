"""A language model as a source of ideas."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from proveout.errors import IdeaError
from proveout.ideas._idea import Proposal
from proveout.ideas._llm_answer import Draft, read_answer
from proveout.ideas._llm_calls import CallAccount, CallFailed, Message, Reply, key_of, without
from proveout.ideas._llm_client import Client
from proveout.ideas._llm_prompt import INSTRUCTIONS, first_prompt, repair_prompt
from proveout.ideas._novelty import fingerprint
from proveout.ideas._source import Cost, Evidence, Offer, Repairing, Tried, free_name
from proveout.ideas._texts import patch_between
from proveout.study import LanguageModel, Study

MOST_REPAIRS = 2
"""How often one idea may be mended, over all that can be wrong with it."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_QUOTED_ANSWER = 20_000
_MOST_AT_ONCE = 3
_AGAIN = "Give it again, mended, whole, and in the form asked for."


class LanguageModelSource(Repairing):
    """Asks a model, applies what it writes, checks it, and has it mended."""

    name = "llm"
    slow = True

    def __init__(
        self,
        study: Study,
        declared: LanguageModel,
        folder: Path,
        account: CallAccount | None = None,
    ) -> None:
        """`folder` keeps the calls; `account` is given where others pay from it too.

        Raises:
            UserError: a key, price or library is missing.
        """
        super().__init__(declared.most)
        self._study, self._declared = study, declared
        self._account = account or CallAccount(folder, declared.budget)
        self._client = Client(declared)
        self._closed = threading.Event()

    def propose(self, evidence: Evidence, count: int) -> Offer:
        """New ideas, mended where they do not apply, do not parse or are not new."""
        count = min(count, _MOST_AT_ONCE)
        prompt = first_prompt(evidence, count, self._declared.prompt_bytes)
        return self._converse(evidence, prompt, count, repairs=0, parents=())

    def repair(self, evidence: Evidence, idea: Tried, repairs: int) -> Offer:
        """An idea anew that failed in its smallest run."""
        if repairs >= MOST_REPAIRS:
            return Offer(trouble=f"{idea.name} was mended {repairs} times already")
        prompt = repair_prompt(evidence, idea, self._declared.prompt_bytes)
        return self._converse(evidence, prompt, 1, repairs + 1, (idea.name,))

    def cost_of(self, ask: int) -> Cost:
        return self._account.cost_of(ask)

    def close(self) -> None:
        self._closed.set()
        self._client.cancel()

    def _converse(
        self,
        evidence: Evidence,
        prompt: str,
        count: int,
        repairs: int,
        parents: tuple[str, ...],
    ) -> Offer:
        messages = [Message("system", INSTRUCTIONS), Message("user", prompt)]
        proposals: tuple[Proposal, ...] = ()
        trouble = ""
        while True:
            try:
                answer = self._ask(evidence.ask, messages)
            except CallFailed as failure:
                trouble = str(failure)
                break
            proposals, problems = self._read(evidence, answer, count, repairs, parents)
            trouble = "; ".join(problems)[:1000]
            if proposals or repairs >= MOST_REPAIRS:
                break
            repairs += 1
            again = f"That cannot be used: {trouble}\n{_AGAIN}"
            said = answer[:_LONGEST_QUOTED_ANSWER] or "(nothing)"
            messages += [Message("assistant", said), Message("user", again)]
        return Offer(proposals, trouble)

    def _read(
        self,
        evidence: Evidence,
        answer: str,
        count: int,
        repairs: int,
        parents: tuple[str, ...],
    ) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
        program = self._study.program
        drafts, problems = read_answer(
            answer, evidence.files, program.editable, program.parameters
        )  # fmt: skip
        proposals: list[Proposal] = []
        troubles = list(problems)
        known = dict(evidence.known)
        for draft in drafts[:count]:
            try:
                print_ = _novel(evidence, known, draft)
                taken = frozenset(each.name for each in proposals)
                name = free_name(evidence, draft.name, taken)
                proposals.append(self._proposal(evidence, name, draft, repairs, parents))
                known[print_] = name
            except IdeaError as error:
                troubles.append(f"{draft.name}: {error}")
        return tuple(proposals), tuple(troubles)

    def _proposal(
        self, evidence: Evidence, name: str, draft: Draft, repairs: int, parents: tuple[str, ...]
    ) -> Proposal:
        return Proposal(
            name=name,
            hypothesis=draft.hypothesis,
            source=f"language model {self._client.name}",
            predicts=draft.predicts,
            patch=patch_between(evidence.files, draft.files),
            parameters=draft.parameters,
            reason=draft.reason,
            origin=self.name,
            parents=parents,
            repairs=repairs,
        )

    def _ask(self, ask: int, messages: Sequence[Message]) -> str:
        """The answer to a conversation: the one on disk, or a server's, after so many tries."""
        declared = self._declared
        settings = [declared.max_output_tokens, declared.temperature]
        key = key_of(declared.model, settings, ask, messages)
        if (kept := self._account.answer(key)) is not None:
            return kept
        if declared.cached_only:
            raise CallFailed("no answer to this is on disk, and cached_only is set",
                             again=False, paid=False)  # fmt: skip
        pause_seconds = _FIRST_PAUSE_SECONDS
        for left in range(declared.tries - 1, -1, -1):
            try:
                reply = self._call(ask, key, messages)
            except CallFailed as failure:
                if not failure.again or not left or self._closed.wait(pause_seconds):
                    raise
                pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            else:
                return reply.text
        raise AssertionError("the last try returns or raises")

    def _call(self, ask: int, key: str, messages: Sequence[Message]) -> Reply:
        """One paid call. Its most is reserved first; without room for that it is not made."""
        account, prices = self._account, self._client.prices
        most_usd = prices.most(messages, self._declared.max_output_tokens)
        if self._closed.is_set():
            raise CallFailed("the study ended", again=False, paid=False)
        if not account.covers(most_usd):
            raise CallFailed(
                f"a call may cost {most_usd:.4f} USD, and {max(account.left, 0.0):.4f} USD of the "
                "model's budget is left",
                again=False,
                paid=False,
            )
        call, began = account.begin(ask, key, most_usd), time.monotonic()
        try:
            reply = self._client.call(messages)
        except CallFailed as failure:
            outcome = without(self._client.secrets, str(failure))
            usd = most_usd if failure.paid else 0.0
            account.end(call, usd, outcome, None, time.monotonic() - began)
            raise
        told = reply.input_tokens is not None and reply.output_tokens is not None
        usd = prices.of(reply.input_tokens or 0, reply.output_tokens or 0) if told else most_usd
        account.end(call, usd, "answered", reply, time.monotonic() - began)
        account.keep(key, self._declared.model, messages, reply)
        return reply


def _novel(evidence: Evidence, known: dict[str, str], draft: Draft) -> str:
    """The fingerprint of a change that nobody has made. Raises `IdeaError` for any other."""
    changed = {k: v for k, v in draft.parameters.items()
               if v != evidence.study.program.parameters.get(k)}  # fmt: skip
    found = fingerprint(evidence.files, draft.files, changed)
    if not found:
        raise IdeaError("it changes nothing that a run could show: comments and blanks alone")
    if found in known:
        raise IdeaError(f"it is the same change as {known[found]}, which was tried already")
    return found
