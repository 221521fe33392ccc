"""What `proveout decide` shows: text and a table for a terminal, and the document for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from proveout.cli._decide_answer import answer
from proveout.cli._decide_runs import Decided
from proveout.points import scale_label
from proveout.report import decision_table
from proveout.units import scale_number

if TYPE_CHECKING:
    from rich.console import Console

    from proveout.verdicts import Decision

_KEYS = (
    "idea", "gap_at_target", "interval80", "compute_multiplier", "multiplier_interval80",
    "probability_helps", "probability_best", "verdict", "why",
)  # fmt: skip


def document(decision: Decision, shown: Decision | None = None) -> dict[str, object]:
    """The decision as JSON has it: what is not known, or not finite, is None. `shown` is what the
    sentence is of, where scales are told in another unit."""
    return {
        "target": decision.target,
        "unit": decision.unit,
        "baseline": decision.baseline,
        "answer": answer(shown or decision),
        "ideas": [{key: _known(getattr(each, key)) for key in _KEYS} for each in decision.ideas],
        "warnings": list(decision.warnings),
    }


def _known(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(each) for each in value]
    return value


def print_decided(decided: Decided, console: Console) -> None:
    """Prints the answer, what was read, what gaps are against, the table and the warnings."""
    decision = decided.shown
    _say(console, answer(decision), "bold")
    _say(console, "")
    _say(console, _runs_line(decided))
    if decided.runs.ignored:
        _say(console, f"columns left out: {', '.join(decided.runs.ignored)}", "dim")
    _say(console, _against(decided))
    _say(console, "")
    console.print(decision_table(decision, console.width))
    if decision.warnings:
        _say(console, "")
    for warning in decision.warnings:
        _say(console, f"! {warning}", "yellow")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=not console.is_terminal)


def _runs_line(decided: Decided) -> str:
    runs = decided.runs
    scored = [run for run in runs.runs if run.loss is not None]
    scales = [run.scale / runs.times for run in scored]
    seeds = "" if "seed" in runs.columns else "; no column of seeds"
    unit = decided.shown.unit
    ends = scale_number(min(scales), unit)
    if max(scales) > min(scales):
        ends += f" to {scale_number(max(scales), unit)}"
    column = scale_label(runs.columns["scale"])
    unit = "" if column.lower() == unit.lower() else f" {unit}"
    more = " (more is better)" if runs.higher_is_better else ""
    return (f"{runs.path}: {len(scored)} runs of {len({run.idea for run in scored})} ideas; "
            f"{runs.columns['loss']}{more} over {column}, {ends}{unit}{seeds}")  # fmt: skip


def _against(decided: Decided) -> str:
    decision = decided.decision
    if decision.baseline is None:
        return ("gaps are to the average of all ideas: no idea is named as a baseline is; "
                "name one with --baseline IDEA")  # fmt: skip
    told = f"gaps are to {decision.baseline}"
    return f"{told}, the baseline by its name" if decided.found_by_name else told
