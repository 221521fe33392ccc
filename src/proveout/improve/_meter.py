"""Budgets and what was used of them: plain numbers of the controller, in no program's reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proveout.improve._model import Most, Samples


@dataclass(frozen=True)
class Budget:
    """What one run of an improver may use."""

    samples: int = 24
    utility_calls: int = 24
    tokens: int | None = None
    """Of prompts and replies together; None without end."""
    usd: float | None = None
    seconds: float = 120.0
    """Wall time of the run, with all that it asks for."""
    cpu_seconds: float = 20.0
    """Of the improver's own process."""


@dataclass
class Meter:
    """Counts what one run uses. What is over the budget is refused and charges nothing."""

    budget: Budget
    samples: int = 0
    utility_calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    refused: int = 0

    def over(self, samples: int, most: Most) -> str:
        """Why a request for samples is over what is left; empty where it is not."""
        left = self.budget.samples - self.samples
        if samples < 1:
            return f"asked for {samples} samples; at least 1"
        if samples > left:
            return f"asked for {samples} samples; {left} are left"
        if self.budget.tokens is not None and self.tokens + most.tokens > self.budget.tokens:
            return f"may need {most.tokens} tokens; {self.budget.tokens - self.tokens} are left"
        if self.budget.usd is not None and self.usd + most.usd > self.budget.usd:
            return f"may cost {most.usd:.4f} USD; {self.budget.usd - self.usd:.4f} USD are left"
        return ""

    def charge(self, samples: int, most: Most) -> None:
        """Charges samples at their most, before they are there."""
        self.samples += samples
        self.tokens += most.tokens
        self.usd += most.usd

    def settle(self, most: Most, got: Samples) -> None:
        """They are there, and cost what they cost."""
        self.tokens += got.input_tokens + got.output_tokens - most.tokens
        self.usd += got.usd - most.usd

    def left(self, seconds: float) -> dict[str, Any]:
        """As an improver reads it."""
        budget = self.budget
        return {
            "samples": budget.samples - self.samples,
            "utility_calls": budget.utility_calls - self.utility_calls,
            "tokens": None if budget.tokens is None else max(0, budget.tokens - self.tokens),
            "usd": None if budget.usd is None else max(0.0, budget.usd - self.usd),
            "seconds": max(0.0, seconds),
        }
