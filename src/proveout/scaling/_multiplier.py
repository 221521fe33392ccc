"""A gap in loss told as compute: how many times the compute the baseline would need."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from proveout.scaling._checks import Floats, probability
from proveout.scaling._law import PowerLaw
from proveout.scaling._predictive import Predictive

_LIMIT = 1e4  # past this factor no law fitted to a ladder says more than "very many"
_GAP_POINTS = 41


@dataclass(frozen=True)
class ComputeMultiplier:
    """How many times the compute the baseline would need for the idea's loss; above 1 is good.

    Attributes:
        value: by the best law at the gap's median, between 1e-4 and 1e4. None where it cannot be
            known, never 0 or infinity; `why` then says why.
        low, high: the interval's ends, over the doubt in both the gap and the law, in the same
            bounds. None for `high` (or both): the baseline may never reach that loss.
        why: None where `value` is known.
    """

    value: float | None
    low: float | None
    high: float | None
    why: str | None = None


def compute_multiplier(
    law: PowerLaw, compute: float, gap: Predictive, *, interval: float = 0.8
) -> ComputeMultiplier:
    """The compute multiplier (compute-equivalent gain) of a gap at a compute.

    Args:
        law: the baseline's loss over compute.
        compute: where the gap holds, in the law's unit.
        gap: idea minus baseline, in the unit of the law's loss; below 0 is better.
        interval: the probability that the interval is to hold.

    Raises:
        ValueError: a compute that is not above zero, or a probability not between 0 and 1.
    """
    probability("interval", interval)
    loss = law.at(compute)
    if law.form == "constant":
        why = "the baseline's loss does not fall over the scales measured; measure it at more"
        return ComputeMultiplier(None, None, None, why)
    tails = (1 - interval) / 2
    low, high = _interval(law, compute, gap, tails)
    needed = law.compute_for(loss + gap.quantile(0.5))
    if needed is None:
        why = "by its fitted law the baseline never reaches this loss, whatever the compute"
        return ComputeMultiplier(None, low, high, why)
    value = _bounded(needed / compute)
    # The best law need not be the middle of all laws: an interval still holds its value.
    low = value if low is None else min(low, value)
    high = None if high is None else max(high, value)
    return ComputeMultiplier(value, low, high)


def _interval(
    law: PowerLaw, compute: float, gap: Predictive, tails: float
) -> tuple[float | None, float | None]:
    """Quantiles over every law and the gap's quantiles; None for a loss that is never reached."""
    laws = law.laws
    gaps = gap.quantiles((np.arange(_GAP_POINTS) + 0.5) / _GAP_POINTS)
    losses = laws.losses(compute)[:, None] + gaps
    middle = np.exp(laws.log_losses)
    floor = middle * laws.shares
    with np.errstate(invalid="ignore", divide="ignore"):
        power = (losses - floor[:, None]) / (middle - floor)[:, None]
        logs = -np.log(power) / laws.exponents[:, None] + math.log(laws.middle / compute)
    logs = np.where(power > 0, logs, np.inf)
    weights = np.repeat(laws.weights / _GAP_POINTS, _GAP_POINTS)
    low, high = (_quantile(logs.ravel(), weights, p) for p in (tails, 1 - tails))
    return low, high


def _quantile(logs: Floats, weights: Floats, p: float) -> float | None:
    order = np.argsort(logs)
    at = int(np.searchsorted(np.cumsum(weights[order]), p))
    log = float(logs[order[min(at, logs.size - 1)]])
    return None if log == math.inf else _bounded(math.exp(min(log, 700.0)))


def _bounded(multiplier: float) -> float:
    return min(max(multiplier, 1 / _LIMIT), _LIMIT)
