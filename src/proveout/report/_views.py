"""What the dashboard's pages show, as plain values for their templates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proveout.ideas import BASELINE
from proveout.ledger import TrialRecord
from proveout.report import _text as text
from proveout.report._answer import answer, checkout_command
from proveout.report._chart import Axes, Line, chart
from proveout.report._facts import (
    Row,
    count_trials,
    failures_by_kind,
    metric_name,
    rung_name,
    stamps,
)
from proveout.report._meanings import VERDICTS
from proveout.report._parts import table_line
from proveout.report._snapshot import Snapshot
from proveout.trials import AUDITS
from proveout.units import compact, duration

PAGE_ROWS = 50
_LATEST = 8
_SHOWN_FAILURES = 40
_CURVE_POINTS = 400

_SORTS = ("verdict", "name", "gap", "multiplier", "helps")


@dataclass(frozen=True)
class Asked:
    """What a table of ideas is narrowed to, as its address says."""

    search: str = ""
    verdict: str = ""
    sort: str = "verdict"
    page: int = 1
    rows: int = PAGE_ROWS

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Asked:
        """From a query string; what is not understood is left out."""
        page = given.get("page", "1")
        sort = given.get("sort", "verdict")
        return cls(
            search=text.clean(given.get("q", ""), 80),
            verdict=text.clean(given.get("verdict", ""), 20),
            sort=sort if sort in _SORTS else "verdict",
            page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
        )


@dataclass(frozen=True)
class Slice:
    """One page of a table of ideas."""

    rows: Sequence[Row]
    found: int
    page: int
    pages: int


def asked_rows(snapshot: Snapshot, asked: Asked) -> Slice:
    """The rows that were asked for, in the order that was asked for."""
    rows = [
        row
        for row in snapshot.rows
        if asked.search.lower() in row.idea.lower() and asked.verdict in ("", row.word)
    ]
    if asked.sort != "verdict":
        maximized = snapshot.study.score.maximized
        rows.sort(key=lambda row: _sort_key(row, asked.sort, maximized))
    pages = max(1, math.ceil(len(rows) / asked.rows))
    page = min(asked.page, pages)
    return Slice(rows[(page - 1) * asked.rows : page * asked.rows], len(rows), page, pages)


def _sort_key(row: Row, sort: str, maximized: bool) -> tuple[bool, Any]:
    """The best first; what is not known last."""
    if sort == "name":
        return False, row.idea
    gap = row.verdict.gap_at_target if row.verdict else None
    values = {
        "gap": _negative(gap) if maximized else gap,
        "multiplier": _negative(row.verdict.compute_multiplier if row.verdict else None),
        "helps": _negative(row.verdict.probability_helps if row.verdict else None),
    }
    value = values[sort]
    return value is None, value or 0.0


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def frame(snapshot: Snapshot) -> dict[str, Any]:
    """What stands on every page of a study: its name, its budget, whether it is at work."""
    study, history = snapshot.study, snapshot.history
    account = history.account
    budget = account.budget or study.budget.compute.amount
    return {
        "name": text.clean(study.name, 120),
        "question": text.clean(study.question, 1000),
        "metric": metric_name(study),
        "unit": study.budget.compute.unit,
        "target": str(study.ladder.target),
        "state": _state(snapshot),
        "paused": history.paused,
        "charged_share": text.share(account.charged, budget),
        "charged_percent": f"{min(100.0, 100 * account.charged / budget):.1f}",
        "reserved_percent": f"{min(100.0, 100 * account.reserved / budget):.1f}",
        "budget": compact(budget),
        "charged": compact(account.charged),
        "finished": history.finished_trials,
        "better": "above" if study.score.maximized else "below",
        "dash": text.DASH,
        "ns": "",
        "frozen": False,
    }


def _state(snapshot: Snapshot) -> str:
    history, running = snapshot.history, len(snapshot.running)
    if history.ended:
        return "ended"
    runs = f"{running} running" if running else "nothing runs"
    if history.paused:
        return f"paused, {runs}"
    return f"stopping, {runs}" if history.stopping else runs


def overview_view(snapshot: Snapshot, asked: Asked) -> dict[str, Any]:
    """What has been learnt, what runs, where the money goes, what smells wrong."""
    study, history = snapshot.study, snapshot.history
    part = asked_rows(snapshot, asked)
    digits = text.gap_decimals(row.verdict for row in snapshot.rows if row.verdict)
    words = Counter(row.word for row in snapshot.rows)
    return {
        "sentences": answer(study, history, snapshot.verdicts),
        "checkout": checkout_command(history, snapshot.verdicts),
        "asked": asked,
        "part": part,
        "lines": [table_line(study, row, digits) for row in part.rows],
        "words": [(text.mark(w).sign, w, words[w], look_of(w)) for w in _in_order(words)],
        "meanings": [(text.mark(word).sign, word, told) for word, told in VERDICTS.items()],
        "judged_at": snapshot.verdicts.trials_finished if snapshot.verdicts else None,
        "running": [_running(snapshot, record) for record in snapshot.running[:40]],
        "ended": [text.trial_line(record) for record in snapshot.finished[: -_LATEST - 1 : -1]],
        "decisions": latest_decisions(snapshot, _LATEST),
        "smells": smells(snapshot),
        "requests": [text.clean(told, 300) for told in list(history.requests.values())[:-7:-1]],
        "burn": burn_chart(snapshot),
        "sorts": _SORTS,
    }


def _in_order(words: Mapping[str, int]) -> list[str]:
    return [*(w for w in text.MARKS if w in words), *sorted(set(words) - set(text.MARKS))]


def look_of(word: str) -> str:
    """The class of a verdict in style sheets."""
    return word.replace(" ", "-") if word in text.MARKS else "none"


def _running(snapshot: Snapshot, record: TrialRecord) -> dict[str, Any]:
    trial = record.trial
    return {
        "idea": trial.idea,
        "shown": text.clean(trial.idea, 60),
        "rung": rung_name(snapshot.study, trial.rung),
        "replicate": trial.replicate + 1,
        "since": record.started_at,
        "ran": duration(max(0.0, snapshot.at - record.started_at)),
        "why": text.clean(record.why, 300),
    }


def latest_decisions(snapshot: Snapshot, most: int) -> list[tuple[str, str]]:
    """The last decisions and why, the last first."""
    latest = snapshot.history.decisions[: -most - 1 : -1]
    return [(text.clean(each.action, 40), text.clean(each.why, 400)) for each in latest]


def smells(snapshot: Snapshot) -> list[str]:
    """What a person should look at, a sentence each; most studies have none."""
    study, history = snapshot.study, snapshot.history
    found = []
    kinds = failures_by_kind(history)
    audits = {r.trial.idea for kind in AUDITS for r in kinds.get(kind, [])}
    if audits:
        found.append(f"{len(audits)} rejected by an audit: {_names(sorted(audits))}")
    finished = history.finished_trials
    failed = sum(len(each) for kind, each in kinds.items() if kind != "ended early")
    if finished >= 8 and failed > finished / 4:
        found.append(f"{failed} of {finished} trials failed")
    if any(record.trial.idea == BASELINE for each in kinds.values() for record in each):
        found.append("a trial of the baseline failed")
    levels = {level for _, level, _ in stamps(history)}
    if "E" in levels:
        found.append("trials ran without isolation (level E)")
    if len(levels) > 1:
        found.append(f"measurements were made at different isolation levels: {_names(levels)}")
    missed = [name for name, each in history.forecasts_scored.items() if not each.inside80]
    if missed:
        found.append(f"measured outside the forecast's 80% interval: {_names(missed)}")
    if history.refused:
        found.append(f"{len(history.refused)} proposed ideas were refused")
    limit = study.limits.wall_time
    slow = [r.trial.id for r in snapshot.running if snapshot.at - r.started_at > limit]
    if slow:
        found.append(f"running for longer than the limit: {_names(slow)}; is the controller alive?")
    return found


def _names(names: Sequence[str] | set[str]) -> str:
    shown = [text.clean(name, 60) for name in list(names)[:5]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def burn_chart(snapshot: Snapshot) -> Any:
    """What is left of the budget against time."""
    history = snapshot.history
    finished = snapshot.finished
    if not finished:
        return ""
    budget = history.account.budget or snapshot.study.budget.compute.amount
    began = min(record.started_at for record in finished)
    left, points = budget, [(0.0, budget)]
    every = max(1, len(finished) // 200)
    for number, record in enumerate(finished, start=1):
        left -= record.charged
        if number % every == 0 or number == len(finished):
            points.append((((record.finished_at or began) - began) / 60, left))
    unit = snapshot.study.budget.compute.unit
    axes = Axes("minutes since the first trial", f"budget left ({unit})", log_x=False,
                y_range=(0.0, budget * 1.02))  # fmt: skip
    return chart(axes, [Line("baseline", points)], width=520, height=220)


def ladder_view(snapshot: Snapshot, asked: Asked) -> dict[str, Any]:
    """Every trial as a cell: idea by rung by seed."""
    study, history = snapshot.study, snapshot.history
    part = asked_rows(snapshot, asked)
    rungs = range(len(study.rungs) + 1)
    rows = [Row(BASELINE, history.ideas.get(BASELINE), None), *part.rows]
    return {
        "asked": asked,
        "part": part,
        "sorts": _SORTS,
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
        "look": look_of(row.word),
        "cells": [cells[rung] for rung in rungs],
    }


def _cell(snapshot: Snapshot, record: TrialRecord) -> dict[str, str]:
    """A trial as sign, class and words for a hover; gaps are binned by the least gain of worth."""
    trial, seed = record.trial, f"seed {record.trial.replicate + 1}"
    if record.state != "scored" or record.measurement is None:
        sign = {"failed": "✗", "running": "…", "interrupted": "·"}.get(record.state, "·")
        told = f": {record.failure.kind}" if record.failure else ""
        return {"sign": sign, "look": record.state, "tip": f"{seed} {record.state}{told}"}
    value = record.measurement.value
    base = snapshot.history.losses(BASELINE, trial.rung).get(trial.replicate)
    if trial.idea == BASELINE or base is None:
        shown = text.loss(value, 3)
        return {"sign": shown, "look": "plain", "tip": f"{seed}: {text.loss(value)}"}
    gap = value - base
    step = gap / (snapshot.study.policy.smallest_gap * abs(base) or 1.0)
    step = -step if snapshot.study.score.maximized else step
    size = sum(abs(step) > edge for edge in (0.5, 2, 6))
    look = "level" if size == 0 else f"{'better' if step < 0 else 'worse'}-{size}"
    return {
        "sign": text.gap(gap, 3),
        "look": look,
        "tip": f"{seed}: {text.loss(value)}, gap {text.gap(gap, 4)}",
    }
