"""The gap between an idea and its baseline as a line over log10 compute, with honest doubt.

    gap(x) = level + slope (x - centre) + bend(x) + rough(x)

Every part is Gaussian, so that the fit is linear algebra. `bend` is an integrated random walk (a
slope that drifts, the smoothing spline's prior; Wahba 1978): it bends the line between rungs, and
past the last one its sd grows like distance^1.5. `rough` is what one rung has for itself beside
seed noise, such as a learning rate that happens to suit it. Most ideas do little and a few do much,
so all prior sds are scaled by one of a few sizes, weighted by how well each explains the gaps.

What is left out: the gaps of different ideas share the baseline's seeds. Each idea's own interval
holds (its noise is that of the difference), but an unlucky baseline makes *all* ideas look good at
once. False wins come no more often than stated, but in clumps; two ideas are compared by the
paired differences between them, not by the difference of two of these lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats, Numbers, vector
from proveout.scaling._predictive import Predictive


@dataclass(frozen=True)
class GapPrior:
    """What is believed of a gap before it is measured, as shares of the baseline's loss.

    The defaults come from ladders of small language models and published optimizer comparisons:
    gaps of 0.1% to 10% of the loss that change by half of themselves in a decade.

    Attributes:
        level_sd: of the gap at the middle of the ladder.
        slope_sd: of the gap's change per decade of compute, beside fading.
        drift_sd_per_decade: of the slope's change over a decade of compute.
        rough_sd: of what one rung has for itself, beside seed noise.
        fade_per_decade: the share of its level that a gap is expected to lose per decade. Gains
            shrink more often than they grow, and so do harms.
        sizes: factors on all the sds above; `size_weights` are their probabilities.
    """

    level_sd: float = 0.02
    slope_sd: float = 0.01
    drift_sd_per_decade: float = 0.01
    rough_sd: float = 0.002
    fade_per_decade: float = 0.2
    sizes: tuple[float, ...] = (0.25, 1.0, 4.0)
    size_weights: tuple[float, ...] = (0.35, 0.4, 0.25)

    def __post_init__(self) -> None:
        """Refuse what no gap can have."""
        for part in fields(self)[:4]:
            value = getattr(self, part.name)
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{part.name} must be above zero, got {value}")
        if not (self.sizes and len(self.sizes) == len(self.size_weights)):
            raise ValueError("sizes and size_weights must be as many, and at least one")
        if min(self.sizes) <= 0 or min(self.size_weights) <= 0:
            raise ValueError("sizes and size_weights must be above zero")


class _Part(NamedTuple):
    """The fit for one size of the prior."""

    weight: float
    scale: float  # size times the loss, the unit of the prior's sds
    inverse: Floats  # [n, n], of the covariance of the measured gaps
    solved: Floats  # [n], inverse @ gaps


@dataclass(frozen=True, eq=False)
class GapLine:
    """A gap fitted over log10 compute.

    Attributes:
        centre: the log10 compute at which `level` holds.
        level: posterior mean of the line at the centre, in the unit of the loss.
        slope: posterior mean of the line's change per decade of compute.
        covariance: of (level, slope), [2, 2], averaged over the prior's sizes.
        noise_sd: of the measured gaps as they were fitted, [n].
        dof: of the noise, [n].
    """

    centre: float
    level: float
    slope: float
    covariance: Floats
    noise_sd: Floats
    dof: Floats
    _log10_compute: Floats
    _prior: GapPrior
    _parts: tuple[_Part, ...]

    def at(self, log10_compute: float) -> Predictive:
        """The gap at a compute, measured there or not, free of seed noise.

        For the forecast of a measurement add `.with_noise(sd of one pair / sqrt(pairs))`.
        """
        if not math.isfinite(log10_compute):
            raise ValueError(f"log10_compute must be finite, got {log10_compute}")
        there = np.array([log10_compute])
        centres, scales, dofs = [], [], []
        for part in self._parts:
            size2 = part.scale**2
            cross = size2 * _kernel(self._log10_compute, there, self.centre, self._prior)[:, 0]
            own = size2 * float(_kernel(there, there, self.centre, self._prior)[0, 0])
            gain = part.inverse @ cross
            variance = max(own - float(cross @ gain), 1e-12 * own)
            centres.append(float(cross @ part.solved))
            scales.append(math.sqrt(variance))
            dofs.append(self._dof(variance, gain))
        weights = [part.weight for part in self._parts]
        return Predictive.mixture(centres, scales, dofs, weights)

    def _dof(self, variance: float, gain: Floats) -> float:
        """Of a predictive whose variance is only partly the estimated noise's (Satterthwaite).

        The rungs' estimates lean on one pool, so their errors are added as if wholly dependent.
        """
        noise = float(((gain * self.noise_sd) ** 2 / np.sqrt(self.dof)).sum())
        return (variance / noise) ** 2 if noise > 0 else math.inf


def fit_gap(
    log10_compute: Numbers,
    gap: Numbers,
    noise_sd: Numbers,
    *,
    pairs: Numbers | None = None,
    dof: Numbers | float = math.inf,
    scale: float = 1.0,
    prior: GapPrior | None = None,
    centre: float | None = None,
) -> GapLine:
    """Fit one idea's gap over log10 compute.

    Args:
        log10_compute: [n], n >= 1; several entries may lie at one rung.
        gap: [n], idea minus baseline in the unit of the loss: single pairs, or means of `pairs`.
        noise_sd: [n], the sd of *one* pair.
        pairs: [n], how many pairs each gap is the mean of; 1 each by default.
        dof: how well the sds are known, [n] or one number for all.
        scale: the baseline's loss, roughly, in whose shares the prior is written. The top rung's
            will do: the prior does not know a factor of two.
        prior: `GapPrior()` by default.
        centre: where the prior's level holds; the middle of the rungs by default. Give the
            middle of the ladder where fits to part of it are to agree.

    Raises:
        ValueError: nothing measured, NaN, shapes that differ, a scale, dof or pairs not above 0.
    """
    x = vector("log10_compute", log10_compute)
    y = vector("gap", gap, size=x.size)
    sd = vector("noise_sd", noise_sd, size=x.size)
    if (sd < 0).any():
        raise ValueError(f"noise_sd must not be negative, got {sd.min()}")
    if pairs is not None:
        count = vector("pairs", pairs, size=x.size)
        if (count <= 0).any():
            raise ValueError("pairs must be above zero; leave out what was not measured")
        sd = sd / np.sqrt(count)
    nu = np.broadcast_to(np.asarray(dof, dtype=np.float64), x.shape)
    if not (nu > 0).all():
        raise ValueError(f"dof must be above zero, got {dof}")
    middle = float(x.min() + x.max()) / 2 if centre is None else centre
    return _fit(x, y, sd, nu, scale, prior or GapPrior(), middle)


def prior_gap(centre: float, *, scale: float = 1.0, prior: GapPrior | None = None) -> GapLine:
    """The gap of an idea of which nothing is measured: the prior, with `fit_gap`'s arguments."""
    nothing = np.zeros(0)
    return _fit(nothing, nothing, nothing, nothing, scale, prior or GapPrior(), centre)


