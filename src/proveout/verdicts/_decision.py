"""What is told of a decision: the belief in numbers, words and lines for a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from proveout.scaling import Cells, ComputeMultiplier, GapsAt, Points, fit_laws
from proveout.verdicts._baseline import multipliers_of
from proveout.verdicts._believe import Belief
from proveout.verdicts._board import Board, Flags, Floats
from proveout.verdicts._calls import Call, call_all, percent

_ONE_SCALE = (
    "all runs lie at one scale, which says nothing of how gaps change; the interval is what gaps "
    "of other programs did over scale"
)
_DRAWS = 4000
_CURVE_POINTS = 25


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


class AtTarget(NamedTuple):
    """Of all arms at the target, [A] each, the baseline first: the mean gap to the baseline, or to
    the average where none is named, the ends of its 80% interval, the probability that it is below
    zero, and that the arm is the best of all."""

    mean: Floats
    low: Floats
    high: Floats
    helps: Floats
    best: Floats


def at_target(belief: Belief, *, named: bool) -> AtTarget:
    """What is believed of all arms. What is best is a question of all together, so it is drawn."""
    arms, known = _draw(belief), knowable(belief.cells, named=named)
    rivals = np.where(known, arms, np.inf) if known.any() else arms
    ties = rivals == rivals.min(axis=1, keepdims=True)
    best = (ties / ties.sum(axis=1, keepdims=True)).mean(axis=0)
    if named:
        still = np.hstack([[True], belief.cells.identical])
        return AtTarget(*_of_gaps(belief.at_target, still), best)
    average = arms[:, known].mean(axis=1, keepdims=True) if known.any() else 0.0
    return AtTarget(*_of_draws(arms - average), best)


@dataclass(frozen=True, eq=False)
class Judged:
    """The belief with all that is told of it computed at once.

    Attributes:
        board: the runs.
        belief: what is believed of them.
        exponent: decades of compute that go with a decade of the runs' scale.
        named: whether the first arm is a baseline, and not just the first.
        mean, low, high, helps: [A], of the gap at the target to the baseline, or to the average.
        best: [A], the probability that an arm is the best of all.
    """

    board: Board
    belief: Belief
    exponent: float
    named: bool
    mean: Floats
    low: Floats
    high: Floats
    helps: Floats
    best: Floats
    calls: tuple[Call, ...]
    multipliers: dict[int, ComputeMultiplier]

    @classmethod
    def of(cls, board: Board, belief: Belief, exponent: float, *, named: bool) -> Judged:
        """Everything at once."""
        numbers = at_target(belief, named=named)
        multipliers = _multipliers(board, belief) if named else {}
        calls = call_all(board, belief)
        return cls(board, belief, exponent, named, *numbers, calls, multipliers)

    @property
    def shown(self) -> range:
        """The arms that are told of: all, or all but the baseline."""
        return range(1 if self.named else 0, len(self.board.arms))

    def decision(self, arm: int) -> IdeaDecision:
        """On one arm."""
        name = self.board.arms[arm]
        if not knowable(self.belief.cells, named=self.named)[arm]:
            alone = "no run of it lies at a scale that others were measured at"
            return IdeaDecision(name, None, None, None, None, None, None, "undecided", alone)
        identical = arm > 0 and bool(self.belief.cells.identical[arm - 1])
        multiplier = self.multipliers.get(arm - 1)
        value = multiplier.value if multiplier is not None else None
        call = self._call(arm)
        return IdeaDecision(
            idea=name,
            gap_at_target=float(self.mean[arm]),
            interval80=(float(self.low[arm]), float(self.high[arm])),
            compute_multiplier=1.0 if identical and self.named else value,
            multiplier_interval80=(multiplier.low, multiplier.high) if multiplier else None,
            probability_helps=float(self.helps[arm]),
            probability_best=float(self.best[arm]),
            verdict=call.verdict,
            why=call.why + self._unknown(multiplier, identical),
            measured=self._measured(arm),
            line=self._line(arm),
        )

    def _unknown(self, multiplier: ComputeMultiplier | None, identical: bool) -> str:
        """Why there is no compute multiplier."""
        if not self.named:
            return "; no multiplier without a baseline"
        if identical or (multiplier is not None and multiplier.value is not None):
            return ""
        if multiplier is not None:
            return f"; no multiplier: {multiplier.why}"
        if (self.board.losses[0] <= 0).any():
            return "; no multiplier: only a loss above zero has a law over compute"
        return "; no multiplier: the baseline was run at one scale only"

    def _call(self, arm: int) -> Call:
        """The verdict against the baseline, or against the average of all arms."""
        scales = int((self.belief.cells.runs > 0).any(axis=0).sum())
        if scales < 2 and not self.belief.at_measured_rung:
            return Call("undecided", _ONE_SCALE)
        if self.named:
            return self.calls[arm - 1]
        helps, than = float(self.helps[arm]), "than the average idea with probability"
        if helps >= self.board.certainty and self.mean[arm] <= -self.belief.smallest:
            return Call("holds", f"better {than} {percent(helps)}")
        if 1 - helps >= self.board.certainty:
            return Call("hurts", f"worse {than} {percent(1 - helps)}")
        return Call("undecided", f"better {than} {percent(helps)}")

    def _measured(self, arm: int) -> tuple[tuple[float, float, float, int], ...]:
        if arm == 0 or not self.named:
            return ()
        cells, points = self.belief.cells, []
        for rung in np.flatnonzero((cells.runs[arm - 1] > 0) & np.isfinite(cells.shared)):
            error = math.sqrt(cells.variance[arm - 1, rung] + cells.shared[rung])
            scale = float(self.board.compute[rung]) ** (1 / self.exponent)
            gap, count = float(cells.gap[arm - 1, rung]), int(cells.runs[arm - 1, rung])
            points.append((scale, gap, error, count))
        return tuple(points)

    def _line(self, arm: int) -> tuple[tuple[float, float, float, float], ...]:
        if arm == 0 or not self.named:
            return ()
        scales, *lines = self._lines
        rows = zip(scales, *(each[arm - 1] for each in lines), strict=True)
        return tuple((float(s), float(m), float(a), float(b)) for s, m, a, b in rows)

    @cached_property
    def _lines(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Scales [m], and the mean and the ends of the 80% interval of all ideas' gaps there."""
        x, target = self.belief.rungs, self.belief.target
        grid = np.linspace(min(x[0], target), max(x[-1], target), _CURVE_POINTS)
        there = self.belief.at(grid + 1e-6)
        scales: Floats = 10 ** (grid / self.exponent)
        return scales, there.mean, there.quantiles(0.1), there.quantiles(0.9)


