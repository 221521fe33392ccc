"""The information policy: buys what is expected to improve the final decisions most for its price.

At the end of a study each idea is adopted or not. What is believed of its gap at the target is a
distribution with mean m and sd s; a purchase will move the mean by an amount whose sd is known
beforehand. What that is worth (the knowledge gradient; Frazier, Powell and Dayanik 2008) is taken
over the belief's mixture, in `_worth`.

A purchase is a package: one to several seeds of an idea at a rung, with the seeds of the baseline
that it lacks there, or seeds of the baseline, which serve all ideas at that rung. One seed may be
worth nothing and three a lot, so a package is judged as a whole, but only as much of it is started
as there are free slots: then everything is judged anew. Trials that are running are reckoned with
as if they had come in as expected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proveout.scaling import own_variance
from proveout.units import compact
from proveout.verdicts._believe import Belief, believe_board
from proveout.verdicts._board import Board, Choice, Flags, Floats, Pick
from proveout.verdicts._calls import call_all
from proveout.verdicts._reasons import (
    audit_reason,
    baseline_reason,
    first_reason,
    idea_reason,
)
from proveout.verdicts._worth import gain_by, regret

_PACKAGES = np.array([1.0, 2.0, 4.0])  # seeds
_SHORTLIST = 100  # ideas on which most hangs: only they are judged to the last digit
_NOTHING_LEFT = 0.05
"""Stop when what is expected to be missed, of gains worth having, is below this share of one."""
_LOST = 0.002
"""An idea with less of a chance of a gain worth having is left to audits: what further runs of it
seem worth hangs on the far tail of a belief that knows no such ideas."""
_AUDIT_SHARE = 0.05
_AUDITS_AFTER = 0.3  # of the budget
_NO_NEWS = 1e-12  # what is added to a precision, per unit of the loss squared
_NAMED = 3  # ideas, in a sentence
_SHARED_BY = 3.0  # ideas: a new seed of the baseline will serve at least so many


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
        choice = _Market(board, belief).buy(slots)
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


class _Market:
    """What can be bought, at what price and for what value, with all that runs reckoned with."""

    def __init__(self, board: Board, belief: Belief) -> None:
        self.board, self.belief = board, belief
        self.information = belief.information
        self.runs, self.baseline_runs = belief.cells.runs.copy(), belief.cells.baseline_runs.copy()
        self.taken = board.bought[:, :, : board.seeds[1]]
        self.left = board.left
        # A change that leaves every bit as it was will not do anything at another scale.
        self.open = ~board.closed[1:] & ~belief.cells.identical
        self.open &= (belief.matters >= _LOST) | (self.runs == 0).all(axis=1)
        self._reckon(board.running.sum(axis=2))

    def buy(self, slots: int) -> Choice:
        """The best packages, as far as there are slots."""
        smallest = self.belief.smallest
        doubt = float((regret(self.information, smallest) * self.open).sum())
        if doubt < _NOTHING_LEFT * smallest:
            return Choice((), (
                "nothing more can change a decision that matters: gains worth having that are "
                f"missed are expected to sum to {doubt:.2g}, and {smallest:.2g} is worth having"
            ))  # fmt: skip
        at_stake = regret(self.information) * self.open
        shortlist = np.argsort(-at_stake, kind="stable")[:_SHORTLIST]
        shortlist = shortlist[at_stake[shortlist] > 0]
        self._value = np.zeros((self.open.size, self.board.price.size, len(_PACKAGES)))
        self._baseline_value = np.zeros_like(self._value)
        self._judge(shortlist)
        picks: list[Pick] = []
        while (package := self._best()) is not None:
            self._take(package, slots - len(picks), picks)
            if len(picks) >= slots:
                break
            self._reckon(self._seeds(package))
            self._judge(shortlist if package.baseline else np.array([package.idea]))
        return Choice(tuple(picks), "" if picks else self._why_nothing())

    def _judge(self, ideas: npt.NDArray[np.intp]) -> None:
        """What each package would add to the worth of the decisions on some ideas."""
        information = self.information.of(ideas)
        runs, have = self.runs[ideas, :, None], self.baseline_runs[:, None]
        now = self._noise(ideas, runs, have)
        own = self._noise(ideas, runs + _PACKAGES, self._needed(ideas))
        baseline = self._noise(ideas, runs, have + _PACKAGES)
        gain = gain_by(information, _added(now, np.concatenate([own, baseline], axis=2)))
        gain *= self.belief.reliability[ideas, None, None]
        self._value[ideas], self._baseline_value[ideas] = np.split(gain, 2, axis=2)

    def _needed(self, ideas: npt.NDArray[np.intp] | slice) -> Floats:
        """Runs of the baseline beside which each package of an idea is bought, [I, R, n]."""
        wanted = np.minimum(self.runs[ideas, :, None] + _PACKAGES, self.board.seeds[1])
        needed: Floats = np.maximum(self.baseline_runs[:, None], wanted)
        return needed

    def _noise(self, ideas: npt.NDArray[np.intp] | slice, runs: Floats, baseline: Floats) -> Floats:
        """The variance of each gap's error for so many runs, [I, R, n]."""
        cells = self.belief.cells
        one = cells.baseline_variance[:, None]
        own = own_variance(runs, baseline, cells.run_variance[ideas, :, None], one, cells.own_share)
        with np.errstate(divide="ignore"):
            total: Floats = own + one / baseline
        return total

    def _best(self) -> _Package | None:
        """The affordable package with the greatest value for its price."""
        price, free = self.board.price[:, None], ~self.taken & ~self.board.closed[:, None, None]
        room = free.sum(axis=2)[:, :, None]
        lacking = self._needed(slice(None)) - self.baseline_runs[:, None]
        allowed = (room[1:] >= _PACKAGES) & (room[0] >= lacking)
        allowed &= price * (_PACKAGES + lacking) <= self.left * (1 + 1e-9)
        rate = self._value / (price * (_PACKAGES + lacking / _SHARED_BY))
        rate = np.where(allowed, rate, 0.0)
        idea, rung, size = np.unravel_index(int(rate.argmax()), rate.shape)
        allowed = (room[0] >= _PACKAGES) & (price * _PACKAGES <= self.left * (1 + 1e-9))
        all_ideas = self._baseline_value.sum(axis=0) / (price * _PACKAGES)
        all_ideas = np.where(allowed, all_ideas, 0.0)
        if max(float(rate.max()), float(all_ideas.max())) <= 0:
            return None
        if all_ideas.max() > rate.max():
            rung, size = np.unravel_index(int(all_ideas.argmax()), all_ideas.shape)
            return _Package(None, int(rung), 0, int(_PACKAGES[size]))
        missing = round(float(lacking[idea, rung, size]))
        return _Package(int(idea), int(rung), int(_PACKAGES[size]), missing)

    def _why_nothing(self) -> str:
        if self.left < float(self.board.price.min()):
            return f"the ladder's part of it, {compact(self.left)}, is less than the cheapest trial"
        payable = self.board.price <= self.left
        used_up = self.taken[1:][:, payable].all(axis=(1, 2)) & self.open
        calls = call_all(self.board, self.belief)
        names = [self.board.arms[idea + 1] for idea in np.flatnonzero(used_up)
                 if calls[idea].verdict == "undecided"]  # fmt: skip
        if names:
            rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            return (
                f"every seed that the study allows is bought of {', '.join(names[:_NAMED])}{rest}, "
                "and that leaves them undecided; a greater seeds.per_rung allows more"
            )
        if self.taken[1:][self.open].all():
            return "every seed that the study allows is bought"
        return "no trial that what is left pays for is expected to change a decision"

    def _take(self, package: _Package, slots: int, picks: list[Pick]) -> None:
        """Starts as much of a package as there are slots; the baseline's seeds first."""
        for arm, seeds in ((0, package.baseline), (package.arm, package.seeds)):
            for _ in range(min(seeds, slots)):
                self._pick(arm, package.rung, picks)
                slots -= 1

    def _pick(self, arm: int, rung: int, picks: list[Pick]) -> None:
        replicate = int(np.flatnonzero(~self.taken[arm, rung])[0])
        number = int(self.taken[arm, rung].sum())
        reason = (
            baseline_reason(self.board, rung, number)
            if arm == 0
            else idea_reason(self.board, self.belief, arm, rung, number)
        )
        picks.append(Pick(arm, rung, replicate, reason))
        self.taken[arm, rung, replicate] = True
        self.left -= float(self.board.price[rung])

    def _seeds(self, package: _Package) -> npt.NDArray[np.intp]:
        """How many more runs a package is, [A, R]."""
        seeds = np.zeros(self.taken.shape[:2], dtype=np.intp)
        seeds[0, package.rung] = package.baseline
        if package.idea is not None:
            seeds[package.arm, package.rung] = package.seeds
        return seeds

    def _reckon(self, more: npt.NDArray[np.intp]) -> None:
        """As if there were so many more runs, [A, R], and all had come in as expected."""
        if more[0].any():
            self._expect(more[0], np.zeros_like(more[1:]))
        if more[1:].any():
            self._expect(np.zeros_like(more[0]), more[1:])

    def _expect(self, baseline: npt.NDArray[np.intp], own: npt.NDArray[np.intp]) -> None:
        """The same of the baseline's runs [R] or of the ideas' [I, R]."""
        everything = slice(None)
        before = self._noise(everything, self.runs[:, :, None], self.baseline_runs[:, None])
        self.baseline_runs += baseline
        self.runs += own
        after = self._noise(everything, self.runs[:, :, None], self.baseline_runs[:, None])
        news = _added(before, after)[:, :, 0]
        for rung in np.flatnonzero((baseline > 0) | own.any(axis=0)):
            self.information = self.information.after(int(rung), news[:, rung])


@dataclass(frozen=True)
class _Package:
    idea: int | None  # None: the baseline alone
    rung: int
    seeds: int
    baseline: int  # seeds of the baseline with it

    @property
    def arm(self) -> int:
        return 0 if self.idea is None else self.idea + 1


def _added(now: Floats, after: Floats) -> Floats:
    """The noise variance of one measurement that brings an error's variance from one to another;
    infinite where that is no gain."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gained = 1 / after - 1 / now
        added: Floats = np.where(gained > _NO_NEWS, 1 / gained, np.inf)
    return added


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
