"""What `proveout fit` works out: laws, forecasts, and the check on runs that were held out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from proveout.cli._fit_options import Place, beyond, chosen_forms, law_inputs, parse_place, scale_of
from proveout.errors import UserError

if TYPE_CHECKING:
    from proveout.points import Runs
    from proveout.scaling import Fit, Form, Laws, Prediction

_FARTHER = (10.0, 100.0)  # times the largest compute, where nothing is asked for


class HeldOutRun(NamedTuple):
    """A run that the check did not see, and its forecast; `miss` is log measured - log mean."""

    line: int
    compute: float
    measured: float
    mean: float
    interval80: tuple[float, float]

    @property
    def inside(self) -> bool:
        return self.interval80[0] <= self.measured <= self.interval80[1]

    @property
    def miss(self) -> float:
        return math.log(self.measured / self.mean)


@dataclass(frozen=True)
class HeldOut:
    """Forecasts of the runs above a compute, by a law of those up to it."""

    above: float
    fitted: int
    form: str
    runs: tuple[HeldOutRun, ...]

    def document(self) -> dict[str, Any]:
        """What `--json` says of it."""
        count = len(self.runs)
        return {
            "above": self.above,
            "points": count,
            "coverage80": sum(run.inside for run in self.runs) / count,
            "rmse_log": math.sqrt(sum(run.miss**2 for run in self.runs) / count),
            "mean_error_log": sum(run.miss for run in self.runs) / count,
        }


@dataclass(frozen=True)
class Found:
    """Laws of a table of runs, and their forecasts; `fit_only` leaves out the discrepancy."""

    runs: Runs
    inputs: tuple[str, ...]
    laws: Laws
    places: tuple[Place, ...]
    predictions: tuple[Prediction, ...]
    fit_only: tuple[Prediction, ...]
    held_out: HeldOut | None
    asked: bool
    """Whether the places were given, and not the default ones."""

    def document(self) -> dict[str, Any]:
        """What `--json` prints; docs/fit.md says what each key is."""
        best = self.laws.best
        forms = [
            {
                "form": each.form.name,
                "weight": float(weight),
                "parameters": _numbers(each.parameters),
                "standard_errors": _numbers(each.standard_errors),
                "warnings": list(each.warnings),
            }
            for each, weight in self.weighted()
        ]
        return {
            "form": best.form.name,
            "formula": best.form.formula,
            "parameters": _numbers(best.parameters),
            "standard_errors": _numbers(best.standard_errors),
            "forms": forms,
            "points": len(self.runs.loss),
            "predictions": [
                {
                    "at": dict(place),
                    "mean": _number(prediction.mean),
                    "interval80": _ends(prediction, 0.8),
                    "interval50": _ends(prediction, 0.5),
                    "interval95": _ends(prediction, 0.95),
                    "fit_only_interval80": _ends(alone, 0.8),
                }
                for place, prediction, alone in zip(
                    self.places, self.predictions, self.fit_only, strict=True
                )
            ],
            "held_out": self.held_out.document() if self.held_out else None,
            "warnings": list(self.warnings),
        }

    def label(self, name: str) -> str:
        """What an input is called: as the file does where one scale stands for compute."""
        from proveout.points import scale_label

        return scale_label(self.runs.columns[name]) if self.runs.stands_in else name

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of the runs, and of places that lie far from them."""
        at = {name: [place[name] for place in self.places] for name in self.places[0]}
        return (*self.runs.warnings, *self.laws.warnings, *self.laws.cautions(at))

    def weighted(self) -> list[tuple[Fit, float]]:
        """Each form's fit with its weight, heaviest first."""
        pairs = zip(self.laws.fits, map(float, self.laws.weights), strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _numbers(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}


def _ends(prediction: Prediction, probability: float) -> list[float | None]:
    return [_number(end) for end in prediction.interval(probability)]


def find(
    runs: Runs, at: Sequence[str], forms: str | None, above: str | None, discrepancy: str | None
) -> Found:
    """Fits what the options ask for.

    Raises:
        UserError: a form, a place or a bound that these runs do not have.
    """
    if discrepancy == "models" and runs.is_of_steps:
        told = "if the rows are steps of one run, say --learning-curve: such curves miss by more"
        runs = replace(runs, warnings=(*runs.warnings, told))
    chosen = chosen_forms(forms, runs) if forms is not None else None
    inputs = law_inputs(runs, at, chosen)
    places = tuple(parse_place(text, inputs, runs.columns) for text in at) or tuple(
        beyond(runs, inputs, times) for times in _FARTHER
    )
    held_out = _held_out(runs, inputs, chosen, above, discrepancy) if above is not None else None
    every = range(len(runs.loss))
    laws = _fit(runs, inputs, every, chosen, discrepancy)
    predictions = predict(laws, places)
    plain = _fit(runs, inputs, every, chosen, None) if discrepancy else laws
    alone = predict(plain, places)
    return Found(
        runs=runs,
        inputs=inputs,
        laws=laws,
        places=places,
        predictions=predictions,
        fit_only=alone,
        held_out=held_out,
        asked=bool(at),
    )


def _fit(
    runs: Runs,
    inputs: Sequence[str],
    rows: Sequence[int],
    forms: Sequence[Form] | None,
    discrepancy: str | None,
) -> Laws:
    from numpy.linalg import LinAlgError

    from proveout.scaling import Points, fit_laws

    def of(values: Sequence[Any] | None) -> list[Any] | None:
        return None if values is None else [values[row] for row in rows]

    given = {name: of(scale_of(runs, name)) or [] for name in inputs}
    try:
        points = Points.of(given, of(runs.loss) or [], weight=of(runs.weight), run=of(runs.run))
        return fit_laws(points, forms=forms, discrepancy=discrepancy)
    except LinAlgError:
        raise UserError(f"{runs.path}: no law fits {len(rows)} of its runs, whose scales, losses "
                        "or weights are too much alike or too far apart; look for a slip, or take "
                        "out the runs that stand apart") from None  # fmt: skip
    except ValueError as error:
        raise UserError(f"{runs.path}: no law fits {len(rows)} of its runs: {error}") from None


def predict(laws: Laws, places: Sequence[Place]) -> tuple[Prediction, ...]:
    """The law's prediction at each place."""
    return laws.predict({name: [place[name] for place in places] for name in places[0]})


def _held_out(
    runs: Runs,
    inputs: Sequence[str],
    forms: Sequence[Form] | None,
    text: str,
    discrepancy: str | None,
) -> HeldOut:
    from proveout.points import scale_in
    from proveout.units import compact

    try:
        above = scale_in(text, runs.columns.get("compute", "compute"))
    except ValueError as error:
        raise UserError(f"--hold-out-above {error}") from None
    compute = runs.compute
    kept = [row for row, c in enumerate(compute) if c <= above]
    held = [row for row, c in enumerate(compute) if c > above]
    scales = {tuple(scale_of(runs, name)[row] for name in inputs) for row in kept}
    if not held or len(scales) < 2:
        left = "no run to predict" if not held else f"runs at {len(scales)} scales to fit"
        raise UserError(f"--hold-out-above {text} leaves {left}; the runs have compute from "
                        f"{compact(min(compute))} to {compact(max(compute))}")  # fmt: skip
    laws = _fit(runs, inputs, kept, forms, discrepancy)
    places = [{name: scale_of(runs, name)[row] for name in inputs} for row in held]
    forecasts = [
        HeldOutRun(runs.lines[row], compute[row], runs.loss[row], p.mean, p.interval(0.8))
        for row, p in zip(held, predict(laws, places), strict=True)
    ]
    return HeldOut(above, len(kept), laws.best.form.name, tuple(forecasts))
