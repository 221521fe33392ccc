"""Runs that somebody else trained, read from a CSV file; each mistake is named by its line."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeVar

from proveout.errors import DataError, UserError
from proveout.units import compact

FLOPS_PER_PARAM_TOKEN = 6.0
"""Training compute over params x tokens (Kaplan et al. 2020); leaves out attention's own share."""

T = TypeVar("T")

_SHOWN = 5  # mistakes named at once

_SCALES = ("compute", "params", "tokens", "unique_tokens")
_SYNONYMS = {
    "compute": "compute flops flop train_flops training_flops training_flop total_flops",
    "params": "params parameters param_count parameter_count n_params num_params n_parameters "
    "num_parameters model_size non_embedding_params non_embedding_parameters",
    "tokens": "tokens n_tokens num_tokens token_count train_tokens training_tokens total_tokens",
    "unique_tokens": "unique_tokens n_unique_tokens num_unique_tokens",
    "loss": "loss val_loss valid_loss validation_loss loss_validation eval_loss test_loss lm_loss "
    "final_loss final_val_loss held_out_loss heldout_loss bits_per_byte bpb nll cross_entropy",
    "weight": "weight weights",
    "seed": "seed random_seed",
    "run": "run run_id run_name",
}
_LETTERS = {"compute": "c", "params": "n", "tokens": "d t", "unique_tokens": "u", "loss": "l"}
"""Looked for only where no longer name is found: a lone T or L is as often something else."""

_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:_[0-9]+)*\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?) ?([a-z]*)")
_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_NOTHING = {"nan", "na", "n/a", "none", "null", "inf", "+inf", "-inf", "infinity", "-infinity"}


@dataclass(frozen=True)
class Runs:
    """The runs of a file. Each vector is [n], in the file's order.

    Attributes:
        scales: by name, those of `compute`, `params`, `tokens` and `unique_tokens` that are there.
        loss: in the unit of the file; less is better.
        weight: of each run; None where the file has no such column.
        run: its label; rows that share one are checkpoints of one run. None without the column.
        lines: the line in the file, as an editor counts.
        columns: the column's name in the file, by what it holds.
        ignored: the other columns.
    """

    path: Path
    scales: Mapping[str, Sequence[float]]
    loss: Sequence[float]
    weight: Sequence[float] | None
    run: Sequence[str] | None
    lines: Sequence[int]
    columns: Mapping[str, str]
    ignored: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """What a law takes: params and tokens where the file has both, else compute."""
        if {"params", "tokens"} <= self.scales.keys():
            return tuple(name for name in _SCALES[1:] if name in self.scales)
        return ("compute",)

    @property
    def compute(self) -> list[float]:
        """[n], as the file has it, else 6 x params x tokens."""
        if "compute" in self.scales:
            return list(self.scales["compute"])
        pairs = zip(self.scales["params"], self.scales["tokens"], strict=True)
        return [FLOPS_PER_PARAM_TOKEN * n * d for n, d in pairs]


def read_runs(path: Path, columns: Mapping[str, str] | None = None) -> Runs:
    """Reads a table of runs, a header in its first line, separated by comma, semicolon or tab.

    Args:
        path: the file.
        columns: the column that holds something, where its name does not say so:
            `{"params": "size"}`. An empty name leaves that out: `{"run": ""}`.

    Raises:
        DataError: no such file, not a table, a column missing or ambiguous, or a cell that is no
            number above zero. Names line and column, the first few mistakes at once.
    """
    lines = _lines(path, _text(path))
    _, header = next(lines, (0, []))
    if not header:
        _refuse(path, "is empty; write a line of column names, such as params,tokens,loss, "
                      "and a line for each run below it")  # fmt: skip
    header = ["".join(ch if ch.isprintable() else " " for ch in name) for name in header]
    found = _columns(path, header, columns or {})
    rows = list(_full_rows(path, header, lines))
    if not rows:
        _refuse(path, "has a header and no runs below it; add a line for each run")
    runs = _runs(path, header, found, rows)
    _check_spread(runs)
    _check_checkpoints(runs)
    return runs


