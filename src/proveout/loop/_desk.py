"""The desk where ideas come in: requests from people, and sources that are asked when it is time.

What was asked and what came of it is in the ledger, so a study that was stopped takes up the ask
that was under way and goes on. Slow sources answer in a thread while trials run; whatever they say
is admitted here, by the one writer of the ledger.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from proveout.ideas import (
    BASELINE,
    AgentSource,
    CallAccount,
    Evidence,
    LanguageModelSource,
    Offer,
    RecombinationSource,
    Repairing,
    SamplerSource,
    Source,
)
from proveout.ledger import (
    History,
    IdeaAdded,
    IdeaWithdrawn,
    Ledger,
    SourceAnswered,
    SourceAsked,
)
from proveout.loop._admit import admit
from proveout.loop._evidence import Library
from proveout.loop._inbox import take_in, waiting
from proveout.loop._open import SOURCES, Record
from proveout.loop._workplace import LocalWorkplace
from proveout.study import Study
from proveout.verdicts import judge, origin_of, room_for_ideas, source_shares, spent_on_sources

_LOOKS_SHARE = 0.25
"""While the ladder is climbed, first runs of sources' ideas may be so much of what is spent."""
_MOST_AT_ONCE = 4
_MOST_MENDED = 2
"""How often one idea may be mended."""
_MENDABLE = frozenset({"crashed", "diverged", "unscorable", "timed out", "out of memory"})
_END_SECONDS = 5.0


def sources_for(study: Study, history: History) -> dict[str, Source]:
    """The sources that a study declares, in the order in which they are listed.

    Raises:
        UserError: one of them lacks a library, a key or a price.
    """
    sources: list[Source] = []
    if study.ideas.sampler is not None:
        sources.append(SamplerSource(study, study.ideas.sampler))
    if study.ideas.recombination is not None:
        sources.append(RecombinationSource(study, study.ideas.recombination))
    calls, account = study.folder / SOURCES / "llm", None
    if study.llm is not None:
        account = CallAccount(calls, study.llm.budget)
        sources.append(LanguageModelSource(study, study.llm, calls, account))
    if (improver := study.ideas.improver) is not None:
        from proveout.improve import ImproverSource  # not at import: few studies have one

        sources.append(ImproverSource(study, improver, calls, account))
    if (agent := study.ideas.agent) is not None:
        place = LocalWorkplace(study, agent, history.baseline.commit)
        sources.append(AgentSource(study, agent, place))
    return {source.name: source for source in sources}


@dataclass
class _Asking:
    """An ask that is under way in a thread."""

    asked: SourceAsked
    began: float
    thread: threading.Thread
    offer: Offer | None = None
    error: BaseException | None = None


