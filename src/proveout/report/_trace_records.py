"""What a line of a file of traces holds: the schema, versioned.

A trace is one idea's whole course through a study, as data to learn from: what was known, what was
claimed, what was changed, what was bought and why, what was measured, what was concluded, and
whether what had been forecast came true. Gaps and losses are in the metric's own sense and unit,
compute in the study's unit; what is not known is null, never 0.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TRACE_VERSION = 1
"""Goes up when a key changes its meaning or goes away; new keys may appear at any time."""

Ends = tuple[float, float]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TraceStudy(_Record):
    """The question that the idea was tried for."""

    name: str
    question: str
    metric: str
    goal: Literal["minimize", "maximize"]
    score_kind: str
    unit: str = Field(description="of compute: flops or device-seconds")
    rungs: list[float] = Field(description="compute of each rung, rising")
    target: float = Field(description="the compute that the verdict is about")
    certainty: float = Field(description="how sure a verdict must be")
    ledger_entries: int
    ledger_head: str | None = Field(description="proves all entries before it, noted elsewhere")


class KnownGap(_Record):
    """What was believed of another idea."""

    idea: str
    verdict: str
    gap_at_target: float | None


class KnownLoss(_Record):
    """What the baseline had measured at a rung."""

    compute: float
    mean: float
    runs: int


class TraceContext(_Record):
    """What was known when the idea came."""

    at: str | None = Field(description="when it came, ISO 8601, UTC")
    trials_finished: int
    baseline: list[KnownLoss]
    best: list[KnownGap] = Field(description="the best ideas by then, at most ten")
    changes: str | None = Field(description="the idea or baseline whose commit it changes")
    parents: list[str] = Field(description="ideas that it was made from")


class Hypothesis(_Record):
    """What was claimed, before anything was bought."""

    claim: str
    reason: str
    source: str
    predicts: str
    category: str
    origin: str = Field(description="which source handed it in")


class TraceChange(_Record):
    """What was changed."""

    commit: str
    diff: str
    diff_characters_left_out: int
    parameters: dict[str, str | int | float | bool | None]
    merges: list[str]


class TraceFailure(_Record):
    """Why a trial has no measurement."""

    kind: str
    sentence: str


class TraceAudit(_Record):
    """What a measurement was held against."""

    name: str
    passed: bool
    evidence: str


class Purchase(_Record):
    """A trial: what it was bought for, and what it came to."""

    trial: str
    at: str
    compute: float
    replicate: int
    seed: int
    why: str
    audit: bool = Field(description="whether it checked on an idea that had been set aside")
    state: str
    charged: float | None
    value: float | None
    metric_unit: str | None
    gap: float | None = Field(description="to the baseline with the same seed at the same rung")
    trust: str | None
    isolation: str | None
    audits: list[TraceAudit]
    failure: TraceFailure | None


class MeasuredGap(_Record):
    """The mean gap over pairs of seeds at one rung."""

    compute: float
    mean_gap: float
    standard_error: float | None
    pairs: int


class SealedRead(_Record):
    """What the sealed part of the held-out data said of a trial."""

    trial: str
    agrees: bool | None
    why: str


class TraceVerdict(_Record):
    """What was concluded."""

    verdict: str
    why: str
    gap_at_target: float | None
    interval80: Ends | None
    compute_multiplier: float | None
    multiplier_interval80: tuple[float | None, float | None] | None
    probability_helps: float | None


class TraceForecast(_Record):
    """A distribution that was put on record before the run that it predicts."""

    compute: float
    mean_gap: float
    interval80: Ends
    interval95: Ends
    measured_gap: float | None
    came_true: bool | None = Field(description="whether what was measured lay in the 80% interval")
    crps: float | None


class TracePrediction(_Record):
    """What the idea's author said its gap would do across scale."""

    said: str
    came_true: bool | None = Field(description="null where there is no saying yet")


class Trace(_Record):
    """One idea's whole course."""

    format: Literal["proveout-trace"] = "proveout-trace"
    version: Literal[1] = 1
    idea: str
    kind: str
    study: TraceStudy
    context: TraceContext
    hypothesis: Hypothesis
    change: TraceChange
    purchases: list[Purchase]
    measured: list[MeasuredGap]
    sealed: list[SealedRead]
    verdict: TraceVerdict | None = Field(description="null where it was never judged")
    prediction: TracePrediction
    forecast: TraceForecast | None
    verified: bool = Field(
        description="whether all its numbers are an evaluator's, of trials that were shut in"
    )
