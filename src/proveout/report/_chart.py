"""Charts as plain SVG: numbers and classes only, so a page's style sheet colours them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from proveout.report._text import clean
from proveout.units import compact

_LEFT, _RIGHT, _TOP, _BOTTOM = 80.0, 20.0, 22.0, 44.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Band:
    """An interval along x: (x, low, high) each."""

    look: str
    points: Sequence[tuple[float, float, float]]


@dataclass(frozen=True)
class Line:
    """A line through (x, y) points; `look` names a class of the style sheet."""

    look: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Dots:
    """Points with a half-width each, drawn as a bar (0 for none), and what they say on hover."""

    look: str
    points: Sequence[tuple[float, float, float]]
    tips: Sequence[str] = ()
    shape: str = "circle"
    """circle, square or diamond: looks differ without colour too."""


@dataclass(frozen=True)
class Axes:
    """Titles and what must be in the picture."""

    x: str
    y: str
    log_x: bool = True
    verticals: Sequence[tuple[float, str]] = ()
    """Dashed lines at x with a word each, such as the target."""
    zero: bool = False
    """Whether y = 0 is drawn."""
    y_range: tuple[float, float] | None = None


def chart(
    axes: Axes, parts: Sequence[Band | Line | Dots], width: float = 600, height: float = 270
) -> Any:
    """An `<svg>` element as safe markup; empty where there is nothing to draw."""
    from markupsafe import Markup, escape

    xs = [p[0] for part in parts for p in part.points] + [x for x, _ in axes.verticals]
    xs = [x for x in xs if math.isfinite(x) and (x > 0 or not axes.log_x)]
    if not xs or not any(part.points for part in parts):
        return Markup("")
    scale = _Scale(axes, xs, _y_range(axes, parts), width, height)
    body = [
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(axes.y)} against {escape(axes.x)}">',
        *scale.grid(),
        *(mark for part in parts for mark in _draw(part, scale)),
        "</svg>",
    ]
    return Markup("".join(body))


def _y_range(axes: Axes, parts: Sequence[Band | Line | Dots]) -> tuple[float, float]:
    """Room for every line and point; a band may run out of the picture where it is far wider."""
    if axes.y_range is not None:
        return axes.y_range
    firm = [p[1] for part in parts if not isinstance(part, Band) for p in part.points]
    soft = [end for part in parts if isinstance(part, Band) for p in part.points for end in p[1:]]
    firm = [y for y in firm if math.isfinite(y)] + ([0.0] if axes.zero else [])
    firm = firm or [y for y in soft if math.isfinite(y)] or [0.0]
    low, high = min(firm), max(firm)
    span = high - low or abs(high) or 1.0
    inside = [y for y in soft if low - span <= y <= high + span]
    low, high = min([low, *inside]), max([high, *inside])
    room = 0.06 * (high - low) or 0.5 * span
    return low - room, high + room


class _Scale:
    """From data to the picture's units."""

    def __init__(
        self, axes: Axes, xs: Sequence[float], y: tuple[float, float], width: float, height: float
    ) -> None:
        self._axes, self._width, self._height = axes, width, height
        ends = [self._position(min(xs)), self._position(max(xs))]
        room = 0.04 * (ends[1] - ends[0]) or 0.5
        self._low, self._high = ends[0] - room, ends[1] + room
        self._bottom, self._top = y

    def _position(self, x: float) -> float:
        return math.log10(x) if self._axes.log_x else x

    def x(self, value: float) -> float:
        share = (self._position(value) - self._low) / (self._high - self._low)
        return _LEFT + share * (self._width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        inside = min(max(value, self._bottom), self._top)
        share = (self._top - inside) / (self._top - self._bottom)
        return _TOP + share * (self._height - _TOP - _BOTTOM)

    def grid(self) -> list[str]:
        from markupsafe import escape

        axes, floor, right = self._axes, self._height - _BOTTOM, self._width - _RIGHT
        marks = []
        for value in _ticks(self._bottom, self._top, 5):
            y = self.y(value)
            marks.append(f'<path class="grid" d="M{_LEFT:g} {y:.1f}H{right:g}"/>')
            marks.append(f'<text class="tick" x="{_LEFT - 6:g}" y="{y + 3.5:.1f}" '
                         f'text-anchor="end">{_number(value)}</text>')  # fmt: skip
        for value in self._x_ticks():
            x = self.x(value)
            marks.append(f'<path class="rule" d="M{x:.1f} {floor:g}v4"/>')
            marks.append(f'<text class="tick" x="{x:.1f}" y="{floor + 17:g}" '
                         f'text-anchor="middle">{compact(value)}</text>')  # fmt: skip
        marks.append(f'<path class="rule" d="M{_LEFT:g} {floor:g}H{right:g}"/>')
        if axes.zero:
            marks.append(f'<path class="zero" d="M{_LEFT:g} {self.y(0):.1f}H{right:g}"/>')
        for at, word in axes.verticals:
            x = self.x(at)
            marks.append(f'<path class="aim" d="M{x:.1f} {_TOP:g}V{floor:g}"/>')
            marks.append(f'<text class="tick" x="{min(x + 18, right + 12):.1f}" y="{_TOP - 6:g}" '
                         f'text-anchor="end">{escape(word)}</text>')  # fmt: skip
        middle = (_LEFT + right) / 2
        marks.append(f'<text class="title" x="{middle:.0f}" y="{self._height - 6:g}" '
                     f'text-anchor="middle">{escape(axes.x)}</text>')  # fmt: skip
        marks.append(f'<text class="title" transform="translate(13 {floor / 2:.0f}) rotate(-90)" '
                     f'text-anchor="middle">{escape(axes.y)}</text>')  # fmt: skip
        return marks

    def _x_ticks(self) -> list[float]:
        if not self._axes.log_x:
            return _ticks(self._low, self._high, 6)
        ends = 10**self._low, 10**self._high
        first, last = math.floor(self._low), math.ceil(self._high)
        powers = [10.0**power for power in range(first, last + 1)]
        inside = [tick for tick in powers if ends[0] <= tick <= ends[1]]
        if len(inside) >= 3:
            return inside[:: math.ceil(len(inside) / 7)]
        between = [m * tick for tick in powers for m in (1, 2, 5)]
        return [tick for tick in between if ends[0] <= tick <= ends[1]]


def _draw(part: Band | Line | Dots, scale: _Scale) -> list[str]:
    if isinstance(part, Line):
        through = "L".join(f"{scale.x(x):.1f} {scale.y(y):.1f}" for x, y in part.points)
        return [f'<path class="line {part.look}" d="M{through}"/>'] if through else []
    if isinstance(part, Band):
        upper = [f"{scale.x(x):.1f} {scale.y(high):.1f}" for x, _, high in part.points]
        lower = [f"{scale.x(x):.1f} {scale.y(low):.1f}" for x, low, _ in reversed(part.points)]
        outline = "L".join([*upper, *lower])
        return [f'<path class="band {part.look}" d="M{outline}Z"/>'] if outline else []
    return _dots(part, scale)


def _dots(part: Dots, scale: _Scale) -> list[str]:
    from markupsafe import escape

    marks = []
    for index, (x, y, half) in enumerate(part.points):
        tip = f"<title>{escape(clean(part.tips[index], 200))}</title>" if part.tips else ""
        cx, cy = scale.x(x), scale.y(y)
        if half > 0:
            marks.append(f'<path class="bar {part.look}" d="M{cx:.1f} {scale.y(y - half):.1f}'
                         f'V{scale.y(y + half):.1f}"/>')  # fmt: skip
        shape = {
            "circle": f"M{cx - 3.5:.1f} {cy:.1f}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
            "square": f"M{cx - 3.2:.1f} {cy - 3.2:.1f}h6.4v6.4h-6.4z",
            "diamond": f"M{cx:.1f} {cy - 4.6:.1f}l4.6 4.6l-4.6 4.6l-4.6-4.6z",
        }[part.shape]
        marks.append(f'<path class="dot {part.look}" d="{shape}">{tip}</path>')
    return marks


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers between two ends, about so many."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step)
    return [step * k for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return f"{value:.6g}" if 1e-4 <= abs(value) < 1e5 or value == 0 else compact(value)
