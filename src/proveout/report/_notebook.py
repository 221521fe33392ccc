"""The study as linked Markdown, for Obsidian, Logseq, Roam or any editor."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from proveout.ideas import BASELINE
from proveout.ledger import Entry, History
from proveout.report import _text as text
from proveout.report._answer import answer
from proveout.report._chronicle import UNJUDGED, Day, chronicle
from proveout.report._facts import Row
from proveout.report._files import write_whole
from proveout.report._meanings import VERDICTS
from proveout.report._notebook_cards import cards_file, cards_text
from proveout.report._notebook_files import Folder, Page, key_of
from proveout.report._notebook_pages import Notebook, idea_note, papers_of
from proveout.report._notebook_text import plain, section, table, tag
from proveout.report._snapshot import Snapshot
from proveout.report._trust import trust_lines
from proveout.study import Study
from proveout.units import compact

_DAY_LINES = 400
_ARXIV = re.compile(r"arxiv[:. /a-z]{0,20}(\d{4}\.\d{4,5})(?!\d)", re.IGNORECASE)


def write_notebook(
    study: Study, history: History, entries: Iterable[Entry], diffs: Mapping[str, str], folder: Path
) -> int:
    """Writes or brings up to date a study's pages and cards in a folder.

    `entries` are the ledger's, `diffs` each idea's change. Returns how many files say something
    new. Files of others are left alone, and so is what stands below the line of a page.

    Raises:
        UserError: the folder is a file, or holds files of every name that a page could take.
    """
    told = chronicle(study, entries)
    snapshot = Snapshot(study, history, 0.0)
    verdicts = [row.verdict for row in snapshot.rows if row.verdict]
    place = Folder(folder, told.study_id, study.name)
    book = Notebook(snapshot, told, diffs, place, text.gap_decimals(verdicts))
    _name_all(book)
    written = place.write(_pages(book))
    return written + _write_cards(book, folder)


def _name_all(book: Notebook) -> None:
    """Names in one order, so that a page has the same name whichever page mentions it first."""
    snapshot = book.snapshot
    book.study()
    for kind, names in (
        ("idea", snapshot.row_of), ("day", book.told.days), ("verdict", [*VERDICTS, UNJUDGED]),
        ("paper", _papers(snapshot)), ("source", _sources(snapshot)),
    ):  # fmt: skip
        for name in names:
            book.folder.name(kind, name)


def _pages(book: Notebook) -> Iterator[Page]:
    snapshot = book.snapshot
    yield _study_note(book)
    for name in snapshot.history.ideas:
        yield idea_note(book, name)
    by_word: dict[str, list[Row]] = {word: [] for word in [*VERDICTS, UNJUDGED]}
    for row in snapshot.rows:
        by_word.setdefault(row.word, []).append(row)
    for word, rows in by_word.items():
        yield _verdict_note(book, word, rows)
    for date, day in book.told.days.items():
        yield _day_note(book, date, day)
    for paper, names in _papers(snapshot).items():
        yield _from_note(book, "paper", paper, names)
    for source, names in _sources(snapshot).items():
        yield _from_note(book, "source", source, names)


def _papers(snapshot: Snapshot) -> dict[str, list[str]]:
    """What ideas name as their source, and those ideas."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, idea in snapshot.history.ideas.items():
        for paper in papers_of(idea):
            found[paper].append(name)
    return found


