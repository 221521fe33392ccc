"""Runs of several ideas from a table: which idea, at what scale, with which seed, what loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from proveout.errors import DataError, UserError
from proveout.points._amounts import UNITS, parse_amount
from proveout.points._columns import Mistake, all_mistakes
from proveout.points._figures import in_full, in_plain_figures
from proveout.points._idea_columns import (
    NAMES,
    find_columns,
    scales_meaning,
    with_compute,
)
from proveout.points._numbers import FAILED, UNFINISHED, parse_any_loss
from proveout.points._rates import one_rate
from proveout.points._repeats import once_each, plain_seed
from proveout.points._states import NOT_ENDED, finished_only
from proveout.points._table import Row, Table, read_table, refuse
from proveout.points._wide import as_long
from proveout.units import compact

_EXAMPLE = "idea,scale,seed,loss"
_WELL = {"ok", "done", "success", "succeeded", "finished", "completed", "complete", "scored"}
_SHORTEST_FLOPS = 1e10  # what is less is hardly the compute of a training run


class IdeaRun(NamedTuple):
    """One row: `loss` is None where there is none, and `failed` says that the run ended badly."""

    line: int
    idea: str
    scale: float
    seed: str | None
    loss: float | None
    failed: bool


@dataclass(frozen=True)
class IdeaRuns:
    """The runs of a file, in its order.

    Attributes:
        unit: of the scales, one of `UNITS`.
        times: so many of the unit are one of what the column holds: 3600 seconds an hour.
        columns: the column's name in the file, by what it holds.
        ignored: the other columns.
        warnings: what a reader may have got wrong.
        higher_is_better: whether more of the loss is better: it is a score.
    """

    path: Path
    runs: tuple[IdeaRun, ...]
    unit: str
    times: float
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    warnings: tuple[str, ...]
    higher_is_better: bool = False

    @property
    def ideas(self) -> tuple[str, ...]:
        """The names, in the order of the file."""
        return tuple(dict.fromkeys(run.idea for run in self.runs))

    def amount(self, text: str) -> float:
        """A scale as a person writes it, in `unit`; `ValueError` as `parse_scale`."""
        value, unit = parse_amount(in_full(text, self.columns["scale"]))
        if unit not in {None, self.unit}:
            raise ValueError(f"is {text.strip()!r}, and the runs' scales are {self.unit}; write it "
                             "in these, or say with --unit what the scales are")  # fmt: skip
        return value if unit is not None else value * self.times


def read_idea_runs(
    path: Path,
    columns: Mapping[str, str] | None = None,
    *,
    unit: str | None = None,
    higher_is_better: bool | None = None,
) -> IdeaRuns:
    """Reads a table of runs of several ideas: a header and a line for each.

    Args:
        path: the file.
        columns: the column that holds `idea`, `scale`, `seed`, `loss` or `failure`, where its name
            does not say so. An empty name leaves that out: `{"seed": ""}`.
        unit: of the scales; by default what the column's name or its cells say, else FLOPs.
        higher_is_better: whether more of the loss is better; by default what the column's name
            says: yes of an accuracy, no of an error, and where it does not say, no with a warning.

    Raises:
        DataError: no such file, not a table, a column missing or ambiguous, a cell that cannot be
            used, a run that is there twice, fewer than two ideas. Names line and column.
        UserError: an unknown unit, or an unknown name in `columns`.
    """
    if unit is not None and unit not in UNITS:
        raise UserError(f"the unit {unit!r} is not known; allowed: {', '.join(UNITS)}")
    table = read_table(path, _EXAMPLE, "an idea, a scale and a loss")
    table, notes, given = as_long(path, table, columns or {}, NAMES)
    if unit == "flops":
        table, computed = with_compute(path, table, given)
        notes = (*notes, *computed)
    found, higher, unsure = find_columns(path, table, given, unit, higher_is_better)
    named = {role: table.header[place] for role, place in found.items()}
    table, more = in_plain_figures(table, [found["scale"]], [found["loss"]])
    meaning, assumed = scales_meaning(path, table, found["scale"], unit)
    table, states = finished_only(table, found)
    table, fewer = once_each(path, table, found)
    runs = _runs(path, table, found, meaning.times)
    _check_names(path, runs)
    warnings = [*notes, *more, *states, *fewer, *assumed, *unsure, *_warnings(runs)]
    if "seed" not in found:
        warnings += _settings(table, found, runs)
    ignored = tuple(n for i, n in enumerate(table.header) if n and i not in found.values())
    told = meaning.unit or "flops"
    if told in {"flops", "params"}:
        scales, ideas = [run.scale for run in runs], [run.idea for run in runs]
        warnings += one_rate(table, found.values(), scales, ideas)
    if not assumed and unit is None and told == "flops":
        warnings += _small_flops(named["scale"], runs)
    return IdeaRuns(path, runs, told, meaning.times, named, ignored, tuple(warnings), higher)


def _runs(path: Path, table: Table, found: Mapping[str, int], times: float) -> tuple[IdeaRun, ...]:
    runs, mistakes = [], []
    for row in table.rows:
        try:
            runs.append(_run(row, found, times, table.header))
        except _CellError as error:
            mistakes.append(error.mistake)
    if mistakes:
        raise DataError(all_mistakes(path, mistakes))
    return tuple(runs)


class _CellError(Exception):
    def __init__(self, mistake: Mistake) -> None:
        super().__init__()
        self.mistake = mistake


def _run(row: Row, found: Mapping[str, int], times: float, header: Sequence[str]) -> IdeaRun:
    cells = {role: row.cells[place] for role, place in found.items()}
    role = "idea"
    try:
        idea = _label(cells[role])
        role = "scale"
        value, unit = parse_amount(cells[role])
        role = "loss"
        word = cells[role].lower()
        loss = None if word in UNFINISHED | FAILED else parse_any_loss(cells[role])
    except ValueError as error:
        raise _CellError(Mistake(row.line, header[found[role]], str(error))) from None
    scale = value if unit is not None else value * times
    ended = cells.get("failure", "").lower()
    failed = word in FAILED or (loss is None and ended not in UNFINISHED | NOT_ENDED | _WELL)
    return IdeaRun(row.line, idea, scale, plain_seed(cells.get("seed")), loss, failed)


def _label(text: str) -> str:
    shown = "".join(ch if ch.isprintable() else " " for ch in text).strip()
    if not shown:
        raise ValueError("is empty; name the idea, or take the line out")
    return shown


def _check_names(path: Path, runs: Sequence[IdeaRun]) -> None:
    names = list(dict.fromkeys(run.idea for run in runs))
    if len(names) < 2:
        refuse(path, f"holds runs of one idea, {names[0]!r}: there is nothing to compare it with; "
                     "add runs of another, or of the baseline")  # fmt: skip


def _warnings(runs: Sequence[IdeaRun]) -> list[str]:
    """Names that differ in capitals alone."""
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(run.idea for run in runs):
        alike.setdefault(name.casefold(), []).append(name)
    return [f"{' and '.join(names)} differ in capitals only and are taken as {len(names)} ideas"
            for names in alike.values() if len(names) > 1]  # fmt: skip


def _small_flops(column: str, runs: Sequence[IdeaRun]) -> list[str]:
    largest = max(run.scale for run in runs)
    if largest >= _SHORTEST_FLOPS:
        return []
    return [f"the scales in the column {column} are taken as FLOPs, and the largest is "
            f"{compact(largest)}; if they are something else, say what with --unit"]  # fmt: skip


def _settings(table: Table, found: Mapping[str, int], runs: Sequence[IdeaRun]) -> list[str]:
    """Columns that look like settings and differ among what is taken as repeats of one run."""
    cells: dict[tuple[str, float], list[int]] = {}
    for number, run in enumerate(runs):
        cells.setdefault((run.idea, run.scale), []).append(number)
    repeats = [numbers for numbers in cells.values() if len(numbers) > 1]
    told = []
    for place, name in enumerate(table.header):
        values = [row.cells[place] for row in table.rows]
        few = place not in found.values() and len(set(values)) <= len(values) / 3
        if few and any(len({values[i] for i in numbers}) > 1 for numbers in repeats):
            told.append(name)
    if not told:
        return []
    return [f"runs of one idea at one scale differ in {', '.join(told)} and are taken as repeats "
            "of one run; if they are not, keep one setting in the file"]  # fmt: skip
