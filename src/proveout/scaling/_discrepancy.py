"""How far laws miss beyond what they know of themselves: learnt from public suites.

A law that fits all runs still misses the next scale, because no form is true. So along a single
input laws are fitted to the runs near the largest rather than to all alike (`Points.nearer`); the
spread of the laws that could be true counts for `doubt` times itself; and the miss of log loss
beyond the largest run is taken as Student's t with

    centre = sqrt(share) x bias x fall
    variance = share x ((per_fall x fall)^2 x decades + (per_decade x decades)^2)

`fall` is how far the law itself says log loss falls from the largest run to the target (in
absolute value), `decades` how many powers of ten the target lies beyond the runs. The constants
are learnt by maximum likelihood from forecasts of the largest runs of public suites by the
smaller ones; `share` is this study's own, from how well its laws forecast its largest runs when
those are held back. There are three tables in `discrepancy.toml`, which
`benchmarks/scaling.py --relearn` writes: for models over parameters and tokens (or any two inputs
and more), for models over compute alone, and for learning curves.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources

from proveout.scaling._checks import Floats


@dataclass(frozen=True)
class Discrepancy:
    """What was learnt.

    Attributes:
        bias: the share of the fall by which laws are too optimistic, so that losses come out
            higher; below zero they are too pessimistic.
        per_fall: sd of the miss as a share of the fall, one decade on; it grows with the root of
            the decades, as errors of the slope add up.
        per_decade: sd of the miss of log loss per decade of compute.
        dof: degrees of freedom of the t.
        own_runs: how many of its own held-back scales move a study halfway from the table's
            `share` of 1 to its own.
        doubt: what the spread of a form's laws is multiplied by.
    """

    bias: float
    per_fall: float
    per_decade: float
    dof: float
    own_runs: float
    doubt: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no table can hold."""
        for part in fields(self):
            value = getattr(self, part.name)
            if not math.isfinite(value) or (part.name != "bias" and value <= 0):
                raise ValueError(f"{part.name} must be above zero and finite, got {value}")

    def variance(self, fall: Floats, decades: Floats) -> Floats:
        """Of the miss of log loss, before a study's own share; shapes broadcast."""
        grown: Floats = (self.per_fall * fall) ** 2 * decades + (self.per_decade * decades) ** 2
        return grown


@cache
def learnt(kind: str = "models") -> Discrepancy:
    """The package's table for `models`, for models over compute alone, a `frontier`, or `curves`.

    Raises:
        ValueError: another kind.
    """
    text = resources.files("proveout.scaling").joinpath("discrepancy.toml").read_text("utf-8")
    tables = tomllib.loads(text)
    if kind not in tables:
        *most, last = tables
        known = f"{', '.join(most)} or {last}"
        raise ValueError(f"discrepancy is a table, None, {known}; got {kind!r}")
    return Discrepancy(**{name: float(value) for name, value in tables[kind].items()})
