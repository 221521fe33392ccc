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
from functools import partial

import numpy as np

from proveout.scaling import (
    FIELD_PRIOR,
    Cells,
    FieldPrior,
    GapField,
    Points,
    fit_field,
    fit_laws,
    lasting_share,
    measure_cells,
)
from proveout.verdicts._alike import in_common, told_in_common
from proveout.verdicts._believe import SURPRISE, Belief
from proveout.verdicts._board import Board, Floats
from proveout.verdicts._decision import Decision, Judged
from proveout.verdicts._slips import chance_of_one_run, find_strays, questions, resting_on_strays
from proveout.verdicts._table import Table, tabulate

DECADES = {"flops": 1.0, "seconds": 1.0, "tokens": 1.0, "params": 2.0,
           "examples": 1.0, "steps": 1.0}  # fmt: skip
"""Decades of compute that go with a decade of each unit: what is known of gaps is known per decade
of compute, and compute grows with the square of parameters where tokens grow with them."""

_NOISE_FACTORS = np.geomspace(1 / 16, 32.0, 19)  # on the usual noise, where nothing is repeated...
_NOISE_DOUBT = 1.1  # ...with this sd of their log beforehand, about...
_NOISE_CENTRE = 0.4  # ...this factor: whoever does not repeat runs has quiet ones
_LOUD = 4.0  # from there on courses that wander are likelier than noise, ...
_LOUD_DOUBT = 0.2  # ...unless ideas together are clear
_ENOUGH_DOF = 4  # of repeated runs, all together
_UNLIKELY = 0.003
_MOST_LASTING = 0.98
_MOST_DIGITS = 7  # behind the point; finer steps are no matter
_SURELY_SAME = 3  # runs that equal the baseline's to the last digit
_MOST_SCALES = 64
_LARGEST_RATIO = 1e4  # of two losses that are in one unit
_UNREPEATED = (
    "hardly any run is repeated, so the noise of one run, about {:.2g}, is read off how far gaps "
    "stray from smooth courses over scale; repeat a few runs with other seeds to know it"
)
_LASTING = (
    "a seed that is lucky at one scale is lucky at the others (correlation {:.2f}), as checkpoints "
    "of one run are; such runs are counted as fewer"
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
    belief, warnings = believe_table(board, table, named=baseline is not None, unit=unit)
    judged = Judged.of(board, belief, exponent, named=baseline is not None)
    strays = find_strays(board)
    ideas = [judged.decision(arm) for arm in judged.shown]
    ideas = resting_on_strays(ideas, board, strays, baseline)
    ideas.sort(key=lambda each: (each.gap_at_target is None, each.gap_at_target or 0.0, each.idea))
    warnings = (*table.warnings, *questions(board, unit, exponent, strays), *warnings)
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
    board: Board, table: Table, *, named: bool, unit: str = "flops",
    prior: FieldPrior = FIELD_PRIOR,
) -> tuple[Belief, tuple[str, ...]]:  # fmt: skip
    """The belief of a study, with noise from residuals where too little was repeated.

    Warnings come with it.
    """
    cells = _interpolated(measure_cells(board.losses, paired=table.paired), board)
    x = np.log10(board.compute)
    # Where losses come near zero, what they fell by tells better what a large gap is.
    scale = max(abs(float(cells.level[-1])), float(np.ptp(cells.level)) / 2) or 1.0
    step = last_digit(board.losses)
    # Pairs that agree to the digits that were written down may do so by accident.
    surely = (cells.runs.sum(axis=1) >= _SURELY_SAME) & (step <= board.smallest_gap * scale)
    cells = replace(cells, identical=cells.identical & surely)
    # Runs are not a ladder that was planned: the prior is centred where the runs are.
    centre = float(x[0] + x[-1]) / 2
    repeated = np.maximum((~np.isnan(board.losses)).sum(axis=2) - 1, 0).sum()
    fields: tuple[tuple[float, GapField], ...] = ()
    warnings: tuple[str, ...] = ()
    if repeated < _ENOUGH_DOF:
        fields, factor = _residual_noise(x, cells, step, scale, centre, prior)
        usual, cells = cells, _scaled(cells, factor)
        warnings = (_UNREPEATED.format(math.sqrt(float(np.median(cells.baseline_variance)))),)
        if (chance := chance_of_one_run(board, unit)) and factor <= _NOISE_CENTRE:
            fields = _or_one_run(x, usual, factor, chance, fields, scale, centre, prior)
    cells = _rounded(cells, step)
    # An idea that only stands in for a baseline has a gap of its own, which is no luck.
    luck = named and bool(repeated >= _ENOUGH_DOF)
    lasting = lasting_share(board.losses) if table.paired else 0.0
    if lasting:
        warnings = (*warnings, _LASTING.format(lasting))
    fit = partial(fit_field, x, cells, scale=scale, centre=centre, prior=prior, beyond=SURPRISE,
                  lasting=lasting)  # fmt: skip
    field = fit(luck=luck)
    if luck and (common := in_common(x, field, cells, scale=scale, centre=centre, prior=prior)):
        fields = ((1 - common.chance, field), (common.chance, fit(luck=False)))
        warnings = (*warnings, *told_in_common(common))
    target, smallest = math.log10(board.target), board.smallest_gap * scale
    reliable = np.ones(len(board.arms) - 1)
    return Belief(cells, field, x, target, smallest, reliable, fields), warnings


