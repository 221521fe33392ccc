"""Question-and-answer cards of what was learnt, as a table that Anki imports.

Anki's importer takes lines of fields between tabs, quoted as in CSV, with directives in lines that
begin with `#` (its manual, "Importing: text files"); one that it does not know is a comment. Each
card has an identifier of its own, so that importing again brings cards up to date and makes none
twice.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from proveout.report import _text as text
from proveout.report._answer import forecast_lines
from proveout.report._facts import Row, metric_name
from proveout.report._meanings import VERDICTS
from proveout.report._notebook_text import digest, tag
from proveout.report._snapshot import Snapshot
from proveout.units import compact

_OURS = "proveout:"
TAB = "\t"
_COLUMNS = ("Front", "Back", "tags", "guid")
_ANKI_ACTS_ON = re.compile(r"\[(?=\s*/?\s*(?:sound|anki|latex|\$))|\\(?=[\[(])", re.IGNORECASE)
"""Beginnings of fields' own commands: sounds, speech, LaTeX, mathematics."""


class Card(NamedTuple):
    """A question and what was learnt."""

    key: str
    front: str
    back: str
    tags: tuple[str, ...]


def cards_text(snapshot: Snapshot, study_id: str, digits: int) -> str:
    """All cards of a study, as Anki imports them."""
    target = io.StringIO()
    deck = _field(f"proveout::{snapshot.study.name.replace('::', ' ')}")
    head = (f"{_OURS}{study_id}", "separator:tab", "html:false", "notetype:Basic", f"deck:{deck}",
            f"columns:{TAB.join(_COLUMNS)}", "tags column:3", "guid column:4")  # fmt: skip
    for line in head:
        target.write(f"#{line}\n")
    writer = csv.writer(target, delimiter="\t", lineterminator="\n")
    for card in _cards(snapshot, digits):
        guid = digest(f"{study_id} {card.key}")[:16]
        writer.writerow((_field(card.front), _field(card.back), " ".join(card.tags), guid))
    return target.getvalue()


def cards_file(folder: Path, name: str, study_id: str) -> Path:
    """Where a study's cards go: a file of theirs, or one that is not there yet."""
    first = folder / f"{name} cards.tsv"
    return first if _free(first, study_id) else folder / f"{name} cards {study_id}.tsv"


def _free(path: Path, study_id: str) -> bool:
    if path.is_symlink() or not path.is_file():
        return not path.exists() and not path.is_symlink()
    with path.open("rb") as file:
        return file.readline(200).rstrip() == f"#{_OURS}{study_id}".encode()


def _field(told: str) -> str:
    """One line that Anki shows as it is."""
    line = text.clean(told, 2000)
    return _ANKI_ACTS_ON.sub(lambda found: "(" if found[0] == "[" else "/", line)


def _cards(snapshot: Snapshot, digits: int) -> Iterator[Card]:
    study, history = snapshot.study, snapshot.history
    where, name = study.ladder.target, study.name
    mine = tag("study", name)
    for row in snapshot.rows:
        yield from _idea_cards(snapshot, row, digits, (mine, tag(row.word)))
    for made, told in zip(history.forecasts.values(), forecast_lines(history), strict=True):
        if made.idea not in history.forecasts_scored:
            continue  # there is no answer yet
        question = f"What was forecast for {made.idea} at {where} in {name}, and did it come true?"
        yield Card(f"forecast {made.idea}", question, told, (mine, tag("forecast")))
    held = [row.idea for row in snapshot.rows if row.word == "holds"]
    if snapshot.verdicts:
        question = f"Which ideas of {name} hold at {where}?"
        yield Card("holds", question, ", ".join(held) or "None so far.", (mine, tag("study")))
    law = snapshot.verdicts.baseline if snapshot.verdicts else None
    if law and law.formula:
        question = f"What law over compute does the baseline of {name} follow?"
        yield Card("law", question, f"{law.formula} ({metric_name(study)})", (mine, tag("law")))
    for word in dict.fromkeys(row.word for row in snapshot.rows):
        if word in VERDICTS:
            question = f"What does the verdict {word!r} mean?"
            yield Card(f"verdict {word}", question, VERDICTS[word], (tag("verdict"), tag(word)))


def _idea_cards(snapshot: Snapshot, row: Row, digits: int, tags: tuple[str, ...]) -> Iterator[Card]:
    verdict, record, study = row.verdict, row.record, snapshot.study
    if verdict is None or verdict.verdict == "undecided":
        return  # nothing has been learnt yet
    if record and record.category == "control":
        return  # what it does was known before
    said = text.clean(record.hypothesis, 400) if record else ""
    claim = f" It was said: {said}" if said else ""
    if verdict.gap_at_target is None:
        question = f"In {study.name}, what went wrong with {row.idea}?{claim}"
        yield Card(f"idea {row.idea}", question, f"{verdict.verdict}: {verdict.why}", tags)
        return
    question = f"In {study.name}, what does {row.idea} do at {study.ladder.target}?{claim}"
    gap = text.gap_with_interval(verdict, digits)
    told = f"{text.mark(row.word).sign} {row.word}: gap {gap} {metric_name(study)}"
    told += " (80% interval)" if verdict.interval80 else ""
    if verdict.compute_multiplier is not None:
        told += f", compute {text.multiplier_with_interval(verdict)}"
    told += f"; {verdict.why}"
    yield Card(f"idea {row.idea}", question, told, tags)
    if len(verdict.measured) > 1 and row.word in {"fades", "reverses"}:
        compute, first, *_ = verdict.measured[0]
        question = (
            f"In {study.name}, {row.idea} has a gap of {text.gap(first, digits)} at "
            f"{compact(compute)}. What is expected of it at {study.ladder.target}?"
        )
        told = f"{text.gap_with_interval(verdict, digits)}: it {row.word}."
        yield Card(f"scale {row.idea}", question, told, tags)
