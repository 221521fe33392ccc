"""What can happen in a study. Each event is a frozen record, stored as one line of JSON.

An event is never changed once written. A new field needs a default, so that older ledgers
still read; a new meaning needs a new `SCHEMA_VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from proveout.ideas import Idea
from proveout.ledger._beliefs import ForecastMade, ForecastScored, VerdictsRead
from proveout.ledger._improvement import ImprovementEvent
from proveout.trials import Audit, Failure, Measurement, Usage

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class StudyOpened:
    """The first event: what the study is and what it may spend."""

    name: str
    proveout_version: str
    budget: float
    unit: str
    study_toml: str
    machine: str
    data: Mapping[str, str] = field(default_factory=dict)
    """Fingerprint of each path of training and held-out data."""


@dataclass(frozen=True)
class IdeaAdded:
    """An idea (or the baseline, or a stack) became a commit."""

    idea: Idea
    diff_lines: int = 0
    request: str = ""
    """The request file that it was taken from, if it was."""
    ask: int = 0
    """The ask that brought it, if it came from a source that was asked."""


@dataclass(frozen=True)
class IdeaRefused:
    """An idea did not become a commit."""

    name: str
    reason: str
    source: str = ""
    """Which source handed it in; empty for the catalog."""
    request: str = ""


@dataclass(frozen=True)
class IdeaWithdrawn:
    """Nothing more is bought of an idea; what was measured of it stays."""

    name: str
    why: str
    request: str = ""


@dataclass(frozen=True)
class IdeaRestored:
    """An idea that was withdrawn may be bought again, or one that was refused may come again.

    Of the baseline: its trials that failed may run again, as for want of a library on this machine,
    and those of ideas that failed with the same words.
    """

    name: str
    why: str
    request: str = ""


@dataclass(frozen=True)
class RequestDeclined:
    """A request could not be done."""

    request: str
    why: str


@dataclass(frozen=True)
class StudyPaused:
    """No trial is started until the study is resumed; those that run go on."""

    why: str
    request: str = ""


@dataclass(frozen=True)
class StudyResumed:
    """Trials may be started again."""

    why: str
    request: str = ""


@dataclass(frozen=True)
class StopAsked:
    """The controller is to end once the trials that run have ended."""

    why: str
    request: str = ""


@dataclass(frozen=True)
class BudgetAdded:
    """The study may spend so much more than study.toml says."""

    amount: float
    why: str
    request: str = ""


@dataclass(frozen=True)
class SourceAsked:
    """A source was asked for ideas."""

    ask: int
    """Counts from 1 over all sources."""
    source: str
    count: int
    why: str
    repairs: str = ""
    """The failed idea that it was asked to mend, if any."""


@dataclass(frozen=True)
class SourceAnswered:
    """What a source answered; the ideas stand in events of their own, before this one."""

    ask: int
    source: str
    ideas: tuple[str, ...]
    """Those that became commits."""
    trials_finished: int
    usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    seconds: float = 0.0
    trouble: str = ""
    """Why there are no ideas, or fewer."""


@dataclass(frozen=True)
class TrialStarted:
    """A trial is about to start, and its price is reserved."""

    trial: str
    idea: str
    rung: int
    replicate: int
    seed: int
    reserved: float
    why: str = ""
    """What the policy bought it for, in one line."""
    audit: bool = False
    """Whether it checks on an idea that had been set aside."""
    promotion: bool = False
    """Whether it is trained anew, with a seed that no other trial had, for the sealed part."""


@dataclass(frozen=True)
class TrialScored:
    """A trial was measured; its reservation becomes a charge."""

    trial: str
    charged: float
    measurement: Measurement
    usage: Usage
    audits: tuple[Audit, ...] = ()
    """What was held against what is plausible, all passed."""


@dataclass(frozen=True)
class TrialFailed:
    """A trial ended without a measurement; its reservation becomes a charge."""

    trial: str
    charged: float
    failure: Failure
    usage: Usage


@dataclass(frozen=True)
class SplitMade:
    """The held-out data was divided, once; from then on nothing holds without a promotion."""

    search_items: int
    sealed_items: int
    near: tuple[int, ...] = ()
    """Candidates left out of the sealed part as near-copies of something in the search part..."""
    seen: tuple[int, ...] = ()
    """...and because they stand in what a trial may read."""


RestsOn = Literal["anew", "chosen", "alarm"]
"""What the sealed part was read for: a trial trained anew for it; one that its idea was chosen by,
where none could be; or one whose score was too good to be recorded unread, which alone lets nothing
hold."""


@dataclass(frozen=True)
class PromotionRead:
    """The sealed part was read: a trial was scored with its targets withheld.

    Losses and gaps are what is minimized, idea minus baseline of the same rung and seed; None where
    the trial is the baseline's own, or could not be scored.
    """

    trial: str
    idea: str
    agrees: bool | None
    """Whether the sealed part says what the search part said; None where that remains open: the
    trial's artifacts are gone, so that nothing was read, or it was trained anew and does not gain
    what those before it did, which may be luck."""
    why: str
    measurement: Measurement | None = None
    items: int = 0
    """Sealed items that were read for it."""
    search_gap: float | None = None
    sealed_gap: float | None = None
    standard_error: float | None = None
    """Of the difference of the two gaps, from their items."""
    rests_on: RestsOn = "chosen"


@dataclass(frozen=True)
class TrialInterrupted:
    """The controller stopped while a trial ran: the reservation is given back, it may rerun."""

    trial: str
    reason: str


@dataclass(frozen=True)
class Decided:
    """What the policy chose and why, in one line."""

    action: str
    why: str


@dataclass(frozen=True)
class MergeRefused:
    """Git could not merge an idea into the stack."""

    base: str
    idea: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class StudyEnded:
    """Nothing is left to buy."""

    why: str


Event = (
    StudyOpened
    | IdeaAdded
    | IdeaRefused
    | IdeaWithdrawn
    | IdeaRestored
    | RequestDeclined
    | StudyPaused
    | StudyResumed
    | StopAsked
    | BudgetAdded
    | SourceAsked
    | SourceAnswered
    | TrialStarted
    | TrialScored
    | TrialFailed
    | SplitMade
    | PromotionRead
    | TrialInterrupted
    | Decided
    | MergeRefused
    | ForecastMade
    | ForecastScored
    | VerdictsRead
    | StudyEnded
    | ImprovementEvent
)


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    sequence: int
    at: float
    """Seconds since 1970, by the controller's clock."""
    event: Event = field(repr=False)
    hash: str = ""
    """Of the chain up to and with this entry; empty in a ledger that is older than the chain."""
