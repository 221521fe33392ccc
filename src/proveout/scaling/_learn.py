"""Learning the discrepancy: many suites' largest runs, forecast from their smaller ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats
from proveout.scaling._discrepancy import Discrepancy
from proveout.scaling._forecast import draw_members, reading_for
from proveout.scaling._forms import forms_for
from proveout.scaling._points import Points
from proveout.scaling._weights import (
    HeldBack,
    doubt_of,
    held_back,
    hold_back,
    log_prior,
    splits,
    weigh,
)

_FACTORS = (2.2, 4.6, 10.0, 22.0, 46.0, 100.0, 220.0, 460.0)
_TARGETS = 10  # runs of a split that are scored, spread over compute
_START = (math.log(0.1), math.log(0.004), 0.0, math.log(3.0), math.log(4.0), 0.0)
_START_SD = 2.0  # in those units: a weak prior that keeps the search in place
_STEPS = (0.5, 0.5, 0.05, 0.5, 0.5, -0.5)  # of the first simplex


class Lesson(NamedTuple):
    """One split of one suite, with all that its forecast is made of.

    Attributes:
        source: lessons of one source are left out together.
        weight: what it counts for; splits of one source overlap, so n of them count as sqrt(n).
        outer: the forecasts that are scored.
        inner: the smaller runs' own held-back forecasts, from which forms are weighed.
        prior: [k], what speaks for each form beforehand, in logs.
    """

    source: str
    weight: float
    outer: HeldBack
    inner: tuple[HeldBack, ...]
    prior: Floats


def lessons_of(
    source: str, suites: Sequence[Points], *, curves: bool = False, seed: int = 0
) -> list[Lesson]:
    """Every split of every suite of one source; `curves` where they are learning curves."""
    found = []
    for points in suites:
        forms = forms_for(points.inputs)
        reading = reading_for(forms, curves=curves)
        for small, large in splits(points.settings(), _FACTORS):
            members = draw_members(small, forms, seed, reading)
            outer = hold_back(members, small, _some(large))
            inner = tuple(held_back(small, forms, seed, reading))
            found.append(Lesson(source, 1.0, outer, inner, log_prior(members, curves=curves)))
    return [lesson._replace(weight=1 / math.sqrt(len(found))) for lesson in found]


def _some(large: Points) -> Points:
    order = np.argsort(large.compute, kind="stable")
    keep = np.zeros(order.size, dtype=np.bool_)
    keep[order[np.unique(np.linspace(0, order.size - 1, _TARGETS).astype(int))]] = True
    return large.where(keep)


def learn_discrepancy(
    lessons: Sequence[Lesson], *, bias_sd: float = 0.01, doubt_sd: float = 0.0
) -> Discrepancy:
    """The table under which the lessons' largest runs were likeliest.

    Args:
        lessons: of many sources, or the bias is one source's.
        bias_sd: what is believed of the bias beforehand. Few sources are independent, and an
            average of forms should have none: its sign must be clear to count.
        doubt_sd: how far from 0 the log of `doubt` is believed to lie; 0 leaves `doubt` at 1.
            Public suites are mostly quiet, and alone would have it that what noise leaves open
            hardly counts; on noisy runs it does.

    Raises:
        ValueError: no lessons.
    """
    from scipy.optimize import minimize  # not at import: it takes a while

    if not lessons:
        raise ValueError("nothing to learn from: give the splits of at least one suite")
    total = sum(lesson.weight for lesson in lessons)

    def cost(at: Floats) -> float:
        table = _table(at, doubt_sd > 0)
        score = sum(lesson.weight * log_score(lesson, table) for lesson in lessons) / total
        prior = 0.5 * (float(at[2]) / bias_sd) ** 2 / total
        prior += 0.5 * (float(at[5]) / (doubt_sd or 1.0)) ** 2 / total
        return float(((at - _START) ** 2).sum()) * 0.01 / _START_SD**2 + prior - score

    found = minimize(
        cost,
        np.array(_START),
        method="Nelder-Mead",
        options={
            "maxfev": 500,
            "xatol": 0.01,
            "fatol": 1e-5,
            "initial_simplex": np.array(_START) + np.vstack([np.zeros(6), np.diag(_STEPS)]),
        },
    )
    return _table(np.asarray(found.x), doubt_sd > 0)


def _table(at: Floats, doubted: bool) -> Discrepancy:
    per_fall, per_decade, dof, own, doubt = np.exp(at[[0, 1, 3, 4, 5]]).tolist()
    return Discrepancy(float(at[2]), per_fall, per_decade, 1 + dof, own, doubt if doubted else 1.0)


def log_score(lesson: Lesson, table: Discrepancy) -> float:
    """The mean log density of the lesson's largest runs."""
    weights, share = weigh(lesson.prior, lesson.inner, table)
    held = lesson.outer
    scale = doubt_of(held, table, share)
    z = (held.miss - math.sqrt(share) * table.bias * held.fall) / scale
    half = (table.dof + 1) / 2
    constant = math.lgamma(half) - math.lgamma(table.dof / 2) - math.log(table.dof * math.pi) / 2
    density = np.exp(constant - half * np.log1p(z**2 / table.dof)) / scale
    return float(np.log(weights @ density) @ held.weight)
