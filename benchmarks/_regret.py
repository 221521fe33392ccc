"""Regret at the target against compute spent, each policy on the same studies."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from _roster import OURS, SLOTS, Entry, Source
from rich.console import Console
from rich.table import Table

from proveout.replay import Look, World, play

Floats = npt.NDArray[np.float64]

LEVELS = (0.5, 0.25, 0.1)
RESAMPLES = 400
LEAST_TO_WIN = 0.01
"""Studies with less to win, as a share of the loss, are left out: nothing can be lost there."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One policy over S studies and B budgets, in runs at the ladder's top.

    Attributes:
        label: the policy.
        believes: whether our belief decides.
        spent: [S, B].
        regret: [S, B]; `missed` and `wrong` are its two parts.
        missed: [S, B], the share of the gain to be had that was dropped.
        wrong: [S, B], what wrong keeps cost, as such a share.
        right: [S, B], the share of ideas decided rightly; `balanced` is the mean of that share
            among ideas that gain and among those that do not.
        balanced: [S, B].
        base: [S], what dropping everything would decide rightly.
        there: [S], the gain there was to win, as a share of the baseline's loss.
    """

    label: str
    believes: bool
    spent: Floats
    regret: Floats
    missed: Floats
    wrong: Floats
    right: Floats
    balanced: Floats
    base: Floats
    there: Floats

    def pooled(self, part: Floats, rows: npt.NDArray[np.int_]) -> Floats:
        """[B], a share of the gain over some studies as if they were one: the mean, with each
        study weighed by what there was to win in it."""
        pooled: Floats = self.there[rows] @ part[rows] / self.there[rows].sum()
        return pooled


def budgets_up_to(runs: float, steps: int) -> Floats:
    """From half a run at the ladder's top, evenly on the log scale."""
    return np.geomspace(0.5, runs, steps)


def measure(source: Source, entries: Sequence[Entry], studies: int, budgets: Floats, jobs: int
            ) -> list[Curve]:  # fmt: skip
    """Every entry on the same studies."""
    curves = []
    for entry in entries:
        with_study = functools.partial(_one_study, source, entry, budgets)
        if jobs > 1:
            with ProcessPoolExecutor(jobs) as pool:
                rows = list(pool.map(with_study, range(studies)))
        else:
            rows = [with_study(study) for study in range(studies)]
        table = np.array(rows)
        table = table[table[:, 7, 0] >= LEAST_TO_WIN]
        spent, regret, missed, wrong, right, balanced, base, there = table.transpose(1, 0, 2)
        curves.append(Curve(entry.label, entry.believes, spent, regret, missed, wrong, right,
                            balanced, base[:, 0], there[:, 0]))  # fmt: skip
    return curves


def _one_study(source: Source, entry: Entry, budgets: Floats, study: int) -> Floats:
    """[8, B]: what `Curve` has, of one study."""
    world = source.worlds.world(study, source.ideas)
    top = float(world.price[-1])
    looks = _looks(entry, world, budgets * top, study)
    there = float(np.maximum(0.0, -world.truth).sum()) / world.loss
    return np.array([(look.spent / top, *_score(world, look), there) for look in looks]).T


def _looks(entry: Entry, world: World, budgets: Floats, study: int) -> list[Look]:
    """What the policy would keep at each budget."""
    if entry.anew:
        return [
            play(world, entry.make(), budget, slots=SLOTS, seed=study, seeds=entry.seeds).looks[-1]
            for budget in budgets
        ]
    played = play(world, entry.make(), budgets[-1], slots=SLOTS, seed=study, seeds=entry.seeds,
                  look_at=budgets.tolist())  # fmt: skip
    looks = list(played.looks[: budgets.size])
    return looks + [played.looks[-1]] * (budgets.size - len(looks))


def _score(world: World, look: Look) -> tuple[float, ...]:
    """(regret, missed, wrong, right, balanced, base)."""
    keeps, truth = look.keeps, world.truth
    gains = truth < 0
    there = -truth[gains].sum()
    if there <= 0:
        return (np.nan,) * 6
    missed = -truth[gains & ~keeps].sum() / there
    wrong = truth[keeps & ~gains].sum() / there
    balanced = (keeps[gains].mean() + (~keeps[~gains]).mean()) / 2 if not gains.all() else np.nan
    right = float((keeps == gains).mean())
    return world.regret(keeps), missed, wrong, right, balanced, float((~gains).mean())


def spend_to_reach(spent: Floats, regret: Floats, level: float) -> float:
    """Where a falling curve first meets a level, on a log scale of spend between its points [B];
    infinite if it never does."""
    below = np.flatnonzero(regret <= level)
    if not below.size:
        return np.inf
    at = int(below[0])
    if at == 0 or spent[at] <= spent[at - 1]:
        return float(spent[at])
    share = (regret[at - 1] - level) / (regret[at - 1] - regret[at])
    return float(spent[at - 1] * (spent[at] / spent[at - 1]) ** share)


