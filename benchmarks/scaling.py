"""Forecasts of loss at scale on public measurements: the package's laws beside the usual fit.

    python benchmarks/scaling.py --data DIR --relearn
    python benchmarks/scaling.py --data DIR [--only table,curves,gadre,active,simulated,speed]

DIR holds other people's measurements (`_suites.py` says which); without it only `simulated` and
`speed` run. Errors and intervals are those of the natural log of the loss. Every suite is cut at
1/10, 1/30 and 1/100 of its largest compute; each suite and cut counts 1, split over its targets.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from _left_out import TABLE, learn_from, left_out, written
from _suites import (
    FACTORS,
    Bools,
    Cut,
    Floats,
    Inputs,
    Suite,
    active,
    column,
    cuts,
    read_curves,
    read_data_constrained,
    read_farseer,
    read_gadre,
    read_rows,
    read_suites,
)
from _usual_fit import DELTA, bootstrap_usual, fit_usual
from rich.console import Console
from rich.table import Table

from proveout.scaling import (
    FORMS,
    Discrepancy,
    Form,
    Laws,
    Parameter,
    Points,
    bootstrap,
    fit,
    fit_laws,
    learn_discrepancy,
)

T = TypeVar("T")

LEVELS = (0.5, 0.8, 0.95)
WIDE = LEVELS.index(0.8)
CONSOLE = Console(width=140)


@dataclass(frozen=True)
class Size:
    """How much is done: the benchmark's own size, or a tiny one that only shows that it runs."""

    every: int = 1  # of the suites and curves, each so many-th
    starts: int = 48
    resamples: int = 100
    laws: int = 500
    points: int = 240
    grid_starts: int = 4500
    bootstraps: int = 1000


TINY = Size(every=13, starts=6, resamples=5, laws=2, points=24, grid_starts=8, bootstraps=5)


@dataclass(frozen=True, eq=False)
class Forecast:
    """Losses at m targets: `mean` [m]; `low` and `high` [levels, m], one row for each of LEVELS."""

    mean: Floats
    low: Floats
    high: Floats


Method = Callable[[Suite, Inputs], Forecast]


def usual(size: Size) -> Method:
    """The usual fit; its intervals are the quantiles of its bootstrap."""

    def forecast(train: Suite, targets: Inputs) -> Forecast:
        best = fit_usual(train.inputs, train.loss, starts=size.starts)
        refits = bootstrap_usual(best, train.inputs, train.loss, count=size.resamples)
        losses = np.array([one.at(targets) for one in refits])
        tails = (1 - np.array(LEVELS)) / 2
        low, high = np.quantile(losses, tails, axis=0), np.quantile(losses, 1 - tails, axis=0)
        return Forecast(best.at(targets), low, high)

    return forecast


class Ours:
    """The package's average over laws: with its own table, or one that never saw the source.

    Laws are fitted once for both.
    """

    def __init__(self, tables: Mapping[str, Discrepancy] | None = None) -> None:
        self.tables = tables or {}
        self.fitted: dict[tuple[str, int], Laws] = {}

    def laws(self, train: Suite) -> Laws:
        """Fitted to these runs, with the package's table."""
        key = (train.name, train.loss.size)
        if key not in self.fitted:
            self.fitted[key] = fit_laws(Points.of(train.inputs, train.loss))
        return self.fitted[key]

    def __call__(self, train: Suite, targets: Inputs) -> Forecast:
        """As the package comes."""
        return forecast_by(self.laws(train), targets)

    def left_out(self, train: Suite, targets: Inputs) -> Forecast:
        """With the discrepancy learnt from other sources."""
        laws = self.laws(train)
        if train.source in self.tables:
            laws = laws.with_discrepancy(self.tables[train.source])
        return forecast_by(laws, targets)


def forecast_by(laws: Laws, targets: Inputs) -> Forecast:
    """The package's forecast."""
    predictions = laws.predict(targets)
    tails = (1 - np.array(LEVELS)) / 2
    losses = np.array([one.quantiles([*tails, *(1 - tails)]) for one in predictions]).T
    mean = np.array([one.mean for one in predictions])
    return Forecast(mean, losses[: len(LEVELS)], losses[len(LEVELS) :])


