"""The picture of a law that `proveout fit` found: what is drawn, as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from proveout.cli._fit_law import Found, predict
from proveout.cli._fit_options import Place, scale_of
from proveout.cli._fit_show import parameters_of
from proveout.report import LawLine, LawPicture, RunPoint, TargetPoint
from proveout.units import compact

if TYPE_CHECKING:
    from proveout.scaling import Prediction

_LINE_POINTS = 40
_MOST_LINES = 3  # through forecasts
_SAME_RATIO = 1.25  # lines of laws closer than this in tokens a parameter are drawn once
_NORMAL80 = 1.2816  # half the central 80% of a normal, in sds


def picture_of(found: Found) -> LawPicture:
    """The law as a figure shows it: along compute, at the tokens a parameter of the forecasts."""
    best = found.laws.best
    runs = found.runs
    fitted = _fitted(found)
    laws = predict(found.laws, fitted)
    residuals = [math.log(m / law.mean) for m, law in zip(runs.loss, laws, strict=True)]
    ratios = [_ratio(each) for each in fitted]
    compute_name = found.label("compute") if runs.stands_in else "compute (FLOPs)"
    if "compute" not in runs.scales:
        compute_name = "compute, 6 × params × tokens (FLOPs)"
    return LawPicture(
        title=f"{best.form.formula}\n{parameters_of(best, ', ')}",
        compute_name=compute_name,
        loss_name=runs.columns["loss"],
        runs=[
            RunPoint(*each) for each in zip(runs.compute, runs.loss, residuals, ratios, strict=True)
        ],
        lines=_lines(found),
        targets=[
            TargetPoint(_compute(place), p.mean, p.interval(0.8), p.interval(0.5))
            for place, p in zip(found.places, found.predictions, strict=True)
        ],
        noise80=_NORMAL80 * found.laws.noise_sd,
    )


def _fitted(found: Found) -> list[Place]:
    """Where each run is."""
    columns = [scale_of(found.runs, name) for name in found.inputs]
    rows = zip(*columns, strict=True)
    return [dict(zip(found.inputs, row, strict=True)) for row in rows]


def _ratio(place: Place) -> float | None:
    """Tokens a parameter."""
    return place["tokens"] / place["params"] if "tokens" in place else None


def _compute(place: Place) -> float:
    from proveout.points import FLOPS_PER_PARAM_TOKEN

    if "compute" in place:
        return place["compute"]
    return FLOPS_PER_PARAM_TOKEN * place["params"] * place["tokens"]


def _lines(found: Found) -> list[LawLine]:
    """The law through each forecast that has other tokens a parameter; the first with its doubt."""
    through: list[Place] = []
    for place in found.places:
        ratio = _ratio(place)
        if all(_apart(ratio, _ratio(each)) for each in through):
            through.append(place)
    through = through[:_MOST_LINES]
    named = [""] * len(through)
    if (middle := _middle(found)) and all(_apart(_ratio(middle), _ratio(t)) for t in through):
        through.append(middle)
        named.append(" (median)")
    ends = found.runs.compute + [_compute(place) for place in found.places]
    low, high = min(ends), max(ends)
    steps = range(_LINE_POINTS + 1)
    compute = [low * (high / low) ** (step / _LINE_POINTS) for step in steps]
    return [
        _line(found, place, compute, name, band=number == 0)
        for number, (place, name) in enumerate(zip(through, named, strict=True))
    ]


def _apart(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return False
    return max(one, other) > _SAME_RATIO * min(one, other)


def _middle(found: Found) -> Place | None:
    """The run with the median of tokens a parameter."""
    if "tokens" not in found.inputs:
        return None
    places = sorted(_fitted(found), key=lambda place: place["tokens"] / place["params"])
    return places[len(places) // 2]


def _line(found: Found, through: Place, compute: Sequence[float], name: str, band: bool) -> LawLine:
    places = [_along(through, each) for each in compute]
    predictions = predict(found.laws, places)
    return LawLine(
        name=f"{_course(through)}{name}",
        compute=compute,
        mean=[each.mean for each in predictions],
        band80=_band(predictions, 0.8) if band else None,
        band50=_band(predictions, 0.5) if band else None,
    )


def _course(place: Place) -> str:
    """What stays as it is along a line: `at 20 tokens/param, 4 epochs`."""
    ratio = _ratio(place)
    if ratio is None:
        return "mean of the laws"
    epochs = max(place["tokens"] / place.get("unique_tokens", math.inf), 1.0)
    repeated = f", {epochs:.3g} epochs" if epochs > 1 else ""
    return f"at {compact(float(f'{ratio:.3g}'))} tokens/param{repeated}"


def _along(place: Place, compute: float) -> dict[str, float]:
    """A place moved to another compute, params and tokens growing alike."""
    times = compute / _compute(place)
    return {name: value * (times if name == "compute" else math.sqrt(times))
            for name, value in place.items()}  # fmt: skip


def _band(predictions: Sequence[Prediction], probability: float) -> tuple[list[float], list[float]]:
    low, high = zip(*(each.interval(probability) for each in predictions), strict=True)
    return list(low), list(high)