def parse_scale(text: str) -> float:
    """`1e9`, `1_000_000`, `1.5B` or `7M` as a number above zero.

    Raises:
        ValueError: it is none; the message goes on after the name of what is read.
    """
    return _above_zero(text, _SUFFIXES)


def role_of(name: str, columns: Mapping[str, str]) -> str | None:
    """What a name stands for, such as `params`: as a file has it, or else as the field says it.

    Args:
        name: as a person wrote it.
        columns: the columns' names in the file, by what they hold.
    """
    for role, column in columns.items():
        if name.strip() == column:
            return role
    plain = _plain(name)
    for role, words in _SYNONYMS.items():
        if plain in words.split() or plain in _LETTERS.get(role, "").split():
            return role
    return None


def _above_zero(text: str, suffixes: Mapping[str, float]) -> float:
    shown = text.strip()
    if not shown:
        raise ValueError("is empty; write a number, or take the line out")
    if shown.lower() in _NOTHING:
        raise ValueError(f"is {shown!r}; write a finite number, or take the line out")
    match = _NUMBER.fullmatch(shown.lower())
    if match is None:
        hint = "a dot for decimals and no separator of thousands: " if "," in shown else ""
        raise ValueError(f"is {shown!r}, not a number; write {hint}1e9, 1_000_000 or 0.25")
    if match[2] not in suffixes:
        known = "K, M, B or T" if len(suffixes) > 1 else "nothing"
        raise ValueError(f"is {shown!r}; a number may be followed by {known} here")
    value = float(match[1]) * suffixes[match[2]]
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"is {shown!r}; it must be above zero and finite")
    return value


def _plain_number(text: str) -> float:
    return _above_zero(text, {"": 1.0})


def _label(text: str) -> str:
    if not text:
        raise ValueError("is empty; name the run, or leave the column out with --columns run=")
    return text


def _refuse(path: Path, message: str) -> NoReturn:
    raise DataError(f"{path} {message}")


def _text(path: Path) -> str:
    if path.is_dir():
        _refuse(path, "is a folder; name the CSV file in it")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        _refuse(path, "does not exist; name a CSV file of runs")
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # how a spreadsheet writes "Unicode text"
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        _refuse(path, "is not UTF-8 text; save the table as CSV (UTF-8)")
    return text


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank with its number; a cell may hold quoted line breaks."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    start = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield start, stripped
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {start}: {error}; a quote that opens a cell "
                        "must close it") from None  # fmt: skip


