"""What all ideas of a table have in common: the baseline's luck, or something of their own.

All gaps at a rung are held against the same runs of the baseline, so what all ideas have in common
is taken for its luck, as far as luck can be that much (`fit_field`). But thirty variants of one
change have the change in common. Luck is new at each scale, and no larger than the baseline's
runs allow; what a change does has a course over scale. The two are weighed by that.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from proveout.scaling import FIELD_PRIOR, Cells, FieldPrior, GapField
from proveout.verdicts._board import Floats

_BEFOREHAND = 0.3  # that ideas have something in common, which is small more often than not
_CLEAR = 3.0  # standard errors of the luck of all scales together
_SCALES = 2


class InCommon(NamedTuple):
    """What all ideas differ from the baseline by.

    Attributes:
        gap: a mean over scales, in the unit of the loss.
        errors: how many standard errors of the baseline's luck that is.
        chance: that it is no luck.
    """

    gap: float
    errors: float
    chance: float


def in_common(
    x: Floats, field: GapField, cells: Cells, *, scale: float, centre: float,
    prior: FieldPrior = FIELD_PRIOR,
) -> InCommon | None:  # fmt: skip
    """How likely what the ideas have in common is theirs; None where nothing tells.

    Args:
        x: [R], log10 compute of the rungs.
        field: as fitted with the baseline's luck.
        cells: what was measured.
        scale: the baseline's loss, in whose shares the prior is written.
        centre: where the prior's level holds.
        prior: of the course of what ideas have in common.
    """
    known = np.isfinite(cells.shared) & (cells.runs > 0).any(axis=0)
    shared = cells.shared[known]
    if known.sum() < _SCALES or not shared.all():
        return None
    # The field believes luck given its prior; taken out, what ideas say of it is left.
    whole = np.linalg.inv(field.luck_covariance)[np.ix_(known, known)]
    precision = whole - np.diag(1 / shared)
    if np.linalg.eigvalsh(precision).min() <= 1e-6 * np.linalg.eigvalsh(whole).max():
        return None
    told = -np.linalg.solve(precision, whole @ field.luck[known])
    doubt = np.linalg.inv(precision)
    lucky = doubt + np.diag(shared)
    courses = scale**2 * prior.kernel(x[known], x[known], centre)
    each = [_log_density(told, lucky + course) for course in courses]
    log_weights = np.log(np.array(prior.weights) / sum(prior.weights))
    theirs = math.log(_BEFOREHAND) + float(np.logaddexp.reduce(log_weights + each))
    luck = math.log(1 - _BEFOREHAND) + _log_density(told, lucky)
    weights = np.linalg.solve(lucky, np.ones(told.size))
    error = 1 / math.sqrt(float(weights.sum()))
    gap = float(weights @ told) * error**2
    return InCommon(gap, abs(gap) / error, math.exp(theirs - np.logaddexp(theirs, luck)))


def _log_density(at: Floats, covariance: Floats) -> float:
    """Of a normal about zero, up to a constant."""
    return -float(at @ np.linalg.solve(covariance, at) + np.linalg.slogdet(covariance)[1]) / 2


def told_in_common(found: InCommon | None) -> tuple[str, ...]:
    """A sentence where ideas have more in common than luck explains easily."""
    if found is None or found.errors < _CLEAR:
        return ()
    side = "worse" if found.gap > 0 else "better"
    return (
        f"all ideas together are {side} than the baseline by {abs(found.gap):.2g}, "
        f"{found.errors:.2g} standard errors of its luck: with probability {found.chance:.0%} it "
        "is not luck but theirs, as of variants of one change, and intervals weigh both; run the "
        "baseline with more seeds to know",
    )
