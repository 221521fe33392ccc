"""Figures from records: gaps over scale, losses over scale, the budget, the forecasts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from proveout.ideas import BASELINE
from proveout.ledger import History, Verdict, VerdictsRead
from proveout.report._facts import (
    OUTCOMES,
    Spending,
    carried,
    metric_name,
    rung_name,
    rungs_used,
    seed_gaps,
    spent,
    table_rows,
)
from proveout.report._style import (
    BAND,
    BASELINE_INK,
    GREY,
    INK,
    STACK_INK,
    label,
    log_compute_axis,
    new_figure,
    nothing_yet,
    styled,
)
from proveout.report._text import mark, share
from proveout.study import Study
from proveout.units import compact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 4
_OUTCOME_LOOKS = {
    "baseline": ("#0072B2", ""),
    "ideas that hold": ("#009E73", "///"),
    "stacks": ("#56B4E9", "\\\\\\"),
    "other ideas": ("#BBBBBB", ""),
    "failed trials": ("#444444", "xxx"),
}


def gap_figure(study: Study, history: History, verdicts: VerdictsRead | None = None) -> Figure:
    """Gap against compute, a panel for each idea that was measured, in the table's order."""
    rows = table_rows(history, verdicts)
    drawn = [row.verdict for row in rows if row.verdict and row.verdict.measured]
    columns = min(_COLUMNS, max(len(drawn), 2))
    lines = max(1, math.ceil(len(drawn) / columns))
    with styled():
        figure = new_figure(7.2, 1.55 * lines + 0.65)
        if not drawn:
            nothing_yet(figure.add_subplot(), "no idea has been measured yet")
            return figure
        panels = figure.subplots(lines, columns, sharex=True, sharey="row", squeeze=False)
        for number, verdict in enumerate(drawn):
            axes = panels[number // columns, number % columns]
            _gap_panel(study, history, axes, verdict)
            axes.tick_params(labelbottom=number + columns >= len(drawn))
        for row in range(lines):
            _limit_gaps(panels[row, 0], drawn[row * columns : (row + 1) * columns])
        for axes in panels.flat[len(drawn) :]:
            axes.set_axis_off()
        figure.supxlabel(f"compute ({study.ladder.target.unit})", fontsize=8)
        figure.supylabel(f"gap to the baseline ({metric_name(study)})", fontsize=8)
        _gap_legend(figure)
    return figure


def _gap_panel(study: Study, history: History, axes: Axes, verdict: Verdict) -> None:
    look = mark(verdict.verdict)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.axvline(study.ladder.target.amount, color=GREY, linewidth=0.8, linestyle="--")
    if verdict.line:
        compute, mean, low, high = zip(*verdict.line, strict=True)
        axes.fill_between(compute, low, high, color=look.ink, alpha=BAND, linewidth=0)
        axes.plot(compute, mean, color=look.ink)
    seeds = [
        (study.rung(rung).compute.amount, gap)
        for rung in rungs_used(study, history)
        for gap in seed_gaps(history, verdict.idea, rung).values()
    ]
    if seeds:
        axes.plot(*zip(*seeds, strict=True), ".", color=GREY, markersize=2.5, zorder=2.5)
    compute, mean, error, _ = zip(*verdict.measured, strict=True)
    axes.errorbar(
        compute, mean, yerr=error, fmt=look.marker, color=look.ink, ecolor=INK, elinewidth=0.7,
        capsize=1.8, capthick=0.7, markersize=3.8, zorder=3,
    )  # fmt: skip
    axes.set_title(f"{label(verdict.idea, 22)}\n{verdict.verdict}", fontsize=7.5, linespacing=1.15)
    log_compute_axis(axes, study.rungs[0].compute.amount, study.ladder.target.amount)


def _limit_gaps(axes: Axes, verdicts: Sequence[Verdict]) -> None:
    """What was measured fills the panel; an interval of an unsure line may run out of it."""
    ends = [0.0]
    for verdict in verdicts:
        ends += [m - e for _, m, e, _ in verdict.measured]
        ends += [m + e for _, m, e, _ in verdict.measured]
    low, high = min(ends), max(ends)
    room = max(high - low, 1e-6)
    for verdict in verdicts:
        for end in verdict.interval80 or ():
            low, high = min(low, max(end, low - room)), max(high, min(end, high + room))
    room = 0.06 * max(high - low, 1e-6)
    axes.set_ylim(low - room, high + room)


def _gap_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Line2D([], [], color=INK, marker="o", markersize=4.5, linestyle="none",
               label="mean ± standard error"),
        Line2D([], [], color=GREY, marker=".", markersize=3, linestyle="none", label="one seed"),
        Line2D([], [], color=INK, label="fitted gap"),
        Patch(color=INK, alpha=BAND, linewidth=0, label="80% interval"),
        Line2D([], [], color=GREY, linestyle="--", linewidth=0.8, label="target"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=5, handlelength=1.6)


def loss_figure(study: Study, history: History, verdicts: VerdictsRead | None = None) -> Figure:
    """Loss against compute: the baseline with its laws, what was carried, the forecast."""
    read = verdicts or history.verdicts
    with styled():
        figure = new_figure(5.4, 4.1)
        axes = figure.add_subplot()
        if not any(history.losses(BASELINE, rung) for rung in rungs_used(study, history)):
            nothing_yet(axes, "the baseline has not been measured yet")
            return figure
        target = study.ladder.target.amount
        axes.axvline(target, color=GREY, linewidth=0.8, linestyle="--")
        law = read.baseline if read else None
        if law is not None and law.points:
            compute, mean, low, high = zip(*law.points, strict=True)
            axes.fill_between(compute, low, high, color=BASELINE_INK, alpha=BAND, linewidth=0)
            axes.plot(compute, mean, color=BASELINE_INK, linewidth=1.0,
                      label=f"laws, 80% interval; likeliest: {label(law.formula, 36)}")  # fmt: skip
        _seed_losses(study, history, axes, BASELINE, BASELINE_INK, "o", "baseline, each seed")
        name = carried(history, verdicts)
        if name is not None:
            shown = f"{label(name, 24)}, each seed"
            _seed_losses(study, history, axes, name, STACK_INK, "s", shown)
            _loss_forecast(study, history, axes, name)
        log_compute_axis(axes, study.rungs[0].compute.amount, target)
        axes.set_xlabel(f"compute ({study.ladder.target.unit})")
        axes.set_ylabel(metric_name(study))
        figure.legend(loc="outside upper left", handlelength=1.6)
    return figure


def _seed_losses(
    study: Study, history: History, axes: Axes, idea: str, ink: str, marker: str, text: str
) -> None:
    points = [
        (study.rung(rung).compute.amount, loss)
        for rung in rungs_used(study, history)
        for loss in history.losses(idea, rung).values()
    ]
    if points:
        compute, losses = zip(*points, strict=True)
        axes.plot(compute, losses, marker, color=ink, markersize=4, markerfacecolor="none",
                  markeredgewidth=0.9, label=text, zorder=3)  # fmt: skip


def _loss_forecast(study: Study, history: History, axes: Axes, idea: str) -> None:
    """The recorded forecasts, a little to the left of the target so that runs stay legible."""
    made = history.forecasts.get(idea)
    if made is None or made.baseline_loss is None or not math.isfinite(made.baseline_loss):
        return
    base, ends = made.baseline_loss, made.baseline_interval80 or (math.nan, math.nan)
    gaps = made.interval80
    arms = (
        (BASELINE_INK, base, ends[0], ends[1], "forecast, 80% interval"),
        (STACK_INK, base + made.mean_gap, base + gaps[0], base + gaps[1], None),
    )
    x = 1.18 * study.rung(made.rung).compute.amount
    for ink, mean, low, high, text in arms:
        if math.isfinite(low) and math.isfinite(high):
            axes.plot([x, x], [low, high], color=ink, linewidth=2.2, alpha=0.75, label=text)
        axes.plot([x], [mean], "_", color=ink, markersize=8)


def budget_figure(study: Study, history: History, verdicts: VerdictsRead | None = None) -> Figure:
    """Where the budget went: the charge at each rung by what came of it."""
    from matplotlib.ticker import FuncFormatter

    went = spent(study, history, verdicts)
    unit = study.budget.compute.unit
    with styled():
        figure = new_figure(7.2, 0.9 + 0.3 * max(len(went.by_rung), 2))
        axes = figure.add_subplot()
        if not went.total.charged:
            nothing_yet(axes, "nothing has been charged yet")
            return figure
        rungs = list(went.by_rung)
        starts = dict.fromkeys(rungs, 0.0)
        for outcome in OUTCOMES:
            ink, hatch = _OUTCOME_LOOKS[outcome]
            charges = [went.by_cell.get((r, outcome), Spending()).charged for r in rungs]
            if any(charges):
                axes.barh(range(len(rungs)), charges, left=[starts[r] for r in rungs], color=ink,
                          hatch=hatch, edgecolor="white", linewidth=0.5, height=0.66,
                          label=outcome)  # fmt: skip
            for rung, charge in zip(rungs, charges, strict=True):
                starts[rung] += charge
        budget = history.account.budget
        for place, rung in enumerate(rungs):
            told = f"{compact(starts[rung])}, {share(starts[rung], budget)} of the budget"
            axes.annotate(
                told, (starts[rung], place), (4, 0), textcoords="offset points", va="center",
                fontsize=7,
            )  # fmt: skip
        axes.set_yticks(range(len(rungs)), [rung_name(study, rung) for rung in rungs])
        axes.set_xlim(0, max(starts.values()) * 1.32)
        axes.set_ylim(len(rungs) - 0.5, -0.5)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
        axes.set_xlabel(f"charged ({unit})")
        axes.set_ylabel(f"rung ({unit})")
        figure.legend(loc="outside upper center", ncols=5, handlelength=1.4)
    return figure


def forecast_figure(study: Study, history: History) -> Figure:
    """Each forecast gap with its intervals, and what was measured."""
    made = list(history.forecasts.values())
    with styled():
        figure = new_figure(7.2, 1.0 + 0.32 * max(len(made), 2))
        axes = figure.add_subplot()
        if not made:
            nothing_yet(axes, "no forecast has been made yet")
            return figure
        axes.axvline(0, color=INK, linewidth=0.6)
        for place, each in enumerate(made):
            texts = ("95% interval", "80% interval") if place == 0 else (None, None)
            axes.plot(each.interval95, [place, place], color=BASELINE_INK, linewidth=1.0,
                      label=texts[0])  # fmt: skip
            axes.plot(each.interval80, [place, place], color=BASELINE_INK, linewidth=5, alpha=0.4,
                      solid_capstyle="butt", label=texts[1])  # fmt: skip
            axes.plot([each.mean_gap], [place], "|", color=BASELINE_INK, markersize=11)
        scored = [
            (history.forecasts_scored[each.idea], place)
            for place, each in enumerate(made)
            if each.idea in history.forecasts_scored
        ]
        if scored:
            axes.errorbar(
                [each.measured_gap for each, _ in scored], [place for _, place in scored],
                xerr=[each.standard_error for each, _ in scored], fmt="D", color=STACK_INK,
                ecolor=INK, elinewidth=0.8, markersize=4.5, zorder=3,
                label="measured ± standard error",
            )  # fmt: skip
        names = [f"{label(each.idea, 24)} at {rung_name(study, each.rung)}" for each in made]
        axes.set_yticks(range(len(made)), names)
        axes.set_ylim(len(made) - 0.4, -0.6)
        axes.set_xlabel(f"gap to the baseline ({metric_name(study)})")
        figure.legend(loc="outside upper center", ncols=3, handlelength=1.6)
    return figure


def all_figures(
    study: Study, history: History, verdicts: VerdictsRead | None = None
) -> dict[str, Figure]:
    """Every figure by the name of its file."""
    return {
        "gaps": gap_figure(study, history, verdicts),
        "losses": loss_figure(study, history, verdicts),
        "forecast": forecast_figure(study, history),
        "budget": budget_figure(study, history, verdicts),
    }


def save_figures(
    study: Study,
    history: History,
    folder: Path,
    format: Literal["png", "svg", "pdf"] = "png",
    verdicts: VerdictsRead | None = None,
) -> tuple[Path, ...]:
    """Writes every figure to a folder, made where it is missing, and returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    dates = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[format]
    paths = []
    for name, figure in all_figures(study, history, verdicts).items():
        path = folder / f"{name}.{format}"
        with styled():
            figure.savefig(path, format=format, metadata=dates)
        paths.append(path)
    return tuple(paths)
