"""Runs that did not finish, by the state that a tracker writes beside their last loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proveout.points._columns import plain_name
from proveout.points._figures import Figures
from proveout.points._numbers import FAILED, NO_LOSS
from proveout.points._table import Row, Table

STATE_NAMES = "status state outcome"
ENDED_BADLY = FAILED | {"fail", "failure", "errored", "aborted", "kill", "out_of_memory",
                        "node_fail", "oom_killed"}  # fmt: skip
NOT_ENDED = {"running", "pending", "queued", "waiting", "scheduled", "starting", "preempted",
             "preempting", "cancelled", "canceled", "pruned", "paused", "interrupted", "stopped",
             "incomplete", "unfinished", "in_progress"}  # fmt: skip


def state_column(table: Table) -> int | None:
    """The one column that is named as a state is."""
    found = [i for i, name in enumerate(table.header) if plain_name(name) in STATE_NAMES.split()]
    return found[0] if len(found) == 1 else None


def finished_only(table: Table, found: Mapping[str, int]) -> Figures:
    """The table without the losses of runs that did not finish: a last loss of theirs is none.

    A run that crashed or failed has `failed` in its place, and one that is running nothing. Either
    is left out where the same run, by its seed, is there again and finished. `found` has the places
    of the loss and the state, as `failure`, and of what tells a run from others.
    """
    if "failure" not in found:
        return Figures(table, ())
    state, loss = found["failure"], found["loss"]
    badly = [row for row in table.rows if _state(row, state) in ENDED_BADLY]
    going = [row for row in table.rows if _state(row, state) in NOT_ENDED]
    lost = {id(row): word for rows, word in ((badly, "failed"), (going, "")) for row in rows}
    done = {_run(row, found) for row in table.rows if id(row) not in lost}
    seed = found.get("seed")
    gone = {
        id(row)
        for row in table.rows
        if id(row) in lost and seed is not None and row.cells[seed] and _run(row, found) in done
    }
    rows = [
        _without(row, loss, lost[id(row)]) if id(row) in lost else row
        for row in table.rows
        if id(row) not in gone
    ]
    column = table.header[state]
    told = _told(badly, loss, f"failed, as {column} says, whatever the last loss")
    told += _told(going, loss, f"not finished, as {column} says, passed over")
    return Figures(table._replace(rows=rows), told)


def _told(rows: Sequence[Row], loss: int, what: str) -> tuple[str, ...]:
    """Of the rows that have a loss, how many there are of what."""
    had = [row for row in rows if row.cells[loss].lower() not in NO_LOSS]
    lines = ", ".join(str(row.line) for row in had[:4]) + ", ..." * (len(had) > 4)
    several = "s" * (len(had) > 1)
    return (f"{len(had)} run{several} {what} (line{several} {lines})",) if had else ()


def _state(row: Row, place: int) -> str:
    return row.cells[place].lower().replace(" ", "_").replace("-", "_")


def _run(row: Row, found: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(row.cells[i] for role, i in found.items() if role not in {"loss", "failure"})


def _without(row: Row, loss: int, word: str) -> Row:
    cells = [word if i == loss else cell for i, cell in enumerate(row.cells)]
    return Row(row.line, cells)
