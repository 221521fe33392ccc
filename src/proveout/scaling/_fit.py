"""One form fitted to runs: the best law, its standard errors, its bootstraps and what is odd."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from proveout.scaling._checks import Floats, Numbers
from proveout.scaling._forms import Form
from proveout.scaling._points import Points, check_inputs, compute_of
from proveout.scaling._projection import Problem
from proveout.scaling._search import Loss, Optima, descend, linearise, polish, sweep

HUBER = 1e-3  # of log loss (Hoffmann et al. 2022)
_AT_BOUND = 0.02  # spreads from the end of the search
_NO_FLOOR = 0.02  # of the least loss: a floor this low is told from zero by nobody
_DECIDES = 2.5  # times all other runs' influence together
_FAR_OFF = 10.0  # robust sds and 5%: hardly noise, more likely a slip
_TRIED = 24  # runs left out in turn


@dataclass(frozen=True, eq=False)
class Fit:
    """The law of one form that fits the runs best.

    Attributes:
        form: the family it is of.
        parameters: by name: the coefficients in the unit of the loss (and of the inputs), then
            the exponents and the rest.
        standard_errors: by name, from the curvature at the optimum; None where the runs do not
            determine the parameter.
        objective: the weighted sum of Huber losses of log loss.
        residuals: [n], log measured minus log law, in the order of the runs.
        warnings: what is wrong with the runs for this form, in sentences.
    """

    form: Form
    parameters: Mapping[str, float]
    standard_errors: Mapping[str, float | None]
    objective: float
    residuals: Floats
    warnings: tuple[str, ...]
    problem: Problem
    laws: Optima
    huber: float

    def at(self, inputs: Mapping[str, Numbers]) -> Floats:
        """The law's losses at `inputs` of m settings, [m]."""
        losses: Floats = losses_of(self.problem, self.laws.at, inputs)[0]
        return losses


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Laws fitted to runs drawn with replacement; its spread is parameter doubt and no more."""

    problem: Problem
    laws: Optima

    def losses(self, inputs: Mapping[str, Numbers]) -> Floats:
        """Each law's losses at `inputs` of m settings, [count, m]."""
        return losses_of(self.problem, self.laws.at, inputs)


def fit(points: Points, form: Form, *, huber: float = HUBER) -> Fit:
    """The law of `form` with the least weighted sum of Huber losses of log loss.

    Args:
        points: the runs.
        form: one of `FORMS`, or your own.
        huber: from which size of a residual on (in log loss) it counts linearly.

    Raises:
        ValueError: runs without an input that the form needs, or `huber` not above zero.
    """
    if not huber > 0:
        raise ValueError(f"huber must be above zero, got {huber}")
    problem, loss = Problem.of(form, points), Loss(huber)
    tried = descend(problem, sweep(problem, problem.weight), problem.weight, loss)
    start = tried.at[int(tried.objective.argmin())]
    laws = polish(problem, start, problem.weight, loss)
    names = (*form.terms, *(p.name for p in form.parameters))
    values = natural(problem, laws.at)[0]
    errors = _standard_errors(problem, laws, huber)
    return Fit(
        form,
        dict(zip(names, (float(v) for v in values), strict=True)),
        dict(zip(names, errors, strict=True)),
        float(laws.objective[0]),
        -laws.residual[0],
        _warnings(problem, laws, huber),
        problem,
        laws,
        huber,
    )


