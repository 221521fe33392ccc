"""A study's records as a tracker's: which run, which parameters, which numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from itertools import pairwise

from proveout.ideas import Idea
from proveout.ledger import History, TrialRecord, Verdict
from proveout.study import Study, Value
from proveout.trackers._tracker import Run, StudyCard, Summary
from proveout.trials import Curve, clean, trial_curve

MOST_POINTS = 2000
"""Of one curve; of a longer one evenly spaced points are sent, first and last among them."""

_HEAD = ("idea", "verdict", "gap at target", "80% interval", "compute multiplier", "rungs")
_LONGEST = 400


def study_key(history: History) -> str:
    """Names a study in trackers: what it began with and when."""
    text = f"{history.began_at!r} {history.baseline.commit}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def describe_study(study: Study, history: History, project: str | None) -> StudyCard:
    """The study as a whole."""
    opened = history.opened
    tags = {
        "metric": study.score.name,
        "better": "higher" if study.score.maximized else "lower",
        "unit": study.budget.compute.unit,
        "target": str(study.ladder.target),
        "score": study.score.kind,
        "proveout": opened.proveout_version if opened else "",
    }
    return StudyCard(
        key=study_key(history),
        name=clean(study.name, 100) or "study",
        project=project or clean(study.name, 100) or "study",
        about=clean(study.question, _LONGEST),
        tags={f"proveout.{name}": text for name, text in tags.items() if text},
    )


def describe_run(study: Study, history: History, record: TrialRecord) -> Run:
    """A finished trial with its curve, as it lies on disk."""
    trial, idea = record.trial, history.ideas[record.trial.idea]
    assert record.finished_at is not None, "only what has ended is sent"
    return Run(
        key=f"{study_key(history)}-{trial.id}",
        name=trial.id,
        group=trial.idea,
        parameters=_parameters(study, record, idea),
        tags=_tags(study, record, idea),
        about=_about(record, idea),
        curve=thinned(trial_curve(study, trial, idea), MOST_POINTS),
        numbers=_numbers(record),
        scored=record.measurement is not None,
        started_at=record.started_at,
        finished_at=record.finished_at,
    )


def _parameters(study: Study, record: TrialRecord, idea: Idea) -> dict[str, Value]:
    trial, rung = record.trial, study.rung(record.trial.rung)
    return {
        **study.program.parameters,
        **rung.parameters,
        **idea.parameters,
        "idea": trial.idea,
        "rung": trial.rung + 1,
        "replicate": trial.replicate + 1,
        "seed": record.seed,
        "compute": rung.compute.amount,
    }


def _tags(study: Study, record: TrialRecord, idea: Idea) -> dict[str, str]:
    measured, failure = record.measurement, record.failure
    tags = {
        "idea": idea.name,
        "rung": study.rung(record.trial.rung).label,
        "source": idea.origin or idea.kind,
        "kind": idea.kind,
        "outcome": failure.kind if failure else "scored",
        "trust": measured.trust if measured else "",
        "isolation": measured.isolation if measured else "",
        "metric": measured.metric if measured else "",
        "commit": idea.commit,
        "audit": "yes" if record.audit else "",
    }
    return {f"proveout.{name}": text for name, text in tags.items() if text}


def _about(record: TrialRecord, idea: Idea) -> str:
    told = [clean(idea.hypothesis, _LONGEST)]
    if record.failure is not None:
        told.append(f"{record.failure.kind}: {clean(record.failure.sentence, _LONGEST)}")
    return " - ".join(text for text in told if text)


def _numbers(record: TrialRecord) -> dict[str, float]:
    usage = record.usage
    return _finite(
        {
            "score": record.measurement.value if record.measurement else None,
            "cost/compute": record.charged,
            "cost/wall_seconds": usage.wall_seconds if usage else None,
            "cost/cpu_seconds": usage.cpu_seconds if usage else None,
            "cost/score_seconds": usage.score_seconds if usage else None,
            "cost/peak_memory_bytes": usage.peak_memory_bytes if usage else None,
        }
    )


def _finite(numbers: Mapping[str, float | None]) -> dict[str, float]:
    """What is not known stays out: in a tracker, too, it is missing and not 0."""
    return {
        name: float(each) for name, each in numbers.items() if each is not None
        and math.isfinite(each)
    }  # fmt: skip


def thinned(curve: Curve, most: int) -> Curve:
    """At most so many points of a curve, its first and its last among them."""
    count = len(curve.compute)
    if count <= most:
        return curve
    kept = [round(index * (count - 1) / (most - 1)) for index in range(most)]
    assert all(one < other for one, other in pairwise(kept))
    return Curve(tuple(curve.compute[i] for i in kept), tuple(curve.loss[i] for i in kept))


def describe_summary(study: Study, history: History, at: float) -> Summary:
    """The budget and the table of verdicts, from the ones last put on record."""
    from proveout.report import in_own_sense  # not at import: most studies have no tracker

    shown = in_own_sense(study, history)
    verdicts = shown.verdicts.verdicts if shown.verdicts else ()
    states = [record.state for record in history.trials.values()]
    numbers: dict[str, float | None] = {
        "budget/total": history.account.budget,
        "budget/charged": history.account.charged,
        "budget/left": history.account.left,
        "trials/scored": states.count("scored"),
        "trials/failed": states.count("failed"),
    }
    for each in verdicts:
        numbers[f"gap_at_target/{each.idea}"] = each.gap_at_target
        numbers[f"multiplier/{each.idea}"] = each.compute_multiplier
        numbers[f"helps/{each.idea}"] = each.probability_helps
    return Summary(
        step=history.finished_trials,
        at=at,
        numbers=_finite(numbers),
        head=_HEAD,
        rows=tuple(map(_row, verdicts)),
        ended=clean(history.ended.why, _LONGEST) if history.ended else "",
    )


def _row(verdict: Verdict) -> tuple[str, ...]:
    gap, ends, times = verdict.gap_at_target, verdict.interval80, verdict.compute_multiplier
    return (
        verdict.idea,
        verdict.verdict,
        "" if gap is None else f"{gap:+.4g}",
        "" if ends is None else f"[{ends[0]:+.4g}, {ends[1]:+.4g}]",
        "" if times is None else f"{times:.3g}×",
        str(verdict.rungs),
    )
