"""A trial: one run of (idea, rung, seed), and what it comes to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from proveout.ideas import BASELINE
from proveout.study import Study


@dataclass(frozen=True, order=True, slots=True)
class Trial:
    """Which idea at which rung with which replicate; all three count from 0."""

    rung: int
    replicate: int
    idea: str

    @property
    def id(self) -> str:
        """Names the trial's folder and its ledger entries: `rotary-r2-s1`, counted from 1."""
        return f"{self.idea}-r{self.rung + 1}-s{self.replicate + 1}"

    @property
    def is_baseline(self) -> bool:
        """Whether it is one of the program as it was given."""
        return self.idea == BASELINE


def trial_seed(study: Study, trial: Trial) -> int:
    """The program's seed: a keyed hash of rung and replicate, so no program picks its own.

    It does not depend on the idea: the baseline and every idea share their seeds.
    """
    text = f"{study.seeds.key}/{study.rung(trial.rung).compute}/{trial.replicate}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) >> 1


Trust = Literal["audited", "re-evaluated", "reported"]
Isolation = Literal["A", "B", "C", "E"]
"""How far what ran was shut in, the most first; E is not at all. See docs/isolation.md."""


def worse_isolation(one: Isolation, other: Isolation) -> Isolation:
    """The level that promises less."""
    return max(one, other)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number that an evaluator computed. What was not measured has no Measurement."""

    value: float
    metric: str
    unit: str
    trust: Trust
    isolation: Isolation
    items: int
    """How many scored predictions it averages over."""
    loss: float | None = None
    """What is minimized, where that is not the value itself: for a metric that is maximized."""

    @property
    def to_minimize(self) -> float:
        """What everything is decided on: less is better."""
        return self.value if self.loss is None else self.loss


FailureKind = Literal[
    "crashed",
    "diverged",
    "timed out",
    "out of memory",
    "too many processes",
    "wrote too much",
    "over budget",
    "not causal",
    "not confirmed",
    "implausible",
    "unscorable",
    "ended early",
]

REJECTING: frozenset[FailureKind] = frozenset(
    {"over budget", "not causal", "not confirmed", "implausible"}
)
"""Failures for which an idea is rejected, whatever else it shows: it was not honest."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a trial has no measurement."""

    kind: FailureKind
    sentence: str
    """For the report: what happened, in words."""
    gap: float | None = None
    """Of a trial that was ended early: by how much it was losing to the baseline, at least, in the
    unit of the measurement. Evidence of harm, never a score."""


@dataclass(frozen=True, slots=True)
class Audit:
    """One thing that was held against what is plausible, as evidence."""

    name: str
    passed: bool
    evidence: str
    """What was seen and what it was held against, in words."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a trial used, measured from outside, and what it says it used."""

    wall_seconds: float
    cpu_seconds: float
    score_seconds: float
    """Wall time from its exit to its measurement."""
    peak_memory_bytes: int | None
    """None where it ended before anybody looked."""
    leftover_processes: int
    claimed_compute: float | None
    """Compute by the program's own count, a hint; None if it reported none."""
    artifact_bytes: int | None = None
    """Of the files in its output folder when it ended; None where that was not counted."""
    score_cpu_seconds: float | None = None
    """CPU seconds of its scoring job, in which its code runs again; None where there was none."""
