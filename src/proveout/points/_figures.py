"""Numbers as other places write them: `4,20` for 4.2, `1,000,000`, `1 000 000`, `71.3%`.

What a comma means is a question to a whole table: `1,234` alone may be either.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from proveout.points._numbers import is_number, parse_scale
from proveout.points._table import Row, Table

_GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:([,. '’\u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*")
_NUMBER_WITH_COMMA = re.compile(r"[+-]?[0-9.,]*[0-9],[0-9][0-9.,]*(e[+-]?[0-9]+)?[ %a-z_-]*", re.I)
_SIZE_IN_NAME = re.compile(
    r"(?:param|token|sample|example).*"
    r"(?:[(\[_ ]|\bin )(k|m|b|t|millions?|billions?|trillions?)[)\]]?$"
)
_WITH_ERROR = re.compile(r"([^±]*[0-9.])\s*(?:±|\+/-|\+-).*")
_PER_CENT = re.compile(r"(.*[0-9.])\s*%")


class Figures(NamedTuple):
    """A table whose numbers are written as `0.25`, and what to tell of those that were not."""

    table: Table
    notes: tuple[str, ...]


def in_plain_figures(table: Table, scales: Collection[int], losses: Collection[int]) -> Figures:
    """The table with the numbers of some columns as Python writes them.

    A column named `params (M)` holds millions. A column of losses that are all in per cent is taken
    as the numbers before the sign, and what stands after ± is left out. Where a table does not tell
    what its commas are, cells stay as they are, to be refused.
    """
    cells = {place: [row.cells[place] for row in table.rows] for place in (*scales, *losses)}
    decimal = _decimal(
        [cell for place in scales for cell in cells[place]],
        [cell for place in losses for cell in cells[place]],
        table.delimiter,
    )
    plain = {place: [_plain(cell, decimal) for cell in column] for place, column in cells.items()}
    notes = list(_commas_told(cells, plain))
    for place in scales:
        plain[place] = _in_full(table.header[place], plain[place])
    for place in losses:
        alone = [_WITH_ERROR.sub(r"\1", cell) for cell in plain[place]]
        if alone != plain[place]:
            notes.append(f"what stands after ± in {table.header[place]} is left out: one row is "
                         "taken as one run")  # fmt: skip
        plain[place] = _without_per_cent(alone)
    rows = []
    for number, (line, old) in enumerate(table.rows):
        new = list(old)
        for place, column in plain.items():
            new[place] = column[number]
        rows.append(Row(line, new))
    return Figures(table._replace(rows=rows), tuple(notes))


def _decimal(scales: Sequence[str], losses: Sequence[str], delimiter: str) -> str | None:
    """What stands before decimals; None where that cannot be told."""
    commas = [cell for cell in (*scales, *losses) if _NUMBER_WITH_COMMA.fullmatch(cell)]
    both = [cell for cell in commas if "." in cell]
    if both:
        return "," if all(cell.rfind(",") > cell.rfind(".") for cell in both) else "."
    if any(_GROUPS.fullmatch(cell) is None for cell in commas):
        return ","
    if any(cell.count(",") > 1 for cell in commas):
        return "."
    if any("," in cell for cell in losses):
        return "," if delimiter == ";" else None
    return "."


def _plain(cell: str, decimal: str | None) -> str:
    if decimal is None or not any(ch.isdigit() for ch in cell):
        return cell
    whole, mark, rest = cell.rpartition(decimal) if decimal in cell else (cell, "", "")
    groups = _GROUPS.fullmatch(cell)
    if groups is not None and (groups[1] != decimal or cell.count(decimal) > 1):
        return re.sub(r"[^0-9+-]", "", cell)
    groups = _GROUPS.fullmatch(whole)
    if groups is not None and groups[1] != decimal:
        whole = re.sub(r"[^0-9+-]", "", whole)
    return f"{whole}{'.' * bool(mark)}{rest}" if _NUMBER_WITH_COMMA.fullmatch(cell) else cell


def _in_full(name: str, column: Sequence[str]) -> list[str]:
    return [in_full(cell, name) for cell in column]


def size_in_name(name: str) -> str:
    """`M` of a column named `params (M)` or `tokens_in_millions`; empty where it has none."""
    match = _SIZE_IN_NAME.search(name.strip().lower())
    return match[1][0].upper() if match else ""


def scale_label(column: str) -> str:
    """What to call the numbers of a column once they are in full: `params` of `params (M)`."""
    match = _SIZE_IN_NAME.search(column.lower())
    bare = column[: match.start(1)] if match else column
    return bare.rstrip(" _([").removesuffix("in").rstrip(" _") or column


def in_full(text: str, column: str) -> str:
    """A number as a person writes it, counted as the column's name says: `7000M` for 7000 of
    `params (M)`. What has its own suffix or unit stays."""
    sized = f"{text.strip()}{size_in_name(column)}"
    return sized if is_number(sized) else text


def scale_in(text: str, column: str) -> float:
    """A scale as a person writes it, counted as the column's name says; as `parse_scale`."""
    return parse_scale(in_full(text, column))


def _without_per_cent(column: Sequence[str]) -> list[str]:
    numbers = [cell for cell in column if any(ch.isdigit() for ch in cell)]
    if not numbers or not all(_PER_CENT.fullmatch(cell) for cell in numbers):
        return list(column)
    return [match[1] if (match := _PER_CENT.fullmatch(cell)) else cell for cell in column]


def _commas_told(cells: dict[int, list[str]], plain: dict[int, list[str]]) -> tuple[str, ...]:
    for place, column in cells.items():
        for old, new in zip(column, plain[place], strict=True):
            if "," in old and old != new:
                return (f"numbers with commas, such as {old}, are read as {new}",)
    return ()