def knowable(cells: Cells, *, named: bool) -> Flags:
    """[A], whether an arm was measured beside another; a named baseline is what others are held
    against, and so always is."""
    arms = np.vstack([cells.baseline_runs, cells.runs]) > 0
    company = arms.sum(axis=0) > 1
    found: npt.NDArray[np.bool_] = (arms & company).any(axis=1)
    found[0] |= named
    return found


def _draw(belief: Belief) -> Floats:
    """Gaps of all arms at the target together, [draws, A]; the first arm's are zero."""
    fields = belief.others or ((1.0, belief.field),)
    total = sum(weight for weight, _ in fields)
    gaps = np.vstack([
        field.draws(belief.target, max(1, round(_DRAWS * weight / total)), seed=number)
        for number, (weight, field) in enumerate(fields)
    ])  # fmt: skip
    gaps = np.where(belief.cells.identical, 0.0, gaps)
    return np.hstack([np.zeros((len(gaps), 1)), gaps])


def _of_gaps(gaps: GapsAt, still: Flags) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean, ends of the interval and chance to help of all arms, exactly."""
    found = (gaps.mean, gaps.quantiles(0.1), gaps.quantiles(0.9), gaps.below(0.0))
    mean, low, high, helps = (np.concatenate([[0.0], each[:, 0]]) for each in found)
    zero = [np.where(still, 0.0, each) for each in (mean, low, high)]
    return zero[0], zero[1], zero[2], np.where(still, 0.5, helps)


def _of_draws(gaps: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """The same from draws [n, A]."""
    low, high = np.quantile(gaps, [0.1, 0.9], axis=0)
    helps = (gaps < 0).mean(axis=0) + (gaps == 0).mean(axis=0) / 2
    return gaps.mean(axis=0), low, high, helps


def _multipliers(board: Board, belief: Belief) -> dict[int, ComputeMultiplier]:
    """Of each idea, where the baseline was measured at two scales or more."""
    rungs, seeds = np.nonzero(~np.isnan(board.losses[0]))
    compute, losses = board.compute[rungs], board.losses[0, rungs, seeds]
    if np.unique(compute).size < 2 or (losses <= 1e-9 * abs(losses).max()).any():
        return {}
    laws = fit_laws(Points.of({"compute": compute}, losses))
    ideas = np.flatnonzero(knowable(belief.cells, named=True)[1:] & ~belief.cells.identical)
    found = multipliers_of(laws, board.target, belief.at_target, ideas) if ideas.size else ()
    return dict(zip(ideas.tolist(), found, strict=True))
