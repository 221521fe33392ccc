"""What `proveout fit` shows a person: text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from proveout.cli._fit_law import Found, HeldOut
from proveout.points import scale_label
from proveout.units import compact, scale_number

if TYPE_CHECKING:
    from rich.console import Console

    from proveout.scaling import Fit, Prediction

_SYMBOLS = {"compute": "C compute", "params": "N params", "tokens": "D tokens",
            "unique_tokens": "U unique tokens"}  # fmt: skip
_WORST = 5


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
        f"{found.label(name)} {scale_number(place[name], name)}"
        for name in found.inputs
        if name != "unique_tokens"
    )
    return (f"{found.runs.columns['loss']} at {at}: {prediction.mean:.{digits}f}, with 80% "
            f"probability {_interval(prediction, 0.8, digits)}")  # fmt: skip


def _runs_line(found: Found) -> str:
    runs = found.runs
    compute = found.runs.compute
    derived = "" if "compute" in runs.scales else ", 6 × params × tokens"
    scale = found.label("compute")
    columns = " and ".join(scale_label(runs.columns.get(name, name)) for name in found.inputs)
    rows = f"{len(runs.loss)} runs"
    if runs.run is not None and len(set(runs.run)) < len(runs.loss):
        rows = f"{len(runs.loss)} checkpoints of {len(set(runs.run))} runs"
    return (f"{runs.path}: {rows}; {runs.columns['loss']} against {columns}; {scale} "
            f"{compact(min(compute))} to {compact(max(compute))}{derived}")  # fmt: skip


def _symbol(found: Found, name: str) -> str:
    if name == "compute" and found.runs.stands_in:
        return f"C {found.label(name)}"
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
        table.add_row(Text(each.form.name), shown, Text(parameters_of(each)))
    return table


def parameters_of(fit: Fit, separator: str = "  ") -> str:
    """All of them with their standard errors, in a line."""
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
        found.label(name): [compact(place[name]) for place in found.places] for name in found.inputs
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
