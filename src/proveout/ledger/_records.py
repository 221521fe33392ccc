"""One trial and the budget, as the ledger knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proveout.trials import Audit, Failure, Measurement, Trial, Usage

ROUNDING = 1e-9
"""Relative error of a sum of prices that is not taken for overspending."""

State = Literal["running", "scored", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial as the ledger knows it."""

    trial: Trial
    seed: int
    state: State
    reserved: float
    charged: float = 0.0
    measurement: Measurement | None = None
    failure: Failure | None = None
    usage: Usage | None = None
    why: str = ""
    audit: bool = False
    started_at: float = 0.0
    finished_at: float | None = None
    audits: tuple[Audit, ...] = ()
    promotion: bool = False


@dataclass(frozen=True)
class Account:
    """The budget, in the study's unit of compute."""

    budget: float
    charged: float = 0.0
    reserved: float = 0.0

    @property
    def left(self) -> float:
        """What may still be reserved."""
        return self.budget - self.charged - self.reserved

    def covers(self, price: float) -> bool:
        """Whether so much may be reserved; sums of fractions are not held to the last bit."""
        return price <= self.left + ROUNDING * self.budget