def _fit(
    x: Floats, y: Floats, sd: Floats, dof: Floats, scale: float, prior: GapPrior, centre: float
) -> GapLine:
    if not (scale > 0 and math.isfinite(scale) and math.isfinite(centre)):
        raise ValueError(f"scale must be above zero and centre finite, got {scale} and {centre}")
    shape = _kernel(x, x, centre, prior)
    line = _line(x, centre)
    parts, logs, means, covariances = [], [], [], []
    for size, weight in zip(prior.sizes, prior.size_weights, strict=True):
        size2 = (size * scale) ** 2
        total = size2 * shape + np.diag(sd**2)
        inverse = np.asarray(np.linalg.inv(total), dtype=np.float64)
        solved = inverse @ y
        logs.append(math.log(weight) - (y @ solved + np.linalg.slogdet(total)[1]) / 2)
        parts.append(_Part(weight, size * scale, inverse, solved))
        before = size2 * _line_covariance(prior)
        means.append(before @ line.T @ solved)
        covariances.append(before - before @ line.T @ inverse @ line @ before)
    weights = np.exp(np.array(logs) - max(logs))
    weights = np.maximum(weights / weights.sum(), 1e-12)
    mean = weights @ np.array(means)
    off = np.array(means) - mean
    covariance = np.einsum("k,kij->ij", weights, np.array(covariances))
    covariance += np.einsum("k,ki,kj->ij", weights, off, off)
    weighed = tuple(p._replace(weight=float(w)) for p, w in zip(parts, weights, strict=True))
    return GapLine(centre, float(mean[0]), float(mean[1]), covariance, sd, dof, x, prior, weighed)


def _line(x: Floats, centre: float) -> Floats:
    """The design of a straight line, [n, 2]."""
    return np.stack([np.ones_like(x), x - centre], axis=1)


def _line_covariance(prior: GapPrior) -> Floats:
    """Of (level, slope) for size 1: slope given level is N(-fade level, slope_sd^2)."""
    level2, fade = prior.level_sd**2, prior.fade_per_decade
    cross = -fade * level2
    return np.array([[level2, cross], [cross, prior.slope_sd**2 + fade**2 * level2]])


def _kernel(x: Floats, other: Floats, centre: float, prior: GapPrior) -> Floats:
    """The prior covariance of gaps at `x` [n] and at `other` [m] for size 1, [n, m]."""
    straight = _line(x, centre) @ _line_covariance(prior) @ _line(other, centre).T
    a, b = x[:, None] - centre, other[None, :] - centre
    near, far = np.minimum(abs(a), abs(b)), np.maximum(abs(a), abs(b))
    # The integrated walk runs outward from the centre, independently on its two sides.
    bend = np.where(a * b > 0, near**2 * (3 * far - near) / 6, 0.0)
    rough = np.isclose(x[:, None], other[None, :], rtol=0, atol=1e-9)
    return straight + prior.drift_sd_per_decade**2 * bend + prior.rough_sd**2 * rough
