"""The board: a study at one moment as arrays, which is all that a policy looks at.

A live study, a replay of recorded runs and a simulation all come as boards, so that one policy
serves all three and a replayed study takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from proveout.ideas import BASELINE
from proveout.ledger import History
from proveout.study import Study
from proveout.trials import REJECTING

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Board:
    """A study at one moment: A arms (the baseline first), R rungs, room for S seeds.

    Attributes:
        arms: [A] names; `arms[0]` is the baseline.
        compute: [R], of the rungs, rising.
        price: [R], of one trial, in the unit of the budget.
        target: the compute that the user cares about, in the unit of `compute`.
        losses: [A, R, S]; NaN where nothing is scored. A trial that was ended early stands above
            the baseline's loss of its seed, or mean there, by the gap that it was losing by.
        running: [A, R, S], planned or under way.
        failed: [A, R, S], ended without a score.
        audits: [A, R, S], bought to check on an idea that had been set aside.
        closed: [A], arms of which nothing more may be bought: broken, rejected, withdrawn.
        seeds: the least and the most at one rung; S is at least the most.
        budget: of the study in all.
        left: of it, charges and reservations taken off.
        smallest_gap: the least gain worth having, as a share of the baseline's loss.
        certainty: how sure one must be to say that an idea holds.
        members: of the ideas that are others together, which they are, as places in [A - 1]; of
            one with members that are no arms, none.
    """

    arms: tuple[str, ...]
    compute: Floats
    price: Floats
    target: float
    losses: Floats
    running: Flags
    failed: Flags
    audits: Flags
    closed: Flags
    seeds: tuple[int, int]
    budget: float
    left: float
    smallest_gap: float = 0.01
    certainty: float = 0.95
    members: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def bought(self) -> Flags:
        """[A, R, S]: scored, failed or running."""
        bought: Flags = ~np.isnan(self.losses) | self.running | self.failed
        return bought

    @property
    def idle(self) -> bool:
        """Whether nothing is running."""
        return not self.running.any()


@dataclass(frozen=True)
class Pick:
    """One trial that a policy buys, and why, in one line."""

    arm: int
    rung: int
    replicate: int
    why: str
    audit: bool = False


@dataclass(frozen=True)
class Choice:
    """What to start now. Without picks there is nothing to buy before something running ends; and
    if nothing runs, the policy is done: `why` says for what reason."""

    picks: tuple[Pick, ...]
    why: str = ""


class Policy(Protocol):
    """Chooses the next trials, and in the end which ideas to keep. It has no memory: both are
    functions of the board alone, so that a study can be stopped, resumed and replayed."""

    def choose(self, board: Board, slots: int) -> Choice:
        """At most `slots` trials that are not bought yet, whose prices `board.left` covers."""
        ...

    def keeps(self, board: Board) -> Flags:
        """[A - 1], by idea (without the baseline): whether it would be adopted at the target."""
        ...


def board_of(
    study: Study, history: History, *, stacks: bool = False, target: bool = False
) -> Board:
    """The board of a study.

    Args:
        study: the study.
        history: what has happened in it.
        stacks: whether stacks are arms too.
        target: whether runs at the target are the last rung.
    """
    rungs = len(study.rungs) + target
    kinds = {"idea", "stack"} if stacks else {"idea"}
    arms = (BASELINE, *(name for name, idea in history.ideas.items() if idea.kind in kinds))
    place = {name: index for index, name in enumerate(arms)}
    most = max([study.seeds.per_rung[1], study.seeds.at_target if target else 0,
                *(trial.replicate + 1 for trial in history.trials)])  # fmt: skip
    losses = np.full((len(arms), rungs, most), np.nan)
    running, failed, audits = (np.zeros(losses.shape, dtype=bool) for _ in range(3))
    closed = np.zeros(len(arms), dtype=bool)
    ended: dict[tuple[int, int, int], float] = {}
    for trial, record in history.trials.items():
        arm = place.get(trial.idea)
        if arm is None or trial.rung >= rungs:
            continue
        at = arm, trial.rung, trial.replicate
        audits[at] = record.audit
        if record.measurement is not None:
            losses[at] = record.measurement.to_minimize
        elif record.state == "running":
            running[at] = True
        elif record.failure is not None and record.failure.gap is not None:
            ended[at] = record.failure.gap
        elif record.state == "failed":
            failed[at] = True
            closed[arm] |= record.failure is not None and record.failure.kind in REJECTING
    for promotion in history.promotions.values():
        if promotion.agrees is False and promotion.idea in place:
            closed[place[promotion.idea]] = True
    for at, gap in ended.items():
        same, there = losses[0, at[1], at[2]], losses[0, at[1]]
        known = there[~np.isnan(there)] if np.isnan(same) else same
        failed[at] = not known.size
        losses[at] = gap + known.mean() if known.size else np.nan
    scored, lost = (~np.isnan(losses)).sum(axis=2), failed.sum(axis=2)
    broken = ((lost >= 2) & (lost > scored)).any(axis=1)
    broken |= (lost.sum(axis=1) >= 2) & (scored.sum(axis=1) == 0)
    compute = np.array([study.rung(rung).compute.amount for rung in range(rungs)])
    price = np.array([study.price(rung) for rung in range(rungs)])
    return Board(
        arms, compute, price, study.ladder.target.amount, losses, running, failed, audits,
        closed | broken, study.seeds.per_rung, history.account.budget, history.account.left,
        study.policy.smallest_gap, study.policy.certainty, _members(history, arms[1:]),
    )  # fmt: skip


def _members(history: History, ideas: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """Of merges, a person's and a source's as ours, what they are made of."""
    place = {name: index for index, name in enumerate(ideas)}
    made_of = {place[name]: history.ideas[name].members for name in ideas}
    return {
        merge: tuple(place[name] for name in names) if set(names) <= place.keys() else ()
        for merge, names in made_of.items()
        if names
    }
