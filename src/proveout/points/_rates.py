"""A learning rate that is one at all sizes: losses alone do not tell where it was tuned."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from proveout.points._columns import plain_name
from proveout.points._table import Table
from proveout.units import compact

_RATES = {"lr", "learning_rate", "max_lr", "lr_max", "peak_lr", "base_lr", "max_learning_rate",
          "peak_learning_rate", "base_learning_rate"}  # fmt: skip
_SPAN = 10.0  # times: of closer sizes the best rates hardly differ


def one_rate(
    table: Table,
    taken: Collection[int],
    scales: Sequence[float],
    ideas: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """A warning where each idea has one learning rate at all its sizes.

    Args:
        table: the runs.
        taken: columns that hold something else.
        scales: [n], of compute or params.
        ideas: [n], the name of each run's; None where all are one. Where most have a rate of their
            own it is the rate that is asked about, and nothing is said.
    """
    if max(scales) < _SPAN * min(scales):
        return ()
    names = ideas if ideas is not None else [""] * len(table.rows)
    for place, name in enumerate(table.header):
        if plain_name(name) not in _RATES or place in taken:
            continue
        rates: dict[str, set[str]] = {}
        for idea, row in zip(names, table.rows, strict=True):
            rates.setdefault(idea, set()).add(row.cells[place])
        every = set().union(*rates.values())
        if any(len(each) > 1 for each in rates.values()) or "" in every:
            continue
        if len(every) > 1 + (len(rates) - 1) // 2:
            continue
        whose = f"{name} is {every.pop()}" if len(every) == 1 else f"each idea has one {name}"
        return (
            f"{whose} at all sizes from {compact(min(scales))} to {compact(max(scales))}: if it "
            "was tuned at the small ones, large runs are worse than they could be, by more the "
            "larger they are, which no interval holds; tune it at the largest size too",
        )
    return ()
