"""The verdict table of a study: what is believed of each idea, in words and in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from proveout.ideas import BASELINE
from proveout.ledger import History, Verdict, VerdictsRead
from proveout.scaling import ComputeMultiplier, Laws, Predictive
from proveout.study import ReportedScore, Study
from proveout.trials import REJECTING
from proveout.verdicts._baseline import baseline_laws, draw_baseline, multipliers_of
from proveout.verdicts._believe import Belief, believe_board
from proveout.verdicts._board import Board, Floats, board_of
from proveout.verdicts._calls import Call, call_all
from proveout.verdicts._promote import is_settled
from proveout.verdicts._time import explained_by_time

_CURVE_POINTS = 13
_OF_THE_TARGET = {"holds", "reverses", "hurts"}
_MISSES = 3.0
"""Standard errors of the runs at the target."""
_IMPOSSIBLE = 3.0
"""Times all of the baseline's loss: a fit may err in how much, but then it knows nothing."""
_EXPLORATORY = "measured without isolation (level E), which is never enough to hold"


def judge(study: Study, history: History) -> VerdictsRead:
    """The verdict on every idea. A pure function of the study and its history."""
    now = Standing.of(study, history)
    laws = baseline_laws(study, history)
    verdicts = _Table(study, history, now, laws).verdicts()
    drawn = draw_baseline(laws, [10**at for at in _log_grid(study)]) if laws else None
    aside = _chances_aside(now)
    ordered = tuple(sorted(verdicts, key=_order))
    return VerdictsRead(
        ordered, history.finished_trials, drawn, int(aside.size), float(aside.sum())
    )


class Held(NamedTuple):
    """Ideas by name, the greatest gain at the target first."""

    holds: tuple[str, ...]
    unchecked: tuple[str, ...]
    """That would hold, and wait for their check with withheld targets."""


def held(study: Study, history: History) -> Held:
    """The ideas that hold, and those that are about to."""
    now = Standing.of(study, history)
    before, calls = _by_runs(now), _calls(study, history, now)
    gains = now.belief.mean_at_target
    would = [i for i, call in enumerate(before) if call.verdict == "holds"]
    names = {i: now.board.arms[i + 1] for i in sorted(would, key=lambda i: float(gains[i]))}
    return Held(
        tuple(name for i, name in names.items() if calls[i].verdict == "holds"),
        tuple(
            name
            for name in names.values()
            if not is_settled(history, name) and not explained_by_time(study, history, name)
        ),
    )


def gap_between(study: Study, history: History, idea: str, against: str) -> Predictive | None:
    """One arm's gap to another at the target, from the ladder: a stack's to what it was built on.

    None where they share no rung.
    """
    board = board_of(study, history, stacks=True)
    order = [against, *(arm for arm in board.arms if arm != against)]
    place = [board.arms.index(arm) for arm in order]
    turned = Board(
        tuple(order), board.compute, board.price, board.target, board.losses[place],
        board.running[place], board.failed[place], board.audits[place], board.closed[place],
        board.seeds, board.budget, board.left, board.smallest_gap, board.certainty,
    )  # fmt: skip
    index = order.index(idea) - 1
    teach = np.zeros(len(order) - 1, dtype=bool)  # others differ from a stack by more than nothing
    belief = believe_board(turned, teach=teach)
    shared = (belief.cells.runs[index] > 0) & (belief.cells.baseline_runs > 0)
    return belief.at_target.of(index) if shared.any() else None


def is_broken(study: Study, history: History, idea: str) -> bool:
    """Whether at some rung most of an idea's runs failed, and at least two did."""
    board = board_of(study, history, stacks=True, target=True)
    return bool(board.closed[board.arms.index(idea)])


@dataclass(frozen=True, eq=False)
class Standing:
    """The board with stacks and the target, and what is believed of it."""

    board: Board
    belief: Belief

    @classmethod
    def of(cls, study: Study, history: History, *, target: bool = True) -> Standing:
        """With the runs at the target, or from the ladder alone."""
        board = board_of(study, history, stacks=True, target=target)
        return cls(board, believe_board(board, ladder=len(study.rungs)))


def _by_runs(now: Standing) -> tuple[Call, ...]:
    """The verdicts by what was measured alone."""
    mean = now.belief.mean_at_target
    calls = enumerate(call_all(now.board, now.belief))
    return tuple(_held_against_target(now, idea, call, float(mean[idea])) for idea, call in calls)