def reach(curve: Curve, level: float, rows: npt.NDArray[np.int_], pooled: bool) -> float:
    """The spend at which the median (or pooled) regret over some of the studies meets a level."""
    median = np.median(curve.regret[rows], axis=0)
    regret = curve.pooled(curve.regret, rows) if pooled else median
    return spend_to_reach(curve.spent[rows].mean(axis=0), regret, level)


def resampled(studies: int, resamples: int = RESAMPLES) -> list[npt.NDArray[np.int_]]:
    """The studies themselves, then bootstraps of them, the same for all policies."""
    random = np.random.default_rng(0)
    return [np.arange(studies), *(random.integers(studies, size=studies) for _ in range(resamples))]


def interval(values: Sequence[float], digits: str = ".3g") -> str:
    """The first value with the 80% interval of those of the others that there are."""
    found = np.array(values, dtype=float)
    others = found[1:][~np.isnan(found[1:])]
    if not others.size:
        return told(found[0], digits)
    low, high = np.quantile(others, [0.1, 0.9], method="nearest")
    return f"{told(found[0], digits)} [{told(low, digits)}, {told(high, digits)}]"


def told(value: float, digits: str = ".3g") -> str:
    """A number, or that there is none."""
    if np.isnan(value):
        return "-"
    return "never" if np.isinf(value) else f"{value:{digits}}"


def show(source: Source, curves: list[Curve], budgets: Floats, target: float,
         resamples: int = RESAMPLES) -> None:  # fmt: skip
    """Prints the tables; `target` is its price in runs at the ladder's top."""
    studies = len(curves[0].regret)
    rows = resampled(studies, resamples)
    console = Console(width=170)
    _show_curves(console, source, curves, budgets)
    for pooled in (False, True):
        _show_reach(console, source, curves, rows, pooled, target)
    _show_parts(console, source, curves, budgets)


def _show_curves(console: Console, source: Source, curves: list[Curve], budgets: Floats) -> None:
    at = range(1, budgets.size, 2)
    title = (
        f"{source.name}, {len(curves[0].there)} studies: median regret (all studies as one) at a "
        "spend of so many runs at the ladder's top"
    )
    rows = np.arange(len(curves[0].there))
    table = Table("policy", *(f"{budgets[i]:.3g}" for i in at), title=title)
    for curve in curves:
        pooled = curve.pooled(curve.regret, rows)
        cells = [f"{np.median(curve.regret[:, i]):.2f} ({pooled[i]:.2f})" for i in at]
        table.add_row(curve.label, *cells)
    console.print(table)


def _show_reach(
    console: Console, source: Source, curves: list[Curve], rows: list[npt.NDArray[np.int_]],
    pooled: bool, target: float,
) -> None:  # fmt: skip
    name = "regret of all studies as one" if pooled else "median regret"
    title = (
        f"{source.name}: spend until the {name} is at most so much, in runs at the ladder's "
        f"top [80%] (share of one run at the target, which costs {target:.3g} of them)"
    )
    table = Table("policy", *(f"{level:g}" for level in LEVELS), title=title)
    reached = {
        curve.label: [[reach(curve, level, some, pooled) for some in rows] for level in LEVELS]
        for curve in curves
    }
    for label, found in reached.items():
        shares = [told(each[0] / target, ".2f") for each in found]
        cells = [f"{interval(e)} ({s})" for e, s in zip(found, shares, strict=True)]
        table.add_row(label, *cells)
    for kind, believes in (("ours / best reference", False), ("ours / uniform, our belief", True)):
        others = [c.label for c in curves if c.label != OURS and c.believes == believes]
        if OURS in reached and others:
            table.add_row(kind, *(_ratios(reached, others, i) for i in range(len(LEVELS))))
    console.print(table)


def _ratios(reached: dict[str, list[list[float]]], others: list[str], level: int) -> str:
    """Ours over the best of others, found anew in each resample."""
    ours = np.array(reached[OURS][level])
    theirs = np.min([reached[label][level] for label in others], axis=0)
    best = min(others, key=lambda label: reached[label][level][0])
    with np.errstate(invalid="ignore"):
        ratios = ours / theirs
    return f"{interval(list(ratios), '.2f')} {best}"


def _show_parts(console: Console, source: Source, curves: list[Curve], budgets: Floats) -> None:
    at = int(np.abs(np.log(budgets / 16)).argmin())
    rows = np.arange(len(curves[0].there))
    title = (
        f"{source.name}: all studies as one at a spend of {budgets[at]:.3g} runs at the ladder's "
        f"top; dropping everything is right {curves[0].base.mean():.0%} of the time, balanced 50%"
    )
    table = Table("policy", "spent", "regret", "winners missed", "wrong keeps", "right",
                  "balanced", title=title)  # fmt: skip
    for c in curves:
        parts = [c.pooled(each, rows)[at] for each in (c.regret, c.missed, c.wrong)]
        rates = [np.nanmean(each[:, at]) for each in (c.right, c.balanced)]
        table.add_row(c.label, f"{c.spent[:, at].mean():.3g}", *(f"{p:.2f}" for p in parts),
                      *(f"{r:.0%}" for r in rates))  # fmt: skip
    console.print(table)