def _residual_noise(
    x: Floats, cells: Cells, step: float, scale: float, centre: float, prior: FieldPrior
) -> tuple[tuple[tuple[float, GapField], ...], float]:
    """How likely each noise makes the gaps of all ideas together; and the noise, as a factor on
    the usual, that has the variance to expect."""
    fields = [
        fit_field(
            x,
            _rounded(_scaled(cells, factor), step),
            scale=scale,
            centre=centre,
            prior=prior,
            luck=False,
            beyond=SURPRISE,
        )
        for factor in _NOISE_FACTORS
    ]
    off = np.log(_NOISE_FACTORS / _NOISE_CENTRE) / _NOISE_DOUBT
    loud = np.log(np.maximum(_NOISE_FACTORS / _LOUD, 1.0)) / _LOUD_DOUBT
    logs = -(off**2 + loud**2) / 2
    logs = logs + np.array([float(field.log_evidence.sum()) for field in fields])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    likely = tuple((float(w), f) for w, f in zip(weights, fields, strict=True) if w > _UNLIKELY)
    return likely, math.sqrt(float(weights @ _NOISE_FACTORS**2))


def _or_one_run(
    x: Floats, cells: Cells, factor: float, chance: float,
    fields: tuple[tuple[float, GapField], ...], scale: float, centre: float, prior: FieldPrior,
) -> tuple[tuple[float, GapField], ...]:  # fmt: skip
    """With a chance that all rows of an idea are one run, whose usual luck is in each of them.

    Residuals do not show it: a luck that lasts looks like a gap that stays.
    """
    both = _scaled(cells, math.hypot(1.0, factor))
    lasting = min(1 / (1 + factor**2), _MOST_LASTING)
    one_run = fit_field(
        x, both, scale=scale, centre=centre, prior=prior, luck=False, beyond=SURPRISE,
        lasting=lasting,
    )  # fmt: skip
    total = sum(weight for weight, _ in fields)
    return (*((weight * (1 - chance), field) for weight, field in fields),
            (total * chance, one_run))  # fmt: skip


def _scaled(cells: Cells, factor: float) -> Cells:
    """With all noise's sds times a factor."""
    return replace(
        cells,
        variance=cells.variance * factor**2,
        shared=cells.shared * factor**2,
        run_variance=cells.run_variance * factor**2,
        baseline_variance=cells.baseline_variance * factor**2,
    )


def last_digit(losses: Floats) -> float:
    """One of the last digit that losses are written with: the largest power of ten, at most one,
    whose multiples they all are; zero where none is."""
    known = losses[~np.isnan(losses)]
    for digits in range(_MOST_DIGITS):
        moved = known * 10.0**digits
        if (abs(moved - np.round(moved)) <= 1e-9 * np.maximum(abs(moved), 1.0)).all():
            return 10.0**-digits
    return 0.0


def _rounded(cells: Cells, step: float) -> Cells:
    """With what rounding adds to the variance of each run: that of an even spread over a step."""
    one = step**2 / 12
    return replace(
        cells,
        variance=cells.variance + one / np.maximum(cells.runs, 1),
        shared=cells.shared + one / np.maximum(cells.baseline_runs, 1),
        run_variance=cells.run_variance + one,
        baseline_variance=cells.baseline_variance + one,
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
