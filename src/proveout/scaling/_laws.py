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
from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats, Numbers
from proveout.scaling._discrepancy import Discrepancy, learnt
from proveout.scaling._fit import Fit, deciding_run, fit
from proveout.scaling._forms import FORMS, Form, forms_for
from proveout.scaling._points import Points, check_inputs, compute_of
from proveout.scaling._posterior import Draws, draw_laws
from proveout.scaling._predictive import Interval, Predictive
from proveout.scaling._projection import Problem

_HELD_BACK = (2.2, 4.6, 10.0, 30.0)  # the largest runs by these factors of compute
_EACH_COUNTS = 0.5  # of a distance's log score: all distances share the largest runs
_FIT_COUNTS = 0.1  # of the log likelihood of all runs
_LEAST_RUNS, _LEAST_SCALES = 4, 3  # that a form is still fitted to
_COMPONENTS = 40  # quantiles of a form's draws that stand for them
_WORST_SCORE = 25.0  # a held-back scale counts as at most this many nats, and a z^2 as much


@dataclass(frozen=True)
class Prediction:
    """A loss that has not been measured: a distribution on the log scale, told in losses."""

    log_loss: Predictive

    @property
    def mean(self) -> float:
        """The middle of the distribution: the geometric mean and, but for skew, the median."""
        return math.exp(self.log_loss.mean)

    def quantiles(self, ps: Numbers) -> Floats:
        """The losses with probabilities `ps` [n] below them, [n]."""
        losses: Floats = np.exp(self.log_loss.quantiles(ps))
        return losses

    def interval(self, probability: float = 0.8) -> Interval:
        """The central interval that holds the loss with this probability."""
        low, high = self.log_loss.interval(probability)
        return Interval(math.exp(low), math.exp(high))

    def probability_below(self, loss: float) -> float:
        """The probability of a loss below this one."""
        return self.log_loss.probability_below(math.log(loss))


class Member(NamedTuple):
    """One form of an average."""

    form: Form
    draws: Draws
    edge: float  # mean log loss by its laws at the largest run


class HeldBack(NamedTuple):
    """Forecasts of the largest runs by the smaller ones; all [k, m] but the last two, [m]."""

    miss: Floats  # measured minus forecast log loss
    sd: Floats  # by the draws and the noise
    fall: Floats
    beyond: Floats
    weight: Floats  # of each held-back run; they sum to 1


def splits(runs: Points, factors: Sequence[float]) -> list[tuple[Points, Points]]:
    """Runs parted into the smaller and the largest, at each factor below the largest compute.

    Only where enough of the smaller are left, and no parting twice.
    """
    compute = runs.compute
    found, sizes = [], set()
    for factor in factors:
        kept = compute <= compute.max() / factor * (1 + 1e-9)
        scales = np.unique(compute[kept]).size
        if kept.sum() < _LEAST_RUNS or scales < _LEAST_SCALES or kept.sum() in sizes:
            continue
        sizes.add(int(kept.sum()))
        found.append((runs.where(kept), runs.where(~kept)))
    return found


def held_back(runs: Points, forms: Sequence[Form], seed: int) -> list[HeldBack]:
    """How each form forecasts the largest runs from the others, at several distances."""
    parted = splits(runs, _HELD_BACK)
    return [hold_back(draw_members(s, forms, seed), s, large) for s, large in parted]


