"""What can be bought next, and what it is worth for its price.

A purchase is a package: one to several seeds of an idea at a rung, with the seeds of the baseline
that it lacks there, or seeds of the baseline, which serve all ideas at that rung. One seed may be
worth nothing and three a lot, so a package is judged as a whole, but only as much of it is started
as there are free slots: then everything is judged anew. Trials that are running are reckoned with
as if they had come in as expected.

The largest package of each kind is judged first. No smaller one is worth more, so most of those
are too dear at best, and need not be judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proveout.scaling import own_variance
from proveout.units import compact
from proveout.verdicts._believe import Belief
from proveout.verdicts._board import Board, Choice, Flags, Floats, Pick
from proveout.verdicts._calls import call_all
from proveout.verdicts._reasons import baseline_reason, idea_reason
from proveout.verdicts._worth import at_stake, gain_by, regret

_PACKAGES = np.array([1.0, 2.0, 4.0])  # seeds
_SIZES = _PACKAGES.size
_LARGEST = [_SIZES - 1, 2 * _SIZES - 1]  # of an idea's own seeds, and of the baseline's alone
_IS_LARGEST = np.isin(np.arange(2 * _SIZES), _LARGEST)
_SHORTLIST = 100  # ideas on which most hangs: only they are judged to the last digit
_NOTHING_LEFT = 0.05
"""Stop when what is expected to be missed, of gains worth having, is below this share of one."""
_LOST = 0.002
"""An idea with less of a chance of a gain worth having is left to audits: what further runs of it
seem worth hangs on the far tail of a belief that knows no such ideas."""
_NO_NEWS = 1e-12  # what is added to a precision, per unit of the loss squared
_NAMED = 3  # ideas, in a sentence
_SHARED_BY = 3.0  # ideas: a new seed of the baseline will serve at least so many

Places = npt.NDArray[np.intp]


class Market:
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
        missed, stakes = regret(self.information, (smallest, 0.0)) * self.open
        doubt = float(missed.sum())
        if doubt < _NOTHING_LEFT * smallest:
            return Choice((), (
                "nothing more can change a decision that matters: gains worth having that are "
                f"missed are expected to sum to {doubt:.2g}, and {smallest:.2g} is worth having"
            ))  # fmt: skip
        shortlist = np.argsort(-stakes, kind="stable")[:_SHORTLIST]
        shortlist = shortlist[stakes[shortlist] > 0]
        shape = (self.open.size, self.board.price.size, 2 * _SIZES)
        # By package, of an idea's own seeds and then of the baseline's alone.
        self._news, self._value = np.full(shape, np.inf), np.zeros(shape)
        self._judged = np.ones(shape, dtype=bool)
        self._judge(shortlist)
        picks: list[Pick] = []
        while (package := self._best()) is not None:
            self._take(package, slots - len(picks), picks)
            if len(picks) >= slots:
                break
            self._reckon(self._seeds(package))
            self._judge(shortlist if package.baseline else np.array([package.idea]))
        return Choice(tuple(picks), "" if picks else self._why_nothing())

    def _judge(self, ideas: Places) -> None:
        """What each package would add to the worth of the decisions on some ideas: for now that of
        the largest, which no smaller one is worth more than."""
        runs = np.empty((len(ideas), self.board.price.size, 1 + 2 * _SIZES))
        baseline = np.empty_like(runs)
        runs[:], baseline[:] = self.runs[ideas, :, None], self.baseline_runs[:, None]
        runs[..., 1 : 1 + _SIZES] += _PACKAGES
        baseline[..., 1 : 1 + _SIZES] = self._needed(ideas)
        baseline[..., 1 + _SIZES :] += _PACKAGES
        noise = self._noise(ideas, runs, baseline)
        news = _added(noise[..., :1], noise[..., 1:])
        self._kinds = at_stake(self.information)
        self._news[ideas] = news
        self._value[ideas] = self._gain(ideas, news[..., _LARGEST]).repeat(_SIZES, axis=2)
        self._judged[ideas] = _IS_LARGEST

    def _gain(self, ideas: Places, news: Floats) -> Floats:
        """By how much measurements with these noise variances [I, R, n] add to it."""
        gain = gain_by(self._kinds[:, :, ideas], news)
        gain *= self.belief.reliability[ideas, None, None]
        return gain

    def _judge_rest(self, asked: Flags) -> None:
        """The same to the last digit, of some packages [I, R, 2 n]."""
        ideas = np.flatnonzero(asked.any(axis=(1, 2)))
        asked = asked[ideas]
        gain = self._gain(ideas, np.where(asked, self._news[ideas], np.inf))
        self._value[ideas] = np.where(asked, gain, self._value[ideas])
        self._judged[ideas] |= asked

    def _needed(self, ideas: Places | slice) -> Floats:
        """Runs of the baseline beside which each package of an idea is bought, [I, R, n]."""
        wanted = np.minimum(self.runs[ideas, :, None] + _PACKAGES, self.board.seeds[1])
        needed: Floats = np.maximum(self.baseline_runs[:, None], wanted)
        return needed

    def _noise(self, ideas: Places | slice, runs: Floats, baseline: Floats) -> Floats:
        """The variance of each gap's error for so many runs, [I, R, n]."""
        cells = self.belief.cells
        one = cells.baseline_variance[:, None]
        own = own_variance(runs, baseline, cells.run_variance[ideas, :, None], one, cells.own_share)
        with np.errstate(divide="ignore"):
            total: Floats = own + one / baseline
        return total

    def _best(self) -> _Package | None:
        """The affordable package with the greatest value for its price."""
        price, room = self.board.price[:, None], self._room()[:, :, None]
        lacking = self._needed(slice(None)) - self.baseline_runs[:, None]
        left = self.left * (1 + 1e-9)
        own = (room[1:] >= _PACKAGES) & (room[0] >= lacking)
        own &= price * (_PACKAGES + lacking) <= left
        alone = (room[0] >= _PACKAGES) & (price * _PACKAGES <= left)
        # Values for a unit of price; of what is not affordable none.
        own = own / (price * (_PACKAGES + lacking / _SHARED_BY))
        alone = alone / (price * _PACKAGES)
        rate, all_ideas = self._rates(own, alone)
        judged = self._judged[..., :_SIZES], self._judged[..., _SIZES:].all(axis=0)
        sure = max(float((rate * judged[0]).max()), float((all_ideas * judged[1]).max()))
        asked = ~self._judged
        asked[..., :_SIZES] &= rate > sure
        asked[..., _SIZES:] &= all_ideas > sure
        if asked.any():
            self._judge_rest(asked)
            rate, all_ideas = self._rates(own, alone)
        best, best_alone = float(rate.max()), float(all_ideas.max())
        if max(best, best_alone) <= 0:
            return None
        if best_alone > best:
            rung, size = np.unravel_index(int(all_ideas.argmax()), all_ideas.shape)
            return _Package(None, int(rung), 0, int(_PACKAGES[size]))
        idea, rung, size = np.unravel_index(int(rate.argmax()), rate.shape)
        missing = round(float(lacking[idea, rung, size]))
        return _Package(int(idea), int(rung), int(_PACKAGES[size]), missing)

    def _rates(self, own: Floats, alone: Floats) -> tuple[Floats, Floats]:
        """What packages of an idea's seeds [I, R, n] and of the baseline's [R, n] are worth for
        their price, or at most, from what each is worth by unit of value."""
        return self._value[..., :_SIZES] * own, self._value[..., _SIZES:].sum(axis=0) * alone

    def _room(self) -> Floats:
        """How many seeds of each arm may still be bought at each rung, [A, R]."""
        free: Floats = (~self.taken & ~self.board.closed[:, None, None]) @ np.ones(
            self.taken.shape[2]
        )
        return free

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

    def _reckon(self, more: Places) -> None:
        """As if there were so many more runs, [A, R], and all had come in as expected: those of
        the baseline, and then the ideas'."""
        if not more.any():
            return
        baseline = self.baseline_runs + more[0]
        runs = self.runs + more[1:]
        # As it is, with the baseline's runs, and with the ideas' too.
        have, beside = np.empty((*runs.shape, 3)), np.empty((baseline.size, 3))
        have[..., :2], have[..., 2] = self.runs[:, :, None], runs
        beside[:, 0], beside[:, 1:] = self.baseline_runs, baseline[:, None]
        noise = self._noise(slice(None), have, beside)
        self.runs, self.baseline_runs = runs, baseline
        news = _added(noise[..., :-1], noise[..., 1:])
        for step, which in enumerate((more[0] > 0, more[1:].any(axis=0))):
            for rung in np.flatnonzero(which):
                self.information = self.information.after(int(rung), news[:, rung, step])


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
