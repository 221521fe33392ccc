"""Made-up runs whose law is known: how often intervals hold it, and how long fits take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from _pools import CONSOLE, Size, plain_table
from _suites import Floats, Inputs, Suite
from _usual_fit import DELTA, bootstrap_usual, fit_usual

from proveout.scaling import FORMS, Form, Points, bootstrap, fit, fit_laws

T = TypeVar("T")


@dataclass(frozen=True)
class MadeUpLaw:
    """L = E + (A n^-alpha + B d^-beta) bend, n = N / 1e8, d = D / 2e9.

    `change` 0 leaves no bend; else the reducible loss falls by that much less (or more) per
    log compute beyond `at_flops`, which no form of the package can follow.
    """

    floor: float
    amplitudes: tuple[float, float]
    exponents: tuple[float, float]
    change: float
    at_flops: float

    def losses(self, inputs: Inputs) -> Floats:
        """[n], without noise."""
        params, tokens = inputs["params"], inputs["tokens"]
        (a, b), (alpha, beta) = self.amplitudes, self.exponents
        reducible = a * (params / 1e8) ** -alpha + b * (tokens / 2e9) ** -beta
        bend = (1 + 6 * params * tokens / self.at_flops) ** self.change
        return np.asarray(self.floor + reducible * bend)


@dataclass(frozen=True, eq=False)
class MadeUpCase:
    """Noisy runs of a law, and a target 10 to 100 times beyond them with its loss."""

    runs: Suite
    target: Inputs
    truth: Floats


def make_case(rng: np.random.Generator, *, bent: bool) -> MadeUpCase:
    """A random law measured by a random design: sizes by tokens a parameter."""
    sizes = np.geomspace(1e7, 1e7 * 10 ** rng.uniform(0.7, 1.7), rng.integers(4, 8))
    per_parameter = 20.0 * 2.0 ** np.arange(-1, rng.integers(2, 4))
    params, ratio = (grid.ravel() for grid in np.meshgrid(sizes, per_parameter))
    inputs = {"params": params, "tokens": params * ratio}
    largest = float(sizes[-1])
    far = largest * 10 ** rng.uniform(0.5, 1.0)
    target = {"params": np.array([far]), "tokens": np.array([20 * far])}
    law = MadeUpLaw(
        rng.uniform(1.0, 2.2),
        (np.exp(rng.uniform(-1.2, 0.4)), np.exp(rng.uniform(-1.2, 0.4))),
        (rng.uniform(0.2, 0.55), rng.uniform(0.2, 0.55)),
        rng.uniform(-0.08, 0.08) if bent else 0.0,
        120 * largest**2 * 10 ** rng.uniform(-1.5, 0.5),
    )
    noise = np.exp(rng.uniform(np.log(0.001), np.log(0.01)))
    loss = law.losses(inputs) * np.exp(noise * rng.standard_normal(params.size))
    return MadeUpCase(Suite("made up", "made up", inputs, loss), target, law.losses(target))


SIMULATED_LEVELS = (0.5, 0.8, 0.9, 0.95)


def show_simulated(size: Size) -> None:
    """Table (e): intervals for random laws, with the discrepancy and without."""
    table = plain_table("", "truth", "forms fitted", "discrepancy", "laws")
    for level in SIMULATED_LEVELS:
        table.add_column(f"{level:.0%}", justify="right")
    table.add_column("80% width", justify="right")
    table.add_column("x off", justify="right")
    table.title = f"{size.laws} random laws and designs, 10 to 100 times beyond: coverage"
    chinchilla = (FORMS["chinchilla"],)
    settings: list[tuple[str, bool, tuple[Form, ...] | None, bool]] = [
        ("the form fitted", False, chinchilla, False),
        ("a form among ours", False, None, False),
        ("a form among ours", False, None, True),
        ("a form not among ours", True, None, False),
        ("a form not among ours", True, None, True),
    ]
    off = math.nan
    for truth, bent, forms, discrepancy in settings:
        covered, width = simulate(size.laws, bent=bent, forms=forms, discrepancy=discrepancy)
        fitted = "that one" if forms else "all"
        off = off if discrepancy else width
        words = (truth, fitted, "on" if discrepancy else "off", str(size.laws))
        shares = (f"{share:.3f}" for share in covered)
        table.add_row(*words, *shares, f"{width:.4f}", f"{width / off:.2f}")
    CONSOLE.print(table)


def simulate(
    laws: int, *, bent: bool, forms: tuple[Form, ...] | None, discrepancy: bool
) -> tuple[Floats, float]:
    """Coverage at SIMULATED_LEVELS, and the geometric mean of the 80% intervals' log widths."""
    rng = np.random.default_rng(0)
    covered, widths = [], []
    for _ in range(laws):
        case = make_case(rng, bent=bent)
        points = Points.of(case.runs.inputs, case.runs.loss)
        fitted = fit_laws(points, forms, discrepancy="models" if discrepancy else None)
        (prediction,) = fitted.predict(case.target, noise=False)
        intervals = [prediction.interval(level) for level in SIMULATED_LEVELS]
        covered.append([low <= case.truth[0] <= high for low, high in intervals])
        low, high = intervals[SIMULATED_LEVELS.index(0.8)]
        widths.append(math.log(high / low))
    return np.mean(covered, axis=0), float(np.exp(np.mean(np.log(widths))))


