"""The history: everything that a study knows at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proveout.ideas import BASELINE, Idea
from proveout.ledger._beliefs import ForecastMade, ForecastScored, VerdictsRead
from proveout.ledger._events import (
    Decided,
    IdeaRefused,
    MergeRefused,
    PromotionRead,
    SourceAnswered,
    SourceAsked,
    SplitMade,
    StudyEnded,
    StudyOpened,
)
from proveout.ledger._records import Account, TrialRecord
from proveout.trials import Failure, Trial

LADDER_ENDED = "EndLadder"
"""The action of the decision that ends the ladder, until an idea is added."""


@dataclass(frozen=True)
class History:
    """A study at one moment. Policies and verdicts are pure functions of it."""

    opened: StudyOpened | None = None
    ideas: Mapping[str, Idea] = field(default_factory=dict)
    diff_lines: Mapping[str, int] = field(default_factory=dict)
    refused: tuple[IdeaRefused, ...] = ()
    trials: Mapping[Trial, TrialRecord] = field(default_factory=dict)
    account: Account = field(default_factory=lambda: Account(0.0))
    decisions: tuple[Decided, ...] = ()
    merges_refused: tuple[MergeRefused, ...] = ()
    merges_tried: tuple[tuple[str, ...], ...] = ()
    """The members of each merge, those refused too, since the ladder was last climbed."""
    forecasts: Mapping[str, ForecastMade] = field(default_factory=dict)
    forecasts_scored: Mapping[str, ForecastScored] = field(default_factory=dict)
    verdicts: VerdictsRead | None = None
    ended: StudyEnded | None = None
    compounding: bool = False
    """Whether the ladder has ended since the last idea was added or the study was changed."""
    began_at: float = 0.0
    """When the first event happened, in seconds since 1970."""
    active_seconds: float = 0.0
    """Time from the first to the last event, without pauses of more than an hour and without what
    lies between an end and going on."""
    split: SplitMade | None = None
    """How the held-out data was divided; None where it has no sealed part."""
    promotions: Mapping[str, PromotionRead] = field(default_factory=dict)
    """What the sealed part said, by trial."""
    entries: int = 0
    head: str = ""
    """The hash of the last entry."""
    turned: bool = False
    """Whether it is turned to be shown: a metric that is maximized has gaps above zero for what is
    better. Everything is decided on a history that is not."""
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    """Ideas of which nothing more is bought, and why."""
    asks: tuple[SourceAsked, ...] = ()
    answers: tuple[SourceAnswered, ...] = ()
    brought: Mapping[str, int] = field(default_factory=dict)
    """The ask that brought each idea."""
    requests: Mapping[str, str] = field(default_factory=dict)
    """Request files that were taken in, and what came of each."""
    paused: str = ""
    """Why no trial is started; empty where they are."""
    stopping: str = ""
    """Why the controller ends once what runs has ended; empty where it does not."""

    @property
    def baseline(self) -> Idea:
        """The commit that every idea is compared with."""
        return self.ideas[BASELINE]

    @property
    def ladder_ended(self) -> str:
        """Why the ladder ended last; empty if it never did."""
        ended = (each.why for each in reversed(self.decisions) if each.action == LADDER_ENDED)
        return next(ended, "")

    @property
    def finished_trials(self) -> int:
        """Trials scored or failed."""
        return sum(record.state in {"scored", "failed"} for record in self.trials.values())

    def losses(self, idea: str, rung: int) -> dict[int, float]:
        """Scored losses of an idea at a rung, by replicate."""
        return self._losses_by_cell().get((idea, rung), {})

    def failures(self, idea: str) -> tuple[Failure, ...]:
        """Every failure of an idea's trials, lowest rung first."""
        records = sorted(self.trials.values(), key=lambda record: record.trial)
        return tuple(r.failure for r in records if r.trial.idea == idea and r.failure)

    def promotions_of(self, idea: str) -> tuple[PromotionRead, ...]:
        """What the sealed part said of an idea's trials, in the order in which it was read."""
        return tuple(each for each in self.promotions.values() if each.idea == idea)

    def _losses_by_cell(self) -> dict[tuple[str, int], dict[int, float]]:
        cells: dict[tuple[str, int], dict[int, float]] | None = self.__dict__.get("_cells")
        if cells is None:
            cells = {}
            for record in self.trials.values():
                if record.measurement is not None:
                    trial = record.trial
                    cell = cells.setdefault((trial.idea, trial.rung), {})
                    cell[trial.replicate] = record.measurement.to_minimize
            object.__setattr__(self, "_cells", cells)
        return cells
