"""Which laws of one form could be true: weighted draws of all its parameters.

Only what the form is not linear in is searched, from the prior inwards, by adaptive importance
sampling (Cornuet et al. 2012): each round draws from a Student's t at the mean and covariance of
the draws so far. Given those parameters and the noise, the coefficients are normal and above zero;
they are drawn one after the other, each cut off at zero, and weighted for it (the
Geweke-Hajivassiliou-Keane simulator; Hajivassiliou et al. 1996). The noise has a scaled inverse
chi-squared prior, to which replicates add what they say. Runs that lie off the best law weigh
less, by Student's t weights that are held fixed and scaled so that with normal noise the doubt
comes out as it must for such weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._neighbours import correlation, noise_variance
from proveout.scaling._projection import Problem, Projected, project
from proveout.scaling._search import Loss, descend, sweep

if TYPE_CHECKING:
    from scipy.stats import qmc

_FIRST = (256, 1024, 2048, 4096)  # draws from the prior, for 1, 2, 3 and 4 or more parameters
_ROUND, _ROUNDS = 512, 4
_KEPT = 500  # draws in the end
_NOISE_SD, _NOISE_DOF = 0.003, 1.0  # relative, of one run; as firmly as one run tells
_TAIL_DOF = 4.0
# Student's t weights with 2 dof at normal noise, by quadrature. Divided by the first number,
# weighted least squares has the estimator's asymptotic variance (Huber 1964). Their weighted
# squares are then the second number of the noise's variance a run, and by the third more for each
# run that the coefficients and parameters take from the residuals.
_T_WEIGHTS, _T_SQUARES, _T_TAKEN = 0.87, 0.415, 0.27
_LOST = -20.0  # log weight: terms are so much alike that no draw of coefficients fits the runs


class Draws(NamedTuple):
    """Equally likely laws of one form, m of them.

    Attributes:
        problem: the form and the runs.
        z: [m, q], the parameters in spreads from their priors' medians.
        shares: [m, k], the coefficients.
        noise_sd: [m], relative, of a run of weight 1.
        log_likelihood: of the best law.
        effective: how many independent draws the weighted ones were worth.
    """

    problem: Problem
    z: Floats
    shares: Floats
    noise_sd: Floats
    log_likelihood: float
    effective: float

    def log_losses(self, inputs: Mapping[str, Floats]) -> Floats:
        """The natural log of each law's loss at `inputs` [t], [m, t]."""
        columns = self.problem.columns(self.z, inputs)
        losses: Floats = np.einsum("mtk,mk->mt", columns, self.shares)
        logs: Floats = np.log(losses * self.problem.level)
        return logs


def draw_laws(problem: Problem, *, seed: int = 0, series: bool = False) -> Draws:
    """Draw from the posterior of one form.

    Args:
        problem: the form and the runs.
        series: whether the runs are checkpoints of one, whose errors go together.
        seed: draws are the same for the same seed.
    """
    from scipy import special  # not at import: it takes a while
    from scipy.stats import qmc

    random = np.random.default_rng(seed)
    q = len(problem.form.parameters)
    sampler = qmc.Sobol(q, seed=random)
    first = _FIRST[min(q, 4) - 1]
    edge = special.ndtr(-_reach(problem))
    z = special.ndtri(edge + (1 - 2 * edge) * sampler.random(first))
    seen = weigh_runs(problem, series)
    parts = [_Component(first, None, None)]
    found = _Sample(z, project(problem, z, seen.weight))
    for _ in range(_ROUNDS):
        parts.append(_adapt(found, _log_target(problem, found, seen), parts))
        z = _draw_t(parts[-1], q, sampler, problem)
        found = found.join(_Sample(z, project(problem, z, seen.weight)))
    logs = _log_target(problem, found, seen) - _log_proposal(found.z, parts)
    return _with_coefficients(problem, found, logs, seen, random)


class _Sample(NamedTuple):
    z: Floats
    at: Projected

    def join(self, other: _Sample) -> _Sample:
        pairs = zip(vars_of(self.at), vars_of(other.at), strict=True)
        both = (np.concatenate(pair) for pair in pairs)
        return _Sample(np.concatenate([self.z, other.z]), Projected(*both))


def vars_of(projected: Projected) -> tuple[Floats, ...]:
    """The arrays of a projection, in the order of its fields."""
    return tuple(vars(projected).values())


class _Component(NamedTuple):
    """What `size` draws came from: Student's t, or the prior where `mean` is None."""

    size: int
    mean: Floats | None
    root: Floats | None  # lower Cholesky factor of its scale matrix