def carried_forward(train: Suite, targets: Inputs) -> Forecast:
    """The loss of the largest scale stays as it is; no interval is claimed."""
    last = train.loss[train.compute == train.compute.max()].mean()
    mean = np.full(next(iter(targets.values())).size, last)
    none = np.tile(mean, (len(LEVELS), 1))
    return Forecast(mean, none, none)


@dataclass(frozen=True, eq=False)
class Score:
    """How one forecast did at its m targets, in log loss.

    Attributes:
        error: forecast minus truth, [m].
        covered: [levels, m].
        interval_score: of the 80% interval, [m]: its width + 2 / alpha times what it is missed by
            (Gneiting and Raftery 2007), less is better.
    """

    error: Floats
    covered: Bools
    interval_score: Floats


def score(forecast: Forecast, truth: Floats) -> Score:
    """The scores of a forecast against losses [m]."""
    low, high, log_truth = np.log(forecast.low), np.log(forecast.high), np.log(truth)
    below, above = low[WIDE] - log_truth, log_truth - high[WIDE]
    missed = np.maximum(below, 0) + np.maximum(above, 0)
    interval_score = high[WIDE] - low[WIDE] + 2 / (1 - LEVELS[WIDE]) * missed
    covered = (low <= log_truth) & (log_truth <= high)
    return Score(np.log(forecast.mean) - log_truth, covered, interval_score)


@dataclass(frozen=True)
class Pool:
    """Scores of many rows; each row counts 1."""

    rows: int
    rmse: float
    bias: float
    coverage: tuple[float, ...]
    interval_score: float


def pool(scores: Sequence[Score]) -> Pool:
    """The mean over rows of each row's mean over its targets."""
    return Pool(
        len(scores),
        math.sqrt(np.mean([(one.error**2).mean() for one in scores])),
        float(np.mean([one.error.mean() for one in scores])),
        tuple(np.mean([one.covered.mean(axis=1) for one in scores], axis=0).tolist()),
        float(np.mean([one.interval_score.mean() for one in scores])),
    )


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95% interval of a share."""
    spread = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    centre, scale = share + z**2 / (2 * count), 1 + z**2 / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def show_pooled(data: Path, size: Size) -> None:
    """Table (a): every suite, every cut, every method."""
    suites = [*read_suites(data), *read_curves(data)][:: size.every]
    rows = [row for factor in FACTORS for row in cuts(suites, factor)]
    made = Ours(left_out(learn_from(suites)))
    methods: dict[str, Method] = {
        "ours": made,
        "ours, source left out": made.left_out,
        "Huber + L-BFGS + bootstrap": usual(size),
        "last scale carried forward": carried_forward,
    }
    scores = {
        name: [score(method(row.train, row.target.inputs), row.target.loss) for row in rows]
        for name, method in methods.items()
    }
    pools: dict[str, Callable[[Cut], bool]] = {
        "language models": lambda row: row.train.kind == "models",
        "language models, of Gadre et al. C4 only": one_loss_a_recipe,
        "learning curves": lambda row: row.train.kind == "curve",
        "all": lambda _: True,
    }
    for title, belongs in pools.items():
        chosen = [number for number, row in enumerate(rows) if belongs(row)]
        print_pools(title, rows, {n: [(k, s[k]) for k in chosen] for n, s in scores.items()})


def one_loss_a_recipe(row: Cut) -> bool:
    """Language models, with Gadre et al.'s four evaluation sets counted once."""
    return row.train.kind == "models" and (row.train.source != "gadre" or "L_c4" in row.train.name)


