"""What `proveout fit` shows a person: text for a terminal, and the picture of the law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from proveout.cli._fit_law import Found, HeldOut, predict
from proveout.cli._fit_options import Place, scale_of
from proveout.report import LawLine, LawPicture, RunPoint, TargetPoint
from proveout.units import compact, scale_number

if TYPE_CHECKING:
    from rich.console import Console

    from proveout.scaling import Fit, Prediction

_SYMBOLS = {"compute": "C compute", "params": "N params", "tokens": "D tokens",
            "unique_tokens": "U unique tokens"}  # fmt: skip
_WORST = 5
_LINE_POINTS = 40
_MOST_LINES = 3  # through forecasts
_SAME_RATIO = 1.25  # lines of laws closer than this in tokens a parameter are drawn once
_NORMAL80 = 1.2816  # half the central 80% of a normal, in sds


def print_found(found: Found, console: Console) -> None:
    """Prints runs, laws, forecasts, the check and warnings."""
    best = found.laws.best
    _say(console, _answer(found), "bold")
    _say(console, "")
    _say(console, _runs_line(found))
    if found.runs.ignored:
        _say(console, f"columns left out: {', '.join(found.runs.ignored)}", "dim")
    _say(console, "")
    symbols = ", ".join(_symbol(found, name) for name in best.form.inputs)
    _say(console, f"{best.form.formula}  ({best.form.name}; {symbols})", "bold")
    console.print(_forms_table(found))
    _say(console, "")
    _say(console, _forecast_line(found))
    console.print(_forecast_table(found, console.width))
    if found.held_out:
        _say(console, "")
        _say(console, _check_line(found.held_out))
        console.print(_check_table(found.held_out))
    for warning in _warnings(found):
        _say(console, f"! {warning}", "yellow")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=not console.is_terminal)


def _answer(found: Found) -> str:
    """The first forecast in a sentence."""
    place, prediction = found.places[0], found.predictions[0]
    digits = _digits([prediction.interval(0.8)])
    at = ", ".join(
        f"{found.runs.columns[name] if found.runs.stands_in else name} "
        f"{scale_number(place[name], name)}"
        for name in found.inputs
        if name != "unique_tokens"
    )
    return (f"{found.runs.columns['loss']} at {at}: {prediction.mean:.{digits}f}, with 80% "
            f"probability {_interval(prediction, 0.8, digits)}")  # fmt: skip


def _runs_line(found: Found) -> str:
    runs = found.runs
    compute = found.runs.compute
    derived = "" if "compute" in runs.scales else ", 6 × params × tokens"
    scale = runs.columns["compute"] if runs.stands_in else "compute"
    rows = f"{len(runs.loss)} runs"
    if runs.run is not None and len(set(runs.run)) < len(runs.loss):
        rows = f"{len(runs.loss)} checkpoints of {len(set(runs.run))} runs"
    return (f"{runs.path}: {rows}; {runs.columns['loss']} against "
            f"{' and '.join(runs.columns.get(name, name) for name in found.inputs)}; {scale} "
            f"{compact(min(compute))} to {compact(max(compute))}{derived}")  # fmt: skip


def _symbol(found: Found, name: str) -> str:
    if name == "compute" and found.runs.stands_in:
        return f"C {found.runs.columns[name]}"
    return _SYMBOLS.get(name, name)


def _table(*titles: str, left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, title in enumerate(titles):
        table.add_column(Text(title), justify="left" if number < left else "right", no_wrap=True)
    return table


def _forms_table(found: Found) -> Table:
    table = _table("form", "weight")
    table.add_column(Text("parameters ± standard errors"), overflow="fold")
    for each, weight in found.weighted():
        shown = "<1%" if weight < 0.005 else f"{100 * weight:.0f}%"
        table.add_row(Text(each.form.name), shown, Text(_parameters(each)))
    return table


def _parameters(fit: Fit, separator: str = "  ") -> str:
    return separator.join(
        f"{name} {plus_minus(value, fit.standard_errors.get(name))}"
        for name, value in fit.parameters.items()
    )


def plus_minus(value: float, error: float | None) -> str:
    """A number with its standard error to two digits: `1.690 ± 0.031`, `(4.1 ± 0.2)e7`.

    Where it is lost in its error, both are given whole: `1.9e10 ± 5.8e17`.
    """
    if error is None or not math.isfinite(error) or error <= 0:
        return f"{compact(value)} ± ?" if error is None else compact(value)
    if 0 < abs(value) < 0.01 * error:
        return f"{value:.2g} ± {error:.2g}".replace("e+", "e")
    if not 1e-3 <= max(abs(value), error) < 1e5 or error >= 100:
        power = math.floor(math.log10(max(abs(value), error)))
        return f"({_pair(value / 10.0**power, error / 10.0**power)})e{power}"
    return _pair(value, error)


def _pair(value: float, error: float) -> str:
    digits = min(max(1 - math.floor(math.log10(error)), 0), 6)
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _forecast_line(found: Found) -> str:
    whose = f"forecasts, from all {len(found.runs.loss)} runs"
    return whose if found.asked else f"{whose}, at 10 and 100 times the largest compute"


def _forecast_table(found: Found, width: int) -> Table:
    """A line for each place; columns are left out from the right where `width` cannot hold them."""
    digits = _digits([each.interval(0.8) for each in found.predictions])
    columns = {
        found.runs.columns[name] if found.runs.stands_in else name: [
            compact(place[name]) for place in found.places
        ]
        for name in found.inputs
    }
    columns[found.runs.columns["loss"]] = [f"{p.mean:.{digits}f}" for p in found.predictions]
    columns["80% interval"] = [_interval(each, 0.8, digits) for each in found.predictions]
    if found.fit_only is not found.predictions:
        columns["80% of the fit alone"] = [_interval(each, 0.8, digits) for each in found.fit_only]
    for share in (0.95, 0.5):
        columns[f"{share:.0%}"] = [_interval(each, share, digits) for each in found.predictions]
    while sum(2 + max(map(len, (name, *cells))) for name, cells in columns.items()) > width + 2:
        columns.popitem()
        if len(columns) == len(found.inputs) + 2:
            break
    table = _table(*columns, left=0)
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*map(Text, cells))
    return table


def _digits(intervals: Sequence[tuple[float, float]]) -> int:
    """Decimals that show two digits of the narrowest interval's half width."""
    halves = [(high - low) / 2 for low, high in intervals if math.isfinite(high - low)]
    narrowest = min((half for half in halves if half > 0), default=1e-3)
    return min(max(1 - math.floor(math.log10(narrowest)), 2), 12)


