"""What each source of ideas has yielded for what it cost, and the share of the budget it gets."""

from __future__ import annotations

from dataclasses import dataclass

from proveout.ideas import Arm, Idea, shares
from proveout.ledger import History, VerdictsRead
from proveout.study import Study
from proveout.verdicts._plan import ladder_board

_LOST = frozenset({"broken", "rejected"})
"""Verdicts of ideas that gain nothing, whatever they measured."""


@dataclass(frozen=True)
class Yield:
    """One source's record; a row of the yield table."""

    source: str
    ideas: int
    """That became commits..."""
    refused: int
    """...and that could not."""
    measured: int
    holds: int
    gain: float
    """What its ideas are expected to gain at the target, in the metric's unit, added up: of a merge
    or a variation, what it gains beyond the best idea that it was made from."""
    best: float | None
    """The gap at the target of its best idea; None where none is measured."""
    charged: float
    """Compute that trials of its ideas cost."""
    usd: float
    calls: int
    input_tokens: int
    output_tokens: int
    seconds: float
    """That it took to answer."""
    share: float | None
    """Of what sources may use; None for one that is not asked, such as people."""
    per_budget: float | None
    """Gain for the whole budget, of compute and of money, at this rate; None at no cost."""


def sources_of(study: Study) -> tuple[str, ...]:
    """The sources that a study asks for ideas."""
    declared = {
        "sampler": study.ideas.sampler,
        "recombination": study.ideas.recombination,
        "llm": study.llm,
        "improver": study.ideas.improver,
        "agent": study.ideas.agent,
    }
    return tuple(name for name, declaration in declared.items() if declaration is not None)


def origin_of(idea: Idea) -> str:
    """The source of an idea; ledgers that knew the catalog alone do not say."""
    return idea.origin or "catalog"


def yields(study: Study, history: History, verdicts: VerdictsRead | None) -> tuple[Yield, ...]:
    """The yield table: a row for each source that has ideas or is asked for them."""
    book = _Book(study, history, verdicts)
    asked = sources_of(study)
    used = [origin for origin in book.origins if origin not in asked]
    given = source_shares(study, history, verdicts)
    return tuple(book.row(source, given.get(source)) for source in (*used, *asked))


def source_shares(
    study: Study, history: History, verdicts: VerdictsRead | None
) -> dict[str, float]:
    """The bandit's shares of the sources that are asked; empty where there are none."""
    asked = sources_of(study)
    if not asked:
        return {}
    book = _Book(study, history, verdicts)
    return shares([book.arm(source) for source in asked], study.ideas.floor, len(history.answers))


def spent_on_sources(study: Study, history: History) -> dict[str, float]:
    """Of each source that is asked, the share of the budgets that it has used or committed.

    An idea that waits for its first run counts as if it had been made.
    """
    book = _Book(study, history, None)
    look = min(rung.compute.amount for rung in study.rungs) / study.budget.compute.amount
    spent = {}
    for source in sources_of(study):
        costs = [max(cost, look) for cost in book.arm(source, pending=True).costs]
        spent[source] = sum(costs)
    return spent


def room_for_ideas(study: Study, history: History) -> float:
    """Compute that ideas of sources may still use, what ends the study kept back."""
    asked = set(sources_of(study))
    used = sum(
        record.reserved if record.state == "running" else record.charged
        for trial, record in history.trials.items()
        if origin_of(history.ideas[trial.idea]) in asked
    )
    left = study.ideas.share * study.budget.compute.amount - used
    return max(0.0, min(left, float(ladder_board(study, history).left)))


class _Book:
    """Gains and costs by idea."""

    def __init__(self, study: Study, history: History, verdicts: VerdictsRead | None) -> None:
        self._study, self._history = study, history
        read = verdicts or history.verdicts
        self._verdicts = {each.idea: each for each in (read.verdicts if read else ())}
        ideas = [idea for idea in history.ideas.values() if idea.kind == "idea"]
        self._by_origin: dict[str, list[Idea]] = {}
        for idea in ideas:
            self._by_origin.setdefault(origin_of(idea), []).append(idea)
        self._charged: dict[str, float] = {}
        for trial, record in history.trials.items():
            spent = record.reserved if record.state == "running" else record.charged
            self._charged[trial.idea] = self._charged.get(trial.idea, 0.0) + spent

    @property
    def origins(self) -> tuple[str, ...]:
        return tuple(self._by_origin)

    def arm(self, source: str, pending: bool = False) -> Arm:
        """What the bandit sees; `pending` with ideas that nothing is known of."""
        ideas = self._by_origin.get(source, [])
        money = self._usd(source) / self._usd_budget(source)
        each_usd = money / max(len(ideas), 1)
        known = [idea for idea in ideas if pending or self._is_known(idea)]
        budget = self._study.budget.compute.amount
        gains = [self._gain(idea) for idea in known]
        costs = [self._charged.get(idea.name, 0.0) / budget + each_usd for idea in known]
        if money and not ideas:  # paid, and nothing came of it
            gains, costs = [0.0], [money]
        return Arm(source, tuple(gains), tuple(costs))

    def row(self, source: str, share: float | None) -> Yield:
        ideas = self._by_origin.get(source, [])
        answers = [each for each in self._history.answers if each.source == source]
        told = [self._verdicts[idea.name] for idea in ideas if idea.name in self._verdicts]
        gaps = [each.gap_at_target for each in told if each.gap_at_target is not None]
        gain = sum(map(self._gain, ideas))
        charged = sum(self._charged.get(idea.name, 0.0) for idea in ideas)
        usd = self._usd(source)
        cost = charged / self._study.budget.compute.amount + usd / self._usd_budget(source)
        refused = sum((each.source or "catalog") == source for each in self._history.refused)
        return Yield(
            source=source,
            ideas=len(ideas),
            refused=refused,
            measured=sum(each.rungs > 0 for each in told),
            holds=sum(each.verdict == "holds" for each in told),
            gain=gain,
            best=min(gaps, default=None),
            charged=charged,
            usd=usd,
            calls=sum(each.calls for each in answers),
            input_tokens=sum(each.input_tokens for each in answers),
            output_tokens=sum(each.output_tokens for each in answers),
            seconds=sum(each.seconds for each in answers),
            share=share,
            per_budget=gain / cost if cost > 0 else None,
        )

    def _is_known(self, idea: Idea) -> bool:
        verdict = self._verdicts.get(idea.name)
        return verdict is not None and (verdict.rungs > 0 or verdict.verdict in _LOST)

    def _gain(self, idea: Idea) -> float:
        parents = [self._alone(name) for name in idea.parents]
        return max(0.0, self._alone(idea.name) - max(parents, default=0.0))

    def _alone(self, name: str) -> float:
        verdict = self._verdicts.get(name)
        if verdict is None or verdict.verdict in _LOST or verdict.gap_at_target is None:
            return 0.0
        return max(0.0, -verdict.gap_at_target)

    def _usd(self, source: str) -> float:
        return sum(each.usd for each in self._history.answers if each.source == source)

    def _usd_budget(self, source: str) -> float:
        agent = self._study.ideas.agent
        budgets = (
            self._study.llm.budget if self._study.llm else 0.0,
            (agent.budget or 0.0) if agent else 0.0,
        )
        return sum(budgets) or float("inf")
