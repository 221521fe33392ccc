"""The gap between an idea and its baseline as a line over log10 compute, with honest doubt.

    gap(x) = level + slope (x - centre) + bend(x) + rough(x)

Every part is Gaussian, so that the fit is linear algebra. `bend` is an integrated random walk (a
slope that drifts, the smoothing spline's prior; Wahba 1978): it bends the line between rungs, and
past the last one its sd grows like distance^1.5. `rough` is what one rung has for itself beside
seed noise, such as a learning rate that happens to suit it. Most ideas do little and a few do much,
so all prior sds are scaled by one of a few sizes, weighted by how well each explains the gaps.

Curvature is read off the walk. Other forms were tried on the 200 top rungs that
`benchmarks/gaps.py` forecasts, where this one has a log score of 570 and 79% inside its 80%
intervals. A quadratic term in place of the walk has 566 and 72% at best: what bends past the last
rung can bend again. An exponential fade has 572 to 546 and 78% to 69%, from a tenth to a half per
decade: closer where gains fade fast, further off where gaps grow or reverse. A gap in proportion
to the baseline's loss has 3 less and 74%. None is better beyond doubt, and the line is simplest.

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
from proveout.scaling._joint import GapJoint
from proveout.scaling._predictive import Predictive


@dataclass(frozen=True)
class GapPrior:
    """What is believed of a gap before it is measured, as shares of the baseline's loss.

    The defaults are rounded from what `benchmarks/gaps.py` learns from ladders of small language
    models and from published comparisons of optimizers, model forms, learning rates and data. They
    say no more than their digits: of log scores around 570, fades of 0 to .4 differ by 2, drifts
    of .005 to .01 by 1 and slopes of .01 to .02 by 5.

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
    sizes: tuple[float, ...] = (0.25, 1.0, 4.0, 12.0)
    size_weights: tuple[float, ...] = (0.3, 0.35, 0.25, 0.1)

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

    The sds of its numbers take the noise's sds as they are given; `at` and `joint` also count how
    well those are known.

    Attributes:
        centre: the log10 compute at which `level` and `slope` hold.
        level: posterior mean of the gap at the centre, in the unit of the loss.
        slope: posterior mean of the gap's change per decade of compute, at the centre.
        curvature: posterior mean of the slope's change per decade, over the measured rungs (the
            second difference of their ends and middle); over a decade around the centre where
            fewer than two rungs are measured.
        covariance: of (level, slope, curvature), [3, 3], averaged over the prior's sizes.
        noise_sd: of the measured gaps as they were fitted, [n].
        dof: of the noise, [n].
        log_evidence: natural log of the density of the measured gaps under the prior, in the
            loss's unit to the power of -n: how well the prior foresaw them.
    """

    centre: float
    level: float
    slope: float
    curvature: float
    covariance: Floats
    noise_sd: Floats
    dof: Floats
    log_evidence: float
    _log10_compute: Floats
    _prior: GapPrior
    _parts: tuple[_Part, ...]

    @property
    def level_sd(self) -> float:
        """Of the level, in the unit of the loss."""
        return math.sqrt(self.covariance[0, 0])

    @property
    def slope_sd(self) -> float:
        """Of the slope, in the unit of the loss per decade."""
        return math.sqrt(self.covariance[1, 1])

    @property
    def curvature_sd(self) -> float:
        """Of the curvature, in the unit of the loss per decade squared."""
        return math.sqrt(self.covariance[2, 2])

    def at(self, log10_compute: float) -> Predictive:
        """The gap at a compute, measured there or not, free of seed noise.

        For the forecast of a measurement add `.with_noise(sd of one pair / sqrt(pairs))`.
        """
        if not math.isfinite(log10_compute):
            raise ValueError(f"log10_compute must be finite, got {log10_compute}")
        return self.joint([log10_compute]).at(0)

    def joint(self, log10_computes: Numbers, *, rough: bool = True) -> GapJoint:
        """The gaps at several computes [m] together, free of seed noise.

        Args:
            log10_computes: [m], m >= 1, in any order.
            rough: whether with what each rung has for itself. Without, these are the points of
                one smooth curve: where it crosses zero is a question of scale and not of luck.

        Raises:
            ValueError: no compute, NaN or infinity.
        """
        there = vector("log10_computes", log10_computes)
        shape = gap_kernel(self._log10_compute, there, self.centre, self._prior, rough)
        own = gap_kernel(there, there, self.centre, self._prior, rough)
        means, covariances, dofs = [], [], []
        for part in self._parts:
            cross, before = part.scale**2 * shape, part.scale**2 * own
            gain = part.inverse @ cross
            covariance = before - cross.T @ gain
            least = 1e-12 * before.diagonal()
            np.fill_diagonal(covariance, np.maximum(covariance.diagonal(), least))
            means.append(part.solved @ cross)
            covariances.append(covariance)
            dofs.append(self._dof(covariance.diagonal(), gain))
        weights = np.array([part.weight for part in self._parts])
        return GapJoint(
            weights / weights.sum(), np.array(means), np.array(covariances), np.array(dofs)
        )

    def _dof(self, variance: Floats, gain: Floats) -> Floats:
        """Of predictives [m] whose variances are only partly the estimated noise's (Satterthwaite).

        The rungs' estimates lean on one pool, so their errors are added as if wholly dependent.
        """
        noise = (self.noise_sd**2 / np.sqrt(self.dof)) @ gain**2
        dof = np.full_like(variance, np.inf)
        np.divide(variance, noise, out=dof, where=noise > 0)
        return dof**2


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
    shape = gap_kernel(x, x, centre, prior)
    believed, cross = _line_prior(x, centre, prior)
    parts, logs, means, covariances = [], [], [], []
    for size, weight in zip(prior.sizes, prior.size_weights, strict=True):
        size2 = (size * scale) ** 2
        total = size2 * shape + np.diag(sd**2)
        inverse = np.asarray(np.linalg.inv(total), dtype=np.float64)
        solved = inverse @ y
        logs.append(math.log(weight) - (y @ solved + np.linalg.slogdet(total)[1]) / 2)
        parts.append(_Part(weight, size * scale, inverse, solved))
        means.append(size2 * cross @ solved)
        covariances.append(size2 * believed - size2**2 * cross @ inverse @ cross.T)
    weights = np.exp(np.array(logs) - max(logs))
    evidence = max(logs) + math.log(weights.sum() / sum(prior.size_weights))
    evidence -= x.size / 2 * math.log(2 * math.pi)
    weights = np.maximum(weights / weights.sum(), 1e-12)
    mean = weights @ np.array(means)
    off = np.array(means) - mean
    covariance = np.einsum("k,kij->ij", weights, np.array(covariances))
    covariance += np.einsum("k,ki,kj->ij", weights, off, off)
    weighed = tuple(p._replace(weight=float(w)) for p, w in zip(parts, weights, strict=True))
    told = [float(value) for value in mean]
    return GapLine(
        centre, told[0], told[1], told[2], covariance, sd, dof, evidence, x, prior, weighed
    )


def _line(x: Floats, centre: float) -> Floats:
    """The design of a straight line, [n, 2]."""
    return np.stack([np.ones_like(x), x - centre], axis=1)


def _line_covariance(prior: GapPrior) -> Floats:
    """Of (level, slope) for size 1: slope given level is N(-fade level, slope_sd^2)."""
    level2, fade = prior.level_sd**2, prior.fade_per_decade
    cross = -fade * level2
    return np.array([[level2, cross], [cross, prior.slope_sd**2 + fade**2 * level2]])


def gap_kernel(
    x: Floats, other: Floats, centre: float, prior: GapPrior, rough: bool = True
) -> Floats:
    """The prior covariance of gaps at `x` [n] and at `other` [m] for size 1, [n, m]."""
    straight = _line(x, centre) @ _line_covariance(prior) @ _line(other, centre).T
    smooth: Floats = straight + _bend(x, other, centre, prior)
    same = np.isclose(x[:, None], other[None, :], rtol=0, atol=1e-9)
    return smooth + prior.rough_sd**2 * same if rough else smooth


def _bend(x: Floats, other: Floats, centre: float, prior: GapPrior) -> Floats:
    """The bend's share of `gap_kernel`: the walk runs outward, independently on both sides."""
    a, b = x[:, None] - centre, other[None, :] - centre
    near, far = np.minimum(abs(a), abs(b)), np.maximum(abs(a), abs(b))
    bend: Floats = np.where(a * b > 0, near**2 * (3 * far - near) / 6, 0.0)
    return prior.drift_sd_per_decade**2 * bend


def _line_prior(x: Floats, centre: float, prior: GapPrior) -> tuple[Floats, Floats]:
    """Of (level, slope, curvature) for size 1: prior covariance [3, 3], that with gaps [3, n]."""
    three = _ends_and_middle(x, centre)
    second = np.array([1.0, -2.0, 1.0]) / (three[1] - three[0]) ** 2
    line = _line_covariance(prior)
    believed = np.zeros((3, 3))
    believed[:2, :2] = line
    believed[2, 2] = second @ _bend(three, three, centre, prior) @ second
    bent = second @ _bend(three, x, centre, prior)
    return believed, np.vstack([line @ _line(x, centre).T, bent])


def _ends_and_middle(x: Floats, centre: float) -> Floats:
    """Where the curvature is read off, [3]."""
    low, high = (x.min(), x.max()) if x.size else (centre, centre)
    if high - low < 1e-6:
        low, high = centre - 0.5, centre + 0.5
    return np.array([low, (low + high) / 2, high])
