"""What the dashboard's ladder shows: every trial as a cell."""

from __future__ import annotations

from typing import Any

from proveout.ideas import BASELINE
from proveout.ledger import TrialRecord
from proveout.report import _text as text
from proveout.report._facts import Row, count_trials, rung_name, seed_gap
from proveout.report._snapshot import Snapshot
from proveout.report._views import SORTS, Asked, asked_rows


def ladder_view(snapshot: Snapshot, asked: Asked) -> dict[str, Any]:
    """Every trial as a cell: idea by rung by seed."""
    study, history = snapshot.study, snapshot.history
    part = asked_rows(snapshot, asked)
    rungs = range(len(study.rungs) + 1)
    rows = [Row(BASELINE, history.ideas.get(BASELINE), None), *part.rows]
    return {
        "asked": asked,
        "part": part,
        "sorts": SORTS,
        "words": [],
        "rungs": [rung_name(study, rung) for rung in rungs],
        "counts": count_trials(study, history),
        "rows": [_ladder_row(snapshot, row, rungs) for row in rows],
    }


def _ladder_row(snapshot: Snapshot, row: Row, rungs: range) -> dict[str, Any]:
    cells: dict[int, list[dict[str, str]]] = {rung: [] for rung in rungs}
    for record in snapshot.trials_of(row.idea):
        cells[min(record.trial.rung, rungs[-1])].append(_cell(snapshot, record))
    return {
        "idea": row.idea,
        "shown": text.clean(row.idea, 60),
        "word": row.word if row.idea != BASELINE else "",
        "sign": text.mark(row.word).sign,
        "look": text.look_of(row.word),
        "cells": [cells[rung] for rung in rungs],
    }


def _cell(snapshot: Snapshot, record: TrialRecord) -> dict[str, str]:
    """A trial as sign, class and words for a hover; gaps are binned by the least gain of worth."""
    trial, seed = record.trial, f"seed {record.trial.replicate + 1}"
    if record.state != "scored" or record.measurement is None:
        sign = {"failed": "✗", "running": "…", "interrupted": "·"}.get(record.state, "·")
        told = f": {record.failure.kind}" if record.failure else ""
        if record.failure and record.failure.kind == "ended early":
            sign = "early"
        return {"sign": sign, "look": record.state, "tip": f"{seed} {record.state}{told}"}
    value = record.measurement.value
    gap = seed_gap(snapshot.history, trial)
    if gap is None:
        shown = text.loss(value, 3)
        return {"sign": shown, "look": "plain", "tip": f"{seed}: {text.loss(value)}"}
    base = value - gap
    step = gap / (snapshot.study.policy.smallest_gap * abs(base) or 1.0)
    step = -step if snapshot.study.score.maximized else step
    size = sum(abs(step) > edge for edge in (0.5, 2, 6))
    look = "level" if size == 0 else f"{'better' if step < 0 else 'worse'}-{size}"
    return {
        "sign": text.gap(gap, 3),
        "look": look,
        "tip": f"{seed}: {text.loss(value)}, gap {text.gap(gap, 4)}",
    }