def _sources(snapshot: Snapshot) -> dict[str, list[str]]:
    """Who handed ideas in: catalog, people, sampler and so on."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, idea in snapshot.history.ideas.items():
        if idea.origin:
            found[idea.origin].append(name)
    return found


def _study_note(book: Notebook) -> Page:
    snapshot, history = book.snapshot, book.snapshot.history
    study = snapshot.study
    counts = Counter(row.word for row in snapshot.rows)
    account, unit = history.account, study.budget.compute.unit
    lines = [plain(study.question, 1000), ""] if study.question else []
    lines += [*(f"- {plain(sentence, 1000)}" for sentence in answer(study, history)), ""]
    lines += [f"- {compact(account.charged)} of {compact(account.budget)} {unit} charged, "
              f"{history.finished_trials} trials finished", ""]  # fmt: skip
    lines += section("Ideas", _ideas_table(book, snapshot.rows))
    lines += section("Verdicts", [f"- {book.verdict(w)}: {counts[w]}" for w in counts])
    lines += section("Days", [f"- {book.link('day', date)}" for date in book.told.days])
    papers = [f"- {book.link('paper', each)}: {book.ideas(names)}"
              for each, names in _papers(snapshot).items()]  # fmt: skip
    lines += section("Papers", papers)
    sources = [f"- {book.link('source', each)}: {len(names)} ideas"
               for each, names in _sources(snapshot).items()]  # fmt: skip
    lines += section("Handed in by", sources)
    refused = [f"- {plain(each.name, 60)}: {plain(each.reason)}" for each in history.refused]
    lines += section("Refused", refused[:_DAY_LINES])
    lines += section(
        "How far to trust this", [f"- {plain(each, 1000)}" for each in trust_lines(study, history)]
    )
    title = f"Study {plain(book.study_name)}"
    tags = (tag("study"), tag("study", book.study_name))
    return Page(key_of("study", study.name), title, lines, {"study": book.study_name}, tags)


def _ideas_table(book: Notebook, rows: Iterable[Row]) -> list[str]:
    study = book.snapshot.study
    cells = []
    for row in rows:
        verdict = row.verdict
        gap = text.gap_with_interval(verdict, book.digits) if verdict else text.DASH
        factor = text.multiplier_with_interval(verdict) if verdict else text.DASH
        why = plain(verdict.why, 300) if verdict else text.DASH
        cells.append((book.idea(row.idea), book.verdict(row.word), gap, factor, why))
    head = ("idea", "verdict", f"gap at {plain(str(study.ladder.target))} (80%)",
            "compute multiplier (80%)", "why")  # fmt: skip
    return table(head, cells) if cells else []


def _verdict_note(book: Notebook, word: str, rows: list[Row]) -> Page:
    meaning = VERDICTS.get(word, "no verdict has been put on record yet")
    lines = [f"{plain(meaning)}.", "", *section(f"In {book.study()}", _ideas_table(book, rows))]
    title = f"{text.mark(word).sign} {plain(word, 20)}"
    properties = {"study": book.study_name}
    return Page(key_of("verdict", word), title, lines, properties, (tag("verdict"), tag(word)))


def _from_note(book: Notebook, kind: str, told: str, names: list[str]) -> Page:
    """A paper or whatever else an idea names as its source, or who handed ideas in."""
    rows = [book.snapshot.row_of[name] for name in names if name in book.snapshot.row_of]
    lead = {"paper": "What ideas of {} name as their source.",
            "source": "A source of ideas of {}."}[kind]  # fmt: skip
    lines = [lead.format(book.study()), ""]
    if kind == "paper" and (found := _ARXIV.search(told[:1000])):
        lines += [f"<https://arxiv.org/abs/{found[1]}>", ""]
    lines += section("Ideas", _ideas_table(book, [row for row in rows if row.idea != BASELINE]))
    properties: dict[str, object] = {"study": book.study_name}
    if kind == "paper" and (whole := text.clean(told, 400)) != book.folder.name(kind, told):
        properties["aliases"] = [whole]
    return Page(key_of(kind, told), plain(told), lines, properties, (tag(kind),))


def _day_note(book: Notebook, date: str, day: Day) -> Page:
    unit = book.snapshot.study.budget.compute.unit
    trials = [
        (book.idea(name), *(str(counted[how]) for how in ("scored", "failed", "interrupted")))
        for name, counted in day.trials.items()
    ]
    courses: dict[str, list[str]] = {}
    for each in day.changes:
        course = courses.setdefault(each.idea, [plain(each.before)])
        course.append(book.verdict(each.after))
    changes = [f"- {book.idea(name)}: {' → '.join(course)}" for name, course in courses.items()]
    lines = [f"In {book.study()}: {compact(day.charged)} {unit} charged.", ""]
    lines += section("Verdicts that changed", changes[-_DAY_LINES:])
    lines += section("Ideas that came", [f"- {book.idea(name)}" for name in day.came[:_DAY_LINES]])
    forecasts = [f"- forecast made for {book.idea(name)}" for name in day.forecasts]
    forecasts += [f"- forecast for {book.idea(name)} scored" for name in day.measured]
    lines += section("Forecasts", forecasts)
    lines += section("What was decided", [f"- {plain(each)}" for each in day.said[-_DAY_LINES:]])
    head = ("idea", "trials scored", "failed", "interrupted")
    lines += section("Trials", table(head, trials) if trials else [])
    properties = {"study": book.study_name}
    return Page(key_of("day", date), date, lines, properties, (tag("day"),))


def _write_cards(book: Notebook, folder: Path) -> int:
    """The cards lie beside the pages; of a second study in the folder, under its own name."""
    name = book.folder.name("study", book.snapshot.study.name)
    path = cards_file(folder, name, book.told.study_id)
    made = cards_text(book.snapshot, book.told.study_id, book.digits).encode(errors="replace")
    if path.is_file() and path.read_bytes() == made:
        return 0
    write_whole(path, made)
    return 1