def print_pools(
    title: str, rows: Sequence[Cut], scores: Mapping[str, Sequence[tuple[int, Score]]]
) -> None:
    """One block of table (a)."""
    table = plain_table(
        title, "x", "method", "rows", "rmse", "bias", "50%", "80%", "(Wilson)", "95%",
        "interval score", "x usual",
    )  # fmt: skip
    for factor in FACTORS:
        made = {
            name: pool(here)
            for name, found in scores.items()
            if (here := [one for number, one in found if rows[number].factor == factor])
        }
        for name, one in made.items():
            low, high = wilson(one.coverage[WIDE], one.rows)
            relative = one.interval_score / made["Huber + L-BFGS + bootstrap"].interval_score
            half, wide, widest = (f"{share:.2f}" for share in one.coverage)
            table.add_row(
                f"{factor:g}", name, str(one.rows), f"{one.rmse:.4f}", f"{one.bias:+.4f}", half,
                wide, f"{low:.2f}-{high:.2f}", widest, f"{one.interval_score:.4f}",
                f"{relative:.2f}",
            )  # fmt: skip
    CONSOLE.print(table)


def plain_table(title: str, *columns: str) -> Table:
    """A table without lines."""
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for one in table.columns[2:]:
        one.justify = "right"
    return table


def show_curves(data: Path, size: Size) -> None:
    """Table (b): fit what the publishers of 92 learning curves fit, predict what they predict."""
    curves = read_curves(data)[:: size.every]
    table = plain_table("", "domain", "method", "curves", "rmse", *(f"{p:.0%}" for p in LEVELS))
    table.title = "Learning curves: rmse of log loss, mean over curves; coverage"
    methods: dict[str, Method] = {"ours": Ours(), "Huber + L-BFGS + bootstrap": usual(size)}
    for domain in dict.fromkeys(curve.source for curve in curves):
        for name, method in methods.items():
            scores = [score_published(one, method) for one in curves if one.source == domain]
            rmse = np.mean([math.sqrt((one.error**2).mean()) for one in scores])
            coverage = (f"{share:.2f}" for share in pool(scores).coverage)
            table.add_row(domain, name, str(len(scores)), f"{rmse:.4f}", *coverage)
    CONSOLE.print(table)


def score_published(curve: Suite, method: Method) -> Score:
    """The rows with Training = 0 forecast from those with Training = 1."""
    target = curve.take(~curve.training)
    return score(method(curve.take(curve.training), target.inputs), target.loss)


GADRE_FIT_FLOPS = 2.1e19  # 2e19 in round numbers: 411M parameters at 20 tokens each are 2.03e19
GADRE_LARGE_PARAMS = 1.4e9  # and above; the largest that is fitted has 411M


def small_runs(suite: Suite) -> Bools:
    """Every run up to GADRE_FIT_FLOPS."""
    return suite.compute <= GADRE_FIT_FLOPS


def their_five_runs(suite: Suite) -> Bools:
    """The five that Gadre et al. fit: 11M to 411M at 20 tokens a parameter, 11M at 320."""
    params = suite.inputs["params"]
    over = suite.inputs["tokens"] / params / 20
    sizes = np.isin(np.round(params / 1e6), (11, 79, 154, 412))
    return sizes & ((abs(over - 1) < 0.1) | ((params < 2e7) & (abs(over - 16) < 0.1)))


def show_gadre(data: Path, size: Size) -> None:
    """Table (c): 1.4B and 6.9B models forecast from runs 12-390 times smaller."""
    methods: dict[str, Method] = {"ours": Ours(), "usual fit": usual(size)}
    for said, choose in (
        (f"all runs up to {GADRE_FIT_FLOPS:g} FLOPs", small_runs),
        ("the five runs that they fit", their_five_runs),
    ):
        table = plain_table("", "recipe, loss", "params", "tokens", "x", "measured", *methods)
        table.title = f"Gadre et al.: every 1.4B and 6.9B run from {said}; losses on C4"
        suites = read_gadre(data)
        errors = [row for one in suites for row in add_gadre(table, one, choose, methods)]
        means = abs(np.array(errors)).mean(axis=0)
        table.add_row("mean absolute relative error", *[""] * 4, *(f"{mean:.2%}" for mean in means))
        CONSOLE.print(table)


