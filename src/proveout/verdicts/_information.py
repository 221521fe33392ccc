"""The information policy: buys what is expected to improve the final decisions most for its price.

At the end of a study each idea is adopted or not. What is believed of its gap at the target is a
distribution with mean m and sd s; a purchase will move the mean by an amount whose sd is known
beforehand. What that is worth (the knowledge gradient; Frazier, Powell and Dayanik 2008) is taken
over the belief's mixture, in `_worth`; what is bought is chosen in `_market`. Here is what comes
before and after: a first look at every idea, audits, and a second scale for what stands on one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proveout.verdicts._believe import Belief, believe_board
from proveout.verdicts._board import Board, Choice, Flags, Pick
from proveout.verdicts._market import Market
from proveout.verdicts._reasons import (
    audit_reason,
    baseline_reason,
    first_reason,
    idea_reason,
)

_AUDIT_SHARE = 0.05
_AUDITS_AFTER = 0.3  # of the budget


@dataclass(frozen=True)
class InformationPolicy:
    """Buys information about the target; see the module's text."""

    audits: bool = True

    def choose(self, board: Board, slots: int) -> Choice:
        """The trials to start now: a look at every idea, then what tells most for its price."""
        if len(board.arms) < 2:
            return Choice((), "there is no idea to prove")
        if looks := _first_looks(board, slots):
            return Choice(looks)
        belief = believe_board(board)
        if self.audits and (pick := _audit(board, belief)) is not None:
            return Choice((pick,), pick.why)
        choice = Market(board, belief).buy(slots)
        if not choice.picks and board.idle and (second := self._second_scale(board, belief, slots)):
            return Choice(second, second[-1].why)
        return choice

    def keeps(self, board: Board) -> Flags:
        """Ideas with a gain to expect at the target, and likelier than not to have one: where the
        mean alone says so, it is the far tail of a belief that does."""
        belief = believe_board(board)
        gains = (belief.mean_at_target < 0) & (belief.helps > 0.5)
        measured = (belief.cells.runs > 0).any(axis=1)
        keeps: Flags = gains & measured & ~board.closed[1:]
        return keeps

    def _second_scale(self, board: Board, belief: Belief, slots: int) -> tuple[Pick, ...]:
        """A run at another rung of an idea that would be adopted, or dropped, on the word of one,
        beside the baseline's there: no belief, however sure, makes up for a scale never looked at.

        What would be adopted comes first; what was set aside is an audit, and has audits' share of
        the whole budget now that nothing else is worth buying.
        """
        measured = belief.cells.runs > 0
        alone = (measured.sum(axis=1) == 1) & ~board.closed[1:] & ~belief.cells.identical
        adopted = alone & (belief.mean_at_target < -belief.smallest) & (belief.helps > 0.5)
        left, share = board.left, _AUDIT_SHARE if self.audits else 0.0
        allowance = share * board.budget - _audited(board)
        baseline = board.bought[0].any(axis=1)
        picks: list[Pick] = []
        for idea in (*np.flatnonzero(adopted), *np.flatnonzero(alone & ~adopted)):
            arm, here, audit = int(idea) + 1, int(measured[idea].argmax()), not adopted[idea]
            unseen = np.flatnonzero(~board.bought[arm].any(axis=1))
            for rung in (*unseen[unseen > here].tolist(), *unseen[unseen < here][::-1].tolist()):
                price = float(board.price[rung]) * (1 if baseline[rung] else 2)
                if price > left or (audit and price > allowance):
                    continue
                if not baseline[rung]:
                    picks.append(Pick(0, rung, 0, baseline_reason(board, rung, 0)))
                why = (
                    audit_reason(board, belief, arm, rung)
                    if audit
                    else idea_reason(board, belief, arm, rung, 0)
                )
                picks.append(Pick(arm, rung, 0, why, audit=audit))
                baseline[rung], left = True, left - price
                allowance -= price if audit else 0.0
                break
            if len(picks) >= slots:
                break
        return tuple(picks[:slots])


def _first_looks(board: Board, slots: int) -> tuple[Pick, ...]:
    """One run of every arm at the cheapest rung, before anything else.

    One step ahead, a dearer run of an idea that looks good beats the first run of another; in
    replays it does not, because a look at all decides what every later run is bought for.
    """
    rung = int(board.price.argmin())
    price = float(board.price[rung])
    picks: list[Pick] = []
    for arm in np.flatnonzero(~board.bought.any(axis=(1, 2)) & ~board.closed):
        if len(picks) < slots and price * (len(picks) + 1) <= board.left:
            picks.append(Pick(int(arm), rung, 0, first_reason(board, int(arm), rung)))
    return tuple(picks)


def _audited(board: Board) -> float:
    """What audits have cost."""
    return float((board.audits.sum(axis=2) * board.price).sum())


def _audit(board: Board, belief: Belief) -> Pick | None:
    """A run that checks on an idea that was set aside, while audits have had less than their share.

    The rung is the highest at which a run costs no more than the share allows; ideas come in the
    order in which they were added, each once.
    """
    spent = board.budget - board.left
    if spent < _AUDITS_AFTER * board.budget or (not board.idle and board.audits.any()):
        return None
    allowance = _AUDIT_SHARE * spent - _audited(board)
    affordable = np.flatnonzero((board.price <= allowance) & (board.price <= board.left)
                                & (belief.cells.baseline_runs > 0))  # fmt: skip
    aside = (
        belief.set_aside
        & ~board.closed[1:]
        & ~belief.cells.identical
        & ~board.audits[1:].any(axis=(1, 2))
    )
    if not affordable.size:
        return None
    rung = int(affordable[-1])
    aside &= ~board.bought[1:, rung:].any(axis=(1, 2))
    if not aside.any():
        return None
    arm = int(np.flatnonzero(aside)[0]) + 1
    return Pick(arm, rung, 0, audit_reason(board, belief, arm, rung), audit=True)