def _full_rows(
    path: Path, header: Sequence[str], lines: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    wide = len(header)
    for line, cells in lines:
        if len(cells) < wide or any(cells[wide:]):
            raise DataError(f"{path}, line {line} has {len(cells)} cell{'s' * (len(cells) > 1)} "
                            f"where the header has {wide}; each line needs as many")  # fmt: skip
        yield line, cells


def _plain(name: str) -> str:
    """`Training FLOPs ` as `training_flops`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _columns(path: Path, header: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """Where in the header the column is that holds something, by what it holds."""
    unknown = [role for role in given if role not in _SYNONYMS]
    if unknown:
        raise UserError(f"there is no {unknown[0]!r} to name a column for; "
                        f"allowed: {', '.join(_SYNONYMS)}")  # fmt: skip
    roles = {role: _named(path, header, role, name) for role, name in given.items() if name}
    left = {i: _plain(name) for i, name in enumerate(header) if i not in roles.values()}
    for role in _SYNONYMS:
        place = None if role in given else _by_synonym(path, header, role, left)
        if place is not None:
            roles[role] = place
    there = f"the columns are {', '.join(name or '(no name)' for name in header)}"
    if all(_is_number(name) for name in header):
        _refuse(path, "starts with a line of numbers; write the columns' names above it, "
                      "such as params,tokens,loss")  # fmt: skip
    if "loss" not in roles:
        _refuse(path, f"has no column that is known as the loss; {there}; "
                      "say which it is with --loss COLUMN")  # fmt: skip
    if "compute" not in roles and not {"params", "tokens"} <= roles.keys():
        missing = " or ".join(r for r in ("params", "tokens") if r not in roles)
        _refuse(path, f"needs compute, or params and tokens, and has no column known as compute "
                      f"or {missing}; {there}; say which is which with "
                      "--columns params=COLUMN,tokens=COLUMN")  # fmt: skip
    if not {"params", "tokens"} <= roles.keys():
        return {role: i for role, i in roles.items() if role not in _SCALES[1:]}
    return roles


def _named(path: Path, header: Sequence[str], role: str, name: str) -> int:
    places = [i for i, each in enumerate(header) if each == name]
    places = places or [i for i, each in enumerate(header) if each.lower() == name.lower()]
    if not places:
        _refuse(path, f"has no column {name!r} for {role}; "
                      f"the columns are {', '.join(header)}")  # fmt: skip
    if len(places) > 1:
        _refuse(path, f"has {len(places)} columns {name!r}; rename all but one")
    return places[0]


def _by_synonym(
    path: Path, header: Sequence[str], role: str, plain: Mapping[int, str]
) -> int | None:
    for words in (_SYNONYMS[role], _LETTERS.get(role, "")):
        places = [i for i, name in plain.items() if name in words.split()]
        if len(places) > 1:
            names = [header[i] for i in places]
            _refuse(path, f"has {len(names)} columns that could be the {role}: {', '.join(names)}; "
                          f"say which with --columns {role}={names[0]}")  # fmt: skip
        if places:
            return places[0]
    return None


def _is_number(text: str) -> bool:
    try:
        parse_scale(text)
    except ValueError:
        return False
    return True


class _Mistake(NamedTuple):
    line: int
    column: str
    message: str


def _runs(
    path: Path, header: list[str], found: dict[str, int], rows: list[tuple[int, list[str]]]
) -> Runs:
    mistakes: list[_Mistake] = []

    def read(role: str, convert: Callable[[str], T]) -> list[T]:
        values, place = [], found[role]
        for line, cells in rows:
            try:
                values.append(convert(cells[place]))
            except ValueError as error:
                mistakes.append(_Mistake(line, header[place], str(error)))
        return values

    runs = Runs(
        path=path,
        scales={role: read(role, parse_scale) for role in _SCALES if role in found},
        loss=read("loss", _plain_number),
        weight=read("weight", _plain_number) if "weight" in found else None,
        run=read("run", _label) if "run" in found else None,
        lines=[line for line, _ in rows],
        columns={role: header[place] for role, place in found.items()},
        ignored=tuple(n for i, n in enumerate(header) if n and i not in found.values()),
    )
    if mistakes:
        raise DataError(_all_mistakes(path, sorted(mistakes)))
    return runs


def _all_mistakes(path: Path, mistakes: Sequence[_Mistake]) -> str:
    told = [f"line {each.line}, column {each.column}: {each.message}" for each in mistakes[:_SHOWN]]
    if len(mistakes) == 1:
        return f"{path}, {told[0]}"
    more = [f"and {len(mistakes) - _SHOWN} more"] if len(mistakes) > _SHOWN else []
    return "\n  ".join([f"{path} has {len(mistakes)} cells that cannot be used", *told, *more])


def _check_spread(runs: Runs) -> None:
    advice = "a law needs runs at two scales or more, better four"
    if len(runs.loss) == 1:
        _refuse(runs.path, f"holds one run; {advice}")
    if len(set(zip(*(runs.scales[name] for name in runs.inputs), strict=True))) == 1:
        scale = ", ".join(f"{name} {compact(runs.scales[name][0])}" for name in runs.inputs)
        _refuse(runs.path, f"holds {len(runs.loss)} runs, all at one scale ({scale}); {advice}")


def _check_checkpoints(runs: Runs) -> None:
    if runs.run is None or "params" not in runs.scales:
        return
    seen: dict[str, tuple[int, float]] = {}
    for line, label, params in zip(runs.lines, runs.run, runs.scales["params"], strict=True):
        first, before = seen.setdefault(label, (line, params))
        if params != before:
            raise DataError(
                f"{runs.path}, line {line}: run {label!r} has {compact(params)} params, and "
                f"{compact(before)} on line {first}; rows of one run are checkpoints of one model. "
                "If that column is something else, leave it out with --columns run="
            )
