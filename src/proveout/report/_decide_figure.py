"""Gaps over scale of ideas that were run without a study, up to the target and with their doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from proveout.report._law_figure import check_figure_path, plain_ticks
from proveout.report._style import (
    BAND,
    GREY,
    INK,
    label,
    log_compute_axis,
    new_figure,
    nothing_yet,
    styled,
)
from proveout.report._text import mark, probability
from proveout.units import scale_number, scale_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from proveout.verdicts import Decision, IdeaDecision

_MOST = 12
_COLUMNS = 4
_LEADING = {"holds", "reverses"}  # always worth a look
_CONTENDER = 0.01  # probability of being the best from which on an idea still is in the running
_FEW_DECADES = 1.9  # below this, ticks at 1, 2 and 5 of each decade


def decide_figure(decision: Decision, loss_name: str = "loss") -> Figure:
    """A panel for each idea with its gap against scale, best first; without gaps over scale, the
    intervals at the target alone."""
    with styled():
        if any(each.line for each in decision.ideas):
            return _panels(decision, loss_name)
        return _intervals(decision, loss_name)


def save_decide_figure(decision: Decision, path: Path, loss_name: str = "loss") -> None:
    """Writes the figure as .png or .svg, by the path's suffix; `UserError` for another."""
    check_figure_path(path)
    format = path.suffix.lower()[1:]
    figure = decide_figure(decision, loss_name)
    with styled():
        figure.savefig(path, format=format, metadata={"Date": None} if format == "svg" else {})


def _shown(ideas: Sequence[IdeaDecision]) -> list[IdeaDecision]:
    """At most so many, in their order: what holds or reverses, what may be the best, large gaps."""

    def rank(idea: IdeaDecision) -> tuple[bool, bool, float]:
        contends = (idea.probability_best or 0.0) >= _CONTENDER
        return idea.verdict not in _LEADING, not contends, -abs(idea.gap_at_target or 0.0)

    known = [each for each in ideas if each.gap_at_target is not None]
    kept = {each.idea for each in sorted(known, key=rank)[:_MOST]}
    return [each for each in known if each.idea in kept]


