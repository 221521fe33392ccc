"""The baseline's loss over compute: its laws, their picture, and gaps told as compute."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from proveout.ideas import BASELINE
from proveout.ledger import BaselineLaw, History
from proveout.scaling import (
    ComputeMultiplier,
    Fit,
    GapsAt,
    Laws,
    Points,
    Prediction,
    fit_laws,
    multipliers,
)
from proveout.study import Study

_DRAWS = 2000  # the interval's ends then differ from seed to seed by a few hundredths of its width
_FARTHEST = 1e4  # past this factor no law fitted to a ladder says more than "very many"
_STEPS = 80  # from 1 / _FARTHEST to _FARTHEST: ten a decade
_FLAT = "the baseline's loss does not fall over the scales measured; measure it at more"
_LEAST_SCALES = 3  # that tell a floor from none
_NO_SLOPE = 1e-9  # rounding
_WIDEST = 1e4  # times the least loss: a program that solves its task follows no power law
_NO_FLOOR = 1e-6  # of the loss: a floor below this is none


def baseline_laws(study: Study, history: History, up_to: int | None = None) -> Laws | None:
    """The baseline's loss over compute, from rungs up to a height; None below two scales, and where
    some loss is not above zero or next to nothing beside another, so that no law holds."""
    points = tuple(
        (study.rung(rung).compute.amount, loss)
        for rung in range((len(study.rungs) if up_to is None else up_to) + 1)
        for _, loss in sorted(history.losses(BASELINE, rung).items())
    )
    scales = {compute for compute, _ in points}
    losses = [loss for _, loss in points]
    if len(scales) < 2 or min(losses) <= 0 or max(losses) > _WIDEST * min(losses):
        return None
    return _fit(points)


@lru_cache(maxsize=8)
def _fit(points: tuple[tuple[float, float], ...]) -> Laws:
    """A fit takes a tenth of a second and more, and most events leave the baseline as it was."""
    compute, losses = zip(*points, strict=True)
    return fit_laws(Points.of({"compute": compute}, losses))


def predict_baseline(laws: Laws, compute: float, runs: int) -> Prediction:
    """The mean loss of this many runs at a compute, with their noise."""
    (law,) = laws.predict({"compute": [compute]}, noise=False)
    (noise,) = laws.noise_at({"compute": [compute]})
    return Prediction(law.log_loss.with_noise(float(noise) / math.sqrt(runs)))


def multipliers_of(
    laws: Laws, compute: float, gaps: GapsAt, ideas: npt.NDArray[np.intp]
) -> tuple[ComputeMultiplier, ...]:
    """The compute multiplier of some ideas' gaps at a compute, over the same drawn laws."""
    if not _falls(laws):
        return (ComputeMultiplier(None, None, None, _FLAT),) * ideas.size
    at = math.log10(compute)
    grid = compute * np.geomspace(1 / _FARTHEST, _FARTHEST, _STEPS + 1)
    drawn = laws.draws({"compute": grid}, count=_DRAWS)
    chosen = gaps.some(ideas).draws(_DRAWS, seed=0)
    return multipliers(grid, drawn, [at] * ideas.size, chosen)


def draw_baseline(laws: Laws, computes: Sequence[float]) -> BaselineLaw:
    """What the laws say between the first rung and the target, for a picture."""
    points = []
    for compute, loss in zip(
        computes, laws.predict({"compute": computes}, noise=False), strict=True
    ):
        low, high = loss.interval(0.8)
        points.append((compute, loss.mean, low, high))
    return BaselineLaw(tuple(points), _formula(laws))


def _falls(laws: Laws) -> bool:
    """Whether losses go down with compute: the median slope of all pairs of scales in log-log."""
    runs = laws.points.settings()
    one, other = np.triu_indices(runs.loss.size, k=1)
    x, y = np.log(runs.compute), np.log(runs.loss)
    slope = float(np.median((y[other] - y[one]) / (x[other] - x[one])))
    return slope < -_NO_SLOPE


def _formula(laws: Laws) -> str:
    """The likeliest law that as many scales determine, in numbers."""
    scales = np.unique(laws.points.compute).size
    if not _falls(laws):
        return "no fall of the loss yet"
    if scales < _LEAST_SCALES:
        likeliest = laws.members[int(laws.weights.argmax())]
        return f"{likeliest.form.formula} (too few scales)"
    forms = [member.form for member in laws.members]
    fixed = [k for k, form in enumerate(forms) if len(form.terms) + len(form.parameters) <= scales]
    return _in_numbers(laws.fit_of(max(fixed, key=lambda k: laws.weights[k])))


def _in_numbers(fit: Fit) -> str:
    formula, *_ = fit.form.formula.split(",")
    floor = fit.form.floor
    if floor is not None and fit.parameters[floor] < _NO_FLOOR * fit.problem.level:
        formula = formula.replace(f"{floor} + ", "")
    names = "|".join(fit.parameters)
    return re.sub(rf"\b({names})\b", lambda name: f"{fit.parameters[name[0]]:.3g}", formula)
