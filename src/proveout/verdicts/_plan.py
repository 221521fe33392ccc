"""What a study does next: climb its ladder as its policy says, then compound what won.

`plan` is a pure function of the study and its history, so a study can be stopped, resumed and
replayed; with one slot it goes the same way whenever it was stopped.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np

from proveout.ideas import BASELINE
from proveout.ledger import History
from proveout.study import Study
from proveout.trials import Trial
from proveout.units import compact
from proveout.verdicts._actions import Action, Buy, EndLadder, Purchase, Stop, Wait
from proveout.verdicts._board import Board, Choice, board_of
from proveout.verdicts._compound import compound, finale, finale_price
from proveout.verdicts._named import policy_named


def plan(study: Study, history: History, slots: int) -> Action:
    """What to do next, with so many slots free.

    While a forecast waits for its run, that comes first. The ladder is climbed until the policy
    has nothing to buy, and again whenever an idea was added or the study was changed since.
    """
    if slots < 1:
        return Wait("every slot is taken")
    if under_way := _forecast_under_way(study, history):
        action = finale(study, history, under_way, slots)
        if not isinstance(action, Stop):
            return _in_turn(action, history)
    board = ladder_board(study, history)
    if board.closed[0]:
        return _in_turn(_baseline_fails(study, history), history)
    if not history.compounding:
        choice = policy_named(study.policy.name).choose(board, slots)
        action = _buy(board, choice) if choice.picks else _end(study, history, choice.why)
        return _in_turn(action, history)
    return _in_turn(compound(study, history, board, slots), history)


def ladder_board(study: Study, history: History) -> Board:
    """The board that the policy sees: ideas on the ladder, and the budget that is theirs.

    What the merges and the target will still cost is kept back, unless all of it is more than half
    of the budget: then the ladder comes first.
    """
    board = board_of(study, history)
    withdrawn = np.array([arm in history.withdrawn for arm in board.arms], dtype=bool)
    board = replace(board, closed=board.closed | withdrawn)
    price = finale_price(study, anew=history.split is not None)
    if price > board.budget / 2:
        return board
    top = len(study.rungs)
    spent = sum(
        record.reserved if record.state == "running" else record.charged
        for trial, record in history.trials.items()
        if trial.rung >= top or record.promotion or history.ideas[trial.idea].kind == "stack"
    )
    kept = max(0.0, price - spent)
    return replace(board, budget=board.budget - price, left=board.left - kept)


def _forecast_under_way(study: Study, history: History) -> str | None:
    waiting = [name for name in history.forecasts if name not in history.forecasts_scored]
    return waiting[-1] if waiting and study.can_buy_target else None


def _in_turn(action: Action, history: History) -> Action:
    """Purchases go out at once; what decides anything waits until all is in."""
    running = any(record.state == "running" for record in history.trials.values())
    if running and not isinstance(action, Buy | Wait):
        return Wait("what is running comes first")
    return action


def _buy(board: Board, choice: Choice) -> Buy:
    return Buy(tuple(
        Purchase(Trial(pick.rung, pick.replicate, board.arms[pick.arm]), pick.why, pick.audit)
        for pick in choice.picks
    ))  # fmt: skip


def _baseline_fails(study: Study, history: History) -> Stop:
    failure = history.failures(BASELINE)[0]
    again = f"proveout ideas retry {shlex.quote(str(study.folder))} {BASELINE}"
    return Stop(
        f"the baseline itself fails: {failure.kind}: {failure.sentence} (where that was for this "
        f"machine, mend it, then `{again}` and run; where it is for the program, mend that and "
        "begin another study)",
        ok=False,
    )


def _end(study: Study, history: History, why: str) -> EndLadder:
    left, unit = history.account.left, study.budget.compute.unit
    return EndLadder(f"the ladder ended with {compact(left)} {unit} left: {why}")
