"""Public measurements of loss over scale, read from a folder, and cut into fits and forecasts.

Every group of measurements that a law may be fitted to is a `Suite`. Suites of one `source` share
models, data or authors, so what is learnt from some suites is tested on other sources only.

The folder holds `gadre_overtraining/losses.csv` (Gadre et al. 2024, arXiv 2403.08540),
`active_sl/*.csv` (arXiv 2604.22753), `alabdulmohsin/benchmark.*.csv` (Alabdulmohsin et al. 2022,
arXiv 2209.06640) and `marin_optimizers/best_losses.csv`. None of it is part of this project.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Inputs = Mapping[str, Floats]
Row = Mapping[str, str]

FACTORS = (10.0, 30.0, 100.0)
NEAR_THE_TOP = 0.8  # of the largest compute: what is forecast
LEAST_RUNS, LEAST_SCALES = 5, 3
GADRE_RECIPES = ("c4_original", "rpj", "rw_original")
GADRE_LOSSES = ("L_openlm", "L_c4", "L_paloma", "L_de-en")


@dataclass(frozen=True, eq=False)
class Suite:
    """Runs that one law may describe.

    Attributes:
        name: unique among suites.
        source: what is left out together.
        inputs: `compute`, or `params` and `tokens`, or those and `unique_tokens`; [n] each.
        loss: [n], in the suite's own unit.
        kind: models of several sizes, or one model's learning curve over examples seen.
        training: [n], which rows the publishers fit; the others they predict. Empty if not said.
    """

    name: str
    source: str
    inputs: Inputs
    loss: Floats
    kind: Literal["models", "curve"] = "models"
    training: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    @property
    def compute(self) -> Floats:
        """As given (for curves: examples seen), or 6 x parameters x tokens FLOPs; [n]."""
        if "compute" in self.inputs:
            return self.inputs["compute"]
        return 6.0 * self.inputs["params"] * self.inputs["tokens"]

    def take(self, rows: npt.NDArray[np.intp] | Bools) -> Suite:
        """The suite with these rows only."""
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        training = self.training[rows] if self.training.size else self.training
        return Suite(self.name, self.source, inputs, self.loss[rows], self.kind, training)


@dataclass(frozen=True, eq=False)
class Cut:
    """A row of the benchmark: fit on `train`, forecast `target`, this many times the compute."""

    factor: float
    train: Suite
    target: Suite


def cut(suite: Suite, factor: float) -> Cut | None:
    """Runs up to C_max / factor against those near C_max; None where too few are left to fit."""
    compute = suite.compute
    top = float(compute.max())
    small = compute <= top / factor
    if small.sum() < LEAST_RUNS or np.unique(compute[small]).size < LEAST_SCALES:
        return None
    return Cut(factor, suite.take(small), suite.take(compute >= NEAR_THE_TOP * top))


def cuts(suites: Iterable[Suite], factor: float) -> list[Cut]:
    """The rows of this factor."""
    made = (cut(suite, factor) for suite in suites)
    return [one for one in made if one is not None]


def read_suites(folder: Path) -> list[Suite]:
    """Every suite of language models, frontiers included; learning curves are apart."""
    planes = [
        *read_gadre(folder),
        read_farseer(folder),
        read_unlimited_data(folder),
        read_best_rates(folder),
    ]
    return [
        *planes,
        *(frontier(suite) for suite in planes),
        read_data_constrained(folder),
        *read_experts(folder),
        *read_parallel(folder),
        *read_optimizers(folder),
    ]


def read_rows(folder: Path, *names: str) -> list[Row]:
    """The rows of these files, one after the other."""
    rows: list[Row] = []
    for name in names:
        with (folder / name).open(newline="") as file:
            rows.extend(csv.DictReader(file))
    return rows


def column(rows: Sequence[Row], name: str) -> Floats:
    """One column, [n]."""
    return np.array([float(row[name]) for row in rows])


def grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> dict[str, list[Row]]:
    """Rows by a key, in the order of their first appearance."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def active(task: str, parts: Sequence[str] = ("train", "test")) -> list[str]:
    """The files of one task of active_sl."""
    return [f"active_sl/{task}_{part}.csv" for part in parts]


def read_gadre(folder: Path) -> list[Suite]:
    """Three data recipes, each measured on four evaluation sets."""
    groups = grouped(read_rows(folder, "gadre_overtraining/losses.csv"), lambda row: row["ds"])
    return [
        Suite(
            f"gadre {recipe} {loss}",
            "gadre",
            {"params": column(groups[recipe], "N"), "tokens": column(groups[recipe], "T")},
            column(groups[recipe], loss),
        )
        for recipe in GADRE_RECIPES
        for loss in GADRE_LOSSES
    ]


