"""The look of every figure: what a paper would print, also in grey."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from proveout.report._text import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#222222"
GREY = "#8a8a8a"
BASELINE_INK = "#0072B2"
STACK_INK = "#D55E00"
BAND = 0.18
"""Opacity of an interval."""

_RC: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.visible": False,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "proveout",
}


def styled() -> Any:
    """A context in which figures are made and saved."""
    import matplotlib

    return matplotlib.rc_context(_RC)


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches that lays itself out; call inside `styled()`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def label(text: str, limit: int = 40) -> str:
    """Text for a figure: what the bundled font is sure to have, one line."""
    return "".join(ch if ch <= "ɏ" else "?" for ch in clean(text, limit).replace("…", "..."))


def log_compute_axis(axes: Axes, low: float, high: float) -> None:
    """A log axis with a tick each decade, or each half decade where there are few."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(low / 1.5, high * 1.5)
    first, last = math.ceil(math.log10(low) - 1e-6), math.floor(math.log10(high) + 1e-6)
    step = max(1, math.ceil((last - first + 1) / 5))
    axes.xaxis.set_major_locator(FixedLocator([10.0**e for e in range(first, last + 1, step)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _power_of_ten(value)))


_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _power_of_ten(value: float) -> str:
    return f"10{str(round(math.log10(value))).translate(_SUPERSCRIPT)}" if value > 0 else ""


def nothing_yet(axes: Axes, text: str) -> None:
    """Says in an empty figure why it is empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axes.transAxes)
