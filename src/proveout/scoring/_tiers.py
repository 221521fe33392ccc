"""Search tier against promotion tier: do they tell the same of one trial?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proveout.scoring._evaluator import Scored

_LARGEST_NATS = 0.1
"""Of one prediction: by how much it may be better where the bytes after it were there. A causal
model's differ by rounding, some 1e-5."""
_MEAN_NATS = 0.002
"""The same for the mean of all."""
_SURE = 4.0
"""Standard errors of a disagreement, of which about 30 degrees of freedom are known: an honest
trial exceeds it with a chance of 1 in 5000."""


@dataclass(frozen=True)
class TierCheck:
    """What the sealed part says of a trial.

    Gaps are of the loss, idea minus baseline at the same rung and seed; of the baseline itself, and
    where its part is missing, they are None.
    """

    agrees: bool
    why: str
    search_gap: float | None
    sealed_gap: float | None
    standard_error: float | None
    """Of the difference of the two gaps, from their items."""


def compare_tiers(
    search: Scored,
    sealed: Scored,
    base_search: Scored | None = None,
    base_sealed: Scored | None = None,
    *,
    is_baseline: bool = False,
) -> TierCheck:
    """Holds a trial's two tiers against each other.

    Args:
        search: its score on the search part.
        sealed: its score on the sealed part.
        base_search: the baseline's of the same rung and seed, on the search part.
        base_sealed: the same on the sealed part; without it the scores are compared and not the
            gaps, which shows less.
        is_baseline: whether it is the baseline, whose parts may differ in how hard they are.
    """
    looked = _looks_ahead(search, sealed)
    if looked:
        return TierCheck(False, looked, None, None, None)
    if base_search is None or base_sealed is None:
        return _compare_levels(search, sealed, is_baseline)
    ours, theirs = search.measurement.to_minimize, base_search.measurement.to_minimize
    gap = ours - theirs
    sealed_gap = sealed.measurement.to_minimize - base_sealed.measurement.to_minimize
    error = math.hypot(
        jackknife(search.without - base_search.without),
        jackknife(sealed.without - base_sealed.without),
    )
    agrees = sealed_gap - gap <= _SURE * error + 1e-9 * abs(ours)
    why = (
        f"the tiers {'agree' if agrees else 'disagree'}: a gap in the loss of {gap:.4g} on the "
        f"search part and of {sealed_gap:.4g} on the sealed part (standard error of the "
        f"difference {error:.2g})"
    )
    return TierCheck(agrees, why, gap, sealed_gap, error if math.isfinite(error) else None)


def _compare_levels(search: Scored, sealed: Scored, is_baseline: bool) -> TierCheck:
    ours, withheld = search.measurement.to_minimize, sealed.measurement.to_minimize
    error = math.hypot(jackknife(search.without), jackknife(sealed.without))
    agrees = is_baseline or withheld - ours <= _SURE * error + 1e-9 * abs(ours)
    why = (
        f"the tiers {'agree' if agrees else 'disagree'}: a loss of {ours:.4g} on the search part "
        f"and of {withheld:.4g} on the sealed part (standard error of the difference {error:.2g})"
    )
    return TierCheck(agrees, why, None, None, error if math.isfinite(error) else None)


def jackknife(without: NDArray[np.float64]) -> float:
    """The standard error of a statistic from its values with each group left out."""
    groups = len(without)
    if groups < 2:
        return math.inf
    spread = float(((without - without.mean()) ** 2).sum())
    return math.sqrt((groups - 1) / groups * spread)


def _looks_ahead(search: Scored, sealed: Scored) -> str:
    """What gives a model away that predicts better where the answer is in reach; empty if nothing.

    The same predictions were asked for twice: with the bytes that follow, and without them.
    """
    if "nats" not in search.details or "nats" not in sealed.details:
        return ""
    positions = sealed.details["position"].astype(np.int64)
    before = search.details["nats"][np.arange(len(positions)), positions]
    lost = sealed.details["nats"].astype(np.float64) - before
    error = float(lost.std(ddof=1)) / math.sqrt(len(lost)) if len(lost) > 1 else 0.0
    many = int((lost > _LARGEST_NATS).sum())
    if not many and lost.mean() - _SURE * error <= _MEAN_NATS:
        return ""
    return (
        f"it predicts better where the bytes that follow are in reach: {many} of {len(lost)} "
        f"predictions lost more than {_LARGEST_NATS} nats without them, {lost.mean():.3g} in the "
        "mean"
    )