@dataclass(frozen=True, eq=False)
class Laws:
    """Laws of several forms, weighted; made by `fit_laws`.

    Attributes:
        points: the runs, replicates brought together.
        members: the forms and their draws.
        weights: [k] of the members, summing to 1.
        fits: the best law of each form, [k].
        discrepancy: what was learnt of misses; None where it is left out.
        share: by how much this study's own misses scale the discrepancy's variance.
        noise_sd: relative, of one run about its law.
        warnings: what is wrong with the runs, in sentences.
        held_back: how the forms forecast the largest runs from the others.
    """

    points: Points
    members: tuple[Member, ...]
    weights: Floats
    fits: tuple[Fit, ...]
    discrepancy: Discrepancy | None
    share: float
    noise_sd: float
    warnings: tuple[str, ...]
    held_back: tuple[HeldBack, ...]

    def with_discrepancy(self, table: Discrepancy | None) -> Laws:
        """The same laws, weighed and widened by another table; None for parameter doubt alone."""
        weights, share = weigh(log_prior(self.members), self.held_back, table or learnt())
        return replace(self, weights=weights, share=share, discrepancy=table)

    @property
    def best(self) -> Fit:
        """The best law of the likeliest form."""
        return self.fits[int(self.weights.argmax())]

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
        extra = self.noise_sd if noise else 0.0
        return tuple(
            Prediction(_mix(self.weights, [f.at(i) for f in forecasts]).with_noise(extra))
            for i in range(beyond.size)
        )

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


class Forecast(NamedTuple):
    """One form's forecast of log losses at m settings."""

    log_losses: Floats  # [draws, m]
    bias: Floats  # [m], to be added
    miss: Floats  # [m], scale of the discrepancy
    dof: float

    def at(self, i: int) -> Predictive:
        """The distribution at one setting: quantiles of the draws, each as wide as the miss."""
        logs = np.sort(self.log_losses[:, i])
        cut = (np.arange(_COMPONENTS) + 0.5) / _COMPONENTS
        centres = np.interp(cut * logs.size - 0.5, np.arange(logs.size), logs) + self.bias[i]
        scale = max(self.miss[i], 0.15 * float(logs.std()), 1e-9)
        every = np.ones(_COMPONENTS)
        dof = self.dof if self.miss[i] > 0 else math.inf
        return Predictive.mixture(centres, scale * every, dof * every, every)


def forecast(
    member: Member,
    inputs: Mapping[str, Floats],
    beyond: Floats,
    discrepancy: Discrepancy | None,
    share: float,
) -> Forecast:
    """One form's forecast at `inputs`, `beyond` [m] decades past the runs."""
    logs = member.draws.log_losses(inputs)
    nothing = np.zeros(beyond.size)
    if discrepancy is None:
        return Forecast(logs, nothing, nothing, math.inf)
    fall = abs(member.edge - logs.mean(axis=0)) * (beyond > 0)
    miss = np.sqrt(share * discrepancy.variance(fall, beyond))
    return Forecast(logs, math.sqrt(share) * discrepancy.bias * fall, miss, discrepancy.dof)


def _mix(weights: Floats, parts: Sequence[Predictive]) -> Predictive:
    return Predictive(
        np.concatenate([p.centres for p in parts]),
        np.concatenate([p.scales for p in parts]),
        np.concatenate([p.dofs for p in parts]),
        np.concatenate([w * p.weights for w, p in zip(weights, parts, strict=True)]),
    )


def overshoot(runs: Mapping[str, Floats], inputs: Mapping[str, Floats]) -> Floats:
    """How many decades settings lie past the runs, [m]: in compute, or in its factors if more."""
    compute = np.log10(compute_of(inputs) / compute_of(runs).max())
    axes = [np.log10(inputs[name] / runs[name].max()) for name in runs]
    factors = np.sum([np.maximum(axis, 0.0) for axis in axes], axis=0)
    decades: Floats = np.maximum(np.maximum(compute, factors), 0.0)
    return decades


