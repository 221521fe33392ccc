"""The notebook's pages of ideas: what each says, with links to all that it has to do with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from proveout.ideas import BASELINE, Idea
from proveout.ledger import TrialRecord
from proveout.report import _text as text
from proveout.report._chronicle import UNJUDGED, Chronicle, day_of
from proveout.report._facts import Row, metric_name, rung_name, rungs_used, seed_gaps
from proveout.report._notebook_files import Folder, Page, key_of
from proveout.report._notebook_text import diff_block, plain, section, table, tag
from proveout.report._parts import forecast_cells, idea_facts, lineage
from proveout.report._snapshot import Snapshot
from proveout.report._trust import evidence_lines
from proveout.units import compact

_SHOWN_TRIALS = 200
_SHOWN_LINKS = 300


@dataclass(frozen=True)
class Notebook:
    """All that pages are made of, and the names that they link each other by."""

    snapshot: Snapshot
    told: Chronicle
    diffs: Mapping[str, str]
    folder: Folder
    digits: int = field(default=3)

    @property
    def study_name(self) -> str:
        """The study's name as it is shown."""
        return text.clean(self.snapshot.study.name, 120)

    @cached_property
    def days_of(self) -> Mapping[str, list[str]]:
        """By idea, the days that something happened to it."""
        found: dict[str, list[str]] = defaultdict(list)
        for date, day in self.told.days.items():
            for idea in day.ideas:
                found[idea].append(date)
        return found

    def link(self, kind: str, told: str) -> str:
        """A link to a page of ours."""
        return f"[[{self.folder.name(kind, told)}]]"

    def study(self) -> str:
        """A link to the study's own page."""
        return self.link("study", self.snapshot.study.name)

    def idea(self, name: str) -> str:
        """A link to an idea's page; only its name where the study has no such idea."""
        known = name in self.snapshot.history.ideas
        return self.link("idea", name) if known else plain(name, 60)

    def ideas(self, names: list[str]) -> str:
        """Links to several, the rest counted."""
        more = len(names) - _SHOWN_LINKS
        shown = ", ".join(self.idea(name) for name in names[:_SHOWN_LINKS])
        return f"{shown} and {more} more" if more > 0 else shown

    def days(self, dates: list[str]) -> str:
        """Links to days."""
        return ", ".join(self.link("day", date) for date in dates)

    def verdict(self, word: str) -> str:
        """A link to a kind of verdict, with its sign."""
        return f"{text.mark(word).sign} {self.link('verdict', word)}"


def papers_of(idea: Idea) -> list[str]:
    """What an idea names as its sources, with semicolons between them.

    Of a merge that would only be its members, and who begins with "none" names none.
    """
    if idea.kind == "stack" or idea.source.strip().lower().startswith("none"):
        return []
    return list(dict.fromkeys(filter(None, map(str.strip, idea.source.split(";")))))


def idea_note(book: Notebook, name: str) -> Page:
    """One idea."""
    row = book.snapshot.row_of[name]
    verdict, record = row.verdict, row.record
    lines = [*_headline(book, row), ""]
    lines += _facts(book, name)
    lines += section("Measured", _measured(book, row))
    lines += section("Verdicts", _changes(book, name))
    lines += section("Forecast", _forecast(book, name))
    lines += section("Trials", _trials(book, book.snapshot.trials_of(name)))
    evidence = evidence_lines(book.snapshot.history, name)
    lines += section("Evidence of the audits", [f"- {plain(each, 1000)}" for each in evidence])
    lines += section("Change", diff_block(book.diffs.get(name, "")))
    properties: dict[str, object] = {"study": book.study_name}
    if name != BASELINE:
        properties["verdict"] = text.clean(row.word, 20)
    if verdict and text.known(verdict.gap_at_target):
        properties["gap"] = verdict.gap_at_target
    if verdict and text.known(verdict.compute_multiplier):
        properties["compute-multiplier"] = verdict.compute_multiplier
    kind = record.kind if record else "idea"
    tags = [tag(kind), tag("study", book.study_name)]
    tags += [tag(row.word)] if name != BASELINE else []
    tags += [tag("about", record.category)] if record and record.category else []
    return Page(key_of("idea", name), plain(name, 120), lines, properties, tuple(tags))


def _headline(book: Notebook, row: Row) -> list[str]:
    study, verdict = book.snapshot.study, row.verdict
    if row.idea == BASELINE:
        return [f"What every idea of {book.study()} is held against."]
    if verdict is None:
        return [f"An idea of {book.study()}, {book.verdict(UNJUDGED)} yet."]
    lines = [f"{book.verdict(row.word)} at {plain(str(study.ladder.target))} in {book.study()}: "
             f"{plain(verdict.why, 1000)}"]  # fmt: skip
    if verdict.gap_at_target is not None:
        gap = text.gap_with_interval(verdict, book.digits)
        lines += [
            "",
            f"- gap: {gap} {plain(metric_name(study))}"
            + (" (80% interval)" if verdict.interval80 else ""),
            f"- compute multiplier: {text.multiplier_with_interval(verdict)}",
            f"- helps with probability {text.probability(verdict.probability_helps)}",
        ]
    return lines