def show_speed(size: Size) -> None:
    """Table (f): core-seconds, on the same made-up runs."""
    inputs, loss = many_points(size.points)
    points = Points.of(inputs, loss)
    fit(points, FORMS["tied"])  # what is imported once is not the fit's
    one, fit_seconds = timed(lambda: fit(points, FORMS["chinchilla"], huber=1e-3))
    _, boot_seconds = timed(lambda: bootstrap(one, count=size.bootstraps))
    theirs, grid_seconds = timed(lambda: fit_usual(inputs, loss, starts=size.grid_starts))
    _, few_seconds = timed(lambda: bootstrap_usual(theirs, inputs, loss, count=size.resamples))
    their_boot_seconds = few_seconds * size.bootstraps / size.resamples
    table = plain_table(
        "", "", "ours, seconds", "usual, seconds", "ratio", "ours, objective", "usual"
    )
    table.title = f"{size.points} points on one core; objective: sum of Huber losses over delta"
    table.add_row(
        f"fit (usual: {size.grid_starts} starts)", f"{fit_seconds:.3f}", f"{grid_seconds:.1f}",
        f"{grid_seconds / fit_seconds:.0f}", f"{huber_sum(one.at(inputs), loss):.6f}",
        f"{theirs.objective:.6f}",
    )  # fmt: skip
    table.add_row(
        f"{size.bootstraps} bootstraps (usual: from the best, {size.resamples} timed)",
        f"{boot_seconds:.3f}", f"{their_boot_seconds:.1f}",
        f"{their_boot_seconds / boot_seconds:.0f}",
    )  # fmt: skip
    CONSOLE.print(table)


def many_points(count: int) -> tuple[Inputs, Floats]:
    """As many runs as asked for, of one law, with 0.5% noise and a few outliers."""
    rng = np.random.default_rng(0)
    inputs = {
        "params": 10 ** rng.uniform(7.5, 10, count),
        "tokens": 10 ** rng.uniform(9, 11.5, count),
    }
    noise = 0.005 * rng.standard_t(4, count)
    return inputs, MadeUpLaw(1.7, (0.6, 0.5), (0.34, 0.3), 0.0, 1.0).losses(inputs) * np.exp(noise)


def huber_sum(losses: Floats, measured: Floats) -> float:
    """The usual fit's objective at these losses."""
    residual = np.log(losses / measured)
    clipped = np.clip(residual, -DELTA, DELTA)
    return float((clipped * (residual - clipped / 2)).sum()) / DELTA


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What a call returns, and its seconds of one core, whatever else the machine does."""
    began = time.process_time()
    found = call()
    return found, time.process_time() - began
