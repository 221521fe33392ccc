"""Tables that are wide, a column for each scale, seed or idea, as a row for each run."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from proveout.points._amounts import parse_amount
from proveout.points._columns import plain_name
from proveout.points._idea_spread import idea_columns
from proveout.points._table import Row, Table

_SCALE_AT_END = re.compile(r"(?:(.*?)[ _@:/=(\[-]+)?([0-9][^()\[\]]*)[)\]]?")
_SEED_AT_END = re.compile(
    r"(?:(.*?)[ _@:/(\[-]+)?(?:seed|run|rep|replicate|trial)[ _]?([0-9]+)[)\]]?"
)

_BANDS = ("__MIN", "__MAX")  # what Weights & Biases writes beside a curve


class Names(NamedTuple):
    """Plain names of columns, by what they hold."""

    idea: Collection[str]
    scale: Collection[str]
    seed: Collection[str]
    value: Collection[str]


class Long(NamedTuple):
    """A table with a row for each run, how it was read where it was wide, and the columns that are
    named in it."""

    table: Table
    notes: tuple[str, ...]
    given: Mapping[str, str]


def as_long(path: Path, table: Table, given: Mapping[str, str], names: Names) -> Long:
    """The table as it is, or with a row for each run where its header shows that it is wide.

    Known are `loss_125M`, `1e18` or `bpb @ 1e18 flops` for columns of a scale, `seed0` or
    `loss (seed 1)` for those of a seed, and, beside a column of scales, a column for each idea:
    `adamw`, `adamw accuracy`, `val_loss_adamw`.

    Raises:
        DataError: which columns are ideas cannot be told.
    """
    notes: list[str] = []
    for spread in (_by_scale, _by_seed):
        found = spread(table, given, names)
        if found is not None:
            notes.append(f"{_told(table, found)} one {found.header[-2]} each")
            table = found
    long = _by_idea(path, table, given, names)
    return Long(table, tuple(notes), given) if long is None else long._replace(
        notes=(*notes, *long.notes)
    )  # fmt: skip


def _told(table: Table, found: Table) -> str:
    gone = [name for name in table.header if name and name not in found.header]
    told = ", ".join(gone if len(gone) < 5 else [*gone[:2], "...", gone[-1]])
    return f"the table is wide: its columns {told} are taken as the {found.header[-1]} of"


def _by_idea(path: Path, table: Table, given: Mapping[str, str], names: Names) -> Long | None:
    header = table.header
    asked = "|" in given.get("idea", "") and given["idea"] not in header
    metric_asked = given.get("loss", "").lower() not in {"", *(name.lower() for name in header)}
    known = [*names.scale, *names.seed, *(plain_name(name) for name in given.values())]
    if not asked:
        has_loss = any(plain_name(name) in names.value for name in header)
        if _has(table, given, "idea", names.idea) or has_loss:
            return None
        if "loss" in given and not metric_asked:
            return None
    free = {place: name for place, name in enumerate(header)
            if name and plain_name(name) not in known and not name.endswith(_BANDS)}  # fmt: skip
    ids = [i for i, name in enumerate(header) if name and plain_name(name) in known]
    if not asked and (
        len({tuple(row.cells[i] for i in ids) for row in table.rows}) < len(table.rows)
        or len(free) == len(header)
    ):
        return None  # rows that differ in settings, and not in what they are a row of
    found = idea_columns(path, table, given, free)
    if found is None:
        return None
    value = found.metric or "loss"
    melted = _melted(table, found.ideas, "idea", value)
    told = f"{_told(table, table._replace(header=_kept(header, found.ideas, value)))} one idea each"
    if found.passed:
        told += f"; of {', '.join(found.passed)} nothing is taken"
    if found.others:
        told += f"; columns that are no ideas: {', '.join(found.others)}"
    return Long(melted, (told,), {**given, "idea": "idea", "loss": value})


def _kept(header: Sequence[str], ideas: Mapping[int, str], value: str) -> list[str]:
    return [*(name for i, name in enumerate(header) if i not in ideas), "idea", value]


def _has(table: Table, given: Mapping[str, str], role: str, names: Collection[str]) -> bool:
    return role in given or any(plain_name(name) in names for name in table.header)


def _by_scale(table: Table, given: Mapping[str, str], names: Names) -> Table | None:
    if _has(table, given, "scale", names.scale):
        return None
    found: dict[int, str] = {}
    heads: dict[str, None] = {}
    for place, name in enumerate(table.header):
        match = _SCALE_AT_END.fullmatch(name)
        head = plain_name(match[1] or "").removesuffix("_at") if match else "?"
        if match and (not head or head in names.value or head in names.scale):
            with contextlib.suppress(ValueError):
                parse_amount(match[2])
                found[place] = match[2]
                heads.setdefault(head)
    if len(found) < 2 or len(heads) > 1:
        return None
    (head,) = heads
    if not head and _has(table, given, "loss", names.value):
        return None
    scale = head if head in names.scale else "scale"
    return _melted(table, found, scale, head if head in names.value else "loss")


def _by_seed(table: Table, given: Mapping[str, str], names: Names) -> Table | None:
    if _has(table, given, "loss", names.value):
        return None
    found: dict[int, str] = {}
    heads: dict[str, None] = {}
    for place, name in enumerate(table.header):
        match = _SEED_AT_END.fullmatch(name.lower())
        head = plain_name(match[1] or "") if match else "?"
        if match and (not head or head in names.value):
            found[place] = match[2]
            heads.setdefault(head)
    if len(found) < 2 or len(heads) > 1:
        return None
    return _melted(table, found, "seed", next(iter(heads)) or "loss")


def _melted(table: Table, places: Mapping[int, str], name: str, value: str) -> Table:
    kept = [place for place in range(len(table.header)) if place not in places]
    rows = [
        Row(line, [*(cells[i] for i in kept), called, cells[place]])
        for line, cells in table.rows
        for place, called in places.items()
        if cells[place]
    ]
    return table._replace(header=[*(table.header[i] for i in kept), name, value], rows=rows)
