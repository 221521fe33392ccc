"""Decides on runs that were made without a study: a plain list of (idea, scale, seed, loss).

The belief is a study's. What a study knows by itself has to be found out here: which runs lie at
one scale, which share their seeds, how noisy runs are where nothing was repeated (from how far
gaps stray from their courses over scale, for all ideas together), and, where no baseline is
named, what to hold ideas against (the average of all of them).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from proveout.scaling import (
    FIELD_PRIOR,
    Cells,
    FieldPrior,
    GapField,
    Points,
    fit_field,
    fit_laws,
    measure_cells,
)
from proveout.verdicts._believe import SURPRISE, Belief
from proveout.verdicts._board import Board, Floats
from proveout.verdicts._decision import Decision, Judged
from proveout.verdicts._table import Table, tabulate

DECADES = {"flops": 1.0, "seconds": 1.0, "tokens": 1.0, "params": 2.0,
           "examples": 1.0, "steps": 1.0}  # fmt: skip
"""Decades of compute that go with a decade of each unit: what is known of gaps is known per decade
of compute, and compute grows with the square of parameters where tokens grow with them."""

_NOISE_FACTORS = np.geomspace(1 / 16, 4.0, 13)  # on the usual noise, where nothing is repeated...
_NOISE_DOUBT = 1.1  # ...with this sd of their log beforehand, about...
_NOISE_CENTRE = 0.4  # ...this factor: whoever does not repeat runs has quiet ones
_ENOUGH_DOF = 4  # of repeated runs, all together
_UNLIKELY = 0.003
_SURELY_SAME = 3  # runs that equal the baseline's to the last digit
_MOST_SCALES = 64
_FAR = 100.0  # times beyond the runs: there is no experience with gaps
_STRAY = 20.0  # times the usual distance from the median of a scale
_MANY_ZERO = 0.1  # of the losses
_COMPANY = 4  # runs at a scale before one of them can stray
_LARGEST_RATIO = 1e4  # of two losses that are in one unit
_UNREPEATED = (
    "hardly any run is repeated, so the noise of one run, about {:.2g}, is read off how far gaps "
    "stray from smooth courses over scale; repeat a few runs with other seeds to know it"
)


@dataclass(frozen=True)
class Run:
    """One finished run."""

    idea: str
    scale: float
    loss: float
    seed: str | None = None


def decide(
    runs: Sequence[Run],
    target: float,
    *,
    unit: str = "flops",
    baseline: str | None = None,
    certainty: float = 0.95,
    smallest_gap: float = 0.005,
) -> Decision:
    """The gap of each idea at a target scale, as a distribution, and the verdict on it.

    Args:
        runs: at least two ideas; less loss is better.
        target: the scale that matters, in the unit of the runs' scales.
        unit: of the scales, one of `DECADES`.
        baseline: the idea that the others are held against; by default the average of all.
        certainty: how sure one must be to say that an idea holds.
        smallest_gap: the least gain worth having, as a share of the loss.

    Raises:
        ValueError: fewer than two ideas, an unknown baseline or unit, scales or losses that are
            not finite or scales not above zero.
    """
    _check(runs, target, unit, baseline)
    exponent = DECADES[unit]
    table = tabulate(runs, baseline, exponent)
    board = board_of_table(table, target**exponent, exponent, certainty, smallest_gap)
    belief, warnings = believe_table(board, table, named=baseline is not None)
    judged = Judged.of(board, belief, exponent, named=baseline is not None)
    ideas = [judged.decision(arm) for arm in judged.shown]
    ideas.sort(key=lambda each: (each.gap_at_target is None, each.gap_at_target or 0.0, each.idea))
    warnings = (
        *table.warnings, *_far(runs, target), *_at_zero(runs), *_strays(board), *warnings
    )  # fmt: skip
    return Decision(target, unit, baseline, tuple(ideas), warnings)


def _check(runs: Sequence[Run], target: float, unit: str, baseline: str | None) -> None:
    names = {run.idea for run in runs}
    if len(names) < 2:
        raise ValueError(f"two ideas or more are needed to decide between, got {len(names)}")
    if baseline is not None and baseline not in names:
        raise ValueError(f"no run is of the baseline {baseline!r}; ideas: {sorted(names)}")
    if unit not in DECADES:
        raise ValueError(f"the unit must be one of {', '.join(DECADES)}, got {unit!r}")
    if not all(math.isfinite(run.loss) and 0 < run.scale < math.inf for run in runs):
        raise ValueError("losses must be finite, and scales finite and above zero")
    sizes = sorted(abs(run.loss) for run in runs)
    middle = sizes[len(sizes) // 2]
    if middle == 0:
        raise ValueError("most losses are zero, so no gap can be told as a share of the loss")
    if sizes[-1] > _LARGEST_RATIO * middle:
        raise ValueError(
            f"a loss of {sizes[-1]:.3g} cannot be held against others of about {middle:.3g}: leave "
            "the run out if it diverged"
        )
    if (scales := len({run.scale for run in runs})) > _MOST_SCALES:
        raise ValueError(
            f"the runs lie at {scales} scales, and {_MOST_SCALES} are the most: keep the last "
            "point of each run, or fewer points of each curve"
        )
    if not 0 < target < math.inf:
        raise ValueError(f"the target must be finite and above zero, got {target}")


def board_of_table(
    table: Table,
    target: float,
    exponent: float,
    certainty: float = 0.95,
    smallest_gap: float = 0.005,
) -> Board:
    """Runs as a study that buys nothing more, with scales and the target as compute."""
    nothing = np.zeros(table.losses.shape, dtype=bool)
    compute = table.scales**exponent
    return Board(
        table.arms, compute, compute, target, table.losses, nothing, nothing, nothing,
        np.zeros(len(table.arms), dtype=bool), (1, table.losses.shape[2]), 0.0, 0.0,
        smallest_gap, certainty,
    )  # fmt: skip


def believe_table(
    board: Board, table: Table, *, named: bool, prior: FieldPrior = FIELD_PRIOR
) -> tuple[Belief, tuple[str, ...]]:
    """The belief of a study, with noise from residuals where too little was repeated.

    Warnings come with it.
    """
    cells = _interpolated(measure_cells(board.losses, paired=table.paired), board)
    # One pair that agrees to the digits that were written down may do so by accident.
    cells = replace(cells, identical=cells.identical & (cells.runs.sum(axis=1) >= _SURELY_SAME))
    x = np.log10(board.compute)
    # Where losses come near zero, what they fell by tells better what a large gap is.
    scale = max(abs(float(cells.level[-1])), float(np.ptp(cells.level)) / 2) or 1.0
    # Runs are not a ladder that was planned: the prior is centred where the runs are.
    centre = float(x[0] + x[-1]) / 2
    repeated = np.maximum((~np.isnan(board.losses)).sum(axis=2) - 1, 0).sum()
    fields: tuple[tuple[float, GapField], ...] = ()
    warnings: tuple[str, ...] = ()
    if repeated < _ENOUGH_DOF:
        fields, factor = _residual_noise(x, cells, scale, centre, prior)
        cells = _scaled(cells, factor)
        warnings = (_UNREPEATED.format(math.sqrt(float(np.median(cells.baseline_variance)))),)
    # An idea that only stands in for a baseline has a gap of its own, which is no luck.
    luck = named and bool(repeated >= _ENOUGH_DOF)
    field = fit_field(x, cells, scale=scale, centre=centre, prior=prior, luck=luck, beyond=SURPRISE)
    target, smallest = math.log10(board.target), board.smallest_gap * scale
    reliable = np.ones(len(board.arms) - 1)
    return Belief(cells, field, x, target, smallest, reliable, fields), warnings


def _residual_noise(
    x: Floats, cells: Cells, scale: float, centre: float, prior: FieldPrior
) -> tuple[tuple[tuple[float, GapField], ...], float]:
    """How likely each noise makes the gaps of all ideas together; and the noise, as a factor on
    the usual, that has the variance to expect."""
    fields = [
        fit_field(
            x,
            _scaled(cells, factor),
            scale=scale,
            centre=centre,
            prior=prior,
            luck=False,
            beyond=SURPRISE,
        )
        for factor in _NOISE_FACTORS
    ]
    logs = -((np.log(_NOISE_FACTORS / _NOISE_CENTRE) / _NOISE_DOUBT) ** 2) / 2
    logs = logs + np.array([float(field.log_evidence.sum()) for field in fields])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    likely = tuple((float(w), f) for w, f in zip(weights, fields, strict=True) if w > _UNLIKELY)
    return likely, math.sqrt(float(weights @ _NOISE_FACTORS**2))


def _scaled(cells: Cells, factor: float) -> Cells:
    """With all noise's sds times a factor."""
    return replace(
        cells,
        variance=cells.variance * factor**2,
        shared=cells.shared * factor**2,
        run_variance=cells.run_variance * factor**2,
        baseline_variance=cells.baseline_variance * factor**2,
    )


