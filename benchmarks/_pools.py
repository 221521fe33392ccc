"""Scores of forecasts, pooled and printed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from _suites import FACTORS, Bools, Cut, Floats
from rich.console import Console
from rich.table import Table

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
    bought: int = 4


TINY = Size(
    every=13, starts=6, resamples=5, laws=1, points=24, grid_starts=8, bootstraps=5, bought=1
)


@dataclass(frozen=True, eq=False)
class Forecast:
    """Losses at m targets: `mean` [m]; `low` and `high` [levels, m], one row for each of LEVELS."""

    mean: Floats
    low: Floats
    high: Floats


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
