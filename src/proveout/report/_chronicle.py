"""What happened when: the ledger's entries by day and by idea, which the history leaves out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from proveout.ideas import BASELINE
from proveout.ledger import (
    BudgetAdded,
    Decided,
    Entry,
    ForecastMade,
    ForecastScored,
    IdeaAdded,
    IdeaRefused,
    IdeaWithdrawn,
    MergeRefused,
    StudyEnded,
    TrialFailed,
    TrialInterrupted,
    TrialScored,
    TrialStarted,
    VerdictsRead,
)
from proveout.report._meanings import ACTIONS
from proveout.report._sense import verdicts_in_own_sense
from proveout.study import Study
from proveout.units import compact

UNJUDGED = "not judged"


@dataclass(frozen=True)
class Came:
    """When an idea came, and what was known by then."""

    at: float
    """Seconds since 1970."""
    trials_finished: int
    verdicts: VerdictsRead | None


@dataclass(frozen=True)
class Change:
    """A verdict that became another."""

    idea: str
    before: str
    after: str
    at: float


@dataclass
class Day:
    """What a day brought; days are UTC's."""

    date: str
    """As in `2026-11-28`."""
    came: list[str] = field(default_factory=list)
    trials: dict[str, Counter[str]] = field(default_factory=dict)
    """By idea, how many trials were scored, failed or interrupted."""
    charged: float = 0.0
    changes: list[Change] = field(default_factory=list)
    forecasts: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    """Ideas of which a forecast could be scored."""
    said: list[str] = field(default_factory=list)
    """Decisions that are more than a purchase, and what else happened, a sentence each."""

    @property
    def ideas(self) -> list[str]:
        """Every idea that the day has something of, in the order in which it had."""
        changed = [change.idea for change in self.changes]
        names = [*self.came, *self.trials, *changed, *self.forecasts, *self.measured]
        return list(dict.fromkeys(names))


@dataclass
class Chronicle:
    """A study's entries, folded once."""

    study_id: str = ""
    """Twelve hexadecimal digits that are this study's alone, wherever its folder lies."""
    days: dict[str, Day] = field(default_factory=dict)
    came: dict[str, Came] = field(default_factory=dict)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    """By idea, every verdict that it had, in order."""


def chronicle(study: Study, entries: Iterable[Entry]) -> Chronicle:
    """Folds a ledger's entries; gaps are in the metric's own sense."""
    teller = _Teller(study)
    for entry in entries:
        teller.take(entry)
    return teller.told


def day_of(at: float) -> str:
    """The day of a moment, in UTC: `2026-11-28`."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


class _Teller:
    def __init__(self, study: Study) -> None:
        self._study = study
        self.told = Chronicle()
        self._trials: dict[str, str] = {}
        self._finished = 0
        self._verdicts: VerdictsRead | None = None
        self._words: dict[str, str] = {}

    def take(self, entry: Entry) -> None:
        """Adds the next entry."""
        told = self.told
        if not told.study_id:
            first = entry.hash or f"{self._study.name}\n{entry.at!r}"
            told.study_id = hashlib.sha256(first.encode()).hexdigest()[:12]
        date = day_of(entry.at)
        day = told.days.setdefault(date, Day(date))
        match entry.event:
            case IdeaAdded(idea=idea):
                told.came[idea.name] = Came(entry.at, self._finished, self._verdicts)
                day.came += [idea.name] if idea.name != BASELINE else []
            case TrialStarted() as started:
                self._trials[started.trial] = started.idea
            case TrialScored() as scored:
                self._ended(day, scored.trial, "scored", scored.charged)
            case TrialFailed() as failed:
                self._ended(day, failed.trial, "failed", failed.charged)
            case TrialInterrupted() as interrupted:
                self._ended(day, interrupted.trial, "interrupted", 0.0)
            case VerdictsRead() as read:
                self._judged(day, read, entry.at)
            case ForecastMade() as made:
                day.forecasts.append(made.idea)
            case ForecastScored() as scored_forecast:
                day.measured.append(scored_forecast.idea)
            case Decided() as decided if decided.action != "Buy":
                day.said.append(f"{ACTIONS.get(decided.action, decided.action)}: {decided.why}")
            case _:
                self._said(day, entry)

    def _said(self, day: Day, entry: Entry) -> None:
        match entry.event:
            case IdeaRefused() as refused:
                day.said.append(f"refused {refused.name}: {refused.reason}")
            case IdeaWithdrawn() as withdrawn:
                day.said.append(f"withdrew {withdrawn.name}: {withdrawn.why}")
            case MergeRefused() as conflict:
                paths = ", ".join(conflict.paths)
                day.said.append(f"{conflict.base} could not take in {conflict.idea}: {paths}")
            case BudgetAdded() as budget:
                day.said.append(f"the budget grew by {compact(budget.amount)}: {budget.why}")
            case StudyEnded() as ended:
                day.said.append(f"the study ended: {ended.why}")

    def _ended(self, day: Day, trial: str, how: str, charged: float) -> None:
        idea = self._trials.get(trial, "")
        day.trials.setdefault(idea, Counter())[how] += 1
        day.charged += charged
        self._finished += how != "interrupted"

    def _judged(self, day: Day, read: VerdictsRead, at: float) -> None:
        self._verdicts = verdicts_in_own_sense(self._study, read)
        for verdict in read.verdicts:
            before = self._words.get(verdict.idea, UNJUDGED)
            if verdict.verdict != before:
                change = Change(verdict.idea, before, verdict.verdict, at)
                day.changes.append(change)
                self.told.changes.setdefault(verdict.idea, []).append(change)
                self._words[verdict.idea] = verdict.verdict
