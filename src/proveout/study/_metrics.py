"""The metrics over arrays that are built in."""

from __future__ import annotations

import math
from typing import Literal

Goal = Literal["minimize", "maximize"]
Returns = Literal["logits", "probabilities", "classes", "values"]


class _Metric:
    """A metric over arrays that is built in: its goal, its range and what it needs."""

    def __init__(self, goal: Goal, bounds: tuple[float, float], needs: frozenset[Returns]) -> None:
        self.goal, self.bounds, self.needs = goal, bounds, needs


_CLASSES: frozenset[Returns] = frozenset({"logits", "probabilities", "classes"})
PROPER: frozenset[Returns] = frozenset({"logits", "probabilities"})
_VALUES: frozenset[Returns] = frozenset({"values"})
METRICS = {
    "accuracy": _Metric("maximize", (0.0, 1.0), _CLASSES),
    "error": _Metric("minimize", (0.0, 1.0), _CLASSES),
    "log_loss": _Metric("minimize", (0.0, math.inf), PROPER),
    "rmse": _Metric("minimize", (0.0, math.inf), _VALUES),
    "mae": _Metric("minimize", (0.0, math.inf), _VALUES),
    "r2": _Metric("maximize", (-math.inf, 1.0), _VALUES),
}
"""The metrics over arrays that are built in."""
