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
import numpy.typing as npt

from proveout.scaling import (
    Cells,
    ComputeMultiplier,
    GapField,
    Points,
    fit_field,
    fit_laws,
    measure_cells,
)
from proveout.verdicts._baseline import multipliers_of
from proveout.verdicts._believe import Belief
from proveout.verdicts._board import Board, Floats
from proveout.verdicts._calls import Call, call_all
from proveout.verdicts._table import Table, tabulate

DECADES = {"flops": 1.0, "seconds": 1.0, "tokens": 1.0, "params": 2.0}
"""Decades of compute that go with a decade of each unit: what is known of gaps is known per decade
of compute, and compute grows with the square of parameters where tokens grow with them."""

_ONE_SCALE = (
    "all runs lie at one scale, which says nothing of how gaps change; the interval is what gaps "
    "of other programs did over scale"
)
_DRAWS = 4000
_CURVE_POINTS = 25
_NOISE_FACTORS = np.geomspace(1 / 16, 4.0, 13)  # on the usual noise, where nothing is repeated...
_NOISE_DOUBT = 1.1  # ...with this sd of their log beforehand, about...
_NOISE_CENTRE = 0.4  # ...this factor: whoever does not repeat runs has quiet ones
_ENOUGH_DOF = 4  # of repeated runs, all together
_UNLIKELY = 0.003
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


@dataclass(frozen=True)
class IdeaDecision:
    """What is believed of one idea at the target; None is what cannot be known, and `why` says so.

    Gaps are in the unit of the loss. `measured` holds (scale, gap, standard error, runs) and
    `line` (scale, mean, low, high) of the 80% interval, for a picture.
    """

    idea: str
    gap_at_target: float | None
    interval80: tuple[float, float] | None
    compute_multiplier: float | None
    multiplier_interval80: tuple[float | None, float | None] | None
    probability_helps: float | None
    probability_best: float | None
    verdict: str
    why: str
    measured: tuple[tuple[float, float, float, int], ...] = ()
    line: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True)
class Decision:
    """What is believed of all ideas at the target, the best first.

    `baseline` is None where ideas are held against the average of all of them.
    """

    target: float
    unit: str
    baseline: str | None
    ideas: tuple[IdeaDecision, ...]
    warnings: tuple[str, ...] = ()


