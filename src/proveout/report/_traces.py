"""Each idea's whole course as one line of JSON: data to learn research from, measured not told."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from proveout.ideas import BASELINE, Idea
from proveout.ledger import Entry, History, TrialRecord, Verdict
from proveout.report._chronicle import Chronicle, chronicle
from proveout.report._facts import metric_name, seed_gaps
from proveout.report._files import write_whole
from proveout.report._snapshot import Snapshot
from proveout.report._text import clean, known
from proveout.report._trace_records import (
    Hypothesis,
    KnownGap,
    KnownLoss,
    MeasuredGap,
    Purchase,
    SealedRead,
    Trace,
    TraceAudit,
    TraceChange,
    TraceContext,
    TraceFailure,
    TraceForecast,
    TracePrediction,
    TraceStudy,
    TraceVerdict,
)
from proveout.study import Study

_TEXT = 4000
_DIFF = 200_000
_BEST = 10


def write_traces(
    study: Study, history: History, entries: Iterable[Entry], diffs: Mapping[str, str], path: Path
) -> int:
    """Writes a trace a line, in the order in which ideas came, whole or not at all; says how many.

    `entries` are the ledger's, `diffs` each idea's change.
    """
    # ASCII: no line is broken by what some reader takes for the end of one.
    lines = (
        json.dumps(each.model_dump(mode="json"), allow_nan=False) + "\n"
        for each in read_traces(study, history, entries, diffs)
    )
    write_whole(path, lines)
    return sum(name != BASELINE for name in history.ideas)


def read_traces(
    study: Study, history: History, entries: Iterable[Entry], diffs: Mapping[str, str]
) -> Iterable[Trace]:
    """The trace of every idea and stack."""
    told = chronicle(study, entries)
    snapshot = Snapshot(study, history, 0.0)
    by_commit = {idea.commit: name for name, idea in history.ideas.items()}
    for name, idea in history.ideas.items():
        if name != BASELINE:
            yield _trace(snapshot, told, idea, by_commit.get(idea.parent or ""), diffs)


def _trace(
    snapshot: Snapshot, told: Chronicle, idea: Idea, changes: str | None, diffs: Mapping[str, str]
) -> Trace:
    history, verdict = snapshot.history, snapshot.row_of[idea.name].verdict
    records = sorted(snapshot.trials_of(idea.name), key=lambda record: record.started_at)
    return Trace(
        idea=clean(idea.name, 200),
        kind=idea.kind,
        study=_study(snapshot),
        context=_context(snapshot, told, idea, changes),
        hypothesis=Hypothesis(
            claim=_words(idea.hypothesis),
            reason=_words(idea.reason),
            source=_words(idea.source),
            predicts=_words(idea.predicts),
            category=_words(idea.category),
            origin=_words(idea.origin),
        ),
        change=_change(idea, diffs.get(idea.name, "")),
        purchases=[_purchase(snapshot, record) for record in records],
        measured=_measured(verdict),
        sealed=[
            SealedRead(trial=clean(each.trial, 200), agrees=each.agrees, why=_words(each.why))
            for each in history.promotions_of(idea.name)
        ],
        verdict=_verdict(verdict),
        prediction=TracePrediction(
            said=_words(idea.predicts),
            came_true=came_true(idea.predicts, verdict, history.turned),
        ),
        forecast=_forecast(snapshot, idea.name),
        verified=_verified(records),
    )


def _words(told: str) -> str:
    return clean(told, _TEXT)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _study(snapshot: Snapshot) -> TraceStudy:
    study, history = snapshot.study, snapshot.history
    return TraceStudy(
        name=_words(study.name),
        question=_words(study.question),
        metric=metric_name(study),
        goal="maximize" if study.score.maximized else "minimize",
        score_kind=study.score.kind,
        unit=study.ladder.target.unit,
        rungs=[rung.compute.amount for rung in study.rungs],
        target=study.ladder.target.amount,
        certainty=study.policy.certainty,
        ledger_entries=history.entries,
        ledger_head=history.head or None,
    )


def _context(snapshot: Snapshot, told: Chronicle, idea: Idea, changes: str | None) -> TraceContext:
    came = told.came.get(idea.name)
    read = came.verdicts if came else None
    return TraceContext(
        at=_when(came.at) if came else None,
        trials_finished=came.trials_finished if came else 0,
        baseline=_baseline_by(snapshot, came.at) if came else [],
        best=[
            KnownGap(
                idea=clean(each.idea, 200),
                verdict=clean(each.verdict, 40),
                gap_at_target=_number(each.gap_at_target),
            )
            for each in (read.verdicts if read else ())[:_BEST]
        ],
        changes=clean(changes, 200) if changes else None,
        parents=[clean(each, 200) for each in idea.parents],
    )


def _baseline_by(snapshot: Snapshot, at: float) -> list[KnownLoss]:
    """What the baseline had measured by a moment."""
    found: dict[int, list[float]] = {}
    for record in snapshot.trials_of(BASELINE):
        if record.measurement and record.finished_at is not None and record.finished_at <= at:
            found.setdefault(record.trial.rung, []).append(record.measurement.value)
    return [
        KnownLoss(compute=snapshot.study.rung(rung).compute.amount, mean=fmean(values),
                  runs=len(values))
        for rung, values in sorted(found.items())
    ]  # fmt: skip


def _change(idea: Idea, diff: str) -> TraceChange:
    kept = diff[:_DIFF].encode(errors="replace").decode()
    return TraceChange(
        commit=clean(idea.commit, 64),
        diff=kept,
        diff_characters_left_out=max(0, len(diff) - _DIFF),
        parameters={clean(str(name), 200): _value(each) for name, each in idea.parameters.items()},
        merges=[clean(each, 200) for each in idea.members],
    )


def _value(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float):
        return _number(value)
    return value if isinstance(value, bool | int) else _words(str(value))


def _purchase(snapshot: Snapshot, record: TrialRecord) -> Purchase:
    trial, measured, failure = record.trial, record.measurement, record.failure
    gaps = seed_gaps(snapshot.history, trial.idea, trial.rung)
    return Purchase(
        trial=clean(trial.id, 200),
        at=_when(record.started_at),
        compute=snapshot.study.rung(min(trial.rung, len(snapshot.study.rungs))).compute.amount,
        replicate=trial.replicate,
        seed=record.seed,
        why=_words(record.why),
        audit=record.audit,
        state=record.state,
        charged=_number(record.charged) if record.finished_at is not None else None,
        value=_number(measured.value) if measured else None,
        metric_unit=clean(measured.unit, 60) if measured else None,
        gap=_number(gaps.get(trial.replicate)),
        trust=measured.trust if measured else None,
        isolation=measured.isolation if measured else None,
        audits=[
            TraceAudit(name=clean(a.name, 100), passed=a.passed, evidence=_words(a.evidence))
            for a in record.audits
        ],
        failure=TraceFailure(kind=failure.kind, sentence=_words(failure.sentence))
        if failure
        else None,
    )


def _measured(verdict: Verdict | None) -> list[MeasuredGap]:
    return [
        MeasuredGap(compute=at, mean_gap=gap, standard_error=_number(error), pairs=pairs)
        for at, gap, error, pairs in (verdict.measured if verdict else ())
        if math.isfinite(gap)
    ]


def _verdict(verdict: Verdict | None) -> TraceVerdict | None:
    if verdict is None:
        return None
    factors = verdict.multiplier_interval80
    return TraceVerdict(
        verdict=clean(verdict.verdict, 40),
        why=_words(verdict.why),
        gap_at_target=_number(verdict.gap_at_target),
        interval80=_ends(verdict.interval80),
        compute_multiplier=_number(verdict.compute_multiplier),
        multiplier_interval80=(_number(factors[0]), _number(factors[1])) if factors else None,
        probability_helps=_number(verdict.probability_helps),
    )


def _ends(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    return ends if ends and all(map(math.isfinite, ends)) else None


def _forecast(snapshot: Snapshot, idea: str) -> TraceForecast | None:
    made = snapshot.history.forecasts.get(idea)
    scored = snapshot.history.forecasts_scored.get(idea)
    if made is None or not all(map(math.isfinite, (*made.interval80, *made.interval95))):
        return None
    return TraceForecast(
        compute=snapshot.study.rung(made.rung).compute.amount,
        mean_gap=made.mean_gap,
        interval80=made.interval80,
        interval95=made.interval95,
        measured_gap=_number(scored.measured_gap) if scored else None,
        came_true=scored.inside80 if scored else None,
        crps=_number(scored.crps) if scored else None,
    )


def came_true(predicts: str, verdict: Verdict | None, more_is_better: bool) -> bool | None:
    """Whether what an idea's author said of its gap over scale is what the verdict says.

    Its first word counts: `grows`, `steady`, `fades`, `reverses`, `nothing` or `breaks`. `grows`
    and `steady` need `holds`: the first a gain at the target above that at the lowest rung that was
    measured, the second one between half of it and twice as much. None where
    nothing of the kind was said, or nothing can be said yet.
    """
    words = "".join(ch if ch.isalpha() else " " for ch in predicts[:400].lower()).split()
    said = words[0] if words else ""
    if verdict is None or verdict.verdict == "undecided":
        return None
    same = {"fades": {"fades"}, "reverses": {"reverses"}, "nothing": {"no effect"},
            "breaks": {"broken", "rejected"}}  # fmt: skip
    if said in same:
        return verdict.verdict in same[said]
    if said not in {"grows", "steady"}:
        return None
    if verdict.verdict != "holds" or not verdict.measured or not known(verdict.gap_at_target):
        return False if verdict.verdict != "holds" else None
    assert verdict.gap_at_target is not None  # known
    sign = 1.0 if more_is_better else -1.0
    first, last = sign * verdict.measured[0][1], sign * verdict.gap_at_target
    return last > first if said == "grows" else 0.5 * first <= last <= 2 * first


def _verified(records: list[TrialRecord]) -> bool:
    """Whether it was measured, and nothing that was measured is the program's own word."""
    measured = [record.measurement for record in records if record.measurement]
    return bool(measured) and all(
        each.trust != "reported" and each.isolation != "E" for each in measured
    )
