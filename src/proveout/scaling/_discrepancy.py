"""How far laws miss beyond what they know of themselves: learnt from public suites.

A law that fits all runs still misses the next scale, because no form is true. The miss of log loss
beyond the largest run is taken as Student's t with

    centre = -bias x fall,   variance = share x ((per_fall x fall)^2 + (per_decade x decades)^2)

`fall` is how far the law itself says log loss falls from the largest run to the target (in
absolute value), `decades` how many powers of ten the target lies beyond the runs. The constants
are learnt by maximum likelihood from forecasts of the largest runs of public suites by the
smaller ones; `share` is this study's own, from how well its laws forecast its largest runs when
those are held back. The table is `discrepancy.toml`; `benchmarks/scaling.py --relearn` writes it.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Discrepancy:
    """What was learnt.

    Attributes:
        bias: share of the fall by which laws are too optimistic (losses come out higher); below
            zero, too pessimistic.
        per_fall: sd of the miss as a share of the fall.
        per_decade: sd of the miss of log loss per decade of compute.
        dof: degrees of freedom of the t.
        own_runs: how many of its own held-back scales move a study halfway from the table's
            `share` of 1 to its own.
    """

    bias: float
    per_fall: float
    per_decade: float
    dof: float
    own_runs: float

    def __post_init__(self) -> None:
        """Refuse what no table can hold."""
        for part in fields(self):
            value = getattr(self, part.name)
            if not math.isfinite(value) or (part.name != "bias" and value <= 0):
                raise ValueError(f"{part.name} must be above zero and finite, got {value}")


@cache
def learnt() -> Discrepancy:
    """The package's table."""
    text = resources.files("proveout.scaling").joinpath("discrepancy.toml").read_text("utf-8")
    return Discrepancy(**{name: float(value) for name, value in tomllib.loads(text).items()})