def add_gadre(
    table: Table, suite: Suite, choose: Callable[[Suite], Bools], methods: Mapping[str, Method]
) -> list[list[float]]:
    """One recipe's rows; returns each target's relative errors by method."""
    if not suite.name.endswith("L_c4"):
        return []
    train, target = (
        suite.take(choose(suite)),
        suite.take(suite.inputs["params"] > GADRE_LARGE_PARAMS),
    )
    means = np.array([method(train, target.inputs).mean for method in methods.values()])
    for k in np.argsort(target.compute):
        table.add_row(
            suite.name, f"{target.inputs['params'][k]:.2g}", f"{target.inputs['tokens'][k]:.2g}",
            f"{target.compute[k] / train.compute.max():.0f}", f"{target.loss[k]:.3f}",
            *(f"{mean:.3f}" for mean in means[:, k]),
        )  # fmt: skip
    errors: list[list[float]] = (means / target.loss - 1).T.tolist()
    return errors


def r_squared(predicted: Floats, measured: Floats) -> float:
    """1 - the mean squared error over the variance of what was measured."""
    return float(1 - ((predicted - measured) ** 2).mean() / measured.var())


def clark(
    x: Mapping[str, Floats], params: Floats, experts: Floats, joint: Floats, start: Floats,
    most: Floats,
) -> tuple[Floats, ...]:  # fmt: skip
    """One term, N^-params S^-experts (N / 1e8)^(joint log S); S is `experts`, saturated."""
    grown = x["experts"] - 1 + 1 / (1 / start - 1 / (start + most))
    log_experts = -np.log(1 / grown + 1 / (start + most))
    log_params = np.log(x["params"] / 1e8)
    return (
        np.exp(-params * log_params - experts * log_experts + joint * log_params * log_experts),
    )


MIXTURE_OF_EXPERTS = Form(
    name="experts",
    formula="log L = d - a log N - b log S + c log N log S, 1/S = 1/(E - 1 + ...) + 1/E_max",
    source="Clark et al. 2022 (arXiv 2202.01169)",
    inputs=("params", "experts"),
    terms=("scale",),
    parameters=(
        Parameter("params", 0.08, 0.7),
        Parameter("experts", 0.05, 1.0),
        Parameter("joint", 0.0, 0.02, positive=False),
        Parameter("start", 1.5, 0.7),
        Parameter("most", 300.0, 1.0),
    ),
    basis=clark,
    floor=None,
)


def parallel_streams(
    x: Mapping[str, Floats], alpha: Floats, gain: Floats
) -> tuple[Floats | float, ...]:
    """A floor, and parameters that P streams make worth more by a factor 1 + gain log P."""
    return 1.0, (x["params"] * (1 + gain * np.log(x["streams"]))) ** -alpha


PARALLEL = Form(
    name="parallel",
    formula="L = E + (A / (N (1 + k log P)))^alpha",
    source="Chen et al. 2025 (arXiv 2505.10475)",
    inputs=("params", "streams"),
    terms=("E", "A"),
    parameters=(Parameter("alpha", 0.25, 0.7), Parameter("gain", 0.3, 1.0)),
    basis=parallel_streams,
)


@dataclass(frozen=True, eq=False)
class Task:
    """One of active_sl's tasks: its training pool, its target region and the forms that fit it."""

    name: str
    train: Suite
    test: Suite
    forms: tuple[Form, ...]


def read_tasks(data: Path) -> list[Task]:
    """The tasks that the package's forms, or the two above, describe."""
    parts = (["train"], ["test"])
    tasks = []
    for read in (read_farseer, read_data_constrained):
        train, test = (read(data, part) for part in parts)
        forms = tuple(form for form in FORMS.values() if set(form.inputs) == set(train.inputs))
        tasks.append(Task(train.source, train, test, forms))
    names = {"params": "dense_parameter_count", "experts": "num_experts"}
    train, test = (read_task(data, "moe", part, names, "loss_validation") for part in parts)
    tasks.append(Task("moe", train, test, (MIXTURE_OF_EXPERTS,)))
    names = {"params": "num_params", "streams": "parallel_size"}
    for group in ("stack", "pile"):
        train, test = (read_task(data, "parallel", part, names, "loss", group) for part in parts)
        tasks.append(Task(f"parallel {group}", train, test, (PARALLEL,)))
    return tasks


