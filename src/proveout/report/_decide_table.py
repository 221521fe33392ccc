"""The table of a decision on runs that were made without a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from proveout.report._tables import verdict_word
from proveout.report._text import (
    DASH,
    clean,
    decimals,
    gap,
    interval,
    multiplier,
    probability,
)
from proveout.units import scale_number

if TYPE_CHECKING:
    from proveout.verdicts import Decision, IdeaDecision

_WHY_NARROWEST = 34
_NAME_LONGEST = 28
_MOST_DIGITS = 6  # from here on numbers are written as 1e-7


def decision_table(decision: Decision, width: int = 80) -> RenderableType:
    """One line an idea, the best first, with the reasons in a column or, where `width` cannot hold
    them, below; columns are left out from the right."""
    digits = _digits(decision)
    columns = {
        "verdict": [verdict_word(each.verdict) for each in decision.ideas],
        f"gap at {scale_number(decision.target, decision.unit)} [80%]": [
            _gap(each, digits) for each in decision.ideas
        ],
        "P(helps)": [Text(probability(each.probability_helps)) for each in decision.ideas],
        "P(best)": [Text(probability(each.probability_best)) for each in decision.ideas],
        "compute": [_multiplier(each) for each in decision.ideas],
    }
    if all(each.compute_multiplier is None for each in decision.ideas):
        columns.pop("compute")
    names = [clean(each.idea, 60) for each in decision.ideas]
    widest = min(max(map(len, ["idea", *names])), _NAME_LONGEST)
    while len(columns) > 2 and _wide(columns) + widest + 2 > width:
        columns.popitem()
    beside = _wide(columns) + widest + 2 + _WHY_NARROWEST <= width
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(Text("idea"), no_wrap=True, overflow="ellipsis", max_width=widest)
    for title in columns:
        table.add_column(Text(title), no_wrap=True)
    if beside:
        table.add_column(Text("why"), overflow="fold", ratio=1)
        table.expand = True
    for each, name, *cells in zip(decision.ideas, names, *columns.values(), strict=True):
        why = [Text(clean(each.why, 400), style="dim")] if beside else []
        table.add_row(Text(name), *cells, *why)
    return table if beside else Group(table, Text(), *_reasons(decision))


def _digits(decision: Decision) -> int:
    """Decimals that show what the narrower intervals can tell."""
    halves = [(each.interval80[1] - each.interval80[0]) / 2
              for each in decision.ideas if each.interval80]  # fmt: skip
    wide = sorted(half for half in halves if half > 0)
    return decimals(wide[: max(len(wide) // 2, 1)])


def _gap(idea: IdeaDecision, digits: int) -> Text:
    ends = idea.interval80
    if digits >= _MOST_DIGITS and idea.gap_at_target is not None and ends is not None:
        return Text(f"{idea.gap_at_target:+.2g} [{ends[0]:+.2g}, {ends[1]:+.2g}]")
    shown = gap(idea.gap_at_target, digits)
    return Text(f"{shown} {interval(ends, digits)}" if ends else shown)


def _multiplier(idea: IdeaDecision) -> Text:
    """`1.85× [1.42, 2.60]`; an end past all that laws can say is `∞`."""
    ends = idea.multiplier_interval80
    shown = multiplier(idea.compute_multiplier)
    if idea.compute_multiplier is None or ends is None or ends[0] is None:
        return Text(shown)
    low, high = (multiplier(end).removesuffix("×") for end in ends)
    return Text(f"{shown} [{low}, {'∞' if high == DASH else high}]")


def _wide(columns: dict[str, list[Text]]) -> int:
    return sum(2 + max(len(title), *(cell.cell_len for cell in cells))
               for title, cells in columns.items())  # fmt: skip


def _reasons(decision: Decision) -> list[Text]:
    lines = []
    for each in decision.ideas:
        line = Text(f"{clean(each.idea, 60)}: ", style="bold", overflow="fold")
        lines.append(line.append(Text(clean(each.why, 400), style="not bold dim")))
    return lines
