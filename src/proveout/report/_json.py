"""A study as plain data, for other programs. The structure is versioned."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from proveout.ledger import History, Verdict, VerdictsRead
from proveout.report._answer import answer, checkout_command
from proveout.report._facts import count_trials, rung_name, spent, table_rows
from proveout.study import Study
from proveout.verdicts import selection_bias

JSON_VERSION = 1
"""Goes up when a key changes its meaning or goes away; new keys may appear at any time."""


def as_json(study: Study, history: History, verdicts: VerdictsRead | None = None) -> dict[str, Any]:
    """Everything the report shows, as data that `json.dumps(allow_nan=False)` takes.

    Keys: `format`, `version`, `study`, `target`, `answer`, `checkout`, `baseline_law`, `account`,
    `counts`, `ideas`, `refused`, `verdicts`, `forecasts`, `decisions`, `merges_refused`,
    `trials`, `ended`, `sealed` and `ledger`. Gaps and losses are in the metric's unit, compute in
    the study's unit, times in seconds. What is not known is null, never 0.
    """
    read = verdicts or history.verdicts
    document = {
        "format": "proveout-report",
        "version": JSON_VERSION,
        "study": _study(study, history),
        "target": {"compute": study.ladder.target.amount, "unit": study.ladder.target.unit},
        "answer": list(answer(study, history, verdicts)),
        "checkout": checkout_command(history, verdicts),
        "baseline_law": asdict(read.baseline) if read and read.baseline else None,
        "account": _account(study, history, verdicts),
        "counts": _counts(study, history),
        "ideas": [
            asdict(idea) | {"diff_lines": history.diff_lines.get(name)}
            for name, idea in history.ideas.items()
        ],
        "refused": [asdict(each) for each in history.refused],
        "verdicts": [_verdict(row.verdict) for row in table_rows(history, read) if row.verdict],
        "forecasts": _forecasts(history),
        "decisions": [asdict(each) for each in history.decisions],
        "merges_refused": [asdict(each) for each in history.merges_refused],
        "trials": _trials(study, history),
        "ended": history.ended.why if history.ended else None,
        "sealed": _sealed(history),
        "ledger": {"entries": history.entries, "head": history.head or None},
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def _study(study: Study, history: History) -> dict[str, Any]:
    opened = history.opened
    return {
        "name": study.name,
        "question": study.question,
        "metric": study.score.name,
        "goal": "maximize" if study.score.maximized else "minimize",
        "score_kind": study.score.kind,
        "rungs": [rung.compute.amount for rung in study.rungs],
        "proveout_version": opened.proveout_version if opened else None,
        "machine": opened.machine if opened else None,
        "study_toml": opened.study_toml if opened else None,
    }


def _account(study: Study, history: History, verdicts: VerdictsRead | None) -> dict[str, Any]:
    account, went = history.account, spent(study, history, verdicts)
    return {
        "unit": study.budget.compute.unit,
        "budget": account.budget if history.opened else study.budget.compute.amount,
        "charged": account.charged,
        "reserved": account.reserved,
        "left": account.left if history.opened else study.budget.compute.amount,
        "active_seconds": history.active_seconds,
        "total": asdict(went.total),
        "by_rung": [
            {"rung": rung, "compute": study.rung(rung).compute.amount} | asdict(each)
            for rung, each in went.by_rung.items()
        ],
        "by_outcome": {name: asdict(each) for name, each in went.by_outcome.items()},
    }


def _counts(study: Study, history: History) -> list[dict[str, Any]]:
    return [
        {"rung": index, "name": rung_name(study, index)} | asdict(counts)
        for index, counts in enumerate(count_trials(study, history))
    ]


def _verdict(verdict: Verdict) -> dict[str, Any]:
    fields = asdict(verdict)
    fields["line"] = _named(verdict.line, ("compute", "mean", "low", "high"))
    fields["measured"] = _named(
        verdict.measured, ("compute", "mean_gap", "standard_error", "pairs")
    )
    return fields


def _named(points: tuple[tuple[float, ...], ...], names: tuple[str, ...]) -> list[dict[str, float]]:
    return [dict(zip(names, point, strict=True)) for point in points]


def _forecasts(history: History) -> list[dict[str, Any]]:
    scored = history.forecasts_scored
    return [
        asdict(made) | {"scored": asdict(scored[name]) if name in scored else None}
        for name, made in history.forecasts.items()
    ]


def _sealed(history: History) -> dict[str, Any] | None:
    if history.split is None:
        return None
    bias = selection_bias(history)
    return {
        "split": asdict(history.split),
        "promotions": [asdict(each) for each in history.promotions.values()],
        "selection_bias": asdict(bias) if bias else None,
    }


def _trials(study: Study, history: History) -> list[dict[str, Any]]:
    return [
        {
            "id": trial.id,
            "idea": trial.idea,
            "rung": trial.rung,
            "compute": study.rung(min(trial.rung, len(study.rungs))).compute.amount,
            "replicate": trial.replicate,
            "seed": record.seed,
            "state": record.state,
            "charged": record.charged if record.finished_at is not None else None,
            "reserved": record.reserved,
            "measurement": asdict(record.measurement) if record.measurement else None,
            "failure": asdict(record.failure) if record.failure else None,
            "usage": asdict(record.usage) if record.usage else None,
            "audits": [asdict(each) for each in record.audits],
            "started_at": record.started_at,
            "finished_at": record.finished_at,
        }
        for trial, record in sorted(history.trials.items())
    ]


def _plain(value: Any) -> Any:
    """JSON types only; a number that is not finite is not known."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
