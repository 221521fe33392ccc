"""Folding events into the history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from proveout.ideas import BASELINE, Idea
from proveout.ledger._beliefs import ForecastMade, ForecastScored, VerdictsRead
from proveout.ledger._events import (
    BudgetAdded,
    Decided,
    Entry,
    IdeaAdded,
    IdeaRefused,
    IdeaRestored,
    IdeaWithdrawn,
    MergeRefused,
    PromotionRead,
    RequestDeclined,
    SourceAnswered,
    SourceAsked,
    SplitMade,
    StopAsked,
    StudyEnded,
    StudyOpened,
    StudyPaused,
    StudyResumed,
    TrialFailed,
    TrialInterrupted,
    TrialScored,
    TrialStarted,
)
from proveout.ledger._history import LADDER_ENDED, History
from proveout.ledger._records import Account, State, TrialRecord
from proveout.trials import Audit, Failure, Measurement, Trial, Usage
from proveout.units import compact


class HistoryBuilder:
    """Folds events into a `History`, one at a time."""

    def __init__(self) -> None:
        self._ideas: dict[str, Idea] = {}
        self._diff_lines: dict[str, int] = {}
        self._refused: list[IdeaRefused] = []
        self._trials: dict[Trial, TrialRecord] = {}
        self._by_id: dict[str, Trial] = {}
        self._decisions: list[Decided] = []
        self._merges_refused: list[MergeRefused] = []
        self._merges_tried: list[tuple[str, ...]] = []
        self._forecasts: dict[str, ForecastMade] = {}
        self._forecasts_scored: dict[str, ForecastScored] = {}
        self._opened: StudyOpened | None = None
        self._verdicts: VerdictsRead | None = None
        self._ended: StudyEnded | None = None
        self._compounding = False
        self._charged = 0.0
        self._reserved = 0.0
        self._running = 0
        self._active_seconds = 0.0
        self._began_at = 0.0
        self._last_at: float | None = None
        self._split: SplitMade | None = None
        self._promotions: dict[str, PromotionRead] = {}
        self._head = ""
        self.entries = 0
        self._withdrawn: dict[str, str] = {}
        self._asks: list[SourceAsked] = []
        self._answers: list[SourceAnswered] = []
        self._requests: dict[str, str] = {}
        self._paused = ""
        self._stopping = ""
        self._added = 0.0
        self._brought: dict[str, int] = {}

    @property
    def account(self) -> Account:
        """The budget as it stands."""
        budget = self._opened.budget + self._added if self._opened else 0.0
        return Account(budget, self._charged, self._reserved)

    def idea(self, name: str) -> Idea:
        """One idea by its name."""
        return self._ideas[name]

    def record(self, trial_id: str) -> TrialRecord:
        """One trial by its id."""
        return self._trials[self._by_id[trial_id]]

    def extend(self, entries: Iterable[Entry]) -> HistoryBuilder:
        """Adds entries in order."""
        for entry in entries:
            self.add(entry)
        return self

    def add(self, entry: Entry) -> None:
        """Adds the next entry."""
        since = entry.at - self._last_at if self._last_at is not None else 0.0
        if self._ended is None and 0 < since < 3600:
            self._active_seconds += since
        self._began_at = self._began_at or entry.at
        self._last_at = entry.at
        self.entries, self._head = self.entries + 1, entry.hash
        match event := entry.event:
            case TrialStarted():
                self._start(event, entry.at)
            case TrialScored() | TrialFailed() | TrialInterrupted():
                self._end(event, entry.at)
            case IdeaAdded() | IdeaRefused() | IdeaWithdrawn() | IdeaRestored():
                self._take_idea(event)
            case StudyPaused() | StudyResumed() | StopAsked() | BudgetAdded():
                self._take_steering(event)
            case MergeRefused() | ForecastMade() | ForecastScored():
                self._compound(event)
            case RequestDeclined():
                self._took(event.request, f"declined: {event.why}")
            case SourceAsked():
                self._asks.append(event)
            case SourceAnswered():
                self._answers.append(event)
            case SplitMade():
                self._split = event
            case PromotionRead():
                self._promotions[event.trial] = event
            case Decided():
                self._decisions.append(event)
                self._compounding |= event.action == LADDER_ENDED
            case VerdictsRead():
                self._verdicts = event
            case StudyOpened():
                self._opened = event
                self._climb_again()
            case StudyEnded():
                self._ended = event

    def history(self) -> History:
        """A frozen view of what has been added so far."""
        return History(
            opened=self._opened,
            ideas=MappingProxyType(dict(self._ideas)),
            diff_lines=MappingProxyType(dict(self._diff_lines)),
            refused=tuple(self._refused),
            trials=MappingProxyType(dict(self._trials)),
            account=self.account,
            decisions=tuple(self._decisions),
            merges_refused=tuple(self._merges_refused),
            merges_tried=tuple(self._merges_tried),
            forecasts=MappingProxyType(dict(self._forecasts)),
            forecasts_scored=MappingProxyType(dict(self._forecasts_scored)),
            verdicts=self._verdicts,
            ended=self._ended,
            compounding=self._compounding,
            began_at=self._began_at,
            active_seconds=self._active_seconds,
            split=self._split,
            promotions=MappingProxyType(dict(self._promotions)),
            entries=self.entries,
            head=self._head,
            withdrawn=MappingProxyType(dict(self._withdrawn)),
            asks=tuple(self._asks),
            answers=tuple(self._answers),
            brought=MappingProxyType(dict(self._brought)),
            requests=MappingProxyType(dict(self._requests)),
            paused=self._paused,
            stopping=self._stopping,
        )

    def _end(self, event: TrialScored | TrialFailed | TrialInterrupted, at: float) -> None:
        match event:
            case TrialScored():
                self._settle(event.trial, event.charged, at, "scored", usage=event.usage,
                             measurement=event.measurement, audits=event.audits)  # fmt: skip
            case TrialFailed():
                self._settle(event.trial, event.charged, at, "failed",
                             failure=event.failure, usage=event.usage)  # fmt: skip
            case TrialInterrupted():
                self._settle(event.trial, 0.0, at, "interrupted")

    def _take_idea(self, event: IdeaAdded | IdeaRefused | IdeaWithdrawn | IdeaRestored) -> None:
        match event:
            case IdeaAdded(idea=idea):
                self._ideas[idea.name] = idea
                self._diff_lines[idea.name] = event.diff_lines
                if idea.kind == "stack":
                    self._ended, self._compounding = None, True
                    self._merges_tried.append(idea.members)
                else:
                    self._climb_again()
                self._took(event.request, f"{idea.name} was added")
                if event.ask:
                    self._brought[idea.name] = event.ask
            case IdeaRefused():
                self._refused.append(event)
                self._took(event.request, f"{event.name} was refused: {event.reason}")
            case IdeaWithdrawn():
                self._withdrawn[event.name] = event.why
                self._took(event.request, f"{event.name} was withdrawn")
            case IdeaRestored():
                self._restore(event)

    def _take_steering(self, event: StudyPaused | StudyResumed | StopAsked | BudgetAdded) -> None:
        match event:
            case StudyPaused():
                self._paused = event.why
                said = "the study is paused"
            case StudyResumed():
                self._paused = self._stopping = ""
                said = "the study goes on"
            case StopAsked():
                self._stopping = event.why
                said = "the study stops once what runs has ended"
            case BudgetAdded():
                self._added += event.amount
                self._climb_again()
                said = f"the budget grew by {compact(event.amount)}"
        self._took(event.request, said)

    def _compound(self, event: MergeRefused | ForecastMade | ForecastScored) -> None:
        match event:
            case MergeRefused():
                self._merges_refused.append(event)
                base = self._ideas.get(event.base)
                members = base.members if base and base.members else (event.base,)
                self._merges_tried.append((*members, event.idea))
                self._compounding = True
            case ForecastMade():
                self._forecasts[event.idea] = event
                self._compounding = True
            case ForecastScored():
                self._forecasts_scored[event.idea] = event

    def _took(self, request: str, outcome: str) -> None:
        if request:
            self._requests[request] = outcome

    def _climb_again(self) -> None:
        """What there is to compound is found out anew."""
        self._ended, self._compounding = None, False
        self._merges_tried = []

    def _restore(self, restored: IdeaRestored) -> None:
        self._withdrawn.pop(restored.name, None)
        self._refused = [each for each in self._refused if each.name != restored.name]
        if restored.name == BASELINE:
            self._forget_failures_of_the_machine()
        self._climb_again()
        self._took(restored.request, f"{restored.name} may be tried again")

    def _forget_failures_of_the_machine(self) -> None:
        """The baseline's, and those of ideas of its kinds: they say nothing about the ideas.

        By kind, and not by sentence: what runs out of memory says so in other words each time.
        """
        failed = {t: each.failure for t, each in self._trials.items() if each.failure is not None}
        kinds = {failure.kind for trial, failure in failed.items() if trial.idea == BASELINE}
        for trial, failure in failed.items():
            if failure.kind in kinds:
                record = replace(self._trials[trial], state="interrupted", failure=None)
                self._trials[trial] = record

    def _start(self, started: TrialStarted, at: float) -> None:
        self._ended = None
        trial = Trial(rung=started.rung, replicate=started.replicate, idea=started.idea)
        self._by_id[started.trial] = trial
        self._trials[trial] = TrialRecord(
            trial, started.seed, "running", started.reserved,
            why=started.why, audit=started.audit, started_at=at, promotion=started.promotion,
        )  # fmt: skip
        self._reserved += started.reserved
        self._running += 1

    def _settle(
        self,
        trial_id: str,
        charged: float,
        at: float,
        state: State,
        measurement: Measurement | None = None,
        failure: Failure | None = None,
        usage: Usage | None = None,
        audits: tuple[Audit, ...] = (),
    ) -> None:
        trial = self._by_id[trial_id]
        record = self._trials[trial]
        self._running -= 1
        # Sums of fractions leave a rest; where nothing runs nothing is reserved.
        self._reserved = self._reserved - record.reserved if self._running else 0.0
        self._charged += charged
        self._trials[trial] = replace(
            record,
            state=state,
            charged=charged,
            finished_at=at,
            measurement=measurement,
            failure=failure,
            usage=usage,
            audits=audits,
        )