class Desk:
    """Takes ideas in and asks for them."""

    def __init__(
        self, study: Study, ledger: Ledger, record: Record, sources: Mapping[str, Source]
    ) -> None:
        self._study, self._ledger, self._record = study, ledger, record
        self._sources = dict(sources)
        self._library = Library(study)
        self._asking: _Asking | None = None
        self._resume()

    @property
    def has_news(self) -> bool:
        """Whether something came in that `tend` would take up."""
        answered = self._asking is not None and not self._asking.thread.is_alive()
        return answered or bool(waiting(self._study))

    @property
    def is_asking(self) -> bool:
        """Whether a source is at work."""
        return self._asking is not None

    def tend(self) -> None:
        """Takes up what came in, has failed ideas mended, and asks ahead while trials run."""
        take_in(self._study, self._ledger, self._record)
        if self._asking is not None and not self._asking.thread.is_alive():
            self._collect(self._asking)
        if not self._sources:
            return
        self._mend()
        history = self._ledger.history()
        if self._asks_ahead(history) and (source := self._choose(history)):
            self._ask(source, self._count(history), "no idea waits for its first run")

    def brings_more(self) -> bool:
        """Asks for ideas because the ladder has nothing left to buy.

        Returns whether new ideas are there, or a source is at work that may bring some.
        """
        while self._sources:
            history = self._ledger.history()
            # An idea that waits and is not bought shows that more of them would not be either.
            source = None if _unstarted(history) else self._choose(history)
            if source is None:
                return self.is_asking
            self._ask(source, self._count(history), "the ladder has nothing left to buy")
            if self.is_asking or _unstarted(self._ledger.history()):
                return True
        return False

    def close(self) -> None:
        """Ends what sources are doing; an ask under way is taken up by the next run."""
        for source in self._sources.values():
            source.close()
        if self._asking is not None:
            self._asking.thread.join(_END_SECONDS)

    def _resume(self) -> None:
        """Takes up asks whose answers are not on record."""
        history = self._ledger.history()
        answered = {each.ask for each in history.answers}
        for asked in history.asks:
            if asked.ask in answered:
                continue
            brought = tuple(name for name, ask in history.brought.items() if ask == asked.ask)
            source = self._sources.get(asked.source)
            if brought or source is None or self._asking is not None:
                trouble = "" if brought else "the controller ended before it answered"
                self._answered(asked, brought, 0.0, trouble)
            else:
                self._start(source, asked)

    def _asks_ahead(self, history: History) -> bool:
        if history.compounding or self._asking is not None or _unstarted(history):
            return False
        mine = set(self._sources)
        looks = sum(origin_of(idea) in mine for idea in history.ideas.values())
        spent = history.account.charged + history.account.reserved
        return self._cheapest * (looks + 1) <= _LOOKS_SHARE * spent

    def _choose(self, history: History) -> Source | None:
        """The source that lags most behind its share, of those that may be asked.

        While a slow one is at work, another is asked only if that keeps it within its share.
        """
        hopeless = bool(history.failures(BASELINE)) and not history.losses(BASELINE, 0)
        if hopeless or room_for_ideas(self._study, history) < self._cheapest:
            return None
        able = [source for source in self._sources.values() if self._is_able(history, source)]
        if not able:
            return None
        given = source_shares(self._study, history, judge(self._study, history))
        spent = spent_on_sources(self._study, history)
        total = sum(spent.values()) + self._cheapest / self._study.budget.compute.amount
        behind = {each.name: given[each.name] * total - spent[each.name] for each in able}
        first = max(able, key=lambda source: behind[source.name])
        if self._asking is not None and (first.slow or behind[first.name] < 0):
            return None
        return first

    def _is_able(self, history: History, source: Source) -> bool:
        if self._asking is not None and self._asking.asked.source == source.name:
            return False
        return self._may_bring(history, source) > 0 and not _is_dry(history, source.name)

    @property
    def _cheapest(self) -> float:
        """What a first run costs."""
        return min(rung.compute.amount for rung in self._study.rungs)

    def _may_bring(self, history: History, source: Source) -> int:
        """How many more ideas a source may hand in."""
        ideas = sum(origin_of(idea) == source.name for idea in history.ideas.values())
        return source.most - ideas

    def _count(self, history: History) -> int:
        """How many ideas are asked for at once: as many as there is room and slots for."""
        room = room_for_ideas(self._study, history) / self._cheapest
        return max(1, min(_MOST_AT_ONCE, int(room), self._study.run.slots or _MOST_AT_ONCE))

    def _mend(self) -> None:
        """Has the newest failed idea of a source that can mend it made anew."""
        if self._asking is not None:
            return
        history = self._ledger.history()
        for name, idea in history.ideas.items():
            source = self._sources.get(origin_of(idea))
            mendable = isinstance(source, Repairing) and idea.repairs < _MOST_MENDED
            failed = mendable and name not in history.withdrawn and _failed_first(history, name)
            if failed and room_for_ideas(self._study, history) >= self._cheapest:
                assert source is not None
                self._record(IdeaWithdrawn(name, "failed in its smallest run; it is being mended"))
                self._ask(source, 1, f"{name} failed in its smallest run", repairs=name)
                return

    def _ask(self, source: Source, count: int, why: str, repairs: str = "") -> None:
        history = self._ledger.history()
        count = max(1, min(count, self._may_bring(history, source)))
        asked = SourceAsked(len(history.asks) + 1, source.name, count, why, repairs)
        self._record(asked)
        self._start(source, asked)

    def _start(self, source: Source, asked: SourceAsked) -> None:
        evidence = self._library.evidence(self._ledger.history(), asked.ask)
        began = time.monotonic()
        if not source.slow:
            self._admit(asked, source.propose(evidence, asked.count), time.monotonic() - began)
            return
        asking = _Asking(asked, began, threading.Thread())

        def work() -> None:
            try:
                asking.offer = _answer_of(source, evidence, asked, self._repairs(asked))
            except BaseException as error:  # a bug of ours: raised where the loop sees it
                asking.error = error

        asking.thread = threading.Thread(target=work, daemon=True, name=f"source {source.name}")
        self._asking = asking
        asking.thread.start()

    def _repairs(self, asked: SourceAsked) -> int:
        return self._ledger.idea(asked.repairs).repairs if asked.repairs else 0

    def _collect(self, asking: _Asking) -> None:
        self._asking = None
        if asking.error is not None:
            raise asking.error
        assert asking.offer is not None
        self._admit(asking.asked, asking.offer, time.monotonic() - asking.began)

    def _admit(self, asked: SourceAsked, offer: Offer, seconds: float) -> None:
        added, troubles = [], [offer.trouble] if offer.trouble else []
        for proposal in offer.proposals:
            event = admit(self._study, self._ledger.history(), proposal)
            if isinstance(event, IdeaAdded):
                event = replace(event, ask=asked.ask)
                added.append(proposal.name)
            else:
                troubles.append(f"{proposal.name}: {event.reason}")
            self._record(event)
        self._answered(asked, tuple(added), seconds, "; ".join(troubles)[:1000])

    def _answered(
        self, asked: SourceAsked, added: tuple[str, ...], seconds: float, trouble: str
    ) -> None:
        source = self._sources.get(asked.source)
        cost = source.cost_of(asked.ask) if source else None
        self._record(
            SourceAnswered(
                ask=asked.ask,
                source=asked.source,
                ideas=added,
                trials_finished=self._ledger.history().finished_trials,
                usd=cost.usd if cost else 0.0,
                input_tokens=cost.input_tokens if cost else 0,
                output_tokens=cost.output_tokens if cost else 0,
                calls=cost.calls if cost else 0,
                seconds=round(seconds, 3),
                trouble=trouble,
            )
        )


