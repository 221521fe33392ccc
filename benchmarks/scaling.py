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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _active import bought
from _left_out import TABLE, Kind, kind_of, left_out, relearnt
from _pools import (
    CONSOLE,
    LEVELS,
    TINY,
    Forecast,
    Score,
    Size,
    plain_table,
    pool,
    print_pools,
    score,
)
from _simulated import show_simulated, show_speed
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
from _usual_fit import bootstrap_usual, fit_usual
from rich.table import Table

from proveout.scaling import (
    FORMS,
    Discrepancy,
    Form,
    Laws,
    Parameter,
    Points,
    fit,
    fit_laws,
)

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

    def __init__(self, tables: Mapping[tuple[str, Kind], Discrepancy] | None = None) -> None:
        self.tables = tables or {}
        self.fitted: dict[tuple[str, int], Laws] = {}

    def laws(self, train: Suite) -> Laws:
        """Fitted to these runs, with the package's table."""
        key = (train.name, train.loss.size)
        if key not in self.fitted:
            kind = "curves" if train.kind == "curve" else "models"
            points = Points.of(train.inputs, train.loss)
            self.fitted[key] = fit_laws(points, discrepancy=kind)
        return self.fitted[key]

    def __call__(self, train: Suite, targets: Inputs) -> Forecast:
        """As the package comes."""
        return forecast_by(self.laws(train), targets)

    def left_out(self, train: Suite, targets: Inputs) -> Forecast:
        """With the discrepancy learnt from other sources."""
        laws = self.laws(train)
        if table := self.tables.get((train.source, kind_of(train))):
            laws = laws.with_discrepancy(table)
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


def show_pooled(data: Path, size: Size) -> None:
    """Table (a): every suite, every cut, every method."""
    suites = [*read_suites(data), *read_curves(data)][:: size.every]
    rows = [row for factor in FACTORS for row in cuts(suites, factor)]
    made = Ours(left_out(suites))
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


BUDGET = 0.1  # of the training pool's price


def r_squared(predicted: Floats, measured: Floats) -> float:
    """1 - the mean squared error over the variance of what was measured."""
    return float(1 - ((predicted - measured) ** 2).mean() / measured.var())


def joint(
    x: Mapping[str, Floats], params: Floats, experts: Floats, joint: Floats
) -> tuple[Floats | float, ...]:
    """A floor, and N^-params S^-experts (N / 1e8)^(joint log S)."""
    log_params, log_experts = np.log(x["params"] / 1e8), np.log(x["experts"])
    power = -params * log_params - experts * log_experts + joint * log_params * log_experts
    return 1.0, np.exp(power)


def effective(
    x: Mapping[str, Floats], alpha: Floats, worth: Floats, start: Floats, most: Floats
) -> tuple[Floats | float, ...]:
    """A floor, and a power of N S^worth, S being `experts` saturated."""
    grown = x["experts"] - 1 + 1 / (1 / start - 1 / (start + most))
    saturated = 1 / (1 / grown + 1 / (start + most))
    return 1.0, (x["params"] * saturated**worth) ** -alpha


JOINT = Form(
    name="joint",
    formula="L = E + exp(d - a log N - b log S + c log N log S)",
    source="after Clark et al. 2022 (arXiv 2202.01169), with a floor and without saturation",
    inputs=("params", "experts"),
    terms=("E", "scale"),
    parameters=(
        Parameter("params", 0.2, 0.7),
        Parameter("experts", 0.1, 0.7),
        Parameter("joint", 0.0, 0.01, positive=False),
    ),
    basis=joint,
)
EFFECTIVE = Form(
    name="effective",
    formula="L = E + A (N S^worth)^-alpha, 1/S = 1/(experts - 1 + ...) + 1/most",
    source="after Clark et al. 2022, saturation as theirs",
    inputs=("params", "experts"),
    terms=("E", "A"),
    parameters=(
        Parameter("alpha", 0.2, 0.7),
        Parameter("worth", 0.3, 0.7),
        Parameter("start", 2.0, 0.5),
        Parameter("most", 300.0, 1.0),
    ),
    basis=effective,
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
    tasks.append(Task("moe", train, test, (JOINT, EFFECTIVE)))
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
    show_bought(data, size)
    print("no form here describes lr_bsz (rates within a size), sparsity and domain_mixture")


def show_bought(data: Path, size: Size) -> None:
    """R2 of laws fitted to runs bought by the design at a share of the pool's price."""
    table = plain_table("", "task", "bought", "price", *(f"seed {n}" for n in range(size.bought)))
    table.title = "active_sl: R2 on the target region from a bought share of the training pool"
    for task in read_tasks(data):
        for how in ("sequential", "random"):
            found = [bought(task, BUDGET, seed, how) for seed in range(size.bought)]
            table.add_row(task.name, how, f"{BUDGET:.0%}", *(f"{r2:.3f}" for r2 in found))
    CONSOLE.print(table)


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


PUBLIC = {"table": show_pooled, "curves": show_curves, "gadre": show_gadre, "active": show_active}
MADE_UP = {"simulated": show_simulated, "speed": show_speed}


def relearn(data: Path) -> None:
    """Write the package's tables, learnt from every suite."""
    TABLE.write_text(relearnt([*read_suites(data), *read_curves(data)]), encoding="utf-8")
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