def _interpolated(cells: Cells, board: Board) -> Cells:
    """With the baseline's law where other arms were measured and it was not, between its scales."""
    have = np.flatnonzero(cells.baseline_runs > 0)
    within = np.arange(have[0], have[-1] + 1) if have.size > 2 else have
    lacking = np.setdiff1d(within, have)
    losses = np.nanmean(board.losses[0, have], axis=1)
    if not lacking.size or (losses <= 0).any():
        return cells
    laws = fit_laws(Points.of({"compute": board.compute[have]}, losses))
    told = laws.predict({"compute": board.compute[lacking]}, noise=False)
    gap, shared, level = cells.gap.copy(), cells.shared.copy(), cells.level.copy()
    for rung, expected in zip(lacking, told, strict=True):
        low, high = expected.interval(0.68)
        measured = cells.runs[:, rung] > 0
        gap[measured, rung] += cells.level[rung] - expected.mean
        shared[rung], level[rung] = ((high - low) / 2) ** 2, expected.mean
    return replace(cells, gap=gap, shared=shared, level=level)


def _far(runs: Sequence[Run], target: float) -> tuple[str, ...]:
    """Says so where the target is not where the runs tell anything."""
    low, high = min(run.scale for run in runs), max(run.scale for run in runs)
    if target > _FAR * high:
        return (f"the target is {target / high:.3g} times the largest scale that was run; nobody "
                "has measured how gaps change so far away",)  # fmt: skip
    if target < low / _FAR:
        return (f"the target is {low / target:.3g} times below the smallest scale that was run",)
    return ()