def _facts(book: Notebook, name: str) -> list[str]:
    record = book.snapshot.history.ideas.get(name)
    if record is None:
        return []
    told = {what: plain(said, 4000) for what, said in idea_facts(record)}
    told |= {"because": plain(record.reason, 4000)} if record.reason else {}
    papers = ", ".join(book.link("paper", each) for each in papers_of(record))
    told |= {"source": papers} if papers else {}
    told |= {"handed in by": book.link("source", record.origin)} if record.origin else {}
    told |= {"merges": book.ideas(list(record.members))} if record.members else {}
    told |= {"made from": book.ideas(list(record.parents))} if record.parents else {}
    told |= {how: book.ideas(names) for how, names in lineage(book.snapshot, name)}
    withdrawn = book.snapshot.history.withdrawn.get(name)
    told |= {"withdrawn": plain(withdrawn)} if withdrawn else {}
    came = book.told.came.get(name)
    told |= {"came on": book.link("day", day_of(came.at))} if came else {}
    dates = book.days_of.get(name, [])
    told |= {"days": book.days(dates)} if dates else {}
    return [*(f"- {what}: {said}" for what, said in told.items()), ""]


def _measured(book: Notebook, row: Row) -> list[str]:
    study, history = book.snapshot.study, book.snapshot.history
    recorded = {point[0]: point for point in row.verdict.measured} if row.verdict else {}
    rows = []
    for rung in rungs_used(study, history):
        losses = history.losses(row.idea, rung)
        if not losses:
            continue
        point = recorded.get(study.rung(rung).compute.amount)
        gaps = {} if row.idea == BASELINE else seed_gaps(history, row.idea, rung)
        rows.append((
            plain(rung_name(study, rung)),
            f"{text.gap(point[1], 4)} ± {point[2]:.4f}" if point else text.DASH,
            ", ".join(text.gap(each, 4) for each in gaps.values()) or text.DASH,
            ", ".join(text.loss(losses[seed]) for seed in sorted(losses)),
        ))  # fmt: skip
    head = (f"{study.ladder.target.unit}", "mean gap ± s.e.", "gap by seed",
            f"{plain(metric_name(study))} by seed")  # fmt: skip
    return table(head, rows) if rows else []


def _changes(book: Notebook, name: str) -> list[str]:
    return [
        f"- {book.link('day', day_of(each.at))}: {plain(each.before)} → {book.verdict(each.after)}"
        for each in book.told.changes.get(name, [])
    ]


def _forecast(book: Notebook, name: str) -> list[str]:
    study, history = book.snapshot.study, book.snapshot.history
    made = history.forecasts.get(name)
    if made is None:
        return []
    cells = forecast_cells(study, history, made)
    told = f"- at {plain(cells['where'])}: gap {cells['gap']} (80% interval)"
    if name not in history.forecasts_scored:
        return [f"{told}, recorded before the run; not measured"]
    return [f"{told}, recorded before the run", f"- measured: {cells['measured']}, "
            f"{cells['inside']} the interval"]  # fmt: skip


def _trials(book: Notebook, records: list[TrialRecord]) -> list[str]:
    rows = [_trial(book, record) for record in records[:_SHOWN_TRIALS]]
    head = ("trial", "came to", f"charged ({book.snapshot.study.budget.compute.unit})",
            "trust, isolation", "bought for", "day")  # fmt: skip
    left_out = len(records) - len(rows)
    more = [f"{left_out} more trials are not shown.", ""] if left_out > 0 else []
    return [*table(head, rows), *more] if rows else []


def _trial(book: Notebook, record: TrialRecord) -> tuple[str, ...]:
    measured, failure = record.measurement, record.failure
    came_to = f"{text.loss(measured.value)} {plain(measured.unit, 30)}" if measured else ""
    if failure:
        came_to = f"{failure.kind}: {plain(failure.sentence, 300)}"
    at = record.finished_at or record.started_at
    date = day_of(at)
    return (
        plain(record.trial.id, 90),
        came_to or record.state,
        compact(record.charged) if record.finished_at is not None else text.DASH,
        f"{measured.trust}, {measured.isolation}" if measured else text.DASH,
        plain(record.why, 200) or text.DASH,
        book.link("day", date) if date in book.told.days else date,
    )
