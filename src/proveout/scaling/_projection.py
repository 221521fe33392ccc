"""Variable projection: the coefficients of a law in closed form, for many exponents at once.

For parameters p the law is linear in its coefficients w. Its relative misfit

    r = sum_j w_j f_j(x; p) / L - 1

equals the error of log L to first order (at 1% they differ by .005%), so w is a non-negative
least-squares problem with at most four unknowns, solved by trying each set of terms that are not
zero. Columns are scaled to 1 at the middle of the runs: `shares` are then the terms' shares of
the loss there.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._forms import Form, geometric_middle
from proveout.scaling._points import Points, Spread

_RIDGE = 1e-11  # on scaled columns: two terms that cannot be told apart share what they explain


@dataclass(frozen=True, eq=False)
class Problem:
    """A form and the runs that it is fitted to.

    Attributes:
        form: with k terms and q parameters.
        inputs, log_loss, weight: of the n rows.
        middle: the geometric mean of each input.
        level: the geometric mean of the losses, the unit of shares.
        replicates: what replicates say of the noise.
        near: [n], what part of its weight each row was left, 1 where all.
    """

    form: Form
    inputs: Mapping[str, Floats]
    log_loss: Floats
    weight: Floats
    middle: Mapping[str, float]
    level: float
    replicates: Spread
    near: Floats

    @classmethod
    def of(cls, form: Form, points: Points) -> Problem:
        """The problem of fitting a form to runs. `ValueError` where an input is missing."""
        missing = [name for name in form.inputs if name not in points.inputs]
        if missing:
            have = ", ".join(points.inputs)
            raise ValueError(f"form {form.name} needs {', '.join(missing)}; the runs have {have}")
        inputs = {name: points.inputs[name] for name in form.inputs}
        log_loss = np.log(points.loss)
        level = float(np.exp(np.average(log_loss, weights=points.weight)))
        middle = geometric_middle(inputs)
        near = np.ones(log_loss.size) if points.near is None else points.near
        said = points.replicates
        return cls(form, inputs, log_loss, points.weight, middle, level, said, near)

    def parameters(self, z: Floats) -> tuple[Floats, ...]:
        """The form's parameters, [b, 1] each, from z [b, q] in spreads from the priors' medians."""
        each = zip(self.form.parameters, z.T, strict=True)
        return tuple(p.value(column, self.middle)[:, None] for p, column in each)

    def columns(self, z: Floats, inputs: Mapping[str, Floats] | None = None) -> Floats:
        """The terms at the runs (or at `inputs`), relative to the middle, [b, n, k]."""
        there = self._here if inputs is None else self._with_middle(inputs)
        size = next(iter(there.values())).size
        terms = np.empty((len(z), size, len(self.form.terms)))
        with np.errstate(over="ignore", under="ignore"):
            for j, term in enumerate(self.form.basis(there, *self.parameters(z))):
                terms[:, :, j] = term
        scaled: Floats = terms[:, :-1, :] / terms[:, -1:, :]
        return scaled

    def units(self, z: Floats) -> Floats:
        """What a share of 1 is in the unit of its term's coefficient, [b, k]."""
        at = self._seen({name: np.array([value]) for name, value in self.middle.items()})
        terms = self.form.basis(at, *self.parameters(z))
        one = [np.broadcast_to(term, (len(z), 1))[:, 0] for term in terms]
        units: Floats = self.level / np.stack(one, axis=1)
        return units

    @cached_property
    def _here(self) -> Mapping[str, Floats]:
        return self._with_middle(self.inputs)

    def _with_middle(self, at: Mapping[str, Floats]) -> Mapping[str, Floats]:
        """What the basis is taken at: the inputs, and their middle behind them."""
        return self._seen(
            {name: np.append(at[name], self.middle[name]) for name in self.form.inputs}
        )

    def _seen(self, inputs: Mapping[str, Floats]) -> Mapping[str, Floats]:
        """The inputs as the form's basis takes them."""
        if not self.form.relative:
            return inputs
        return {name: values / self.middle[name] for name, values in inputs.items()}


@dataclass(frozen=True, eq=False)
class Projected:
    """The best coefficients for each of b parameter vectors.

    Attributes:
        shares: [b, k], non-negative.
        misfit: [b], the weighted sum of squares there.
        free, free_misfit: the same without the constraint, [b, k] and [b].
        normal: [b, k, k], the normal matrix.
    """

    shares: Floats
    misfit: Floats
    free: Floats
    free_misfit: Floats
    normal: Floats


def project(problem: Problem, z: Floats, weight: Floats | None = None) -> Projected:
    """Solve for the coefficients at each z [b, q]."""
    weights = problem.weight if weight is None else weight
    loss = np.exp(problem.log_loss) / problem.level
    design = problem.columns(z) / loss[:, None]
    weighted = design * weights[:, None]
    normal = np.einsum("bnj,bnk->bjk", weighted, design, optimize=True)
    normal += _RIDGE * weights.sum() * np.eye(normal.shape[-1])
    target = weighted.sum(axis=1)
    total = float(weights.sum())
    shares = np.zeros_like(target)
    misfit = np.full(len(z), np.inf)
    count = target.shape[1]
    for size in range(count, 0, -1):
        for chosen in itertools.combinations(range(count), size):
            part = np.ix_(range(len(z)), chosen, chosen)
            found = np.linalg.solve(normal[part], target[:, chosen, None])[:, :, 0]
            left = np.maximum(total - (found * target[:, chosen]).sum(axis=1), 0.0)
            if size == count:
                free, free_misfit = found, left
            better = (found >= 0).all(axis=1) & (left < misfit)
            misfit = np.where(better, left, misfit)
            full = np.zeros_like(shares)
            full[:, chosen] = found
            shares = np.where(better[:, None], full, shares)
    return Projected(shares, misfit, free, free_misfit, normal)
