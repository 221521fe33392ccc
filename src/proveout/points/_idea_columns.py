"""Which columns of a table hold idea, scale, seed and loss, and what the scales count."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

from proveout.errors import DataError
from proveout.points._amounts import (
    SIDE_UNITS,
    UNITS,
    Meaning,
    meaning_of,
    named_for,
    parse_amount,
    scale_names,
)
from proveout.points._columns import (
    ERRORS,
    FLOPS_PER_PARAM_TOKEN,
    LETTERS,
    PERPLEXITIES,
    SCORES,
    SYNONYMS,
    by_synonym,
    given_columns,
    plain_name,
)
from proveout.points._direction import more_is_better, only_loss, only_score
from proveout.points._figures import Figures, in_plain_figures
from proveout.points._states import STATE_NAMES
from proveout.points._table import Row, Table, refuse
from proveout.points._wide import Names

_IDEA_NAMES = (
    "idea",
    "name method arm model optimizer optimiser variant recipe config configuration treatment "
    "algorithm experiment condition intervention technique architecture arch system approach "
    "strategy",
)
_SEED_NAMES = (SYNONYMS["seed"], "replicate rep repeat fold", SYNONYMS["run"])
_LOSS_NAMES = (
    f"{SYNONYMS['loss']} {PERPLEXITIES}",
    ERRORS,
    LETTERS["loss"],
)
_GAIN_NAMES = SCORES
_SIZE = re.compile(r"[0-9.]+ ?[mb]( ?param(eter)?s)?")
_FAILURE_NAMES = ("failure", STATE_NAMES)


NAMES = Names(
    idea=" ".join(_IDEA_NAMES).split(),
    scale=" ".join(scale_names(None)).split(),
    seed=" ".join(_SEED_NAMES).split(),
    value=" ".join((*_LOSS_NAMES, _GAIN_NAMES)).split(),
)
"""What columns are called that hold something, all tiers together."""

_GUESSED = "the scales in the column {} are taken as {}; say with --unit if they are not"


class Found(NamedTuple):
    """Where in the header the column is that holds something, and whether more of the loss is
    better, and what to tell of that."""

    places: dict[str, int]
    higher_is_better: bool
    warnings: tuple[str, ...]


def find_columns(
    path: Path,
    table: Table,
    given: Mapping[str, str],
    unit: str | None,
    higher_is_better: bool | None,
) -> Found:
    """The columns by what they hold. Where there is no loss, a score that is known by its name is
    taken. Whether more is better is what was asked for, else what the name tells."""
    header = table.header
    tiers = {
        "idea": _IDEA_NAMES,
        "scale": scale_names(unit),
        "seed": _SEED_NAMES,
        "loss": (),
        "failure": _FAILURE_NAMES,
    }
    roles, left = given_columns(path, header, given, tiers)
    narrow = {"idea": partial(_ideas_among, table), "scale": partial(_scales_among, path, table)}
    for role, words in tiers.items():
        known = () if role in given else words
        place = by_synonym(path, header, role, left, known, narrow.get(role, list))
        if role == "loss" and role not in given:
            place = _loss(path, table, left, bool(higher_is_better))
        if place is None and role == "scale" and role not in given:
            place = _sizes(table, left)
        if place is not None:
            roles[role] = place
            left.pop(place)
    for role in ("idea", "scale", "loss"):
        if role not in roles:
            _missing(path, header, role)
    return Found(roles, *_direction(header[roles["loss"]], higher_is_better))


def _loss(path: Path, table: Table, left: Mapping[int, str], scores_first: bool) -> int | None:
    """The column of what is compared: a loss, else a score; None without one."""
    header = {i: table.header[i] for i in left}
    words = ((_GAIN_NAMES, *_LOSS_NAMES) if scores_first else _LOSS_NAMES), (_GAIN_NAMES,)
    by_word = only_loss, only_score
    for tiers, one_of in zip(words, by_word, strict=True):
        place = by_synonym(path, table.header, "loss", left, tiers)
        place = one_of(header) if place is None else place
        if place is not None:
            return place
    return None


def _direction(column: str, asked: bool | None) -> tuple[bool, tuple[str, ...]]:
    known = more_is_better(column) if asked is None else asked
    if known is None:
        told = f"less {column} is taken as better; if more is, say --higher-is-better"
        return False, (told,)
    return known, ()


def _cells(table: Table, place: int) -> list[str]:
    return [row.cells[place] for row in table.rows]


def _varied(table: Table, places: Sequence[int]) -> list[int]:
    """Those that differ among runs, where some do: the others say nothing of a run."""
    return [i for i in places if len(set(_cells(table, i))) > 1] or list(places)


def _ideas_among(table: Table, places: list[int]) -> list[int]:
    """Without columns of one word, of sizes such as 125M, or of a label of each run."""
    kept = [i for i in _varied(table, places) if not _are_sizes(_cells(table, i))]
    shared = [i for i in kept if len(set(_cells(table, i))) < len(table.rows)]
    return shared or kept or places


def _scales_among(path: Path, table: Table, places: list[int]) -> list[int]:
    varied = _varied(table, places)
    left = [i for i in varied if meaning_of(table.header[i]).unit not in SIDE_UNITS] or varied
    units = dict.fromkeys(meaning_of(table.header[i]).unit for i in left)
    if len(units) == len(left) > 1:
        both = " (flops are 6 × params × tokens)" if {*units} == {"params", "tokens"} else ""
        ways = ", ".join(f"--unit {unit}" for unit in (*units, *(["flops"] if both else [])))
        refuse(path, f"has {len(left)} columns that could be the scale: "
                      f"{', '.join(table.header[i] for i in left)}; say which the target counts, "
                      f"with {ways}{both}")  # fmt: skip
    return left


def _sizes(table: Table, left: Mapping[int, str]) -> int | None:
    """The one column left that has a unit in its name, or of which all cells are sizes such as
    125M; None without."""
    header = {i: table.header[i] for i in left}
    named = (named_for(unit, header) for unit in ("flops", "params", "tokens"))
    found = _only(place for place in named if place is not None)
    sized = _only(i for i in left if _are_sizes(_cells(table, i)))
    likely = found if found is not None else sized
    return likely if likely is not None else named_for("seconds", header)


def _only(places: Iterable[int]) -> int | None:
    found = list(places)
    return found[0] if len(found) == 1 else None


def _are_sizes(cells: Sequence[str]) -> bool:
    return all(_SIZE.fullmatch(cell.lower()) for cell in cells)


def with_compute(path: Path, table: Table, given: Mapping[str, str]) -> Figures:
    """The table with a column of compute, 6 x params x tokens, where it has these two alone."""
    plain = {i: plain_name(name) for i, name in enumerate(table.header)}
    words = (f"{' '.join(scale_names('flops')[:2])} scale", SYNONYMS["params"], SYNONYMS["tokens"])
    compute, params, tokens = (
        by_synonym(path, table.header, "scale", plain, (each,)) for each in words
    )
    if "scale" in given or compute is not None or params is None or tokens is None:
        return Figures(table, ())
    table, _ = in_plain_figures(table, [params, tokens], [])
    rows = []
    for line, cells in table.rows:
        product = ""  # what cannot be read is told as the cell of a scale is
        with contextlib.suppress(ValueError):
            pair = parse_amount(cells[params]), parse_amount(cells[tokens])
            product = f"{FLOPS_PER_PARAM_TOKEN * pair[0].value * pair[1].value:.12g}"
        rows.append(Row(line, [*cells[: len(table.header)], product]))
    note = f"flops are taken as 6 × {table.header[params]} × {table.header[tokens]}"
    return Figures(table._replace(header=[*table.header, "flops"], rows=rows), (note,))


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
    if by_name.unit is None and _are_sizes(_cells(table, place)):
        return Meaning("params", 1.0), (_GUESSED.format(column, "parameters"),)
    known = by_name.unit is not None or plain_name(column) == "scale"
    return by_name, () if known else (_GUESSED.format(column, "FLOPs"),)


def _said(rows: Sequence[Row], place: int) -> dict[str, int]:
    """The units that cells name, with the first line of each."""
    told: dict[str, int] = {}
    for line, cells in rows:
        with contextlib.suppress(ValueError):
            unit = parse_amount(cells[place]).unit
            if unit is not None:
                told.setdefault(unit, line)
    return told
