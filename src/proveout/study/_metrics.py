"""The metrics over arrays that are built in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Goal = Literal["minimize", "maximize"]
Returns = Literal["logits", "probabilities", "classes", "values"]


@dataclass(frozen=True)
class Metric:
    """A metric over arrays that is built in."""

    goal: Goal
    bounds: tuple[float, float]
    """The least and the most that it can be."""
    needs: frozenset[Returns]
    """The kinds of predictions that it can be computed from."""


_CLASSES: frozenset[Returns] = frozenset({"logits", "probabilities", "classes"})
PROPER: frozenset[Returns] = frozenset({"logits", "probabilities"})
_VALUES: frozenset[Returns] = frozenset({"values"})
METRICS = {
    "accuracy": Metric("maximize", (0.0, 1.0), _CLASSES),
    "error": Metric("minimize", (0.0, 1.0), _CLASSES),
    "log_loss": Metric("minimize", (0.0, math.inf), PROPER),
    "rmse": Metric("minimize", (0.0, math.inf), _VALUES),
    "mae": Metric("minimize", (0.0, math.inf), _VALUES),
    "r2": Metric("maximize", (-math.inf, 1.0), _VALUES),
}
"""By the name that `[score] metric` has."""