def _calls(study: Study, history: History, now: Standing) -> tuple[Call, ...]:
    """The verdicts, failures named by their first sentence."""
    calls = list(_by_runs(now))
    exploratory = {
        trial.idea
        for trial, past in history.trials.items()
        if past.measurement is not None and past.measurement.isolation == "E"
    }
    for index, arm in enumerate(now.board.arms[1:]):
        failures = history.failures(arm) if now.board.failed[index + 1].any() else ()
        if calls[index].verdict == "holds":
            calls[index] = _believed(study, history, arm, calls[index])
        refuted = [each.why for each in history.promotions_of(arm) if each.agrees is False]
        if refuted:
            calls[index] = Call("rejected", f"with its targets withheld: {refuted[0]}")
        elif audits := [failure for failure in failures if failure.kind in REJECTING]:
            calls[index] = Call("rejected", f"{audits[0].kind}: {audits[0].sentence}")
        elif calls[index].verdict == "broken" and failures:
            calls[index] = Call("broken", f"{failures[0].kind}: {failures[0].sentence}")
        elif calls[index].verdict == "holds" and {arm, BASELINE} & exploratory:
            calls[index] = Call("undecided", f"{_EXPLORATORY}; {calls[index].why}")
        if arm in history.withdrawn:
            call = calls[index]
            calls[index] = Call(call.verdict, f"withdrawn, {history.withdrawn[arm]}; {call.why}")
    return tuple(calls)


def _believed(study: Study, history: History, idea: str, call: Call) -> Call:
    """An idea that would hold does so once it was checked as its kind of score allows."""
    if isinstance(study.score, ReportedScore) and not study.score.believe_reported:
        return Call("undecided", f"{call.why}, but by a number that the program reports itself: "
                    "nothing checked it, and score.believe_reported is not set")  # fmt: skip
    if by_time := explained_by_time(study, history, idea):
        return Call("undecided", f"{call.why}, but {by_time}")
    if history.split is None:
        return call
    reads = history.promotions_of(idea)
    rests = {each.rests_on for each in reads if each.agrees}
    if "anew" in rests:
        return call._replace(why=f"{call.why}; a trial that was trained anew bears it out")
    if "chosen" in rests:
        return call._replace(why=f"{call.why}; this rests on trials that it was chosen by, of "
                             "which none was trained anew")  # fmt: skip
    if open_ := [each.why for each in reads if each.agrees is None]:
        return Call("undecided", f"{call.why}, but not confirmed with its targets withheld: "
                    f"{open_[-1]}")  # fmt: skip
    anew = [trial for trial, past in history.trials.items()
            if past.promotion and past.failure and trial.idea == idea]  # fmt: skip
    vain = f" ({len(anew)} that were trained anew failed)" if anew else ""
    return Call("undecided", f"{call.why}; it waits for its check with withheld targets{vain}")


class _Table:
    """The rows, with all their numbers computed at once."""

    def __init__(self, study: Study, history: History, now: Standing, laws: Laws | None) -> None:
        self._now, belief = now, now.belief
        self._calls = _calls(study, history, now)
        self._grid = _log_grid(study)
        there = belief.at([belief.target, *self._grid])
        self._mean = there.mean
        self._low, self._high = there.quantiles(0.1), there.quantiles(0.9)
        self._multipliers = _multipliers(study, belief, laws) if laws else {}

    def verdicts(self) -> list[Verdict]:
        """One for each idea and stack."""
        return [self._row(index, call) for index, call in enumerate(self._calls)]

    def _row(self, index: int, call: Call) -> Verdict:
        belief, identical = self._now.belief, bool(self._now.belief.cells.identical[index])
        rungs = int((belief.cells.runs[index] > 0).sum())
        known = rungs > 0 and not identical
        multiplier = self._multipliers.get(index) if known else None
        return Verdict(
            idea=self._now.board.arms[index + 1],
            verdict=call.verdict,
            gap_at_target=float(self._mean[index, 0]) if known else 0.0 if identical else None,
            interval80=self._interval(index, 0) if known else None,
            compute_multiplier=multiplier.value if multiplier else 1.0 if identical else None,
            multiplier_interval80=(multiplier.low, multiplier.high) if multiplier else None,
            probability_helps=float(belief.helps[index]) if known else None,
            rungs=rungs,
            why=call.why,
            line=self._line(index) if known else (),
            measured=_measured(self._now, index),
        )

    def _interval(self, index: int, place: int) -> tuple[float, float]:
        return float(self._low[index, place]), float(self._high[index, place])

    def _line(self, index: int) -> tuple[tuple[float, float, float, float], ...]:
        return tuple(
            (10**at, float(self._mean[index, place]), *self._interval(index, place))
            for place, at in enumerate(self._grid, start=1)
        )