def read_farseer(folder: Path, parts: Sequence[str] = ("train", "test")) -> Suite:
    """Dense models over a grid of sizes and tokens; the loss is in bits per character."""
    rows = read_rows(folder, *active("farseer", parts))
    inputs = {"params": column(rows, "N"), "tokens": column(rows, "D")}
    return Suite("farseer", "farseer", inputs, column(rows, "loss"))


def read_data_constrained(folder: Path, parts: Sequence[str] = ("train", "test")) -> Suite:
    """Models whose tokens repeat (Muennighoff et al. 2023)."""
    rows = read_rows(folder, *active("data_constrained", parts))
    inputs = {name: column(rows, name) for name in ("params", "tokens", "unique_tokens")}
    return Suite("repeated data", "data_constrained", inputs, column(rows, "loss"))


def read_unlimited_data(folder: Path) -> Suite:
    """The runs of `read_data_constrained` in which no token is seen twice."""
    whole = read_data_constrained(folder)
    fresh = whole.take(whole.inputs["tokens"] <= 1.001 * whole.inputs["unique_tokens"])
    inputs = {name: fresh.inputs[name] for name in ("params", "tokens")}
    return Suite("unlimited data", whole.source, inputs, fresh.loss)


def read_best_rates(folder: Path) -> Suite:
    """The best loss over learning rates and batch sizes of each model size and token count."""
    rows = read_rows(folder, *active("lr_bsz"))
    size, data = "non_embedding_param_size", "data_size"
    groups = grouped(rows, lambda row: f"{row[size]} {row[data]}")
    best = [min(group, key=lambda row: float(row["lm_loss"])) for group in groups.values()]
    inputs = {"params": column(best, size), "tokens": column(best, data)}
    return Suite("best rates", "lr_bsz", inputs, column(best, "lm_loss"))


def read_experts(folder: Path) -> list[Suite]:
    """Loss over the dense parameter count for each number of experts; replicates stay rows."""
    groups = grouped(read_rows(folder, *active("moe")), lambda row: row["num_experts"])
    return [
        Suite(
            f"{float(experts):g} experts",
            "moe",
            {"compute": column(rows, "dense_parameter_count")},
            column(rows, "loss_validation"),
        )
        for experts, rows in groups.items()
    ]


def read_parallel(folder: Path) -> list[Suite]:
    """Loss over parameters for each data set and number of streams; they span 8 times only."""
    rows = read_rows(folder, *active("parallel"))
    groups = grouped(rows, lambda row: f"{row['group']} x{row['parallel_size']}")
    return [
        Suite(
            f"parallel {name}",
            "parallel",
            {"compute": column(group, "num_params")},
            column(group, "loss"),
        )
        for name, group in groups.items()
        if len(group) >= LEAST_RUNS
    ]


def read_optimizers(folder: Path) -> list[Suite]:
    """The best loss of each optimizer that has four points or more."""
    rows = read_rows(folder, "marin_optimizers/best_losses.csv")
    return [
        Suite(
            f"optimizer {name}",
            "marin",
            {
                "params": np.array([amount(row["model_size"]) for row in group]),
                "tokens": np.array([amount(row["tokens"]) for row in group]),
            },
            column(group, "best_c4en_eval_loss"),
        )
        for name, group in grouped(rows, lambda row: row["optimizer"]).items()
        if len(group) >= 4
    ]


def amount(text: str) -> float:
    """`130m` as 1.3e8, `2B` as 2e9."""
    return float(text[:-1]) * {"m": 1e6, "b": 1e9}[text[-1].lower()]


def frontier(suite: Suite) -> Suite:
    """Loss over compute alone: the lowest of each quarter decade, where it beats all before it."""
    compute = suite.compute
    bins = np.floor(4 * np.log10(compute)).astype(int)
    kept: list[int] = []
    lowest = np.inf
    for number in np.unique(bins):
        here = np.flatnonzero(bins == number)
        best = int(here[np.argmin(suite.loss[here])])
        if suite.loss[best] < lowest:
            kept.append(best)
            lowest = float(suite.loss[best])
    inputs = {"compute": compute[kept]}
    return Suite(f"{suite.name}, frontier", suite.source, inputs, suite.loss[kept])


def read_curves(folder: Path) -> list[Suite]:
    """The 92 learning curves: one model on one task each, over examples seen."""
    names = [f"alabdulmohsin/benchmark.{part}.csv" for part in ("vision", "lang")]
    rows = list({tuple(row.items()): row for row in read_rows(folder, *names)}.values())
    groups = grouped(rows, lambda row: f"{row['Domain']} {row['Task']} {row['Model']}")
    return [
        Suite(
            name,
            f"alabdulmohsin-{group[0]['Domain']}",
            {"compute": column(group, "Seen Examples")},
            column(group, "Loss"),
            "curve",
            column(group, "Training") == 1,
        )
        for name, group in groups.items()
    ]