def fit_laws(
    points: Points,
    forms: Sequence[Form] | None = None,
    *,
    discrepancy: Discrepancy | str | None = "learnt",
    seed: int = 0,
) -> Laws:
    """Fit every form to the runs and weigh them.

    Args:
        points: the runs; replicates share all inputs.
        forms: the package's forms for these inputs by default.
        discrepancy: another table than the package's, or None for none.
        seed: of the draws.

    Raises:
        ValueError: inputs that no form fits, fewer than two settings, or a form's input missing.
    """
    table = learnt() if isinstance(discrepancy, str) else discrepancy
    chosen = forms_for(points.inputs) if forms is None else tuple(forms)
    if not chosen:
        have, known = (
            ", ".join(points.inputs),
            "; ".join(", ".join(f.inputs) for f in FORMS.values()),
        )
        raise ValueError(f"no form for inputs {have}; the package's forms have {known}")
    runs = points.settings()
    if runs.loss.size < 2:
        raise ValueError("a law needs runs at two settings or more; all runs share one")
    members = draw_members(runs, chosen, seed)
    held = tuple(held_back(runs, chosen, seed))
    weights, share = weigh(log_prior(members), held, table or learnt())
    fits = tuple(fit(points, form) for form in chosen)
    noise = float(weights @ [np.median(m.draws.noise_sd) for m in members])
    best = fits[int(weights.argmax())]
    alone = deciding_run(best)
    said = (*data_warnings(runs), *best.warnings, *([alone] if alone else []))
    return Laws(runs, members, weights, fits, table, share, noise, said, held)


def draw_members(runs: Points, forms: Sequence[Form], seed: int) -> tuple[Member, ...]:
    top = int(runs.compute.argmax())
    largest = {name: values[top : top + 1] for name, values in runs.inputs.items()}
    members = []
    for form in forms:
        draws = draw_laws(Problem.of(form, runs), seed=seed)
        members.append(Member(form, draws, float(draws.log_losses(largest).mean())))
    return tuple(members)


def hold_back(members: Sequence[Member], small: Points, large: Points) -> HeldBack:
    """How the runs `large` came out against forecasts from `small`."""
    logs = np.stack([m.draws.log_losses(large.inputs) for m in members])
    centre = logs.mean(axis=1)
    noise = np.array([np.median(m.draws.noise_sd) for m in members])[:, None]
    edges = np.array([m.edge for m in members])[:, None]
    return HeldBack(
        np.log(large.loss) - centre,
        np.sqrt(logs.var(axis=1) + noise**2 / large.weight),
        abs(edges - centre),
        overshoot(small.inputs, large.inputs),
        large.weight / large.weight.sum(),
    )


def log_prior(members: Sequence[Member]) -> Floats:
    """What speaks for each form before its own largest runs are asked, [k].

    That is its prior, and a tenth of what all runs say of it: misfits of runs go together.
    """
    said = np.array([member.draws.support for member in members])
    prior: Floats = np.log([m.form.prior for m in members]) + _FIT_COUNTS * (said - said.max())
    return prior


def weigh(log_prior: Floats, held: Sequence[HeldBack], table: Discrepancy) -> tuple[Floats, float]:
    """The forms' weights [k], and by how much the study's own misses scale the table's variance."""
    from scipy import special  # not at import: it takes a while

    scored = [standardise(h, table) for h in held]
    logs = log_prior + _EACH_COUNTS * sum((s.score for s in scored), np.zeros(log_prior.size))
    weights = np.exp(logs - special.logsumexp(logs))
    squares = sum(float(weights @ s.square) for s in scored)
    share = (table.own_runs + squares) / (table.own_runs + len(scored))
    return weights, share


class Scored(NamedTuple):
    """A held-back distance's scores by form, [k]."""

    score: Floats  # mean log density
    square: Floats  # mean squared standardised miss


def standardise(held: HeldBack, table: Discrepancy) -> Scored:
    """Score forecasts of held-back runs, the discrepancy included."""
    scale = np.sqrt(held.sd**2 + table.variance(held.fall, held.beyond))
    z = (held.miss - table.bias * held.fall) / scale
    log = -(table.dof + 1) / 2 * np.log1p(z**2 / table.dof) - np.log(scale)
    square = np.minimum(z**2, _WORST_SCORE)
    return Scored(log @ held.weight, square @ held.weight)


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
    if runs.loss[order[-1]] >= runs.loss[order[0]]:
        said.append("the largest run's loss is not below the smallest run's: is a column swapped?")
    return tuple(said)
