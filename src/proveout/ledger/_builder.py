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
        match entry.event:
            case TrialStarted() as started:
                self._start(started, entry.at)
            case TrialScored() as scored:
                self._settle(scored.trial, scored.charged, entry.at, "scored",
                             measurement=scored.measurement, usage=scored.usage,
                             audits=scored.audits)  # fmt: skip
            case TrialFailed() as failed:
                self._settle(failed.trial, failed.charged, entry.at, "failed",
                             failure=failed.failure, usage=failed.usage)  # fmt: skip
            case TrialInterrupted() as interrupted:
                self._settle(interrupted.trial, 0.0, entry.at, "interrupted")
            case SplitMade() as split:
                self._split = split
            case PromotionRead() as promotion:
                self._promotions[promotion.trial] = promotion
            case IdeaAdded() as added:
                self._ideas[added.idea.name] = added.idea
                self._diff_lines[added.idea.name] = added.diff_lines
                if added.idea.kind == "stack":
                    self._ended, self._compounding = None, True
                    self._merges_tried.append(added.idea.members)
                else:
                    self._climb_again()
                self._took(added.request, f"{added.idea.name} was added")
                if added.ask:
                    self._brought[added.idea.name] = added.ask
            case IdeaRefused() as refused:
                self._refused.append(refused)
                self._took(refused.request, f"{refused.name} was refused: {refused.reason}")
            case IdeaWithdrawn() as withdrawn:
                self._withdrawn[withdrawn.name] = withdrawn.why
                self._took(withdrawn.request, f"{withdrawn.name} was withdrawn")
            case IdeaRestored() as restored:
                self._restore(restored)
            case RequestDeclined() as declined:
                self._took(declined.request, f"declined: {declined.why}")
            case SourceAsked() as asked:
                self._asks.append(asked)
            case SourceAnswered() as answered:
                self._answers.append(answered)
            case StudyPaused() as paused:
                self._paused = paused.why
                self._took(paused.request, "the study is paused")
            case StudyResumed() as resumed:
                self._paused = self._stopping = ""
                self._took(resumed.request, "the study goes on")
            case StopAsked() as asked:
                self._stopping = asked.why
                self._took(asked.request, "the study stops once what runs has ended")
            case BudgetAdded() as added_budget:
                self._added += added_budget.amount
                self._climb_again()
                self._took(
                    added_budget.request, f"the budget grew by {compact(added_budget.amount)}"
                )
            case Decided() as decided:
                self._decisions.append(decided)
                self._compounding |= decided.action == LADDER_ENDED
            case MergeRefused() as refused:
                self._merges_refused.append(refused)
                base = self._ideas.get(refused.base)
                members = base.members if base and base.members else (refused.base,)
                self._merges_tried.append((*members, refused.idea))
                self._compounding = True
            case ForecastMade() as forecast:
                self._forecasts[forecast.idea] = forecast
                self._compounding = True
            case ForecastScored() as scored_forecast:
                self._forecasts_scored[scored_forecast.idea] = scored_forecast
            case VerdictsRead() as verdicts:
                self._verdicts = verdicts
            case StudyOpened() as opened:
                self._opened = opened
                self._climb_again()
            case StudyEnded() as ended:
                self._ended = ended

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