def _interval(prediction: Prediction, probability: float, digits: int) -> str:
    low, high = prediction.interval(probability)
    return f"{low:.{digits}f} to {high:.{digits}f}"


def _check_line(check: HeldOut) -> str:
    told = check.document()
    inside = sum(run.inside for run in check.runs)
    mean = told["mean_error_log"]
    side = "lower" if mean < 0 else "higher"
    return (
        f"check, from the {check.fitted} runs up to {compact(check.above)} alone ({check.form}): "
        f"{inside} of the {len(check.runs)} runs above fell inside their 80% interval; they missed "
        f"by {100 * told['rmse_log']:.2g}% (root mean square), measured {abs(100 * mean):.2g}% "
        f"{side} than forecast on average"
    )


def _check_table(check: HeldOut) -> Table:
    worst = sorted(check.runs, key=lambda run: -abs(run.miss))[:_WORST]
    first = "line" if len(worst) == len(check.runs) else f"line (worst {len(worst)})"
    table = _table(first, "compute", "measured", "forecast", "80% interval", "miss", left=0)
    digits = _digits([run.interval80 for run in worst])
    for run in worst:
        low, high = run.interval80
        table.add_row(
            str(run.line), compact(run.compute), f"{run.measured:.{digits}f}",
            f"{run.mean:.{digits}f}", f"{low:.{digits}f} to {high:.{digits}f}",
            f"{100 * run.miss:+.2g}%{'' if run.inside else ' outside'}",
        )  # fmt: skip
    return table


def _warnings(found: Found) -> list[str]:
    told = list(found.warnings)
    for each, weight in found.weighted():
        if weight >= 0.05:
            told += [f"{each.form.name}: {said}" for said in each.warnings if said not in told]
    return list(dict.fromkeys(told))


def picture_of(found: Found) -> LawPicture:
    """The law as a figure shows it: along compute, at the tokens a parameter of the forecasts."""
    best = found.laws.best
    runs = found.runs
    fitted = _fitted(found)
    laws = predict(found.laws, fitted)
    residuals = [math.log(m / law.mean) for m, law in zip(runs.loss, laws, strict=True)]
    ratios = [_ratio(each) for each in fitted]
    compute_name = runs.columns["compute"] if runs.stands_in else "compute (FLOPs)"
    if "compute" not in runs.scales:
        compute_name = "compute, 6 × params × tokens (FLOPs)"
    return LawPicture(
        title=f"{best.form.formula}\n{_parameters(best, ', ')}",
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
