"""The yield table: what each source of ideas brought, for what it cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from proveout.ledger import History, VerdictsRead
from proveout.report._text import DASH, gap, share
from proveout.study import Study
from proveout.units import compact
from proveout.verdicts import Yield, yields

HEAD = (
    "source",
    "ideas",
    "refused",
    "hold",
    "gain",
    "best gap",
    "compute",
    "USD",
    "gain per budget",
    "share",
)


def has_sources(study: Study, history: History) -> bool:
    """Whether there is more to tell than that all ideas are the catalog's."""
    rows = yields(study, history, None) if history.ideas else ()
    return any(row.source != "catalog" for row in rows)


def source_rows(
    study: Study, history: History, verdicts: VerdictsRead | None = None
) -> tuple[tuple[str, ...], ...]:
    """The yield table as text, a row a source; see `HEAD`."""
    budget = study.budget.compute.amount
    return tuple(_cells(row, budget) for row in yields(study, history, verdicts))


def _cells(row: Yield, budget: float) -> tuple[str, ...]:
    used = f"{compact(row.charged)} ({share(row.charged, budget)})" if row.charged else "0"
    return (
        row.source,
        str(row.ideas),
        str(row.refused),
        str(row.holds),
        f"{row.gain:.3f}" if row.measured else DASH,
        gap(row.best),
        used,
        f"{row.usd:.2f}" if row.calls else DASH,
        f"{row.per_budget:.3g}" if row.per_budget is not None and row.measured else DASH,
        f"{100 * row.share:.0f}%" if row.share is not None else DASH,
    )


def sources_table(study: Study, history: History) -> RenderableType:
    """The yield table for a terminal."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in HEAD:
        table.add_column(
            Text(title), no_wrap=True, justify="left" if title == "source" else "right"
        )
    for row in source_rows(study, history):
        table.add_row(*map(Text, row))
    return table


def sources_json(
    study: Study, history: History, verdicts: VerdictsRead | None
) -> list[dict[str, Any]]:
    """The yield table as data."""
    return [asdict(row) for row in yields(study, history, verdicts)] if history.ideas else []