def _panels(decision: Decision, loss_name: str) -> Figure:
    shown = [each for each in _shown(decision.ideas) if each.line]
    columns = min(len(shown), _COLUMNS) if len(shown) != _COLUMNS + 1 else 3
    rows = math.ceil(len(shown) / columns)
    figure = new_figure(max(1.9 * columns, 4.2), 1.7 * rows + 0.95 + 0.6 * (rows == 1))
    axes = figure.subplots(rows, columns, sharex=True, sharey="row", squeeze=False)
    for number, idea in enumerate(shown):
        _panel(axes[number // columns, number % columns], decision, idea)
    for panel in axes.flat[len(shown) :]:
        panel.set_axis_off()
    for row in range(rows):
        _limit(axes[row, 0], shown[row * columns : (row + 1) * columns])
    _scale_axis(axes[0, 0], decision, shown)
    for number, panel in enumerate(axes.flat):
        panel.tick_params(labelbottom=len(shown) - columns <= number < len(shown))
    figure.supxlabel(f"scale ({decision.unit}){_not_drawn(decision, shown)}", fontsize=8)
    figure.supylabel(f"gap to {label(decision.baseline or 'the average', 30)} "
                     f"({label(loss_name, 30)})", fontsize=8)  # fmt: skip
    _legend(figure, decision, columns)
    return figure


def _panel(axes: Axes, decision: Decision, idea: IdeaDecision) -> None:
    look = mark(idea.verdict)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.axvline(decision.target, color=GREY, linewidth=0.8, linestyle="--")
    scale, mean, low, high = zip(*idea.line, strict=True)
    axes.fill_between(scale, low, high, color=look.ink, alpha=BAND, linewidth=0)
    axes.plot(scale, mean, color=look.ink)
    if idea.measured:
        places, gaps, errors, _ = zip(*idea.measured, strict=True)
        axes.errorbar(
            places, gaps, yerr=errors, fmt=look.marker, color=look.ink, ecolor=INK,
            elinewidth=0.7, capsize=1.8, capthick=0.7, markersize=4, zorder=3,
        )  # fmt: skip
    if idea.interval80 and idea.gap_at_target is not None:
        axes.plot([decision.target] * 2, idea.interval80, color=INK, linewidth=2.0,
                  solid_capstyle="butt", zorder=3.5)  # fmt: skip
        axes.plot([decision.target], [idea.gap_at_target], "_", color=INK, markersize=7, zorder=4)
    told = f"{idea.verdict}, P(helps) {probability(idea.probability_helps)}"
    axes.set_title(f"{label(idea.idea, 24)}\n{label(told)}", fontsize=7.5, linespacing=1.15)


def _limit(axes: Axes, ideas: Sequence[IdeaDecision]) -> None:
    """What was measured fills a row; the interval of an unsure line may run out of it."""
    ends = [0.0]
    for idea in ideas:
        ends += [m - e for _, m, e, _ in idea.measured] + [m + e for _, m, e, _ in idea.measured]
        ends += [idea.gap_at_target or 0.0]
    low, high = min(ends), max(ends)
    room = max(high - low, 1e-9)
    for idea in ideas:
        for end in idea.interval80 or ():
            low, high = min(low, max(end, low - room)), max(high, min(end, high + room))
    room = 0.06 * max(high - low, 1e-9)
    axes.set_ylim(low - room, high + room)


def _scale_axis(axes: Axes, decision: Decision, shown: Sequence[IdeaDecision]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter

    places = [point[0] for idea in shown for point in (*idea.measured, *idea.line)]
    low, high = min([*places, decision.target]), max([*places, decision.target])
    log_compute_axis(axes, low, high)
    room = max((high / low) ** 0.08, 1.15)
    axes.set_xlim(low / room, high * room)
    if math.log10(high / low) < _FEW_DECADES:
        axes.xaxis.set_major_locator(FixedLocator(_ticks(low / room, high * room)))
    elif decision.unit == "flops":
        return  # powers of ten, as they are
    unit = decision.unit
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: scale_number(value, unit)))


def _ticks(low: float, high: float) -> list[float]:
    """Two to five round numbers between two others."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
    inside = [tick for tick in ticks if low <= tick <= high] or plain_ticks(low, high)
    few = inside if len(inside) > 1 else plain_ticks(low, high)
    return few[:: math.ceil(len(few) / 5)]


def _legend(figure: Figure, decision: Decision, columns: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Line2D([], [], color=INK, marker="o", markersize=4.5, linestyle="none",
               label="mean ± standard error"),
        Line2D([], [], color=INK, label="believed gap"),
        Patch(color=INK, alpha=BAND, linewidth=0, label="80% interval"),
        Line2D([], [], color=GREY, linestyle="--", linewidth=0.8,
               label=f"target {scale_number(decision.target, decision.unit)}"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=4 if columns > 2 else 2,
                  handlelength=1.6)  # fmt: skip


def _not_drawn(decision: Decision, shown: Sequence[IdeaDecision]) -> str:
    """A line on the ideas that have no place in the figure."""
    left = [each.idea for each in decision.ideas if each not in shown]
    if not left:
        return ""
    return f"\n{len(shown)} of {len(decision.ideas)} ideas; not drawn: {label(', '.join(left), 80)}"


def _intervals(decision: Decision, loss_name: str) -> Figure:
    """The gaps at the target, where there is no baseline to draw gaps to over scale."""
    shown = _shown(decision.ideas)
    figure = new_figure(5.4, 0.95 + 0.26 * max(len(shown), 2))
    axes = figure.add_subplot()
    if not shown:
        nothing_yet(axes, "nothing is known of any gap")
        return figure
    axes.axvline(0, color=INK, linewidth=0.6)
    for place, idea in enumerate(shown):
        look = mark(idea.verdict)
        if idea.interval80:
            axes.plot(idea.interval80, [place, place], color=look.ink, linewidth=5, alpha=0.45,
                      solid_capstyle="butt")  # fmt: skip
        axes.plot([idea.gap_at_target or 0.0], [place], look.marker, color=look.ink, markersize=5,
                  markeredgecolor=INK, markeredgewidth=0.5)  # fmt: skip
    axes.set_yticks(
        range(len(shown)), [f"{label(each.idea, 30)}, {each.verdict}" for each in shown]
    )
    axes.set_ylim(len(shown) - 0.4, -0.6)
    against = label(decision.baseline or "the average of all ideas", 40)
    axes.set_xlabel(
        f"gap to {against} at {scale_text(decision.target, decision.unit)} "
        f"({label(loss_name, 30)}), 80% interval{_not_drawn(decision, shown)}"
    )
    return figure
