"""A law of loss over compute with its runs, its doubt and its targets; its residuals below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from proveout.errors import UserError
from proveout.report._style import (
    BASELINE_INK,
    GREY,
    INK,
    STACK_INK,
    label,
    log_compute_axis,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SUFFIXES = (".png", ".svg")
_DASHES = ("-", (0, (5, 1.5)), (0, (2, 1.2)), (0, (1, 1)))
_BAND50, _BAND80 = 0.22, 0.14
_MARKERS = ("v", "o", "^")  # few, middling, many tokens a parameter
_SHADES = ("#E69F00", "#6b6b6b", "#0072B2")  # dark, light, dark also in grey
_RESIDUAL_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class RunPoint(NamedTuple):
    """A run: where it is, its loss, and log measured - log law. `ratio`: tokens a parameter."""

    compute: float
    loss: float
    residual: float
    ratio: float | None = None


class LawLine(NamedTuple):
    """A law along compute, [n] each; `band80` and `band50` are (low, high) [n] or None."""

    name: str
    compute: Sequence[float]
    mean: Sequence[float]
    band80: tuple[Sequence[float], Sequence[float]] | None = None
    band50: tuple[Sequence[float], Sequence[float]] | None = None


class TargetPoint(NamedTuple):
    """A prediction: its mean and the ends of its intervals."""

    compute: float
    mean: float
    interval80: tuple[float, float]
    interval50: tuple[float, float]


@dataclass(frozen=True)
class LawPicture:
    """What the figure of a law shows.

    Attributes:
        title: lines above it.
        compute_name, loss_name: what the axes are.
        runs: the runs that the law was fitted to.
        lines: the law, drawn first to last.
        targets: what was predicted.
        noise80: half the width of the central 80% of the runs' noise, in log loss.
    """

    title: str
    compute_name: str
    loss_name: str
    runs: Sequence[RunPoint]
    lines: Sequence[LawLine]
    targets: Sequence[TargetPoint]
    noise80: float


def law_figure(picture: LawPicture) -> Figure:
    """Loss against compute above, log measured - log law below, with one axis of compute."""
    with styled():
        figure = new_figure(6.4, 5.2)
        upper, lower = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [3.2, 1.0], "hspace": 0.04}
        )
        title = "\n".join(label(line, 100) for line in picture.title.split("\n"))
        figure.suptitle(title, fontsize=8, x=0.01, ha="left")
        _draw_lines(upper, picture.lines)
        _draw_runs(upper, lower, picture.runs)
        _draw_targets(upper, picture.targets)
        places = [r.compute for r in picture.runs] + [t.compute for t in picture.targets]
        places += [end for line in picture.lines for end in (line.compute[0], line.compute[-1])]
        log_compute_axis(lower, min(places), max(places))
        _loss_axis(upper, picture)
        _residual_axis(lower, picture)
        lower.set_xlabel(label(picture.compute_name, 60))
        figure.legend(loc="outside right center", handlelength=2.2)
    return figure


def save_law_figure(picture: LawPicture, path: Path) -> None:
    """Writes the figure as .png or .svg, by the path's suffix.

    Raises:
        UserError: another suffix.
    """
    check_figure_path(path)
    format = path.suffix.lower()[1:]
    figure = law_figure(picture)
    with styled():
        figure.savefig(path, format=format, metadata={"Date": None} if format == "svg" else {})


def check_figure_path(path: Path) -> None:
    """Whether a figure can be written there, as far as the name tells; `UserError` if not."""
    if path.suffix.lower() not in _SUFFIXES:
        got = f"ends in {path.suffix!r}" if path.suffix else "has no suffix"
        raise UserError(f"{path} {got}; a figure is written as {' or '.join(_SUFFIXES)}")
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}; make it first")


def _draw_lines(axes: Axes, lines: Sequence[LawLine]) -> None:
    for number, line in enumerate(lines):
        ink = BASELINE_INK if number == 0 else INK
        for band, opacity, name in (
            (line.band80, _BAND80, "80% interval"), (line.band50, _BAND50, "50% interval"),
        ):  # fmt: skip
            if band is not None:
                axes.fill_between(
                    line.compute, *band, color=ink, alpha=opacity, linewidth=0, label=name
                )
        axes.plot(
            line.compute, line.mean, color=ink, linestyle=_DASHES[number % len(_DASHES)],
            linewidth=1.3 if number == 0 else 0.9, label=label(line.name, 40), zorder=2.2,
        )  # fmt: skip


class _Group(NamedTuple):
    name: str
    marker: str
    ink: str
    runs: list[RunPoint]


def _groups(runs: Sequence[RunPoint]) -> list[_Group]:
    """Runs by tokens a parameter, in thirds of its logarithm where it spans a factor of 2."""
    ratios = [run.ratio for run in runs if run.ratio is not None]
    if len(ratios) < len(runs) or max(ratios) < 2 * min(ratios):
        return [_Group("runs", "o", "#4d4d4d", list(runs))]
    low, high = math.log(min(ratios)), math.log(max(ratios))
    cuts = [low + (high - low) * part / 3 for part in range(4)]
    thirds: list[list[RunPoint]] = [[], [], []]
    for run in runs:
        place = 3 * (math.log(run.ratio or 1.0) - low) / (high - low)
        thirds[min(int(place), 2)].append(run)
    return [
        _Group(f"runs, {_short(cuts[i])}-{_short(cuts[i + 1])} tokens/param", marker, ink, third)
        for i, (marker, ink, third) in enumerate(zip(_MARKERS, _SHADES, thirds, strict=True))
        if third
    ]


def _short(log: float) -> str:
    value = math.exp(log)
    return f"{value:.0f}" if 10 <= value < 1e5 else f"{value:.2g}"


def _draw_runs(upper: Axes, lower: Axes, runs: Sequence[RunPoint]) -> None:
    size = 4.2 if len(runs) <= 60 else 2.6
    for group in _groups(runs):
        compute = [run.compute for run in group.runs]
        for axes, values in (
            (upper, [run.loss for run in group.runs]),
            (lower, [run.residual for run in group.runs]),
        ):
            axes.plot(
                compute, values, group.marker, color=group.ink, markersize=size,
                markerfacecolor="none", markeredgewidth=0.9, zorder=3,
                label=group.name if axes is upper else None,
            )  # fmt: skip


def _draw_targets(axes: Axes, targets: Sequence[TargetPoint]) -> None:
    for number, target in enumerate(targets):
        x = [target.compute] * 2
        axes.plot(x, target.interval80, color=STACK_INK, linewidth=1.2, zorder=3.5)
        axes.plot(
            x, target.interval50, color=STACK_INK, linewidth=3.2, solid_capstyle="butt", zorder=3.5
        )
        axes.plot(
            x[:1], [target.mean], "D", color=STACK_INK, markersize=5, markeredgecolor="white",
            markeredgewidth=0.7, zorder=4,
            label="prediction, 50% and 80%" if number == 0 else None,
        )  # fmt: skip


def _loss_axis(axes: Axes, picture: LawPicture) -> None:
    """A log axis that holds the runs, the law and the targets, ticked with plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ends = [run.loss for run in picture.runs]
    for line in picture.lines:
        ends += [*line.mean, *(line.band80[0] if line.band80 else [])]
    for target in picture.targets:
        ends += [target.mean, *target.interval80]
    low, high = min(ends), max(ends)
    room = (high / low) ** 0.05
    axes.set_yscale("log")
    axes.set_ylim(low / room, high * room)
    axes.yaxis.set_major_locator(FixedLocator(plain_ticks(low / room, high * room)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.9g}"))
    axes.set_ylabel(label(picture.loss_name, 60))
    axes.tick_params(labelbottom=False)


def plain_ticks(low: float, high: float) -> list[float]:
    """Four to nine round numbers between two others, for a log axis; at least one."""
    if high / low > 100:
        first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
        return [10.0**power for power in range(first, last + 1)]
    unit = 10.0 ** math.floor(math.log10(low))
    if high / low > 4:
        return [m * s for s in (unit, 10 * unit, 100 * unit) for m in (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
                if low <= m * s <= high]  # fmt: skip
    rough = (high - low) / 8
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1.0, 2.0, 2.5, 5.0, 10.0) if power * m >= rough)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _residual_axis(axes: Axes, picture: LawPicture) -> None:
    from matplotlib.ticker import FuncFormatter

    noise = picture.noise80
    misses = [run.residual for run in picture.runs]
    low = min(-1.25 * noise, 1.25 * min(misses), -1e-6)
    high = max(1.25 * noise, 1.25 * max(misses), 1e-6)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.axhspan(-noise, noise, color=GREY, alpha=0.2, linewidth=0, label="80% of the runs' noise")
    step = next((s for s in _RESIDUAL_STEPS if 4.5 * s >= high - low), high - low)
    axes.set_ylim(low, high)
    axes.set_yticks([i * step for i in range(-4, 5) if low <= i * step <= high])
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{100 * value:+.4g}%" if value else "0%")
    )
    axes.set_ylabel("log measured\n- log law")
