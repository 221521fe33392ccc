"""What the columns of a table of runs hold, and the runs themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from proveout.errors import DataError, UserError
from proveout.points._numbers import parse_loss, parse_scale, parse_weight
from proveout.points._table import Row, read_table, refuse
from proveout.units import compact

FLOPS_PER_PARAM_TOKEN = 6.0
"""Training compute over params x tokens (Kaplan et al. 2020); leaves out attention's own share."""

T = TypeVar("T")

_SHOWN = 5  # mistakes named at once
_SAME_SCALE = 1e-9  # relative: what rounding leaves
_WEIGHT_SPAN, _SCALE_SPAN = 1e9, 1e25

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
    """Reads a table of runs: a header and a line for each; lines that begin with # are skipped.

    Args:
        path: the file.
        columns: the column that holds something, where its name does not say so:
            `{"params": "size"}`. An empty name leaves that out: `{"run": ""}`.

    Raises:
        DataError: no such file, not a table, a column missing or ambiguous, or a cell that is no
            number above zero. Names line and column, the first few mistakes at once.
    """
    header, rows = read_table(path)
    found = _columns(path, header, columns or {})
    runs = _runs(path, header, found, rows)
    _check_weights(runs)
    _check_spread(runs)
    _check_checkpoints(runs)
    return runs


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


def _label(text: str) -> str:
    if not text:
        raise ValueError("is empty; name the run, or leave the column out with --columns run=")
    return text


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
    if "loss" not in roles:
        refuse(path, f"has no column that is known as the loss; {there}; "
                      "say which it is with --loss COLUMN")  # fmt: skip
    if "compute" not in roles and not {"params", "tokens"} <= roles.keys():
        missing = " or ".join(r for r in ("params", "tokens") if r not in roles)
        refuse(path, f"needs compute, or params and tokens, and has no column known as compute "
                      f"or {missing}; {there}; say which is which with "
                      "--columns params=COLUMN,tokens=COLUMN")  # fmt: skip
    if not {"params", "tokens"} <= roles.keys():
        return {role: i for role, i in roles.items() if role not in _SCALES[1:]}
    return roles


def _named(path: Path, header: Sequence[str], role: str, name: str) -> int:
    places = [i for i, each in enumerate(header) if each == name]
    places = places or [i for i, each in enumerate(header) if each.lower() == name.lower()]
    if not places:
        refuse(path, f"has no column {name!r} for {role}; "
                      f"the columns are {', '.join(header)}")  # fmt: skip
    if len(places) > 1:
        refuse(path, _twice([header[i] for i in places], places))
    return places[0]


def _twice(names: Sequence[str], places: Sequence[int]) -> str:
    *most, last = (str(place + 1) for place in places)
    return (f"has {len(names)} columns named {names[0]!r}, the columns {', '.join(most)} and "
            f"{last}; rename all but one")  # fmt: skip


def _by_synonym(
    path: Path, header: Sequence[str], role: str, plain: Mapping[int, str]
) -> int | None:
    for words in (_SYNONYMS[role], _LETTERS.get(role, "")):
        places = [i for i, name in plain.items() if name in words.split()]
        if len(places) > 1:
            names = [header[i] for i in places]
            if len(set(names)) == 1:
                refuse(path, _twice(names, places))
            refuse(path, f"has {len(names)} columns that could be the {role}: {', '.join(names)}; "
                          f"say which with --columns {role}={names[0]}")  # fmt: skip
        if places:
            return places[0]
    return None


class _Mistake(NamedTuple):
    line: int
    column: str
    message: str


def _runs(path: Path, header: list[str], found: dict[str, int], rows: list[Row]) -> Runs:
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
        loss=read("loss", parse_loss),
        weight=read("weight", parse_weight) if "weight" in found else None,
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


def _check_weights(runs: Runs) -> None:
    if runs.weight and max(runs.weight) > _WEIGHT_SPAN * min(runs.weight):
        refuse(
            runs.path,
            f"has weights from {min(runs.weight):g} to {max(runs.weight):g}, more than "
            f"{_WEIGHT_SPAN:g} times apart; take out the runs that hardly count",
        )


def _check_spread(runs: Runs) -> None:
    advice = "a law needs runs at two scales or more, better four"
    if len(runs.loss) == 1:
        refuse(runs.path, f"holds one run; {advice}")
    for name, values in runs.scales.items():
        if max(values) > _SCALE_SPAN * min(values):
            refuse(runs.path, f"has {name} from {min(values):g} to {max(values):g}; no law spans "
                              "that, so look for a slip of the unit")  # fmt: skip
    apart = max(max(runs.scales[name]) / min(runs.scales[name]) for name in runs.inputs)
    if apart < 1 + _SAME_SCALE:
        scale = ", ".join(f"{name} {compact(runs.scales[name][0])}" for name in runs.inputs)
        refuse(runs.path, f"holds {len(runs.loss)} runs, all at one scale ({scale}); {advice}")


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
