"""Lays a list of runs out as a table of arms, scales and seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from proveout.verdicts._board import Floats

_ONE_SCALE = 0.03  # decades of compute: so close are runs at one scale, unless an idea has both


class RunLike(Protocol):
    """One finished run."""

    @property
    def idea(self) -> str: ...
    @property
    def scale(self) -> float: ...
    @property
    def loss(self) -> float: ...
    @property
    def seed(self) -> str | None: ...


@dataclass(frozen=True, eq=False)
class Table:
    """Runs by arm, scale and seed.

    Attributes:
        arms: [A]; the first is the baseline, or what stands in for it.
        scales: [R], rising.
        losses: [A, R, S], NaN where there is no run.
        paired: whether a place on the last axis is the same seed in every arm.
        warnings: what a reader should know of how they were laid out.
    """

    arms: tuple[str, ...]
    scales: Floats
    losses: Floats
    paired: bool
    warnings: tuple[str, ...]


def tabulate(runs: Sequence[RunLike], baseline: str | None, exponent: float = 1.0) -> Table:
    """The table of runs; without a baseline the idea most like the others comes first.

    `exponent` is how many decades of compute go with a decade of scale.
    """
    groups = _group_scales(runs, _ONE_SCALE / exponent)
    scales = np.array([_middle_of(group) for group in groups])
    rung_of = {scale: rung for rung, group in enumerate(groups) for scale in group}
    moved = _moved(runs, scales, rung_of)
    names = list(dict.fromkeys(run.idea for run in runs))
    paired = _share_seeds(runs, rung_of)
    cells: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for number, (run, loss) in enumerate(zip(runs, moved, strict=True)):
        seed = run.seed if paired and run.seed is not None else f"run {number}"
        cells[run.idea, rung_of[run.scale]][seed] = loss
    losses = _fill(names, len(scales), cells, paired)
    first = names.index(baseline) if baseline is not None else _middle(losses)
    order = [first, *(place for place in range(len(names)) if place != first)]
    return Table(tuple(names[place] for place in order), scales, losses[order], paired,
                 _warnings(runs, paired))  # fmt: skip


def _group_scales(runs: Sequence[RunLike], decades: float) -> list[list[float]]:
    """Distinct scales, those that stand for one brought together."""
    ideas: dict[float, set[str]] = defaultdict(set)
    for run in runs:
        ideas[run.scale].add(run.idea)
    groups: list[list[float]] = []
    for scale in sorted(ideas):
        if groups and math.log10(scale / groups[-1][0]) < decades:
            there = set().union(*(ideas[other] for other in groups[-1]))
            if not there & ideas[scale]:
                groups[-1].append(scale)
                continue
        groups.append([scale])
    return groups


def _middle_of(group: Sequence[float]) -> float:
    return group[0] if len(group) == 1 else math.exp(float(np.mean(np.log(group))))


def _moved(runs: Sequence[RunLike], scales: Floats, rung_of: dict[float, int]) -> list[float]:
    """Losses brought to their group's scale, each along its idea's own curve."""
    curves: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        curves[run.idea][run.scale].append(run.loss)
    slopes = {idea: _slopes(by_scale) for idea, by_scale in curves.items()}
    usual = [slope for each in slopes.values() for slope in each.values()]
    common = float(np.median(usual)) if usual else 0.0
    moved = []
    for run in runs:
        factor = scales[rung_of[run.scale]] / run.scale
        slope = slopes[run.idea].get(run.scale, common)
        moved.append(run.loss * factor**slope if run.loss > 0 and factor != 1 else run.loss)
    return moved


def _slopes(by_scale: dict[float, list[float]]) -> dict[float, float]:
    """d log loss / d log scale at each scale of one idea: the mean of those to its neighbours."""
    x = np.array(sorted(by_scale))
    y = np.array([float(np.mean(by_scale[scale])) for scale in x])
    if x.size < 2 or (y <= 0).any():
        return {}
    steps = np.diff(np.log(y)) / np.diff(np.log(x))
    both = np.concatenate([steps[:1], (steps[1:] + steps[:-1]) / 2, steps[-1:]])
    return dict(zip(x.tolist(), both.tolist(), strict=True))


def _share_seeds(runs: Sequence[RunLike], rung_of: dict[float, int]) -> bool:
    """Whether some seed was run by two ideas at one scale, and none twice by one."""
    seen: set[tuple[str, int, str]] = set()
    arms: dict[tuple[int, str], set[str]] = defaultdict(set)
    for run in runs:
        if run.seed is None:
            continue
        key = (run.idea, rung_of[run.scale], run.seed)
        if key in seen:
            return False
        seen.add(key)
        arms[rung_of[run.scale], run.seed].add(run.idea)
    return any(len(each) > 1 for each in arms.values())


def _fill(
    names: Sequence[str], rungs: int, cells: dict[tuple[str, int], dict[str, float]], paired: bool
) -> Floats:
    """[A, R, S]: a place for each seed of a rung where seeds are shared, else as they come."""
    places: list[dict[str, int]] = [{} for _ in range(rungs)]
    if paired:
        # In one order at all scales, so that a place is one seed at all of them where it can be.
        order = list(dict.fromkeys(seed for by_seed in cells.values() for seed in by_seed))
        for rung, there in enumerate(places):
            seen = {seed for (_, at), by_seed in cells.items() if at == rung for seed in by_seed}
            there.update((seed, n) for n, seed in enumerate(s for s in order if s in seen))
    most = max(max((len(each) for each in places), default=0),
               max(len(by_seed) for by_seed in cells.values()))  # fmt: skip
    losses = np.full((len(names), rungs, most), np.nan)
    for (idea, rung), by_seed in cells.items():
        for count, (seed, loss) in enumerate(by_seed.items()):
            losses[names.index(idea), rung, places[rung][seed] if paired else count] = loss
    return losses


def _middle(losses: Floats) -> int:
    """The arm most like the others: measured at most scales, and least far from their medians."""
    counts = (~np.isnan(losses)).sum(axis=2)
    means = np.divide(np.nansum(losses, axis=2), counts, out=np.full(counts.shape, np.nan),
                      where=counts > 0)  # fmt: skip
    off = np.abs(means - np.nanmedian(means, axis=0))
    distance = np.nansum(off, axis=1) / np.maximum((counts > 0).sum(axis=1), 1)
    return int(np.lexsort((distance, -(counts > 0).sum(axis=1)))[0])


def _warnings(runs: Sequence[RunLike], paired: bool) -> tuple[str, ...]:
    if not paired and any(run.seed is not None for run in runs):
        return ("ideas share no seeds at one scale, so each run counts by itself",)
    return ()