def _answer_of(source: Source, evidence: Evidence, asked: SourceAsked, repairs: int) -> Offer:
    idea = evidence.named(asked.repairs) if asked.repairs else None
    if idea is not None and isinstance(source, Repairing):
        return source.repair(evidence, idea, repairs)
    return source.propose(evidence, asked.count)


def _unstarted(history: History) -> bool:
    """Whether an idea waits for its first run."""
    started = {trial.idea for trial in history.trials}
    return any(
        idea.kind == "idea" and name not in started and name not in history.withdrawn
        for name, idea in history.ideas.items()
    )


def _failed_first(history: History, name: str) -> bool:
    """Whether an idea failed at the first go, in a way that its maker could mend."""
    records = [record for trial, record in history.trials.items() if trial.idea == name]
    failures = history.failures(name)
    scored = any(record.measurement is not None for record in records)
    return bool(failures) and not scored and failures[0].kind in _MENDABLE


def _is_dry(history: History, source: str) -> bool:
    """Whether a source had nothing and too little was learnt since to ask again.

    After k empty answers in a row it is asked again when k² more trials have finished.
    """
    empty, last = 0, 0
    for answer in reversed([each for each in history.answers if each.source == source]):
        if answer.ideas:
            break
        last = last or answer.trials_finished
        empty += 1
    return empty > 0 and history.finished_trials < last + empty**2


Sources = Callable[[Study, History], Mapping[str, Source]]
"""Makes the sources of a study; `sources_for` unless somebody brings their own."""
