"""A trial under way, and the evaluator that will score it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from proveout.ledger import History
from proveout.scoring import Evaluator, Scored, Split, evaluator_of
from proveout.study import Study
from proveout.trials import Audit, Curve, Exit, Failure, Trial, Usage

POLL_SECONDS = 0.25
MOST_TIMES_LOST = 3
"""How often a job may end with the process that watches it before it is said to have crashed."""


@dataclass
class Active:
    """A trial that occupies a slot, first in training and then in scoring."""

    trial: Trial
    device: str | None
    trained: Exit | None = None
    trained_at: float = 0.0
    scored_at: float | None = None
    ending: Failure | None = None
    """Why it is being ended early, if it is."""
    artifact_bytes: int | None = None
    score_cpu_seconds: float | None = None
    """Of its scoring job, once that has ended."""
    waits: Scored | None = None
    """Its score, while the baseline that it is judged by still runs."""
    scored: Scored | None = None
    """Its score, while it waits to be scored again with its targets withheld."""
    audits: tuple[Audit, ...] = ()

    def usage(self, curve: Curve) -> Usage:
        """What it used and claimed, once it has been trained."""
        assert self.trained is not None
        return Usage(
            wall_seconds=self.trained.wall_seconds,
            cpu_seconds=self.trained.cpu_seconds,
            score_seconds=(self.scored_at or time.monotonic()) - self.trained_at,
            peak_memory_bytes=self.trained.peak_memory_bytes or None,
            leftover_processes=self.trained.leftover_processes,
            claimed_compute=curve.claimed_compute,
            artifact_bytes=self.artifact_bytes,
            score_cpu_seconds=self.score_cpu_seconds,
        )


def evaluator_for(study: Study, history: History) -> Evaluator:
    """The study's evaluator, with the held-out data divided as it was when the study began."""
    made = history.split
    if made is None:
        return evaluator_of(study, None)
    split = Split(made.search_items, made.sealed_items, made.near, made.seen)
    return evaluator_of(study, split)