def _reach(problem: Problem) -> Floats:
    return np.array([p.reach for p in problem.form.parameters])


class _Seen(NamedTuple):
    """What the runs tell about a form."""

    weight: Floats  # [n], of each run
    dof: float  # of the noise, before the coefficients take theirs
    squares: float  # what the noise's sum of squares is beyond the misfit under `weight`
    alike: float  # a run's noise variance over that of weight 1
    log_likelihood: float  # of the best law


def weigh_runs(problem: Problem, series: bool) -> _Seen:
    """What each run counts for.

    By the Student's t fit a run that went wrong hardly does. Where neighbouring runs lie on the
    same side of the law they tell less than as many independent ones: with a correlation r of
    neighbours' residuals, (1 - r) / (1 + r) of it, as in a series that forgets at that rate. Of
    runs that are no series r counts as far as it is clear, less one standard error: their noise is
    independent, and what a form misses along them is the discrepancy's.
    """
    loss, every = Loss(None), problem.weight
    laws = descend(problem, sweep(problem, every, starts=4), every, loss, steps=25)
    weights = np.broadcast_to(every, laws.residual.shape)
    scale = loss.scale(laws.residual, weights, laws.at.shape[1])
    likely = -loss.total(laws.residual, weights, scale) / scale[:, 0] ** 2
    count = float(np.minimum(every, 1.0).sum())
    best = int((likely - count * np.log(scale[:, 0])).argmax())
    residual = laws.residual[best]
    clipped = np.clip(residual, -3 * scale[best], 3 * scale[best])
    together = correlation(problem, clipped)
    together -= 0.0 if series else 1 / math.sqrt(residual.size)
    together = min(max(together, 0.0), 0.95)
    alike = (1 - together) / (1 + together)
    counted = loss.weights(laws.residual, weights, scale)[best] * alike / _T_WEIGHTS
    misfit = float((counted * residual**2).sum())
    likelihood = alike * float(likely[best] - count * np.log(scale[best, 0]))
    taken = min(laws.at.shape[1] / count, 1.0)
    known = _NOISE_DOF * _NOISE_SD**2 + problem.replicates.squares
    squares = known + misfit * (1 / (_T_SQUARES + _T_TAKEN * taken) - 1)
    dof = _NOISE_DOF + problem.replicates.dof + alike * count
    if not series:
        variance = (squares + misfit) / max(dof - len(problem.form.terms), 0.5) * alike
        alike *= _share_of_noise(problem, clipped, known, variance)
    return _Seen(counted, dof, squares, alike, likelihood)


def _share_of_noise(problem: Problem, residual: Floats, known: float, variance: float) -> float:
    """What of the variance about the law is noise and no miss of the law, as neighbours show it."""
    dof = _NOISE_DOF + problem.replicates.dof
    noise = noise_variance(problem, residual, known, dof)
    return 1.0 if noise is None else min(noise / variance, 1.0)


def _log_target(problem: Problem, sample: _Sample, seen: _Seen) -> Floats:
    """Log posterior density [b] of z, up to a constant, coefficients and noise integrated out.

    The cut of the coefficients at zero enters through the constrained misfit here; the last step
    corrects it exactly.
    """
    dof = max(seen.dof - sample.at.shares.shape[1], 0.5)
    volume = np.linalg.slogdet(sample.at.normal)[1] / 2
    logs: Floats = -dof / 2 * np.log(seen.squares + sample.at.misfit) - volume
    logs -= (sample.z**2).sum(axis=1) / 2
    return np.where((abs(sample.z) <= _reach(problem)).all(axis=1), logs, -np.inf)


def _adapt(sample: _Sample, target: Floats, parts: list[_Component]) -> _Component:
    """A Student's t where the draws so far say the posterior is."""
    logs = target - _log_proposal(sample.z, parts)
    q = sample.z.shape[1]
    least = 8.0 * (q + 1)
    temper = 1.0
    for _ in range(40):  # few draws carry the weight at first: flatten until enough do
        weight = normalised(temper * logs)
        if 1 / (weight**2).sum() >= least:
            break
        temper *= 0.8
    mean = weight @ sample.z
    off = sample.z - mean
    scatter = (off * weight[:, None]).T @ off
    root: Floats = np.linalg.cholesky(scatter * 1.3 + 1e-10 * np.eye(q)).astype(np.float64)
    return _Component(_ROUND, mean, root)


