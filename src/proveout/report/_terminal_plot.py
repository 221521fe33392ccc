"""Gaps over scale drawn with characters: in a table's cell, and as large as a terminal has room.

With Unicode a character holds two by four dots of Braille; without it, one sign.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.text import Text

from proveout.ledger import Verdict
from proveout.report._text import gap, gap_decimals, mark
from proveout.study import Study
from proveout.units import compact

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a Braille pattern, by row and column."""
_BLANK = 0x2800
_SPARK_CELLS = 12
_ROWS = 9
_WIDEST, _NARROWEST = 72, 20

Ends = tuple[float, float]


class _Canvas:
    """Cells of characters; places count from the lower left corner, from 0 to 1."""

    def __init__(self, columns: int, rows: int, unicode: bool) -> None:
        self.columns, self._rows, self._unicode = columns, rows, unicode
        self._fine = (2, 4) if unicode else (1, 1)
        self._bits = [[0] * columns for _ in range(rows)]
        self._signs = [[""] * columns for _ in range(rows)]

    @property
    def steps(self) -> int:
        """Points that lie side by side."""
        return self.columns * self._fine[0]

    def dot(self, x: float, y: float, sign: str = "*") -> None:
        """A point as fine as there is; `sign` stands for it where there are no dots."""
        across, down = self._place(x, y)
        row, column = down // self._fine[1], across // self._fine[0]
        if self._unicode:
            self._bits[row][column] |= _DOTS[down % 4][across % 2]
        else:
            self._signs[row][column] = sign

    def put(self, x: float, y: float, sign: str) -> None:
        """A sign that takes its whole cell."""
        across, down = self._place(x, y)
        self._signs[down // self._fine[1]][across // self._fine[0]] = sign

    def rule(self, x: float, sign: str) -> None:
        """A vertical line, behind all that is there."""
        across = self._place(x, 0.0)[0] // self._fine[0]
        for row in range(self._rows):
            if not self._bits[row][across] and not self._signs[row][across]:
                self._signs[row][across] = sign

    def row_of(self, y: float) -> int:
        """The line of text that a height lies on, counted from the top."""
        return self._place(0.0, y)[1] // self._fine[1]

    def lines(self) -> list[str]:
        """What was drawn."""
        return [
            "".join(
                sign or (chr(_BLANK + bits) if bits else " ")
                for bits, sign in zip(row, signs, strict=True)
            )
            for row, signs in zip(self._bits, self._signs, strict=True)
        ]

    def _place(self, x: float, y: float) -> tuple[int, int]:
        wide, high = self.steps, self._rows * self._fine[1]
        across = round(min(max(x, 0.0), 1.0) * (wide - 1))
        return across, round((1 - min(max(y, 0.0), 1.0)) * (high - 1))


def gap_spark(study: Study, verdict: Verdict | None) -> str:
    """The fitted gap from the first rung to the target in a few cells, over a dotted zero.

    Empty where nothing was fitted.
    """
    if verdict is None or not verdict.line:
        return ""
    low, high = _ends([0.0, *(mean for _, mean, *_ in verdict.line)])
    canvas = _Canvas(_SPARK_CELLS, 1, unicode=True)
    for step in range(0, canvas.steps, 3):
        canvas.dot(step / (canvas.steps - 1), _share(0.0, low, high))
    for x, mean in _course(study, verdict, canvas.steps, 1):
        canvas.dot(x, _share(mean, low, high))
    return canvas.lines()[0]


def gap_plot(study: Study, verdict: Verdict | None, width: int, unicode: bool) -> list[Text]:
    """A picture of the gap over compute in so many columns: fit, interval, means, zero, target.

    Nothing where nothing was measured, or where there is no room for it.
    """
    if verdict is None or not verdict.measured or width < _NARROWEST + 10:
        return []
    points = [(at, mean) for at, mean, *_ in verdict.measured if math.isfinite(mean)]
    low, high = _ends([0.0, *(m for _, m in points), *(m for _, m, *_ in verdict.line)])
    labels = _labels(verdict, low, high)
    margin = max(map(len, labels.values())) + 1
    canvas = _Canvas(min(_WIDEST, width - margin - 2), _ROWS, unicode)
    signs = ("●", "┊", "─") if unicode else ("o", ":", "-")
    for step in range(0, canvas.steps, 4):
        canvas.dot(step / (canvas.steps - 1), _share(0.0, low, high), signs[2])
    for which in (2, 3):
        for x, end in _course(study, verdict, canvas.steps, which, every=3):
            if low <= end <= high:
                canvas.dot(x, _share(end, low, high), ".")
    for x, mean in _course(study, verdict, canvas.steps, 1):
        canvas.dot(x, _share(mean, low, high))
    for at, mean in points:
        canvas.put(_along(study, at), _share(mean, low, high), signs[0])
    canvas.rule(1.0, signs[1])
    rows = {canvas.row_of(_share(at, low, high)): label for at, label in labels.items()}
    axis = "│" if unicode else "|"
    told = [f"{rows.get(n, ''):>{margin}}{axis}{line}" for n, line in enumerate(canvas.lines())]
    told.append(_foot(study, margin, canvas.columns))
    style = mark(verdict.verdict).terminal
    return [Text(line.rstrip(), style=style, no_wrap=True) for line in told]


def _labels(verdict: Verdict, low: float, high: float) -> dict[float, str]:
    digits = gap_decimals([verdict])
    return {end: gap(end, digits) for end in (low, high, 0.0)}


def _foot(study: Study, margin: int, columns: int) -> str:
    """Where the picture begins and ends, in compute."""
    target = study.ladder.target
    first, last = compact(study.rungs[0].compute.amount), f"{target} (target)"
    return " " * (margin + 1) + first + last.rjust(max(columns - len(first), len(last) + 1))


def _course(
    study: Study, verdict: Verdict, steps: int, which: int, every: int = 1
) -> Iterable[Ends]:
    """Places along the fit: its mean (1), or an end of its interval (2, 3)."""
    line = [(_along(study, point[0]), point[which]) for point in verdict.line]
    for step in range(0, steps, every):
        x = step / (steps - 1)
        if line and line[0][0] - 1e-9 <= x <= line[-1][0] + 1e-9:
            value = _between(line, x)
            if math.isfinite(value):
                yield x, value


def _between(line: Sequence[Ends], x: float) -> float:
    after = next((n for n, (at, _) in enumerate(line) if at >= x), len(line) - 1)
    (x0, y0), (x1, y1) = line[max(after - 1, 0)], line[after]
    return y1 if x1 <= x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def _along(study: Study, compute: float) -> float:
    """A compute's place between the first rung and the target."""
    first = math.log10(study.rungs[0].compute.amount)
    last = math.log10(study.ladder.target.amount)
    return (math.log10(compute) - first) / ((last - first) or 1.0)


def _ends(values: Sequence[float]) -> Ends:
    finite = [value for value in values if math.isfinite(value)]
    return min(finite), max(finite)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
