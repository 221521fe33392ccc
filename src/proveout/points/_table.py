"""The text of a table: its header and rows, each with its line in the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from proveout.errors import DataError
from proveout.points._numbers import is_number
from proveout.points._records import read_records

_DELIMITERS = ",;\t|"
_BINARY = re.compile(r"[\0-\x08\x0e-\x1f\ufffd]")
_SPACED_QUOTE = re.compile(r'" +(?=[,;|\t\r\n]|\Z)')
_RULE = re.compile(":?-+:?")  # below the header of a table in Markdown
_EMPHASIS = re.compile(
    r"(\*{1,3}|__|~~|`|(?<!\w)_)(?=\S)(.+?)(?<=\S)\1(?!(?<=_)\w)"
)  # in a cell in Markdown
_COMMENT = re.compile(r"(?:\A|(?<=[\r\n]))[ \t]*#([^\r\n]*)")


class Row(NamedTuple):
    line: int  # in the file, as an editor counts
    cells: list[str]


class Table(NamedTuple):
    header: list[str]
    rows: list[Row]  # each as wide as the header, or wider with nothing in the further cells
    delimiter: str


def read_table(
    path: Path, example: str = "params,tokens,loss", needs: str = "a loss and a scale"
) -> Table:
    """The header and the rows of a file. Lines that begin with # are skipped.

    Where the first line holds numbers alone and the comment above it as many names, as numpy
    writes tables, those are the header. Records in JSON, one a line or in a list, are a table too.
    Mistakes are told with an example of a header and in words what the table needs.

    Raises:
        DataError: no such file, not a table, no header, no rows.
    """
    text = _text(path)
    records = read_records(text) if text.lstrip()[:1] in {"{", "["} else None
    if records is not None:
        return Table(records.header, [Row(*row) for row in records.rows], ",")
    bare = _SPACED_QUOTE.sub('"', _COMMENT.sub("", text))
    delimiter = _delimiter(bare)
    lines = [row for row in _lines(path, bare, delimiter) if not _is_rule(row.cells)]
    if not lines:
        refuse(path, f"is empty; write a line of column names, such as {example}, "
                     "and a line for each run below it")  # fmt: skip
    first = lines[0].cells
    header = first
    if all(is_number(name) for name in first):
        header = _header_in_comment(path, text, first, example, delimiter)
    else:
        lines = lines[1:]
    header = ["".join(ch if ch.isprintable() else " " for ch in name) for name in header]
    if len(header) == 1:
        refuse(path, f"has one column, {header[0]!r}; it needs {needs} at least, "
                     "separated by comma, semicolon, tab, | or spaces")  # fmt: skip
    if not lines:
        refuse(path, "has a header and no runs below it (lines that begin with # are skipped); "
                     "add a line for each run")  # fmt: skip
    if _are_numbered(lines, len(header)):
        header = ["", *header]
    for line, cells in lines:
        _check_width(path, line, cells, len(header))
    return Table(header, lines, delimiter)


def refuse(path: Path, message: str) -> NoReturn:
    raise DataError(f"{path} {message}")


def _delimiter(text: str) -> str:
    """What separates the first line's cells; spaces where that has two or more and nothing else."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    found = max(_DELIMITERS, key=first.count)
    return found if found in first or " " not in first.strip() else " "


def _is_rule(cells: Sequence[str]) -> bool:
    return all(_RULE.fullmatch(cell) for cell in cells if cell)


def _are_numbered(rows: Sequence[Row], wide: int) -> bool:
    """Whether rows begin with their number, which the header has no name for: as R writes them."""
    firsts = [row.cells[0] for row in rows]
    counted = any(firsts == [str(start + i) for i in range(len(rows))] for start in (0, 1))
    return len(rows) > 1 and counted and all(len(row.cells) == wide + 1 for row in rows)


def _header_in_comment(
    path: Path, text: str, first: Sequence[str], example: str, delimiter: str
) -> list[str]:
    above = text.lstrip("\r\n")
    names: list[str] = []
    while match := _COMMENT.match(above):
        names = next(_lines(path, match[1], delimiter), Row(0, [])).cells
        above = above[match.end() :].lstrip("\r\n")
    if len(names) != len(first) or all(is_number(name) for name in names):
        refuse(path, "starts with a line of numbers; write the columns' names above it, "
                     f"such as {example}")  # fmt: skip
    return names


def _check_width(path: Path, line: int, cells: Sequence[str], wide: int) -> None:
    if len(cells) < wide or any(cells[wide:]):
        raise DataError(f"{path}, line {line} has {len(cells)} cell{'s' * (len(cells) > 1)} "
                        f"where the header has {wide}; each line needs as many")  # fmt: skip


def _text(path: Path) -> str:
    if path.is_dir():
        refuse(path, "is a folder; name the CSV file in it")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        refuse(path, "does not exist; name a CSV file of runs")
    except OSError as error:
        refuse(path, f"cannot be read: {error.strerror}")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # how a spreadsheet writes "Unicode text"
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:  # as spreadsheets in Europe save a CSV
        text = data.decode("cp1252", errors="replace")
    if _BINARY.search(text):
        refuse(path, "is not UTF-8 text; save the table as CSV (UTF-8)")
    return text


def _lines(path: Path, text: str, delimiter: str) -> Iterator[Row]:
    """Each line that is not blank with its number; a cell may hold quoted line breaks."""
    if delimiter == " ":
        text = re.sub(r"[ \t]+(?=[\r\n]|\Z)|(?:\A|(?<=[\r\n]))[ \t]+", "", text)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    start = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if delimiter == "|":
                stripped = [_without_emphasis(cell) for cell in stripped]
            if any(stripped):
                yield Row(start, stripped)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {start}: {error}; a quote that opens a cell "
                        "must close it") from None  # fmt: skip


def _without_emphasis(cell: str) -> str:
    """`3.20 ± 0.01` of `**3.20** ± 0.01`."""
    while (bare := _EMPHASIS.sub(r"\2", cell)) != cell:
        cell = bare
    return cell
