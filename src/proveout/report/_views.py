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
    carried,
    decided,
    failures_by_kind,
    metric_name,
    rung_name,
    seed_gap,
    stamps,
)
from proveout.report._meanings import ACTIONS, VERDICTS
from proveout.report._parts import table_line
from proveout.report._snapshot import Snapshot
from proveout.trials import REJECTING
from proveout.units import compact, duration

PAGE_ROWS = 50
_LATEST = 8
_ENDED = 5
_SHOWN_FAILURES = 40
_CURVE_POINTS = 400

SORTS = ("verdict", "name", "gap", "multiplier", "helps")


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
            sort=sort if sort in SORTS else "verdict",
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
        "budget_shown": compact(budget),
        "charged": compact(account.charged),
        "finished": history.finished_trials,
        "ended_study": history.ended is not None,
        "at_work": snapshot.at_work,
        "folder": study.folder.name,
        "better": "above" if study.score.maximized else "below",
        "dash": text.DASH,
        "ns": "",
        "frozen": False,
    }


def learnt(snapshot: Snapshot) -> dict[str, str]:
    """A study in a line of a list: ideas that hold, and what was carried to the target."""
    study = snapshot.study
    ideas = [row for row in snapshot.rows if row.record is None or row.record.kind != "stack"]
    held = sum(row.word == "holds" for row in ideas)
    name = carried(snapshot.history, snapshot.verdicts)
    row = snapshot.row_of.get(name or "")
    verdict = row.verdict if row else None
    told = {"held": f"{held} of {len(ideas)}", "best": "", "gap": "", "multiplier": ""}
    if name is None or verdict is None:
        return told
    return told | {
        "best": text.clean(name, 60),
        "gap": f"{text.gap_with_interval(verdict, text.gap_decimals([verdict]))} "
        f"{metric_name(study)} at {study.ladder.target}",
        "multiplier": text.multiplier_with_interval(verdict),
    }


def _state(snapshot: Snapshot) -> str:
    history, running = snapshot.history, len(snapshot.running)
    if history.ended:
        return "ended"
    if snapshot.at_work is False:
        cut_off = f", {running} cut off" if running else ""
        return f"{'paused, ' if history.paused else ''}no controller at work{cut_off}"
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
        "words": [(text.mark(w).sign, w, words[w], text.look_of(w)) for w in _in_order(words)],
        "meanings": [(text.mark(word).sign, word, told) for word, told in VERDICTS.items()],
        "early": snapshot.early,
        "judged_at": snapshot.verdicts.trials_finished if snapshot.verdicts else None,
        "running": [_running(snapshot, record) for record in snapshot.running[:40]],
        "ended": [_ended(snapshot, record) for record in snapshot.finished[: -_ENDED - 1 : -1]],
        "counted": _counted(snapshot),
        "decisions": latest_decisions(snapshot, _LATEST),
        "smells": smells(snapshot),
        "requests": [text.clean(told, 300) for told in list(history.requests.values())[:-7:-1]],
        "burn": burn_chart(snapshot),
        "sorts": SORTS,
    }


def _in_order(words: Mapping[str, int]) -> list[str]:
    return [*(w for w in text.MARKS if w in words), *sorted(set(words) - set(text.MARKS))]


def _running(snapshot: Snapshot, record: TrialRecord) -> dict[str, Any]:
    trial = record.trial
    return {
        "idea": trial.idea,
        "shown": text.clean(trial.idea, 60),
        "rung": rung_name(snapshot.study, trial.rung),
        "replicate": trial.replicate + 1,
        "seconds": f"{max(0.0, snapshot.at - record.started_at):.0f}",
        "ran": duration(max(0.0, snapshot.at - record.started_at)),
        "why": text.clean(record.why, 300),
    }


def _ended(snapshot: Snapshot, record: TrialRecord) -> dict[str, Any]:
    """A trial that has ended: what came of it in words, and what it was bought for."""
    trial, failure, measured = record.trial, record.failure, record.measurement
    told = text.DASH
    if failure is not None:
        told = f"{failure.kind}: {text.clean(failure.sentence, 160)}"
    elif measured is not None:
        told = f"{text.loss(measured.value)} {text.clean(measured.unit, 30)}"
        gap = seed_gap(snapshot.history, trial)
        told += f", gap {text.gap(gap, 4)}" if gap is not None else ""
    return {
        "idea": trial.idea,
        "shown": text.clean(trial.idea, 60),
        "rung": rung_name(snapshot.study, trial.rung),
        "replicate": trial.replicate + 1,
        "sign": "✗" if failure is not None else "✓",
        "look": "broken" if failure is not None else "holds",
        "told": told,
        "took": duration(record.usage.wall_seconds) if record.usage else "",
        "why": text.clean(record.why, 300),
    }


def _counted(snapshot: Snapshot) -> str:
    """`29 ideas and 2 merges of them`."""
    merges = sum(row.record is not None and row.record.kind == "stack" for row in snapshot.rows)
    ideas = len(snapshot.rows) - merges
    told = f"{ideas} idea{'' if ideas == 1 else 's'}"
    if not merges:
        return told
    return f"{told} and {merges} merge{'' if merges == 1 else 's'} of them"


def latest_decisions(snapshot: Snapshot, most: int) -> list[tuple[str, str]]:
    """The last decisions and why, the last first."""
    latest = decided(snapshot.history)[: -most - 1 : -1]
    return [
        (ACTIONS.get(each.action) or text.clean(each.action, 40), text.clean(each.why, 400))
        for each in latest
    ]


def smells(snapshot: Snapshot) -> list[str]:
    """What a person should look at, a sentence each; most studies have none."""
    study, history = snapshot.study, snapshot.history
    found = []
    if snapshot.fault:
        found.append(f"the ledger was changed after it was written: {text.clean(snapshot.fault)}")
    kinds = failures_by_kind(history)
    audits = {r.trial.idea for kind in REJECTING for r in kinds.get(kind, [])}
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
        refused = len(history.refused)
        many = f"{refused} proposed ideas were" if refused > 1 else "a proposed idea was"
        found.append(f"{many} refused")
    limit = study.limits.wall_time
    slow = [r.trial.id for r in snapshot.running if snapshot.at - r.started_at > limit]
    if slow and snapshot.at_work is not False:
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
    word, seconds = _span((finished[-1].finished_at or began) - began)
    for number, record in enumerate(finished, start=1):
        left -= record.charged
        if number % every == 0 or number == len(finished):
            points.append((((record.finished_at or began) - began) / seconds, left))
    unit = snapshot.study.budget.compute.unit
    axes = Axes(f"{word} since the first trial", f"budget left ({unit})", log_x=False,
                y_range=(0.0, budget * 1.02))  # fmt: skip
    return chart(axes, [Line("baseline", points)], height=250)


def _span(seconds: float) -> tuple[str, float]:
    """The unit in which a stretch of time is read best."""
    for word, unit in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * unit:
            return word, unit
    return "seconds", 1.0
