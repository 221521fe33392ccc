"""Forecasts from several forms of law: averaged by how well each forecasts its own largest runs.

For each form the laws that could be true are drawn (`_posterior`). Which form is right is asked of
the runs: the largest are held back at several distances and each form forecasts them from the
rest. Its weight is its prior times the exponential of half its log scores; half, because the
distances share runs. What all forms miss together is the discrepancy's (`_discrepancy`), scaled by
how well the study's own held-back runs came out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from proveout.scaling._checks import Floats, Numbers
from proveout.scaling._discrepancy import Discrepancy, learnt
from proveout.scaling._fit import Fit, deciding_run, far_off, fit, natural
from proveout.scaling._forecast import (
    EVERY_RUN_ALIKE,
    Member,
    Prediction,
    draw_members,
    forecast,
    mix,
    overshoot,
    reading_for,
)
from proveout.scaling._forms import FORMS, Form, forms_for
from proveout.scaling._growth import STEADY, Growth, growth_of_noise, with_growth
from proveout.scaling._points import Points, check_inputs, compute_of
from proveout.scaling._posterior import Draws
from proveout.scaling._weights import (
    HeldBack,
    drifting,
    held_back,
    log_prior,
    near_zero,
    too_high,
    weigh,
)

_TESTED = 2.7  # decades beyond the runs: the discrepancy was learnt up to there
_SAME_LOSS = 1e-9  # of log loss
_MOST_ALONG = 256  # rows along a single input; more are brought together


@dataclass(frozen=True, eq=False)
class Laws:
    """Laws of several forms, weighted; made by `fit_laws`.

    Attributes:
        points: the runs, replicates brought together.
        members: the forms and their draws.
        prior: [k], what speaks for each before its largest runs are asked, in logs.
        weights: [k] of the members, summing to 1.
        discrepancy: what was learnt of misses; None where it is left out.
        share: by how much this study's own misses scale the discrepancy's variance.
        noise_sd: relative, of one run about its law, in the middle of the runs.
        held_back: how the forms forecast the largest runs from the others.
        for_fits: the runs as a form's best law is fitted to them.
        growth: of the noise with scale; past the largest run it is taken to be as there.
    """

    points: Points
    members: tuple[Member, ...]
    prior: Floats
    weights: Floats
    discrepancy: Discrepancy | None
    share: float
    noise_sd: float
    held_back: tuple[HeldBack, ...]
    for_fits: Points
    growth: Growth = STEADY

    def with_discrepancy(self, table: Discrepancy | None) -> Laws:
        """The same laws, weighed and widened by another table; None for parameter doubt alone."""
        weights, share = weigh(self.prior, self.held_back, table or learnt())
        return replace(self, weights=weights, share=share, discrepancy=table)

    @property
    def fits(self) -> tuple[Fit, ...]:
        """The best law of each form, [k]."""
        return tuple(map(self.fit_of, range(len(self.members))))

    @property
    def best(self) -> Fit:
        """The best law of the likeliest form."""
        return self.fit_of(int(self.weights.argmax()))

    def fit_of(self, k: int) -> Fit:
        """The best law of one form: made when it is asked for, as forecasts do without."""
        if k not in self._made:
            member = self.members[k]
            self._made[k] = with_errors(fit(self.for_fits, member.form), member.draws)
        return self._made[k]

    @cached_property
    def _made(self) -> dict[int, Fit]:
        return {}

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the runs, in sentences."""
        best, table = self.best, self.discrepancy or learnt()
        alone = deciding_run(best)
        high = too_high(self.points, self.weights, self.held_back, table)
        return (
            *data_warnings(self.points),
            *best.warnings,
            *far_off(best),
            *([alone] if alone else []),
            *(high or drifting(self.weights, self.held_back, table)),
            *self.growth.warnings,
        )

    def predict(self, at: Mapping[str, Numbers], *, noise: bool = True) -> tuple[Prediction, ...]:
        """Forecasts of the loss of one run at each of m settings.

        Args:
            at: [m] each, by the names of the runs' inputs.
            noise: whether a run's own noise is in it, or the law alone is meant.

        Raises:
            ValueError: an input missing, or not above zero.
        """
        inputs = self._inputs(at)
        beyond = overshoot(self.points.inputs, inputs)
        forecasts = [
            forecast(m, inputs, beyond, self.discrepancy, self.share) for m in self.members
        ]
        extra = self.noise_at(at) if noise else np.zeros(beyond.size)
        return tuple(
            Prediction(mix(self.weights, [f.at(i) for f in forecasts]).with_noise(float(extra[i])))
            for i in range(beyond.size)
        )

    def noise_at(self, at: Mapping[str, Numbers]) -> Floats:
        """The noise of one run at each of m settings, relative, [m]; past the runs it is as at
        the nearest of them."""
        runs, there = self.points.compute, compute_of(self._inputs(at))
        decades = np.log10(np.clip(there, runs.min(), runs.max()) / np.median(runs))
        noise: Floats = self.noise_sd * 10.0 ** (self.growth.per_decade * decades)
        return noise

    def cautions(self, at: Mapping[str, Numbers]) -> tuple[str, ...]:
        """What to know of each place that lies below the runs, or too far past them."""
        inputs = self._inputs(at)
        smallest = self.points.compute.min()
        said = []
        decades = zip(overshoot(self.points.inputs, inputs), compute_of(inputs), strict=True)
        for i, (beyond, compute) in enumerate(decades):
            place = ", ".join(f"{name}={values[i]:g}" for name, values in inputs.items())
            if beyond > 0 and compute < smallest:
                said.append(f"{place} lies {beyond:.1f} decades below the smallest run")
            elif beyond > _TESTED:
                said.append(
                    f"{place} lies {beyond:.1f} decades beyond the runs; intervals were tested to"
                    f" {_TESTED:.1f}. Are the units the same?"
                )
        return tuple(said)

    def draws(self, at: Mapping[str, Numbers], *, count: int = 1000, seed: int = 0) -> Floats:
        """Losses by laws that could be true, discrepancy included, [count, m].

        The discrepancy moves a law's whole course: it grows along it and keeps its sign.
        """
        inputs = self._inputs(at)
        random = np.random.default_rng(seed)
        which = random.choice(len(self.members), size=count, p=self.weights)
        beyond = overshoot(self.points.inputs, inputs)
        logs = np.empty((count, beyond.size))
        dof = self.discrepancy.dof if self.discrepancy else math.inf
        off = random.standard_t(dof, count) if self.discrepancy else np.zeros(count)
        for k, member in enumerate(self.members):
            rows = np.flatnonzero(which == k)
            made = forecast(member, inputs, beyond, self.discrepancy, self.share)
            chosen = random.integers(0, len(made.log_losses), rows.size)
            logs[rows] = made.log_losses[chosen] + made.bias + off[rows, None] * made.miss
        losses: Floats = np.exp(logs)
        return losses

    def _inputs(self, at: Mapping[str, Numbers]) -> dict[str, Floats]:
        missing = [name for name in self.points.inputs if name not in at]
        if missing:
            raise ValueError(f"needs {', '.join(missing)}; given were {', '.join(at) or 'none'}")
        return check_inputs({name: at[name] for name in self.points.inputs})


