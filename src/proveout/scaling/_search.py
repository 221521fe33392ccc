"""Robust fits: the law that the runs agree on, for one weighting of them or a thousand at once.

The search starts where variable projection says it is worth starting and goes on by damped
Gauss-Newton steps on robustly weighted residuals of log loss, all starts, bootstraps or folds in
one array operation. The coefficients are searched by their logarithms, which keeps them positive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._projection import Problem, project

_SWEEP = (128, 1024, 2048, 4096)  # parameter vectors tried first, for 1, 2, 3 and 4 or more
_STARTS = 8
_LEAST_SHARE = 1e-7  # of a term that is zero: its logarithm is searched
_STEP = 1e-6  # in spreads, of the forward difference by a parameter
_STUDENT_DOF = 2.0


class Optima(NamedTuple):
    """Laws of one form by search coordinates: log shares [b, k] and z [b, q], side by side."""

    at: Floats
    objective: Floats  # [b]
    residual: Floats  # [b, n], log law minus log measured


@dataclass(frozen=True)
class Loss:
    """How much a residual r of log loss counts.

    Huber's, r^2 / 2 up to `delta` and linear beyond; with `delta` None Student's t with 2 degrees
    of freedom at a scale learnt from the residuals, which lets go of runs that went wrong.
    """

    delta: float | None

    def scale(self, residual: Floats, weight: Floats, terms: int) -> Floats:
        """The scale of each fit, [b, 1]."""
        if self.delta is not None:
            return np.full((len(residual), 1), self.delta)
        # The t likelihood's own scale, by a few EM steps; never below 0.1%.
        count = np.maximum(np.minimum(weight, 1.0).sum(axis=1, keepdims=True) - terms, 1.0)
        square = weight * residual**2
        least = 1e-6
        variance = np.maximum(np.median(square, axis=1, keepdims=True) * 2.2, least)
        for _ in range(8):
            known = (_STUDENT_DOF + 1) / (_STUDENT_DOF + square / variance)
            total = (known * square).sum(axis=1, keepdims=True)
            variance = np.maximum((least + total) / (count + 1), least)
        scale: Floats = np.sqrt(variance)
        return scale

    def weights(self, residual: Floats, weight: Floats, scale: Floats) -> Floats:
        """What each run counts for in the next step, [b, n]."""
        if self.delta is not None:
            return weight * np.minimum(1.0, scale / np.maximum(abs(residual), 1e-300))
        counted: Floats = weight / (1 + weight * (residual / scale) ** 2 / _STUDENT_DOF)
        return counted

    def total(self, residual: Floats, weight: Floats, scale: Floats) -> Floats:
        """The objective, [b], at a scale held fixed."""
        if self.delta is not None:
            size = abs(residual)
            inside = np.minimum(size, scale)
            total: Floats = (weight * inside * (size - inside / 2)).sum(axis=1)
            return total
        lost = np.log1p(weight * (residual / scale) ** 2 / _STUDENT_DOF)
        spread: Floats = scale[:, 0] ** 2 * (_STUDENT_DOF + 1) / 2 * lost.sum(axis=1)
        return spread


def sweep(problem: Problem, weight: Floats, *, starts: int = _STARTS, seed: int = 0) -> Floats:
    """Search coordinates [starts, k + q] of the best of many parameter vectors."""
    q = len(problem.form.parameters)
    size = _SWEEP[min(q, 4) - 1]
    reach = np.array([p.reach for p in problem.form.parameters])
    from scipy.stats import qmc  # not at import: it takes a while

    uniform = qmc.Sobol(q, seed=seed).random(size)
    z = (2 * uniform - 1) * reach * 0.9
    found = project(problem, z, weight)
    order = np.argsort(found.misfit)
    chosen = [int(order[0])]
    for k in order:  # far enough apart that they do not all climb into one valley
        if len(chosen) == starts:
            break
        if (abs(z[k] - z[chosen]).max(axis=1) > 0.25).all():
            chosen.append(int(k))
    shares = np.maximum(found.shares[chosen], _LEAST_SHARE)
    return np.concatenate([np.log(shares), z[chosen]], axis=1)


def descend(
    problem: Problem, start: Floats, weight: Floats, loss: Loss, *, steps: int = 40
) -> Optima:
    """Damped Gauss-Newton from each start [b, k + q] under the weights [b, n] (or [n])."""
    weights = np.broadcast_to(weight, (len(start), problem.log_loss.size))
    terms = len(problem.form.terms)
    at, damping = start.copy(), np.full(len(start), 1e-3)
    residual, slope = linearise(problem, at)
    scale = loss.scale(residual, weights, at.shape[1])
    total = loss.total(residual, weights, scale)
    for _ in range(steps):
        counted = loss.weights(residual, weights, scale)
        step = _solve(slope, counted, residual, damping)
        tried = _inside(problem, at + np.clip(step, -2, 2), terms)
        new, new_slope = linearise(problem, tried)
        there = loss.total(new, weights, scale)
        better = there < total
        at = np.where(better[:, None], tried, at)
        residual = np.where(better[:, None], new, residual)
        slope = np.where(better[:, None, None], new_slope, slope)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-9, 1e6)
        gained = np.where(better, total - there, 0.0) > 1e-10 * total
        scale = loss.scale(residual, weights, at.shape[1])
        total = loss.total(residual, weights, scale)
        if not (gained | (~better & (damping < 1e3))).any():
            break
    return Optima(at, total, residual)


def linearise(problem: Problem, at: Floats) -> tuple[Floats, Floats]:
    """The residuals [b, n] and their derivatives [b, n, k + q]."""
    k = len(problem.form.terms)
    shares, z = np.exp(at[:, :k]), at[:, k:]
    moves = _STEP * np.vstack([np.zeros(z.shape[1]), np.eye(z.shape[1])])
    columns, *moved = problem.columns(np.concatenate(z + moves[:, None])).reshape(
        len(moves), len(z), -1, k
    )
    parts = columns * shares[:, None, :]
    law = parts.sum(axis=2)
    slope = np.empty((*law.shape, at.shape[1]))
    slope[:, :, :k] = parts / law[:, :, None]
    for j, there in enumerate(moved):
        change = (there - columns) @ shares[:, :, None]
        slope[:, :, k + j] = change[:, :, 0] / law / _STEP
    residual = np.log(law * problem.level) - problem.log_loss
    return residual, slope


def _solve(slope: Floats, counted: Floats, residual: Floats, damping: Floats) -> Floats:
    weighted = slope * counted[:, :, None]
    normal = np.swapaxes(weighted, 1, 2) @ slope
    gradient = (weighted * residual[:, :, None]).sum(axis=1)
    size = np.einsum("bii->bi", normal)
    floor = 1e-10 * size.max(axis=1, keepdims=True) + 1e-300
    extra = damping[:, None] * size + floor
    index = np.arange(size.shape[1])
    normal[:, index, index] += extra
    step: Floats = -np.linalg.solve(normal, gradient[:, :, None])[:, :, 0]
    return step


def _inside(problem: Problem, at: Floats, terms: int) -> Floats:
    reach = np.array([p.reach for p in problem.form.parameters])
    least = math.log(_LEAST_SHARE) - 2
    shares = np.clip(at[:, :terms], least, 50.0)
    return np.concatenate([shares, np.clip(at[:, terms:], -reach, reach)], axis=1)


def polish(problem: Problem, start: Floats, weight: Floats, loss: Loss) -> Optima:
    """The last digits from one start [k + q], by L-BFGS: Huber's loss bends too sharply for less.

    `loss` must be Huber's.
    """
    from scipy.optimize import minimize  # not at import: it takes a while

    assert loss.delta is not None
    delta = loss.delta

    def objective(u: Floats) -> tuple[float, Floats]:
        residual, slope = linearise(problem, u[None])
        pull = weight * np.clip(residual[0], -delta, delta)
        total = loss.total(residual, weight[None], np.array([[delta]]))
        return float(total[0]), slope[0].T @ pull

    reach = [p.reach for p in problem.form.parameters]
    least = math.log(_LEAST_SHARE) - 2
    bounds = [(least, 50.0)] * len(problem.form.terms) + [(-r, r) for r in reach]
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
    at = np.asarray(found.x)[None]
    return Optima(at, np.array([found.fun]), linearise(problem, at)[0])
