"""Worlds of recorded trials: a grid of ideas, rungs and seeds that were once run for real."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proveout.errors import DataError
from proveout.replay._world import Floats, World

BASELINE = "baseline"


@dataclass(frozen=True, eq=False)
class Grid:
    """Recorded losses of all ideas that have a truth: those measured, or failing, at the top rung.

    The ladder is those rungs whose compute is at most a share of the top rung's: the top is the
    target, which no policy can buy.

    Attributes:
        arms: [A] names, the baseline first.
        compute: [R], of the ladder's rungs, rising.
        target: the compute of the top rung.
        recorded: [A, R, n], by recorded seed; NaN where the trial failed.
        seeds: [R], how many seeds each rung has in all arms.
        gaps: [A - 1, R + 1], mean paired gaps at the ladder's rungs and at the target.
        loss: the baseline's mean at the target.
        room: how many replicates a world has of each cell.
    """

    arms: tuple[str, ...]
    compute: Floats
    target: float
    recorded: Floats
    seeds: tuple[int, ...]
    gaps: Floats
    loss: float
    room: int = 8

    def world(self, seed: int, ideas: int) -> World:
        """Some of the ideas in any order; trials are drawn with replacement from recorded seeds.

        A replicate is the same recorded seed in every arm, so that pairs stay pairs. Drawing from
        n seeds has (n - 1)/n of their variance; the rest is added as a Gaussian combination of the
        recorded seeds' deviations with the same weights in every arm (a smoothed bootstrap;
        Silverman and Young 1987). So the variances of losses and of gaps are right, and arms that
        are equal bit by bit stay so.
        """
        random = np.random.default_rng([seed, 1])
        most = len(self.arms) - 1
        picked = random.permutation(most)[: min(ideas, most)] + 1
        chosen = np.concatenate([[0], picked])
        losses = np.full((len(chosen), self.compute.size, self.room), np.nan)
        for rung, count in enumerate(self.seeds):
            losses[:, rung] = _draw(self.recorded[chosen, rung, :count], self.room, random)
        return World(
            tuple(self.arms[arm] for arm in chosen), ("recorded",) * len(picked), self.compute,
            self.compute, self.target, losses, self.gaps[picked - 1], self.loss,
        )  # fmt: skip


def _draw(recorded: Floats, count: int, random: np.random.Generator) -> Floats:
    """[A, count], from recorded seeds [A, n]."""
    seeds = recorded.shape[1]
    drawn = recorded[:, random.integers(seeds, size=count)]
    if seeds < 2:
        return drawn
    scored = ~np.isnan(recorded)
    counts = scored.sum(axis=1, keepdims=True)
    means = np.where(scored, recorded, 0.0).sum(axis=1, keepdims=True) / np.maximum(counts, 1)
    deviations = np.where(scored, recorded - means, 0.0)
    weights = random.standard_normal((seeds, count)) / math.sqrt(seeds * (seeds - 1))
    smoothed: Floats = drawn + deviations @ weights
    return smoothed


def read_grid(path: Path, *, top: int | None = None, share: float = 0.1, room: int = 8) -> Grid:
    """Reads a recorded grid: a CSV with the columns `idea, rung, flops, replicate, bits_per_byte`,
    where a trial that failed has no loss.

    Args:
        path: of the CSV.
        top: the rung that is the target; by default the highest that any idea has been run at.
        share: of the target's compute that one trial may cost.
        room: how many replicates a world has of each cell.

    Raises:
        DataError: the file is missing, or holds too little.
    """
    cells, compute = _read_cells(path)
    if BASELINE not in cells:
        raise DataError(f"{path} has no trial of the baseline")
    base = cells[BASELINE]
    highest = max(rung for idea, own in cells.items() if idea != BASELINE for rung in own)
    target = highest if top is None else top
    ladder = [rung for rung in sorted(compute) if compute[rung] <= share * compute[target] * 1.001]
    if target not in base or not ladder:
        raise DataError(f"{path} has no ladder below rung {target}, or no baseline there")
    seeds = tuple(len(base[rung]) for rung in ladder)
    whole = [
        idea
        for idea, own in cells.items()
        if idea != BASELINE
        and all(own.get(rung, {}).keys() >= base[rung].keys() for rung in ladder)
        and (own.get(target) or _always_fails(own))
    ]
    if not whole:
        raise DataError(f"no idea in {path} is recorded both on the ladder and at rung {target}")
    arms = (BASELINE, *whole)
    recorded = np.full((len(arms), len(ladder), max(seeds)), np.nan)
    for arm, idea in enumerate(arms):
        for at, rung in enumerate(ladder):
            for place, replicate in enumerate(sorted(base[rung])):
                recorded[arm, at, place] = cells[idea][rung][replicate]
    gaps = np.array([[_gap(cells[i], base, rung) for rung in (*ladder, target)] for i in whole])
    return Grid(
        arms, np.array([compute[rung] for rung in ladder]), compute[target], recorded, seeds, gaps,
        float(np.mean(list(base[target].values()))), room,
    )  # fmt: skip


Cells = dict[int, dict[int, float]]
"""By rung and replicate; NaN where the trial failed."""


def _read_cells(path: Path) -> tuple[dict[str, Cells], dict[int, float]]:
    cells: dict[str, Cells] = defaultdict(lambda: defaultdict(dict))
    compute = {}
    try:
        with path.open(newline="") as lines:
            for row in csv.DictReader(lines):
                rung = int(row["rung"])
                compute[rung] = float(row["flops"])
                loss = float(row["bits_per_byte"] or "nan")
                cells[row["idea"]][rung][int(row["replicate"])] = loss
    except OSError as error:
        raise DataError(f"no grid can be read from {path}: {error.strerror}") from None
    except (KeyError, ValueError) as error:
        raise DataError(f"{path} is not a recorded grid: {error!r}") from None
    return cells, compute


def _always_fails(own: Cells) -> bool:
    return all(math.isnan(loss) for losses in own.values() for loss in losses.values())


def _gap(own: Cells, base: Cells, rung: int) -> float:
    """The mean of the pairs that are scored; NaN without any."""
    ours, theirs = own.get(rung, {}), base[rung]
    gaps = [ours[replicate] - theirs[replicate] for replicate in ours.keys() & theirs.keys()]
    scored = [gap for gap in gaps if not math.isnan(gap)]
    return float(np.mean(scored)) if scored else math.nan
