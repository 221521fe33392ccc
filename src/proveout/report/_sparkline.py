"""A gap over scale in the space of a word, drawn in the colour of the text around it."""

from __future__ import annotations

import math
from collections.abc import Callable

from proveout.ledger import Verdict
from proveout.study import Study

_WIDTH, _HEIGHT, _MARGIN = 112.0, 30.0, 3.0


def sparkline(study: Study, verdict: Verdict) -> str:
    """An `<svg>` element; empty where nothing was measured. Made of numbers only."""
    if not verdict.measured:
        return ""
    low, high = _range(verdict)
    first = math.log10(study.rungs[0].compute.amount)
    last = math.log10(study.ladder.target.amount)

    def x(compute: float) -> float:
        return _MARGIN + (_WIDTH - 2 * _MARGIN) * (math.log10(compute) - first) / (last - first)

    def y(gap: float) -> float:
        inside = min(max(gap, low), high)
        return _MARGIN + (_HEIGHT - 2 * _MARGIN) * (high - inside) / (high - low)

    zero, end = y(0.0), x(study.ladder.target.amount)
    parts = [
        f'<svg class="spark" width="{_WIDTH:g}" height="{_HEIGHT:g}" '
        f'viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" aria-hidden="true">',
        f'<path class="zero" d="M0 {zero:.1f}H{_WIDTH:g}"/>',
        f'<path class="aim" d="M{end:.1f} 0V{_HEIGHT:g}"/>',
        *_line(verdict, x, y),
        *(
            f'<circle cx="{x(compute):.1f}" cy="{y(mean):.1f}" r="2"/>'
            for compute, mean, *_ in verdict.measured
        ),
        "</svg>",
    ]
    return "".join(parts)


def _line(
    verdict: Verdict, x: Callable[[float], float], y: Callable[[float], float]
) -> tuple[str, ...]:
    points = verdict.line[::3] + verdict.line[-1:] if verdict.line else ()
    if not points:
        return ()
    upper = [f"{x(compute):.1f} {y(high):.1f}" for compute, _, _, high in points]
    lower = [f"{x(compute):.1f} {y(low):.1f}" for compute, _, low, _ in reversed(points)]
    middle = [f"{x(compute):.1f} {y(mean):.1f}" for compute, mean, _, _ in points]
    band = f'<path class="band" d="M{"L".join([*upper, *lower])}Z"/>'
    return band, f'<path class="line" d="M{"L".join(middle)}"/>'


def _range(verdict: Verdict) -> tuple[float, float]:
    """Room for zero, every point and the line; the interval may be cut."""
    gaps = [0.0, *(mean for _, mean, *_ in verdict.measured), *(m for _, m, _, _ in verdict.line)]
    low, high = min(gaps), max(gaps)
    room = 0.15 * (high - low) or 1e-6
    return low - room, high + room