def fit_laws(
    points: Points,
    forms: Sequence[Form] | None = None,
    *,
    discrepancy: Discrepancy | str | None = "models",
    seed: int = 0,
) -> Laws:
    """Fit every form to the runs and weigh them.

    Args:
        points: the runs; replicates share all inputs.
        forms: the package's forms for these inputs by default.
        discrepancy: the package's table for `models` of several sizes or for learning `curves`
            (checkpoints of one run), another table, or None for none: then a form is taken to be
            true, and all runs to tell the same of it.
        seed: of the draws.

    Raises:
        ValueError: inputs that no form fits, fewer than two settings, or a form's input missing.
    """
    chosen = forms_for(points.inputs) if forms is None else tuple(forms)
    if not chosen:
        have = ", ".join(points.inputs)
        known = "; ".join(dict.fromkeys(", ".join(form.inputs) for form in FORMS.values()))
        raise ValueError(f"no form for inputs {have}; the package's forms have {known}")
    curves = discrepancy == "curves"
    growth = STEADY if curves else growth_of_noise(points)
    points = with_growth(points, growth)
    runs = points.even().settings().binned(_MOST_ALONG)
    if runs.loss.size < 2:
        raise ValueError("a law needs runs at two settings or more; all runs share one")
    table = _table(discrepancy, chosen)
    reading = reading_for(chosen, curves=curves) if table else EVERY_RUN_ALIKE
    members = draw_members(runs, chosen, seed, reading)
    held = tuple(held_back(runs, chosen, seed, reading))
    prior = log_prior(members, curves=curves, near_zero=near_zero(runs))
    weights, share = weigh(prior, held, table or learnt())
    noise = float(weights @ [np.median(m.draws.noise_sd) for m in members])
    for_fits = points.even().nearer(reading.near)
    return Laws(runs, members, prior, weights, table, share, noise, held, for_fits, growth)


def _table(discrepancy: Discrepancy | str | None, forms: Sequence[Form]) -> Discrepancy | None:
    if not isinstance(discrepancy, str):
        return discrepancy
    alone = discrepancy == "models" and len(forms[0].inputs) == 1
    return learnt("frontier" if alone else discrepancy)


def with_errors(fitted: Fit, draws: Draws) -> Fit:
    """The fit with standard errors from the laws that could be true: their robust spread about it.

    Where those lie elsewhere, as with parameters that the runs hardly tell, the way there counts.
    """
    at = np.concatenate([np.log(np.maximum(draws.shares, 1e-300)), draws.z], axis=1)
    low, middle, high = np.quantile(natural(draws.problem, at), [0.159, 0.5, 0.841], axis=0)
    found = np.array(list(fitted.parameters.values()))
    spread = np.hypot((high - low) / 2, middle - found)
    errors = dict(zip(fitted.parameters, spread.tolist(), strict=True))
    return replace(fitted, standard_errors=errors)


def data_warnings(runs: Points) -> tuple[str, ...]:
    """What is wrong with runs for any law, in sentences."""
    said = []
    for name, values in runs.inputs.items():
        distinct = np.unique(values).size
        if distinct < 4:
            said.append(f"too few scales: {distinct} distinct {name}; a law wants 5 or more")
        elif values.max() < 10 * values.min():
            said.append(f"{name} spans {values.max() / values.min():.3g}x, less than a decade")
    order = np.argsort(runs.compute)
    if np.ptp(np.log(runs.loss)) < _SAME_LOSS:
        said.append("all losses are the same: is it the right column?")
    elif runs.loss[order[-1]] >= runs.loss[order[0]]:
        said.append("the largest run's loss is not below the smallest run's: is a column swapped?")
    return tuple(said)