def decide(
    runs: Sequence[Run],
    target: float,
    *,
    unit: str = "flops",
    baseline: str | None = None,
    certainty: float = 0.95,
    smallest_gap: float = 0.01,
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
    table = tabulate(runs, baseline)
    exponent = DECADES[unit]
    board = _board(table, target**exponent, exponent, certainty, smallest_gap)
    belief, fields, warnings = _believe(board, table)
    judged = _Judged.of(board, belief, fields, baseline is not None)
    ideas = [judged.decision(index, exponent) for index in judged.shown]
    ideas.sort(key=lambda each: (each.gap_at_target is None, each.gap_at_target or 0.0, each.idea))
    return Decision(target, unit, baseline, tuple(ideas), (*table.warnings, *warnings))


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
    if not 0 < target < math.inf:
        raise ValueError(f"the target must be finite and above zero, got {target}")


def _board(
    table: Table, target: float, exponent: float, certainty: float, smallest_gap: float
) -> Board:
    nothing = np.zeros(table.losses.shape, dtype=bool)
    compute = table.scales**exponent
    return Board(
        table.arms, compute, compute, target, table.losses, nothing, nothing, nothing,
        np.zeros(len(table.arms), dtype=bool), (1, table.losses.shape[2]), 0.0, 0.0,
        smallest_gap, certainty,
    )  # fmt: skip


Fields = tuple[tuple[float, GapField], ...]
"""The belief for each noise that is likely enough, with how likely it is."""


def _believe(board: Board, table: Table) -> tuple[Belief, Fields, tuple[str, ...]]:
    """The belief of a study, with noise from residuals where too little was repeated."""
    cells = _interpolated(measure_cells(board.losses, paired=table.paired), board)
    x = np.log10(board.compute)
    scale = abs(float(cells.level[-1]))
    # Runs are not a ladder that was planned: the prior is centred where the runs are.
    centre = float(x[0] + x[-1]) / 2
    repeated = np.maximum((~np.isnan(board.losses)).sum(axis=2) - 1, 0).sum()
    field = fit_field(x, cells, scale=scale, centre=centre)
    fields: Fields = ((1.0, field),)
    warnings: tuple[str, ...] = ()
    if repeated < _ENOUGH_DOF:
        fields, factor = _residual_noise(x, cells, scale, centre)
        cells = _scaled(cells, factor)
        field = fit_field(x, cells, scale=scale, centre=centre)
        sd = math.sqrt(float(np.median(cells.baseline_variance)))
        warnings = (_UNREPEATED.format(sd),)
    target, smallest = math.log10(board.target), board.smallest_gap * scale
    belief = Belief(cells, field, x, target, smallest, np.ones(len(board.arms) - 1))
    return belief, fields, warnings


def _residual_noise(x: Floats, cells: Cells, scale: float, centre: float) -> tuple[Fields, float]:
    """How likely each noise makes the gaps of all ideas together; and the noise, as a factor on
    the usual, that has the variance to expect."""
    fields = [
        fit_field(x, _scaled(cells, factor), scale=scale, centre=centre)
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


@dataclass(frozen=True, eq=False)
class _Judged:
    """The belief with all that is told of it computed at once."""

    board: Board
    belief: Belief
    drawn: Floats  # [draws, A], gaps of all arms at the target to what they are held against
    best: Floats  # [A]
    calls: tuple[Call, ...]
    multipliers: dict[int, ComputeMultiplier]
    named: bool  # whether the first arm is a baseline and not just the first

    @classmethod
    def of(cls, board: Board, belief: Belief, fields: Fields, named: bool) -> _Judged:
        """Draws of all arms together: what is best is a question of all of them."""
        total = sum(weight for weight, _ in fields)
        gaps = np.vstack([
            field.draws(belief.target, max(1, round(_DRAWS * weight / total)), seed=number)
            for number, (weight, field) in enumerate(fields)
        ])  # fmt: skip
        gaps = np.where(belief.cells.identical, 0.0, gaps)
        arms = np.hstack([np.zeros((len(gaps), 1)), gaps])
        known = np.hstack([[True], _knowable(belief.cells)])
        rivals = np.where(known, arms, np.inf)
        ties = rivals == rivals.min(axis=1, keepdims=True)
        best = (ties / ties.sum(axis=1, keepdims=True)).mean(axis=0)
        if not named:
            arms = arms - arms[:, known].mean(axis=1, keepdims=True)
        multipliers = _multipliers(board, belief) if named else {}
        return cls(board, belief, arms, best, call_all(board, belief), multipliers, named)

    @property
    def shown(self) -> range:
        """The arms that are told of: all, or all but the baseline."""
        return range(1 if self.named else 0, len(self.board.arms))

    def decision(self, arm: int, exponent: float) -> IdeaDecision:
        """On one arm."""
        cells, name = self.belief.cells, self.board.arms[arm]
        if arm > 0 and not _knowable(cells)[arm - 1]:
            alone = "no run of it lies at a scale that others were measured at"
            return IdeaDecision(name, None, None, None, None, None, None, "undecided", alone)
        gaps = self.drawn[:, arm]
        low, high = (float(end) for end in np.quantile(gaps, [0.1, 0.9]))
        multiplier = self.multipliers.get(arm - 1)
        identical = arm > 0 and bool(cells.identical[arm - 1])
        call = self._call(arm, gaps)
        ties = 0.5 * float((gaps == 0).mean())
        return IdeaDecision(
            idea=name,
            gap_at_target=float(gaps.mean()),
            interval80=(low, high),
            compute_multiplier=1.0 if identical and self.named else _value(multiplier),
            multiplier_interval80=(multiplier.low, multiplier.high) if multiplier else None,
            probability_helps=float((gaps < 0).mean()) + ties,
            probability_best=float(self.best[arm]),
            verdict=call.verdict,
            why=call.why + self._unknown(multiplier, identical),
            measured=self._measured(arm, exponent),
            line=self._line(arm, exponent),
        )

    def _unknown(self, multiplier: ComputeMultiplier | None, identical: bool) -> str:
        """Why there is no compute multiplier."""
        if not self.named:
            return "; no multiplier without a baseline"
        if identical or (multiplier is not None and multiplier.value is not None):
            return ""
        why = multiplier.why if multiplier is not None else None
        return f"; no multiplier: {why or 'the baseline needs losses above zero at two scales'}"

    def _call(self, arm: int, gaps: Floats) -> Call:
        """The verdict against the baseline, or against the average of all arms."""
        rungs = int((self.belief.cells.runs > 0).any(axis=0).sum())
        if rungs < 2 and not self.belief.at_measured_rung:
            return Call("undecided", _ONE_SCALE)
        if self.named:
            return self.calls[arm - 1]
        helps, mean = float((gaps < 0).mean()), float(gaps.mean())
        certainty, smallest = self.board.certainty, self.belief.smallest
        if helps >= certainty and mean <= -smallest:
            return Call("holds", f"better than the average idea with probability {helps:.3g}")
        if 1 - helps >= certainty:
            return Call("hurts", f"worse than the average idea with probability {1 - helps:.3g}")
        return Call("undecided", f"better than the average idea with probability {helps:.3g}")

    def _measured(self, arm: int, exponent: float) -> tuple[tuple[float, float, float, int], ...]:
        if arm == 0 or not self.named:
            return ()
        cells, points = self.belief.cells, []
        for rung in np.flatnonzero((cells.runs[arm - 1] > 0) & np.isfinite(cells.shared)):
            error = math.sqrt(cells.variance[arm - 1, rung] + cells.shared[rung])
            scale = float(self.board.compute[rung]) ** (1 / exponent)
            gap, count = float(cells.gap[arm - 1, rung]), int(cells.runs[arm - 1, rung])
            points.append((scale, gap, error, count))
        return tuple(points)

    def _line(self, arm: int, exponent: float) -> tuple[tuple[float, float, float, float], ...]:
        if arm == 0 or not self.named:
            return ()
        x = self.belief.rungs
        grid = np.linspace(x[0], max(x[-1], self.belief.target), _CURVE_POINTS) + 1e-6
        there = self.belief.field.at(grid).some(np.array([arm - 1]))
        low, high = there.quantiles(0.1)[0], there.quantiles(0.9)[0]
        rows = zip(10 ** (grid / exponent), there.mean[0], low, high, strict=True)
        return tuple((float(s), float(m), float(a), float(b)) for s, m, a, b in rows)


def _value(multiplier: ComputeMultiplier | None) -> float | None:
    return multiplier.value if multiplier is not None else None


def _knowable(cells: Cells) -> npt.NDArray[np.bool_]:
    """[I], whether an idea shares a scale with the baseline or with another idea."""
    company = np.isfinite(cells.shared) | ((cells.runs > 0).sum(axis=0) > 1)
    knowable: npt.NDArray[np.bool_] = ((cells.runs > 0) & company).any(axis=1)
    return knowable


def _multipliers(board: Board, belief: Belief) -> dict[int, ComputeMultiplier]:
    """Of each idea, where the baseline was measured at two scales or more."""
    losses = [(c, float(loss)) for c, row in zip(board.compute, board.losses[0], strict=True)
              for loss in row[~np.isnan(row)]]  # fmt: skip
    compute, values = np.array([c for c, _ in losses]), np.array([loss for _, loss in losses])
    if np.unique(compute).size < 2 or (values <= 0).any():
        return {}
    laws = fit_laws(Points.of({"compute": compute}, values))
    ideas = np.flatnonzero(_knowable(belief.cells) & ~belief.cells.identical)
    found = multipliers_of(laws, board.target, belief.at_target, ideas) if ideas.size else ()
    return dict(zip(ideas.tolist(), found, strict=True))