def _draw_t(part: _Component, q: int, sampler: qmc.Sobol, problem: Problem) -> Floats:
    from scipy import special  # not at import: it takes a while

    assert part.mean is not None and part.root is not None
    uniform = np.clip(sampler.random(part.size), 1e-9, 1 - 1e-9)
    normal = special.ndtri(uniform)
    # One heavy tail for all coordinates of a draw.
    stretch = np.sqrt(_TAIL_DOF / special.chdtri(_TAIL_DOF, _scrambled(uniform)))
    reach = _reach(problem)
    drawn: Floats = part.mean + (normal * stretch[:, None]) @ part.root.T
    return np.clip(drawn, -reach * (1 + 1e-9), reach * (1 + 1e-9))


def _scrambled(uniform: Floats) -> Floats:
    """A number in (0, 1) for each row that does not go along with its coordinates, [b]."""
    golden = (uniform * 7919.0).sum(axis=1) + np.arange(len(uniform)) * 0.6180339887498949
    tail: Floats = np.clip(golden % 1.0, 1e-6, 1 - 1e-6)
    return tail


def _log_proposal(z: Floats, parts: list[_Component]) -> Floats:
    """Log density of the mixture that all draws came from, [b]."""
    total = sum(part.size for part in parts)
    q = z.shape[1]
    logs = []
    for part in parts:
        if part.mean is None or part.root is None:
            log = -(z**2).sum(axis=1) / 2 - q / 2 * math.log(2 * math.pi)
        else:
            from_mean = np.linalg.solve(part.root, (z - part.mean).T)
            square = (from_mean**2).sum(axis=0)
            log = math.lgamma((_TAIL_DOF + q) / 2) - math.lgamma(_TAIL_DOF / 2)
            log = log - q / 2 * math.log(_TAIL_DOF * math.pi) - np.log(np.diag(part.root)).sum()
            log = log - (_TAIL_DOF + q) / 2 * np.log1p(square / _TAIL_DOF)
        logs.append(log + math.log(part.size / total))
    mixed: Floats = np.logaddexp.reduce(logs, axis=0)
    return mixed


def normalised(logs: Floats) -> Floats:
    """Weights that add up to 1, from their logs but for a constant."""
    weight = np.exp(logs - logs.max())
    normalised: Floats = weight / weight.sum()
    return normalised


def _with_coefficients(
    problem: Problem, sample: _Sample, logs: Floats, seen: _Seen, random: np.random.Generator
) -> Draws:
    """Draw noise and coefficients for the likely z, and make the draws equally likely."""
    chosen = _systematic(normalised(logs), 4 * _KEPT, random)
    at = Projected(*(array[chosen] for array in vars_of(sample.at)))
    k = at.shares.shape[1]
    dof = max(seen.dof - k, 0.5)
    variance = (seen.squares + at.misfit) / random.chisquare(dof, chosen.size)
    shares, fits = _truncated(at, variance, random)
    # The stand-in used for z was the constrained misfit; here is what it stood in for.
    change = fits - (at.free_misfit - at.misfit) / (2 * variance)
    if change.max() < _LOST:
        shares, change = at.shares, np.zeros_like(change)
    weights = normalised(change)
    kept = _systematic(weights, _KEPT, random)
    effective = min(1 / float((normalised(logs) ** 2).sum()), 1 / float((weights**2).sum()))
    noise = np.sqrt(variance * seen.alike)[kept]
    return Draws(
        problem, sample.z[chosen][kept], shares[kept], noise, seen.log_likelihood, effective
    )


def _truncated(
    at: Projected, variance: Floats, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """Normal coefficients above zero [b, k] and the log probability of there being any [b]."""
    from scipy import special  # not at import: it takes a while

    covariance = np.linalg.inv(at.normal) * variance[:, None, None]
    root = np.linalg.cholesky((covariance + np.swapaxes(covariance, 1, 2)) / 2)
    shares = np.zeros_like(at.free)
    logs = np.zeros(len(variance))
    normal = np.zeros_like(at.free)
    for j in range(shares.shape[1]):
        centre = at.free[:, j] + np.einsum("bi,bi->b", root[:, j, :j], normal[:, :j])
        scale = root[:, j, j]
        above = special.log_ndtr(centre / scale)
        uniform = np.log1p(-random.random(len(variance)))
        normal[:, j] = -special.ndtri_exp(above + uniform)
        shares[:, j] = np.maximum(centre + scale * normal[:, j], 0.0)
        logs += above
    return shares, logs


def _systematic(weight: Floats, count: int, random: np.random.Generator) -> np.ndarray:
    """Indices [count] drawn in proportion to weight, as evenly as can be."""
    places = (np.arange(count) + random.random()) / count
    return np.minimum(np.searchsorted(np.cumsum(weight), places), weight.size - 1)
