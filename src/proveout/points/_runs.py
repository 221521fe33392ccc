"""What the columns of a table of runs hold, and the runs themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from proveout.errors import DataError
from proveout.points._amounts import meaning_of, scale_words
from proveout.points._columns import (
    FLOPS_PER_PARAM_TOKEN,
    LETTERS,
    SYNONYMS,
    Mistake,
    all_mistakes,
    plain_name,
)
from proveout.points._figures import Figures, in_plain_figures
from proveout.points._law_columns import SCALES, law_columns
from proveout.points._numbers import NO_LOSS, parse_loss, parse_scale, parse_weight
from proveout.points._rates import one_rate
from proveout.points._repeats import last_steps
from proveout.points._states import finished_only, state_column
from proveout.points._table import Row, Table, read_table, refuse
from proveout.units import compact

T = TypeVar("T")

_SAME_SCALE = 1e-9  # relative: what rounding leaves
_WEIGHT_SPAN, _SCALE_SPAN = 1e9, 1e25

_IDEAS = {"idea", "method", "optimizer", "recipe", "variant", "arm", "treatment"}
_SIZES = scale_words("flops", "params", "tokens", "examples") | {
    "width", "depth", "n_layer", "n_layers", "layers", "d_model", "lr", "learning_rate",
    "batch_size", "dataset", "data", "name", "run", "id",
}  # fmt: skip
"""Columns in which rows of one run agree."""


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
        warnings: what was passed over, and what a reader may have got wrong.
    """

    path: Path
    scales: Mapping[str, Sequence[float]]
    loss: Sequence[float]
    weight: Sequence[float] | None
    run: Sequence[str] | None
    lines: Sequence[int]
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def stands_in(self) -> bool:
        """Whether what laws take as compute is another scale, the only one that there is."""
        column = self.columns.get("compute")
        return column is not None and meaning_of(column).unit not in {None, "flops"}

    @property
    def is_of_steps(self) -> bool:
        """Whether that scale is the steps of training."""
        return self.stands_in and meaning_of(self.columns["compute"]).unit == "steps"

    @property
    def inputs(self) -> tuple[str, ...]:
        """What a law takes: params and tokens where the file has both, else compute."""
        if {"params", "tokens"} <= self.scales.keys():
            return tuple(name for name in SCALES[1:] if name in self.scales)
        return ("compute",)

    @property
    def compute(self) -> list[float]:
        """[n], as the file has it, else 6 x params x tokens."""
        if "compute" in self.scales:
            return list(self.scales["compute"])
        pairs = zip(self.scales["params"], self.scales["tokens"], strict=True)
        return [FLOPS_PER_PARAM_TOKEN * n * d for n, d in pairs]


def read_runs(path: Path, columns: Mapping[str, str] | None = None) -> Runs:
    """Reads a table of runs: a header and a line for each; lines that begin with # are skipped, and
    so are runs without a loss, which is told.

    Args:
        path: the file.
        columns: the column that holds something, where its name does not say so:
            `{"params": "size"}`. An empty name leaves that out: `{"run": ""}`.

    Raises:
        DataError: no such file, not a table, a column missing or ambiguous, or a cell that is no
            number above zero. Names line and column, the first few mistakes at once.
    """
    table = read_table(path)
    found = law_columns(path, table.header, columns or {})
    scales = [found[role] for role in SCALES if role in found]
    table, notes = in_plain_figures(table, scales, [found["loss"]])
    table, states = _finished(table, found)
    table, earlier = last_steps(table, found, _IDEAS | _SIZES)
    rows, passed_over = _with_loss(path, table, found["loss"])
    runs = _runs(path, table.header, found, rows)
    told = (*_mixed(table, found), *_rate(table._replace(rows=rows), found, runs))
    runs = replace(runs, warnings=(*notes, *states, *earlier, *passed_over, *told))
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
    unit = meaning_of(name).unit
    if (
        "compute" in columns
        and unit not in {None, "flops"}
        and (meaning_of(columns["compute"]).unit == unit)
    ):
        return "compute"  # in whose place it stands
    plain = plain_name(name)
    for role, words in SYNONYMS.items():
        if plain in words.split() or plain in LETTERS.get(role, "").split():
            return role
    return None


def _label(text: str) -> str:
    if not text:
        raise ValueError("is empty; name the run, or leave the column out with --columns run=")
    return text


def _mixed(table: Table, found: Mapping[str, int]) -> tuple[str, ...]:
    """Runs of several ideas have no law in common."""
    for place, name in enumerate(table.header):
        if plain_name(name) in _IDEAS and place not in found.values():
            kinds = len({row.cells[place] for row in table.rows})
            if 1 < kinds < len(table.rows):
                return (
                    f"runs of {kinds} kinds, by the column {name}, are fitted by one law; "
                    "keep one kind in the file, or compare them with proveout decide",
                )
    return ()


def _rate(table: Table, found: Mapping[str, int], runs: Runs) -> tuple[str, ...]:
    if runs.stands_in and meaning_of(runs.columns["compute"]).unit != "params":
        return ()  # longer runs of one model
    return one_rate(table, found.values(), runs.scales.get("params") or runs.compute)


def _finished(table: Table, found: Mapping[str, int]) -> Figures:
    """The table without losses of runs that its column of states calls unfinished."""
    state = state_column(table)
    if state is None or state in found.values():
        return Figures(table, ())
    return finished_only(table, {**found, "failure": state})


def _with_loss(path: Path, table: Table, place: int) -> tuple[list[Row], tuple[str, ...]]:
    """The rows that hold a loss, and what to tell of the others."""
    without = [row for row in table.rows if row.cells[place].lower() in NO_LOSS]
    if not without:
        return table.rows, ()
    if len(without) == len(table.rows):
        refuse(path, f"has no loss in its column {table.header[place]}; "
                      "say with --loss which column holds it")  # fmt: skip
    lines = [str(row.line) for row in without[:4]]
    more = ", ..." * (len(without) > len(lines))
    count = f"{len(without)} run{'s' * (len(without) > 1)} without a loss"
    told = f"{count} (line{'s' * (len(without) > 1)} {', '.join(lines)}{more}), passed over"
    return [row for row in table.rows if row.cells[place].lower() not in NO_LOSS], (told,)


def _runs(path: Path, header: list[str], found: dict[str, int], rows: list[Row]) -> Runs:
    mistakes: list[Mistake] = []

    def read(role: str, convert: Callable[[str], T]) -> list[T]:
        values, place = [], found[role]
        for line, cells in rows:
            try:
                values.append(convert(cells[place]))
            except ValueError as error:
                mistakes.append(Mistake(line, header[place], str(error)))
        return values

    runs = Runs(
        path=path,
        scales={role: read(role, parse_scale) for role in SCALES if role in found},
        loss=read("loss", parse_loss),
        weight=read("weight", parse_weight) if "weight" in found else None,
        run=read("run", _label) if "run" in found else None,
        lines=[line for line, _ in rows],
        columns={role: header[place] for role, place in found.items()},
        ignored=tuple(n for i, n in enumerate(header) if n and i not in found.values()),
    )
    if mistakes:
        raise DataError(all_mistakes(path, sorted(mistakes)))
    return runs


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