def _at_zero(runs: Sequence[Run]) -> tuple[str, ...]:
    """Losses that have reached the least that they can be hide what gaps there are."""
    zero = sum(run.loss == 0 for run in runs)
    if zero < _MANY_ZERO * len(runs) or any(run.loss < 0 for run in runs):
        return ()
    return (f"{zero} of {len(runs)} losses are zero, where no gap can show: gains look as if they "
            "faded; take a loss that does not end there",)  # fmt: skip


def _strays(board: Board) -> tuple[str, ...]:
    """Runs so far from all others at their scale that they may be broken."""
    found = []
    for rung in range(board.compute.size):
        there = board.losses[:, rung]
        known = np.sort(there[~np.isnan(there)])
        if known.size < _COMPANY:
            continue
        middle = float(np.median(known))
        spread = max(float(np.median(abs(known - middle))), 0.01 * abs(middle))
        if spread == 0:  # most losses are zero: another is no stray
            continue
        for arm, seed in np.argwhere(abs(there - middle) > _STRAY * spread):
            others = np.delete(there[arm], seed)
            if not (abs(others - there[arm, seed]) < 5 * spread).any():
                found.append(
                    f"a run of {board.arms[arm]} has a loss of {there[arm, seed]:.4g} where those "
                    f"at its scale have {middle:.4g}: leave it out if it broke"
                )
    return tuple(found[:5])
