"""Which form is right: its prior, its fit, and how it forecast the largest runs held back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._discrepancy import Discrepancy
from proveout.scaling._forecast import Member, Reading, draw_members, overshoot
from proveout.scaling._forms import Form
from proveout.scaling._points import Points
from proveout.scaling._posterior import normalised

_HELD_BACK = (2.2, 4.6, 10.0, 30.0)  # the largest runs by these factors of compute
_EACH_COUNTS = 0.5  # of a distance's log score: all distances share the largest runs
_FIT_COUNTS, _PENALTY_COUNTS = 0.05, 0.5  # of the log likelihood, of Schwarz's penalty
_LEAST_RUNS, _LEAST_SCALES = 4, 3  # that a form is still fitted to
_TOO_HIGH, _HIGH_ENOUGH = 2.5, 0.01  # in sds and in log loss: misses of the largest runs to name
_FELL = 4.0  # times, within the runs
_DRIFT = 1.2  # sds, a mean over distances, by which runs drift off
_LEAST_DISTANCES = 3
_WORST_SQUARE = 25.0  # a squared standardised miss counts as at most this much


class HeldBack(NamedTuple):
    """Forecasts of the largest runs by the smaller ones; all [k, m] but the last two, [m]."""

    miss: Floats  # measured minus forecast log loss
    doubt: Floats  # sd of the draws
    noise: Floats  # sd of the runs' noise
    fall: Floats
    beyond: Floats
    weight: Floats  # of each held-back run; they sum to 1


def doubt_of(held: HeldBack, table: Discrepancy, share: float = 1.0) -> Floats:
    """The sd of each miss by all that is doubted, [k, m]."""
    known = (table.doubt * held.doubt) ** 2 + held.noise**2
    doubt: Floats = np.sqrt(known + share * table.variance(held.fall, held.beyond))
    return doubt


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


def held_back(runs: Points, forms: Sequence[Form], seed: int, reading: Reading) -> list[HeldBack]:
    """How each form forecasts the largest runs from the others, at several distances."""
    return [
        hold_back(draw_members(small, forms, seed, reading), small, large)
        for small, large in splits(runs, _HELD_BACK)
    ]


def hold_back(members: Sequence[Member], small: Points, large: Points) -> HeldBack:
    """How the runs `large` came out against forecasts from `small`."""
    logs = np.stack([m.draws.log_losses(large.inputs) for m in members])
    centre = logs.mean(axis=1)
    noise = np.array([np.median(m.draws.noise_sd) for m in members])[:, None]
    edges = np.array([m.edge for m in members])[:, None]
    return HeldBack(
        np.log(large.loss) - centre,
        logs.std(axis=1),
        noise / np.sqrt(large.weight),
        abs(edges - centre),
        overshoot(small.inputs, large.inputs),
        large.weight / large.weight.sum(),
    )


def near_zero(runs: Points) -> bool:
    """Whether losses may end at zero, as rates of errors do: shares that fell by much.

    Losses of language models have a floor, and do not fall so far within the runs.
    """
    return bool(runs.loss.max() < 1 and runs.loss.min() < runs.loss.max() / _FELL)


def log_prior(
    members: Sequence[Member], *, curves: bool = False, near_zero: bool = False
) -> Floats:
    """What speaks for each form before its own largest runs are asked, [k].

    Its prior, which is another for learning curves, and where losses come near zero; half of
    Schwarz's penalty for its parameters (1978); and a small part of the log likelihood of all runs,
    whose misfits go together.
    """
    said = []
    for member in members:
        problem = member.draws.problem
        size = len(member.form.terms) + len(member.form.parameters)
        penalty = size / 2 * math.log(problem.log_loss.size)
        said.append(_FIT_COUNTS * member.draws.log_likelihood - _PENALTY_COUNTS * penalty)
    forms = [member.form for member in members]
    usual = [form.prior_near_zero if near_zero else form.prior for form in forms]
    priors = [form.prior_on_curves for form in forms] if curves else usual
    prior: Floats = np.log(priors) + np.array(said)
    return prior


def weigh(log_prior: Floats, held: Sequence[HeldBack], table: Discrepancy) -> tuple[Floats, float]:
    """The forms' weights [k], and by how much the study's own misses scale the table's variance."""
    scored = [standardise(h, table) for h in held]
    logs = log_prior + _EACH_COUNTS * sum((s.score for s in scored), np.zeros(log_prior.size))
    weights = normalised(logs)
    squares = sum(float(weights @ s.square) for s in scored)
    share = (table.own_runs + squares) / (table.own_runs + len(scored))
    return weights, share


class Scored(NamedTuple):
    """A held-back distance's scores by form, [k]."""

    score: Floats  # mean log density
    square: Floats  # mean squared standardised miss


def standardise(held: HeldBack, table: Discrepancy) -> Scored:
    """Score forecasts of held-back runs, the discrepancy included."""
    scale = doubt_of(held, table)
    z = (held.miss - table.bias * held.fall) / scale
    log = -(table.dof + 1) / 2 * np.log1p(z**2 / table.dof) - np.log(scale)
    square = np.minimum(z**2, _WORST_SQUARE)
    return Scored(log @ held.weight, square @ held.weight)


def too_high(
    runs: Points, weights: Floats, held: Sequence[HeldBack], table: Discrepancy
) -> list[str]:
    """A warning where the largest runs came out together far above the law of the smaller ones.

    Of all distances the one that is worst. Their misses are taken to go together.
    """
    worst, said = _TOO_HIGH, []
    for one in held:
        doubt = doubt_of(one, table)
        miss = float(weights @ (one.miss - table.bias * one.fall) @ one.weight)
        sds = miss / float(weights @ doubt @ one.weight)
        if miss < _HIGH_ENOUGH or sds < worst:
            continue
        worst, count = sds, one.weight.size
        least = np.sort(runs.compute)[-count]
        which = "run" if count == 1 else f"{count} scales"
        said = [
            f"the largest {which} (compute {least:.3g} and up) came out {math.expm1(miss):.1%}"
            " above the law of the smaller ones: was training cut short, or does the law bend?"
        ]
    return said


def drifting(weights: Floats, held: Sequence[HeldBack], table: Discrepancy) -> list[str]:
    """A warning where the largest runs came out above the law of the smaller ones at all distances,
    and by more the farther, though none of it is clear by itself.

    A run that is cut short or a law that bends shows at once (`too_high`); a setting that suits
    small runs only, as a learning rate, makes each larger run a little worse than the one before.
    """
    if len(held) < _LEAST_DISTANCES:
        return []
    miss = np.array([float(weights @ (h.miss - table.bias * h.fall) @ h.weight) for h in held])
    doubt = np.array([float(weights @ doubt_of(h, table) @ h.weight) for h in held])
    if miss.min() <= 0 or miss[-1] < miss.max() or float((miss / doubt).mean()) < _DRIFT:
        return []
    return [
        "the larger runs are, the further above the law of the smaller ones they came out (the "
        f"largest by {math.expm1(miss[-1]):.1%}), which forecasts take for a floor: was the "
        "learning rate tuned at small ones, or does the law bend? If it was, well-tuned runs will "
        "come out below their interval; tune it at the largest"
    ]
