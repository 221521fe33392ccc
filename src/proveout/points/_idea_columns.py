"""Which columns of a table hold idea, scale, seed and loss, and what the scales count."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from proveout.errors import DataError, UserError
from proveout.points._amounts import UNITS, Meaning, meaning_of, parse_amount, scale_names
from proveout.points._columns import LETTERS, SYNONYMS, by_synonym, named_column, plain_name
from proveout.points._table import Row, Table, refuse

_IDEA_NAMES = (
    "idea",
    "name method arm model optimizer optimiser variant recipe config configuration treatment "
    "algorithm experiment condition intervention technique architecture arch",
)
_SEED_NAMES = (SYNONYMS["seed"], "replicate rep repeat", SYNONYMS["run"])
_LOSS_NAMES = (f"{SYNONYMS['loss']} perplexity ppl val_bpb", LETTERS["loss"])
_GAIN_NAMES = (
    "accuracy acc val_accuracy eval_accuracy test_accuracy score reward return f1 bleu auc"
)
_FAILURE_NAMES = ("failure", "status state outcome")


def find_columns(
    path: Path,
    header: Sequence[str],
    given: Mapping[str, str],
    unit: str | None,
    higher_is_better: bool,
) -> dict[str, int]:
    """Where in the header the column is that holds something, by what it holds."""
    tiers = {
        "idea": _IDEA_NAMES,
        "scale": scale_names(unit),
        "seed": _SEED_NAMES,
        "loss": (_GAIN_NAMES, *_LOSS_NAMES) if higher_is_better else _LOSS_NAMES,
        "failure": _FAILURE_NAMES,
    }
    unknown = [role for role in given if role not in tiers]
    if unknown:
        raise UserError(f"there is no {unknown[0]!r} to name a column for; "
                        f"allowed: {', '.join(tiers)}")  # fmt: skip
    roles = {role: named_column(path, header, role, name) for role, name in given.items() if name}
    left = {i: plain_name(name) for i, name in enumerate(header) if i not in roles.values()}
    for role, words in tiers.items():
        place = None if role in given else by_synonym(path, header, role, left, words)
        if place is not None:
            roles[role] = place
            left.pop(place)
    for role in ("idea", "scale", "loss"):
        if role not in roles:
            _missing(path, header, role)
    return roles


def _missing(path: Path, header: Sequence[str], role: str) -> NoReturn:
    how = {
        "idea": "say which it is with --columns idea=COLUMN",
        "scale": f"say which it is with --columns scale=COLUMN and what it counts with "
                 f"--unit {'|'.join(UNITS)}",
        "loss": "say which it is with --loss COLUMN, and --higher-is-better if more is better",
    }  # fmt: skip
    there = ", ".join(name or "(no name)" for name in header)
    refuse(path, f"has no column that is known as the {role}; the columns are {there}; {how[role]}")


def scales_meaning(
    path: Path, table: Table, place: int, unit: str | None
) -> tuple[Meaning, tuple[str, ...]]:
    """What the scales are: as asked for, else as cells say, else as the name says."""
    column = table.header[place]
    by_name = meaning_of(column)
    if unit is not None:
        return (by_name if by_name.unit == unit else Meaning(unit, 1.0)), ()
    said = _said(table.rows, place)
    if len(said) > 1:
        (first, at), (second, then), *_ = said.items()
        raise DataError(f"{path}, column {column}: line {at} is in {first}, line {then} in "
                        f"{second}; write all scales in one unit")  # fmt: skip
    if said and by_name.unit not in {None, *said}:
        raise DataError(f"{path}, line {next(iter(said.values()))}, column {column}: the cell says "
                        f"{next(iter(said))} and the column's name {by_name.unit}; say with --unit "
                        "which it is")  # fmt: skip
    if said:
        return Meaning(next(iter(said)), by_name.times), ()
    known = by_name.unit is not None or plain_name(column) == "scale"
    guessed = (
        f"the scales in the column {column} are taken as FLOPs; say with --unit if they are not"
    )
    return by_name, () if known else (guessed,)


def _said(rows: Sequence[Row], place: int) -> dict[str, int]:
    """The units that cells name, with the first line of each."""
    told: dict[str, int] = {}
    for line, cells in rows:
        with contextlib.suppress(ValueError):
            unit = parse_amount(cells[place]).unit
            if unit is not None:
                told.setdefault(unit, line)
    return told


def gain_warnings(column: str, higher_is_better: bool) -> list[str]:
    if higher_is_better or not set(plain_name(column).split("_")) & set(_GAIN_NAMES.split()):
        return []
    return [f"less {column} is taken as better; if more is, say --higher-is-better"]
