"""The table of ideas for a terminal or for plain text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from proveout.ideas import Idea, Proposal
from proveout.ledger import History, Verdict, VerdictsRead
from proveout.report._facts import Row, table_rows
from proveout.report._terminal_plot import gap_spark
from proveout.report._text import (
    DASH,
    clean,
    gap_decimals,
    gap_with_interval,
    mark,
    multiplier_with_interval,
    seeds_of,
)
from proveout.study import Study

_WIDE = 118
"""From this width on the reasons have a column of their own; below it they follow the table."""
_SPACIOUS = 96
_NAME_SHORTEST = 12


def verdict_table(
    study: Study,
    verdicts: VerdictsRead | None,
    history: History,
    width: int = 80,
    plots: bool = False,
) -> RenderableType:
    """The table of ideas with the reasons for each verdict, for `width` columns.

    `verdicts` None takes the ones last recorded; `plots` adds a small picture of each gap over
    scale where there is room, in Braille's characters.
    """
    rows = table_rows(history, verdicts)
    if not rows:
        return Text("No idea has been tried yet.", style="italic")
    if width >= _WIDE:
        return rows_table(study, rows, width, with_why=True, plots=plots)
    return Group(rows_table(study, rows, width, plots=plots), Text(), *_reasons(rows))


def rows_table(
    study: Study,
    rows: Sequence[Row],
    width: int,
    with_why: bool = False,
    digits: int | None = None,
    plots: bool = False,
) -> Table:
    """One line an idea; columns are left out from the right where `width` cannot hold them."""
    verdicts = [row.verdict for row in rows if row.verdict]
    digits = gap_decimals(verdicts) if digits is None else digits
    names = [Text(clean(row.idea, 60)) for row in rows]
    columns = _columns(study, rows, digits, wide=width >= _SPACIOUS)
    if plots:
        pictures = [gap_spark(study, row.verdict) for row in rows]
        styles = [mark(row.word).terminal for row in rows]
        cells = [
            Text(each or DASH, style=look) for each, look in zip(pictures, styles, strict=True)
        ]
        columns.append(_Column("gap over scale", cells))
    while len(columns) > 1 and _widths(columns) + _NAME_SHORTEST > width:
        columns.pop()
    room = min(width - _widths(columns), 28 if with_why else 60)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(Text("idea"), no_wrap=True, overflow="ellipsis", max_width=room)
    for column in columns:
        table.add_column(Text(column.title), no_wrap=True, min_width=column.width)
    if with_why:
        table.add_column(Text("why"), overflow="fold", ratio=1)
        table.expand = True
    for row, name, *cells in zip(rows, names, *(each.cells for each in columns), strict=True):
        why = [Text(clean(_why(row), 200), style="dim")] if with_why else []
        table.add_row(name, *cells, *why)
    return table


class _Column:
    def __init__(self, title: str, cells: Sequence[Text]) -> None:
        self.title = title
        self.cells = cells
        self.width = max([len(title), *(cell.cell_len for cell in cells)])


def _columns(study: Study, rows: Sequence[Row], digits: int, wide: bool) -> list[_Column]:
    return [
        _Column("verdict", [verdict_word(row.word) for row in rows]),
        _Column(
            f"gap at {study.target.label} [80%]",
            _cells(rows, lambda verdict: gap_with_interval(verdict, digits)),
        ),
        _Column("compute", _cells(rows, multiplier_with_interval)),
        _Column("rungs × seeds" if wide else "rungs", _cells(rows, seeds_of)),
    ]


def _widths(columns: Sequence[_Column]) -> int:
    return sum(column.width + 2 for column in columns)


def _cells(rows: Sequence[Row], show: Callable[[Verdict], str]) -> list[Text]:
    return [Text(show(row.verdict) if row.verdict else DASH) for row in rows]


def ideas_table(study: Study, history: History, waiting: Sequence[Proposal] = ()) -> RenderableType:
    """Every idea with what it says, where it comes from and what it predicts; those refused, and
    those that wait for the next run to take them in."""
    rows = table_rows(history, None)
    if not rows and not history.refused and not waiting:
        return Text("The study has no ideas yet.", style="italic")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(Text("idea"), overflow="fold", min_width=12, max_width=28)
    table.add_column(Text("predicts"), overflow="fold", ratio=2)
    table.add_column(Text("hypothesis"), overflow="fold", ratio=3)
    table.add_column(Text("source"), overflow="fold", ratio=2)
    table.expand = True
    for row in rows:
        record = row.record
        told = (record.predicts, record.hypothesis, _where_from(record)) if record else ("",) * 3
        table.add_row(Text(clean(row.idea, 60)), *(Text(clean(each, 400) or DASH) for each in told))
    for each in waiting:
        told = (each.predicts, each.hypothesis, each.source)
        table.add_row(Text(clean(each.name, 60)), *(Text(clean(t, 400) or DASH) for t in told))
    below: list[Text] = []
    if waiting:
        names = ", ".join(clean(each.name, 60) for each in waiting)
        below += [Text(), Text("not begun", style="bold"), Text(f"{names}: a run takes them in")]
    if history.refused:
        lines = [Text(f"{clean(r.name, 60)}: {clean(r.reason, 400)}") for r in history.refused]
        below += [Text(), Text("refused", style="bold"), *lines]
    return Group(table, *below) if below else table


def _where_from(record: Idea) -> str:
    known = record.origin in {"", "catalog"}
    return record.source if known else f"{record.origin}: {record.source}"


def verdict_word(word: str) -> Text:
    """A verdict as sign and word, coloured: `✓ holds`."""
    shown = mark(word)
    return Text(f"{shown.sign} {clean(word, 20)}", style=shown.terminal)


def _reasons(rows: Sequence[Row]) -> list[Text]:
    lines = []
    for row in rows:
        name = Text(f"{clean(row.idea, 60)}: ", style="bold")
        lines.append(name.append(Text(clean(_why(row), 300), style="not bold dim")))
    for line in lines:
        line.overflow = "fold"
    return lines


def _why(row: Row) -> str:
    return row.verdict.why if row.verdict else "not judged yet"
