"""Rows that are there twice: told where they contradict, left out where they do not."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from proveout.errors import DataError
from proveout.points._amounts import parse_amount
from proveout.points._columns import plain_name
from proveout.points._figures import Figures
from proveout.points._numbers import is_number
from proveout.points._table import Row, Table

_STEPS = ("step", "steps", "global_step", "iteration", "iter", "update", "epoch")


def once_each(
    path: Path, table: Table, found: Mapping[str, int]
) -> tuple[Table, tuple[str, ...]]:  # fmt: skip
    """The table with one row of each idea, scale and seed.

    Rows that are the same to the letter count once, and of rows that differ in their step, as those
    of a run's curve do, the last does. Without a column of seeds nothing is there twice.

    Raises:
        DataError: two rows of one run that say different things.
    """
    if "seed" not in found:
        return table, ()
    runs: dict[tuple[object, ...], list[Row]] = {}
    for row in table.rows:
        runs.setdefault(_key(row, found), []).append(row)
    step = _step_column(table, found)
    same: list[Row] = []
    early: list[Row] = []
    for key, rows in runs.items():
        last = max(rows, key=lambda row: _step(row, step))
        others = [row for row in rows if row is not last]
        if not others or not key[2]:
            continue
        if step is not None and all(_step(row, step) < _step(last, step) for row in others):
            early += others
        elif all(_alike(table.header, row, last) for row in others):
            same += others
        else:
            _refuse(path, table, found, rows)
    gone = {id(row) for row in (*same, *early)}
    left = [row for row in table.rows if id(row) not in gone]
    return table._replace(rows=left), _told(same, early)


def last_steps(table: Table, found: Mapping[str, int], same: Collection[str]) -> Figures:
    """The table of a law's runs with the last step of each alone.

    Rows are of one run where they agree in what `found` has, save the loss, and in the columns of
    the plain names in `same`. Where no seed or label tells runs apart, rows that differ in their
    step may be runs of several lengths: they are curves only if all begin at one step.
    """
    step = _step_column(table, found)
    if step is None:
        return Figures(table, ())
    ids = {i for role, i in found.items() if role not in {"loss", "weight"}}
    ids |= {i for i, name in enumerate(table.header) if i != step and plain_name(name) in same}
    runs: dict[tuple[str, ...], list[Row]] = {}
    for row in table.rows:
        runs.setdefault(tuple(row.cells[i] for i in sorted(ids)), []).append(row)
    labels = {tuple(row.cells[found[role]] for role in ("seed", "run") if role in found)
              for row in table.rows}  # fmt: skip
    steps = [sorted({_step(row, step) for row in rows}) for rows in runs.values()]
    curves = len({each[0] for each in steps}) == 1 and min(map(len, steps)) > 1
    if len(labels) < 2 and not curves:
        return Figures(table, ())
    last = {key: max(_step(row, step) for row in rows) for key, rows in runs.items()}
    early = [row for key, rows in runs.items() for row in rows if _step(row, step) < last[key]]
    gone = {id(row) for row in early}
    kept = [row for row in table.rows if id(row) not in gone]
    return Figures(table._replace(rows=kept), _told([], early))


def _step_column(table: Table, found: Mapping[str, int]) -> int | None:
    return next((i for i, name in enumerate(table.header)
                 if plain_name(name) in _STEPS and i not in found.values()), None)  # fmt: skip


def _key(row: Row, found: Mapping[str, int]) -> tuple[object, ...]:
    idea, scale, seed = (row.cells[found[role]] for role in ("idea", "scale", "seed"))
    with contextlib.suppress(ValueError):
        return idea, parse_amount(scale), plain_seed(seed)
    return idea, scale, plain_seed(seed)


def plain_seed(text: str | None) -> str | None:
    """`0.0`, as a table with gaps has it, is seed `0`."""
    if not text:
        return None
    whole, dot, rest = text.partition(".")
    return whole if dot and whole.isdigit() and not rest.strip("0") else text


def _step(row: Row, place: int | None) -> float:
    cell = row.cells[place] if place is not None else ""
    return float(cell) if is_number(cell) and not cell[-1].isalpha() else 0.0


def _alike(header: Sequence[str], one: Row, other: Row) -> bool:
    """In all but a column without a name, where some tools count rows."""
    return all(one.cells[i] == other.cells[i] for i, name in enumerate(header) if name)


def _refuse(path: Path, table: Table, found: Mapping[str, int], rows: Sequence[Row]) -> None:
    first, again = rows[0], next(r for r in rows[1:] if not _alike(table.header, r, rows[0]))
    idea, scale, seed = (first.cells[found[role]] for role in ("idea", "scale", "seed"))
    differ = [name for i, name in enumerate(table.header)
              if name and i not in found.values() and first.cells[i] != again.cells[i]]  # fmt: skip
    where = f" (they differ in {', '.join(differ)})" if differ else ""
    raise DataError(
        f"{path}, line {again.line}: {idea} at {scale} with seed {seed} is there on line "
        f"{first.line} already{where}; take one out, or leave seeds out with --columns seed= if "
        "these are other runs"
    )


def _told(same: Sequence[Row], early: Sequence[Row]) -> tuple[str, ...]:
    told = []
    if same:
        lines = [str(row.line) for row in same[:4]]
        more = ", ..." * (len(same) > len(lines))
        told.append(f"rows that are there twice to the letter count once (line"
                    f"{'s' * (len(same) > 1)} {', '.join(lines)}{more})")  # fmt: skip
    if early:
        told.append(f"the last step of each run counts; {len(early)} earlier row"
                    f"{'s are' if len(early) > 1 else ' is'} left out")  # fmt: skip
    return tuple(told)
