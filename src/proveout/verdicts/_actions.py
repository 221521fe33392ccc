"""What a study can do next: the answers of `plan`."""

from __future__ import annotations

from dataclasses import dataclass

from proveout.trials import Trial


@dataclass(frozen=True)
class Purchase:
    """One trial, and what it is bought for, in one line."""

    trial: Trial
    why: str
    audit: bool = False
    """Whether it checks on an idea that had been set aside."""
    promotion: bool = False
    """Whether it is trained anew, with a seed that no other trial had, for the sealed part."""


@dataclass(frozen=True)
class Buy:
    """Run these trials now, one in each free slot."""

    purchases: tuple[Purchase, ...]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What is bought."""
        return tuple(purchase.trial for purchase in self.purchases)

    @property
    def why(self) -> str:
        """The first purchase's line, and how many more there are."""
        more = len(self.purchases) - 1
        return self.purchases[0].why + (f"; and {more} more" if more else "")


@dataclass(frozen=True)
class Wait:
    """Nothing can be decided before something that is running has ended."""

    why: str


@dataclass(frozen=True)
class EndLadder:
    """The policy has nothing more to buy on the ladder: from here on, what won is compounded."""

    why: str


@dataclass(frozen=True)
class Promote:
    """Score these trials on the sealed part, with their targets withheld, before what they show is
    believed."""

    trials: tuple[Trial, ...]
    why: str
    instead: str = ""
    """Why they are trials that their ideas were chosen by, and none is trained anew; empty where
    they were."""


@dataclass(frozen=True)
class Merge:
    """Merge an idea into a stack, as an idea of the given name."""

    name: str
    base: str
    idea: str
    why: str


@dataclass(frozen=True)
class MakeForecast:
    """Record what the target run is expected to measure, before it is bought."""

    idea: str
    why: str


@dataclass(frozen=True)
class ScoreForecast:
    """Hold a forecast against its run."""

    idea: str
    why: str


@dataclass(frozen=True)
class Stop:
    """Nothing is left to buy."""

    why: str
    ok: bool = True
    """False where the study could not do what it was asked to."""


Action = Buy | Wait | EndLadder | Promote | Merge | MakeForecast | ScoreForecast | Stop
