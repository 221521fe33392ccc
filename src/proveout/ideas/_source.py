"""What a source of ideas is: something that turns a study's evidence into proposals.

A source is asked and answers. It knows neither the loop nor the ledger: what it may know is in the
`Evidence`, what it comes to is an `Offer`, and what it remembers is what the evidence says of the
past. So a study that was stopped goes on from its records alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from proveout.ideas._idea import Proposal
from proveout.study import Study, Value

SOURCES = ("catalog", "people", "sampler", "recombination", "llm", "improver", "agent", "mcp")
"""Every origin that an idea can have."""


@dataclass(frozen=True)
class Tried:
    """What is known of one idea."""

    name: str
    origin: str = "catalog"
    hypothesis: str = ""
    predicts: str = ""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    """Every override in force."""
    patch: str = ""
    """Its change of the source, as a unified diff; empty where it only sets parameters."""
    parents: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    verdict: str = "undecided"
    gap: float | None = None
    """The mean of its gap at the target, in the metric's unit; None where nothing is known."""
    interval80: tuple[float, float] | None = None
    probability_helps: float | None = None
    measured: tuple[tuple[float, float, float, int], ...] = ()
    """(compute, mean gap, standard error, pairs) of each rung."""
    failures: tuple[str, ...] = ()
    """`class: sentence` of each failure, lowest rung first."""
    log: str = ""
    """The end of what its first failed trial printed: text from a program."""
    withdrawn: str = ""
    charged: float = 0.0
    """Compute that its trials cost."""

    @property
    def failed(self) -> bool:
        """Whether no run of it was ever scored, and one failed."""
        return bool(self.failures) and not self.measured

    @property
    def sd(self) -> float | None:
        """The standard deviation of its gap at the target, read off the 80% interval."""
        return (self.interval80[1] - self.interval80[0]) / 2.563 if self.interval80 else None


@dataclass(frozen=True)
class Evidence:
    """What a study knows, as a source sees it."""

    study: Study
    files: Mapping[str, str]
    """The baseline's text files, by path."""
    tried: tuple[Tried, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    """(name, reason) of ideas that could not become commits."""
    losses: tuple[tuple[float, float], ...] = ()
    """(compute, mean loss) of the baseline."""
    smallest: float = 0.0
    """The least gain worth having, in the metric's unit; 0 until the baseline is measured."""
    left: float = 0.0
    """Compute that sources may still use."""
    ask: int = 1
    """Counts the questions to sources; the same ask of the same study gives the same answer."""
    known: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints of earlier changes, with the idea that has it."""
    usd: Mapping[str, float] = field(default_factory=dict)
    """What each source has spent so far."""

    def named(self, name: str) -> Tried | None:
        """One idea by its name."""
        return next((each for each in self.tried if each.name == name), None)

    @property
    def names(self) -> frozenset[str]:
        """Names that are taken."""
        return frozenset([*(each.name for each in self.tried), *(name for name, _ in self.refused)])

    def count_of(self, origin: str) -> int:
        """How many ideas a source has handed in."""
        return sum(each.origin == origin for each in self.tried)


@dataclass(frozen=True)
class Cost:
    """What an ask cost, beside the compute of the trials that it leads to."""

    usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0

    def plus(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(
            self.usd + other.usd,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.calls + other.calls,
        )


@dataclass(frozen=True)
class Offer:
    """A source's answer."""

    proposals: tuple[Proposal, ...] = ()
    trouble: str = ""
    """Why there are none, or fewer than were asked for."""


class Source(ABC):
    """Where ideas come from."""

    name: ClassVar[str]
    """One of `SOURCES`."""
    slow: ClassVar[bool] = False
    """Whether an answer takes so long that trials should run meanwhile."""

    def __init__(self, most: int) -> None:
        """`most` ideas may be handed in, in all."""
        self.most = most

    @abstractmethod
    def propose(self, evidence: Evidence, count: int) -> Offer:
        """At most `count` new ideas. Never raises for what a server or a model does wrong."""

    def cost_of(self, ask: int) -> Cost:
        """What an ask has cost so far, what was lost with a controller that ended included.

        Nothing, where a source does not say otherwise.
        """
        return Cost()

    def close(self) -> None:
        """Ends what it is doing, where it does anything between two asks."""
        return


class Repairing(Source):
    """A source that can mend what it proposed."""

    @abstractmethod
    def repair(self, evidence: Evidence, idea: Tried, repairs: int) -> Offer:
        """An idea anew whose smallest run failed; `repairs` counts the times before."""


def free_name(evidence: Evidence, wanted: str, taken: frozenset[str] = frozenset()) -> str:
    """`wanted`, or with the first number behind it that makes it a name nobody has."""
    names = evidence.names | taken
    name, number = wanted[:56], 1
    while name in names:
        number += 1
        name = f"{wanted[:56]}-{number}"
    return name