def bootstrap(fitted: Fit, *, count: int = 1000, seed: int = 0) -> Bootstrap:
    """Refit to `count` resamples of the runs, all at once, from the best law.

    Raises:
        ValueError: a count below 1.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    problem = fitted.problem
    size = problem.log_loss.size
    random = np.random.default_rng(seed)
    drawn = random.multinomial(size, np.full(size, 1 / size), size=count)
    start = np.repeat(fitted.laws.at, count, axis=0)
    laws = descend(problem, start, problem.weight * drawn, Loss(fitted.huber), steps=20)
    return Bootstrap(problem, laws)


def losses_of(problem: Problem, at: Floats, inputs: Mapping[str, Numbers]) -> Floats:
    """Losses of laws in search coordinates `at` [b, k + q] at m settings, [b, m]."""
    k = len(problem.form.terms)
    checked = check_inputs({name: inputs[name] for name in problem.form.inputs})
    columns = problem.columns(at[:, k:], checked)
    losses: Floats = problem.level * np.einsum("bmk,bk->bm", columns, np.exp(at[:, :k]))
    return losses


def natural(problem: Problem, at: Floats) -> Floats:
    """Coefficients and parameters in their own units, [b, k + q], from search coordinates."""
    k = len(problem.form.terms)
    coefficients = np.exp(at[:, :k]) * problem.units(at[:, k:])
    parameters = [p[:, 0] for p in problem.parameters(at[:, k:])]
    values: Floats = np.column_stack([coefficients, *parameters])
    return values


def _standard_errors(problem: Problem, laws: Optima, huber: float) -> list[float | None]:
    """From the curvature at the optimum and the runs' robust spread about the law.

    Where most residuals count linearly the estimator is that of least absolute deviations, whose
    variance is pi / 2 times that of least squares at normal noise.
    """
    at = laws.at
    size, count = at.shape[1], problem.log_loss.size
    if count <= size:
        return [None] * size
    residual, slope = linearise(problem, at)
    # The law passes close to as many runs as it has parameters: those say nothing of the spread.
    apart = np.sort(np.sqrt(problem.weight) * abs(residual[0]))[size:]
    spread = 1.4826 * float(np.median(apart))
    variance = spread**2 * (math.pi / 2 if huber < spread else 1.0)
    normal = slope[0].T @ (slope[0] * problem.weight[:, None])
    scale = np.sqrt(np.diag(normal))
    if not (scale > 0).all():
        return [None] * size
    correlation = normal / np.outer(scale, scale)
    if np.linalg.cond(correlation) > 1e12:
        return [None] * size
    covariance = variance * np.linalg.inv(correlation) / np.outer(scale, scale)
    steps = 1e-5 * np.eye(size)
    jacobian = (natural(problem, at + steps) - natural(problem, at - steps)) / 2e-5
    errors = np.sqrt(np.einsum("ji,jk,ki->i", jacobian, covariance, jacobian))
    return [float(e) if np.isfinite(e) else None for e in errors]


def _warnings(problem: Problem, laws: Optima, huber: float) -> tuple[str, ...]:
    form, k = problem.form, len(problem.form.terms)
    said = []
    size = k + len(form.parameters)
    if problem.log_loss.size <= size:
        said.append(
            f"{problem.log_loss.size} runs for {size} parameters: the law is not determined"
        )
    for parameter, z in zip(form.parameters, laws.at[0, k:], strict=True):
        if parameter.reach - abs(z) < _AT_BOUND:
            said.append(f"{parameter.name} is at the bound of its search: the runs do not fix it")
    if form.floor is not None:
        said += _floor_warning(problem, laws, huber)
    return tuple(said)


def _floor_warning(problem: Problem, laws: Optima, huber: float) -> list[str]:
    """A floor that could as well be zero: the best law without one fits about as well."""
    where = problem.form.terms.index(str(problem.form.floor))
    floor = float(np.exp(laws.at[0, where])) * problem.level
    least = float(np.exp(problem.log_loss.min()))
    errors = _standard_errors(problem, laws, huber)
    error = errors[where]
    if floor < _NO_FLOOR * least or error is None or floor < 1.64 * error:
        return [f"the runs cannot tell the floor {problem.form.floor} from zero"]
    return []


def far_off(fitted: Fit) -> list[str]:
    """A warning of each of the runs, three at most, that lie far off the law and were let go."""
    size = abs(fitted.residuals)
    limit = max(_FAR_OFF * 1.4826 * float(np.median(size)), 0.05)
    said = []
    for run in [int(k) for k in np.argsort(-size)[:3] if size[k] > limit]:
        setting = ", ".join(f"{name}={v[run]:g}" for name, v in fitted.problem.inputs.items())
        said.append(
            f"the run at {setting} lies {math.expm1(fitted.residuals[run]):+.0%} off: check it"
        )
    return said


def deciding_run(fitted: Fit) -> str | None:
    """A warning of the run without which the forecast at ten times the compute would differ.

    The leave-one-out fits of the runs with the most leverage are one array operation. None where
    no run stands out, or where there are too few for one to.
    """
    problem, size = fitted.problem, fitted.problem.log_loss.size
    if size < 5:
        return None
    tried = np.argsort(-_leverage(fitted))[:_TRIED]
    weight = problem.weight * (np.arange(size) != tried[:, None])
    start = np.repeat(fitted.laws.at, tried.size, axis=0)
    left = descend(problem, start, weight, Loss(fitted.huber), steps=60)
    top = int(compute_of(problem.inputs).argmax())
    factor = 10 ** (1 / len(problem.inputs))
    there = {name: v[top : top + 1] * factor for name, v in problem.inputs.items()}
    change = abs(np.log(losses_of(problem, left.at, there)[:, 0] / fitted.at(there)))
    worst = int(change.argmax())
    others = float(np.sqrt((np.delete(change, worst) ** 2).sum()))
    if change[worst] <= max(_DECIDES * others, 0.01):
        return None
    run = tried[worst]
    setting = ", ".join(f"{name}={v[run]:g}" for name, v in problem.inputs.items())
    return f"one run decides the law beyond the runs, the one at {setting}: repeat it"


def _leverage(fitted: Fit) -> Floats:
    """How much of its own residual each run takes away, [n]."""
    _, slope = linearise(fitted.problem, fitted.laws.at)
    weighted = slope[0] * np.sqrt(fitted.problem.weight)[:, None]
    left, sizes, _ = np.linalg.svd(weighted, full_matrices=False)
    leverage: Floats = (left[:, sizes > 1e-9 * sizes[0]] ** 2).sum(axis=1)
    return leverage