def _multipliers(study: Study, belief: Belief, laws: Laws) -> dict[int, ComputeMultiplier]:
    measured = np.flatnonzero((belief.cells.runs > 0).any(axis=1) & ~belief.cells.identical)
    if not measured.size:
        return {}
    found = multipliers_of(laws, study.ladder.target.amount, belief.at_target, measured)
    return dict(zip(measured.tolist(), found, strict=True))


def _held_against_target(now: Standing, index: int, call: Call, mean: float) -> Call:
    """A verdict on the target is none where the idea's own runs there neither are as the fit has it
    nor bear it out: what the rungs have in common does not reach that far. Nor is one on a gain
    far beyond all that is left to gain."""
    if call.verdict not in _OF_THE_TARGET:
        return call
    smallest, left = now.belief.smallest, _baseline_there(now)
    if left is not None and -mean > _IMPOSSIBLE * left:
        return Call("undecided", f"the fit, {mean:+.3g} at the target, cannot be: the baseline "
                    f"has {left:.3g} left there")  # fmt: skip
    here = [(gap, error) for at, gap, error, _ in _measured(now, index)
            if math.isclose(at, now.board.target, rel_tol=1e-9)]  # fmt: skip
    if not here:
        return call
    gap, error = here[0]
    borne_out = -gap if call.verdict == "holds" else gap
    if abs(gap - mean) <= _MISSES * error or borne_out >= max(smallest, _MISSES * error):
        return call
    return Call("undecided", f"the fit, {mean:+.3g} at the target, misses what was measured there: "
                f"{gap:+.3g} with a standard error of {error:.2g}")  # fmt: skip


def _baseline_there(now: Standing) -> float | None:
    """The baseline's mean loss at the target; None where it has no run there, or where some loss is
    not above zero, so that nothing says where losses end."""
    losses, board = now.board.losses, now.board
    there = np.isclose(board.compute, board.target, rtol=1e-9)
    own = losses[0, there]
    if not np.isfinite(own).any() or np.nanmin(losses) <= 0:
        return None
    return float(np.nanmean(own))


def _measured(now: Standing, index: int) -> tuple[tuple[float, float, float, int], ...]:
    cells = now.belief.cells
    identical = cells.identical[index]
    points = []
    for rung in np.flatnonzero((cells.runs[index] > 0) & (cells.baseline_runs > 0)):
        error = math.sqrt(cells.variance[index, rung] + cells.shared[rung])
        compute, gap = float(now.board.compute[rung]), float(cells.gap[index, rung])
        points.append((compute, gap, 0.0 if identical else error, int(cells.runs[index, rung])))
    return tuple(points)


def _chances_aside(now: Standing) -> Floats:
    """The probability that each idea set aside is worth having at the target."""
    aside = now.belief.set_aside & ~now.board.closed[1:] & ~now.belief.cells.identical
    chances: Floats = now.belief.matters[aside]
    return chances


def _order(verdict: Verdict) -> tuple[int, float, str]:
    ranks = ("holds", "fades", "reverses", "undecided", "no effect", "hurts", "rejected", "broken")
    gap = verdict.gap_at_target if verdict.gap_at_target is not None else math.inf
    return ranks.index(verdict.verdict), gap, verdict.idea


def _log_grid(study: Study) -> list[float]:
    """Between the rungs, where the curves are smooth: on one, the fit follows its own luck."""
    low = math.log10(study.rungs[0].compute.amount)
    high = math.log10(study.ladder.target.amount)
    grid = [low + (high - low) * i / (_CURVE_POINTS - 1) for i in range(_CURVE_POINTS)]
    return [*(at + 1e-6 for at in grid[:-1]), high]