def read_task(
    data: Path,
    task: str,
    parts: Sequence[str],
    names: Mapping[str, str],
    loss: str,
    group: str = "",
) -> Suite:
    """Rows of one task, with the columns `names` as inputs; of one group if that is given."""
    rows = [row for row in read_rows(data, *active(task, parts)) if group in ("", row.get("group"))]
    inputs = {name: column(rows, its) for name, its in names.items()}
    return Suite(task, "active_sl", inputs, column(rows, loss))


def show_active(data: Path, size: Size) -> None:
    """Table (d): R2 on the target region of active_sl's tasks."""
    table = plain_table("", "task", "law", "training runs", "test runs", "R2")
    table.title = "active_sl: laws fitted to the whole training pool"
    for task in read_tasks(data):
        counts = (str(task.train.loss.size), str(task.test.loss.size))
        for name, predicted in task_predictions(task, size):
            found = f"{r_squared(predicted, task.test.loss):.4f}"
            table.add_row(task.name, name, *counts, found)
    CONSOLE.print(table)
    print("no form here describes lr_bsz (rates within a size), sparsity and domain_mixture")


def task_predictions(task: Task, size: Size) -> Iterable[tuple[str, Floats]]:
    """Every form alone, their average, and where it applies the usual fit."""
    points = Points.of(task.train.inputs, task.train.loss)
    for form in task.forms:
        yield form.name, fit(points, form, huber=1e-3).at(task.test.inputs)
    laws = fit_laws(points, forms=task.forms)
    yield "average", np.array([one.mean for one in laws.predict(task.test.inputs)])
    if {"params", "tokens"} <= set(task.train.inputs):
        best = fit_usual(task.train.inputs, task.train.loss, starts=size.starts)
        yield "usual fit", best.at(task.test.inputs)


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
        fitted = fit_laws(points, forms, discrepancy="learnt" if discrepancy else None)
        (prediction,) = fitted.predict(case.target, noise=False)
        intervals = [prediction.interval(level) for level in SIMULATED_LEVELS]
        covered.append([low <= case.truth[0] <= high for low, high in intervals])
        low, high = intervals[SIMULATED_LEVELS.index(0.8)]
        widths.append(math.log(high / low))
    return np.mean(covered, axis=0), float(np.exp(np.mean(np.log(widths))))


def show_speed(size: Size) -> None:
    """Table (f): seconds on one core, on the same made-up runs."""
    inputs, loss = many_points(size.points)
    points = Points.of(inputs, loss)
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
    """What a call returns, and its wall time in seconds."""
    began = time.perf_counter()
    found = call()
    return found, time.perf_counter() - began


PUBLIC = {"table": show_pooled, "curves": show_curves, "gadre": show_gadre, "active": show_active}
MADE_UP = {"simulated": show_simulated, "speed": show_speed}


def relearn(data: Path) -> None:
    """Write the package's table, learnt from every suite."""
    lessons = learn_from([*read_suites(data), *read_curves(data)])
    sources = list(dict.fromkeys(lesson.source for lesson in lessons))
    TABLE.write_text(written(learn_discrepancy(lessons), sources), encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"), end="")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder of public measurements")
    parser.add_argument("--tiny", action="store_true", help="only show that it runs")
    parser.add_argument(
        "--relearn", action="store_true", help="write the package's discrepancy table anew"
    )
    parser.add_argument("--only", default=",".join([*PUBLIC, *MADE_UP]))
    arguments = parser.parse_args()
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - {*PUBLIC, *MADE_UP}:
        parser.error(f"--only takes {', '.join([*PUBLIC, *MADE_UP])}; got {', '.join(unknown)}")
    size = TINY if arguments.tiny else Size()
    public = [name for name in PUBLIC if name in chosen]
    if arguments.data is None or not arguments.data.is_dir():
        if public:
            print(f"not run: {', '.join(public)}. The public data is missing: give --data DIR.")
        public = []
    elif arguments.relearn:
        relearn(arguments.data)
        return
    for name in public:
        PUBLIC[name](arguments.data, size)
    for name in MADE_UP:
        if name in chosen:
            MADE_UP[name](size)


if __name__ == "__main__":
    main()
