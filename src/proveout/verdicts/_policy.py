"""The ladder policy: climb rung by rung, merge what holds, forecast the target, buy it.

A policy is a pure function of the study and its history. This one decides in rounds: it asks for
a set of trials, and takes its next decision only from rounds that are complete, so the order in
which trials happen to finish changes nothing, and neither does a stop and a resume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from proveout.ideas import BASELINE, STACK_PREFIX, Idea
from proveout.ledger import ROUNDING, History
from proveout.study import Study
from proveout.trials import AUDITS, Trial
from proveout.verdicts._belief import Belief, believe, compare
from proveout.verdicts._rules import is_broken, standing

_CANNOT_MATTER = 0.08
"""An idea is set aside when a gain worth having at the target is less likely than this."""

_STACK_RUNGS = 3
"""A stack is proven out at this many of the highest rungs."""

_MERGES_RESERVED = 2
"""How many merges the policy keeps budget for while ideas climb."""


@dataclass(frozen=True)
class Buy:
    """Run these trials."""

    trials: tuple[Trial, ...]
    why: str


@dataclass(frozen=True)
class Merge:
    """Merge an idea into a stack, as an idea of the given name."""

    name: str
    base: str
    idea: str
    why: str


@dataclass(frozen=True)
class MakeForecast:
    """Record what the target run is expected to measure, before it is bought."""

    idea: str
    why: str


@dataclass(frozen=True)
class ScoreForecast:
    """Hold a forecast against its run."""

    idea: str
    why: str


@dataclass(frozen=True)
class Stop:
    """Nothing is left to buy."""

    why: str
    ok: bool = True
    """False where the study could not do what it was asked to."""


Action = Buy | Merge | MakeForecast | ScoreForecast | Stop


def plan(study: Study, history: History) -> Action:
    """What to do next. Trials that are planned and not finished are asked for again."""
    return _climb(study, history) or _compound(study, history)


def _climb(study: Study, history: History) -> Action | None:
    """The first round that is not complete; None when the ladder has been climbed.

    Who climbs is decided on the least number of seeds, which every arm has: seeds that are added
    later cannot change a choice that was already acted upon.
    """
    least, most = study.seeds.per_rung
    alive = [name for name, idea in history.ideas.items() if idea.kind == "idea"]
    why = "every idea starts at the first rung"
    for rung in range(len(study.rungs)):
        arms = [BASELINE, *alive]
        if missing := _missing(history, arms, rung, least):
            return _afford(study, history, missing, _at(study, rung, why))
        # What a later rung has shown since must not change who was let climb to it.
        seen = _ladder_only(study, history, replicates=least, top=rung)
        if is_broken(study, seen, BASELINE):
            failure = seen.failures(BASELINE)[0]
            return Stop(f"the baseline itself fails: {failure.kind}: {failure.sentence}", ok=False)
        beliefs = believe(study, seen, up_to=rung).by_idea
        survivors = [name for name in alive if _may_matter(study, seen, beliefs[name])]
        why = _narrowing(alive, survivors)
        doubtful = [name for name in survivors if _is_doubtful(study, beliefs[name])]
        extra = most if rung == len(study.rungs) - 1 and doubtful else least
        if missing := _missing(history, [BASELINE, *doubtful], rung, extra):
            reason = f"more seeds for what is in doubt: {', '.join(doubtful)}"
            bought = _afford(study, history, missing, _at(study, rung, reason), optional=True)
            if isinstance(bought, Buy):
                return bought
        if not survivors:
            return None
        if rung + 1 < len(study.rungs):
            alive = _affordable(study, seen, survivors, rung + 1, beliefs)
            if len(alive) < len(survivors):
                why += f"; the budget lets {len(alive)} of {len(survivors)} climb on"
    return None


def _compound(study: Study, history: History) -> Action:
    """Merges what holds, best first, each merge proven out; then the target."""
    held = standing(study, _ladder_only(study, history))
    if not held:
        ideas = any(idea.kind == "idea" for idea in history.ideas.values())
        why = "no idea holds" if ideas else "the study has no ideas"
        return Stop(f"{why}, so there is nothing to carry to the target")
    best, *others = held
    refused = {(merge.base, merge.idea) for merge in history.merges_refused}
    for idea in others:
        if (best, idea) in refused:
            continue
        name = _stack_of(history, best, idea)
        if name is None:
            return Merge(_next_stack(history), best, idea, f"does {idea} add to {best}?")
        rungs = range(max(0, len(study.rungs) - _STACK_RUNGS), len(study.rungs))
        arms = (BASELINE, best, name)
        missing = [
            trial
            for rung in rungs
            for trial in _missing(history, arms, rung, study.seeds.per_rung[0])
        ]
        if missing:
            reason = f"{name} = {' + '.join(history.ideas[name].members)}: do the gains add up?"
            bought = _afford(study, history, missing, reason, optional=True)
            if isinstance(bought, Buy):
                return bought
            break
        if _adds_up(study, history, name, best):
            best = name
    return _finale(study, history, best)


def members_of(idea: Idea) -> tuple[str, ...]:
    """The ideas that a stack is made of; an idea is made of itself."""
    return idea.members or (idea.name,)


def _stack_of(history: History, base: str, idea: str) -> str | None:
    """The stack that adds an idea to a base, if it has been merged."""
    wanted = (*members_of(history.ideas[base]), idea)
    return next((name for name, each in history.ideas.items() if each.members == wanted), None)


def _next_stack(history: History) -> str:
    """Stacks are numbered as they are tried, those that conflicted included."""
    tried = sum(idea.kind == "stack" for idea in history.ideas.values())
    return f"{STACK_PREFIX}{1 + tried + len(history.merges_refused)}"


def _finale(study: Study, history: History, best: str) -> Action:
    """Forecast, buy and score the run at the target."""
    target, scored = len(study.rungs), history.forecasts_scored
    if best not in history.forecasts:
        return MakeForecast(best, f"what will {best} gain at {study.ladder.target}?")
    missing = _missing(history, [BASELINE, best], target, study.seeds.at_target)
    if missing and not study.can_buy_target:
        return Stop("the target is forecast; to buy its run give ladder.target_parameters")
    if missing:
        why = f"the run at the target, forecast to gain {-history.forecasts[best].mean_gap:.3f}"
        return _afford(study, history, missing, why, optional=True)
    if best not in scored:
        measured = history.losses(best, target).keys() & history.losses(BASELINE, target).keys()
        if not measured:
            return Stop("the run at the target failed, so its forecast cannot be scored", ok=False)
        return ScoreForecast(best, "the target run is in")
    return Stop(f"{best} is the new baseline: proven at the target")


def _ladder_only(
    study: Study, history: History, replicates: int | None = None, top: int | None = None
) -> History:
    """The history without stacks and the target, so that neither changes what led to them; and
    with the first replicates, or up to a rung, alone."""
    most = study.seeds.per_rung[1] if replicates is None else replicates
    highest = len(study.rungs) - 1 if top is None else top
    ideas = {name: idea for name, idea in history.ideas.items() if idea.kind != "stack"}
    trials = {
        trial: record
        for trial, record in history.trials.items()
        if trial.idea in ideas and trial.rung <= highest and trial.replicate < most
    }
    return replace(history, ideas=ideas, trials=trials)


def _at(study: Study, rung: int, why: str) -> str:
    return f"rung {rung + 1} ({study.rung(rung).label}): {why}"


def _narrowing(alive: Sequence[str], survivors: Sequence[str]) -> str:
    dropped = [name for name in alive if name not in survivors]
    kept = f"{len(survivors)} of {len(alive)} may still matter at the target"
    return f"{kept}; set aside: {', '.join(dropped)}" if dropped else kept


def _missing(history: History, arms: Sequence[str], rung: int, replicates: int) -> list[Trial]:
    wanted = [Trial(rung, replicate, arm) for replicate in range(replicates) for arm in arms]
    return [trial for trial in wanted if not _is_finished(history, trial)]


def _is_finished(history: History, trial: Trial) -> bool:
    record = history.trials.get(trial)
    return record is not None and record.state in {"scored", "failed"}


def _afford(
    study: Study, history: History, trials: Sequence[Trial], why: str, optional: bool = False
) -> Buy | Stop:
    """The purchase, if the budget covers all of it: half a round would be money thrown away."""
    price = sum(study.rung(trial.rung).compute.amount for trial in trials)
    running = sum(
        record.reserved
        for trial, record in history.trials.items()
        if record.state == "running" and trial in trials
    )
    left = history.account.left + running
    if price <= left + ROUNDING * history.account.budget:
        return Buy(tuple(trials), why)
    unit = study.budget.compute.unit
    return Stop(
        f"the budget does not cover the next step ({why}): it costs {price:.6g} {unit} and "
        f"{left:.6g} is left",
        ok=optional,
    )


def _may_matter(study: Study, history: History, belief: Belief) -> bool:
    if is_broken(study, history, belief.idea) or belief.identical:
        return False
    if any(failure.kind in AUDITS for failure in history.failures(belief.idea)):
        return False
    if belief.at_target is None:
        return False
    return _gain_probability(study, history, belief) >= _CANNOT_MATTER


def _gain_probability(study: Study, history: History, belief: Belief) -> float:
    if belief.at_target is None:
        return 0.0
    losses = history.losses(BASELINE, max(belief.pairs))
    loss = sum(losses.values()) / len(losses)
    return belief.at_target.probability_below(-study.policy.smallest_gap * loss)


def _is_doubtful(study: Study, belief: Belief) -> bool:
    if belief.at_target is None:
        return False
    helps = belief.at_target.probability_below(0.0)
    return 0.5 <= helps < study.policy.certainty


def _affordable(
    study: Study, history: History, ideas: Sequence[str], rung: int, beliefs: Mapping[str, Belief]
) -> list[str]:
    """As many of the ideas as the budget lets climb to a rung, the most promising first.

    What the merges and the target will cost is kept back, unless it is more than half of the
    budget: then the ladder comes first.
    """
    least = study.seeds.per_rung[0]
    spendable = history.account.budget - _spent_up_to(study, history, rung - 1)
    kept = _finale_price(study)
    if kept <= history.account.budget / 2:
        spendable -= kept
    price = study.rungs[rung].compute.amount * least
    slots = max(1, int(spendable // price) - 1)
    ranked = sorted(ideas, key=lambda name: -_gain_probability(study, history, beliefs[name]))
    return [name for name in ideas if name in set(ranked[:slots])]


def _spent_up_to(study: Study, history: History, rung: int) -> float:
    """Charges of the rounds that came before: the same number after a resume."""
    return sum(record.charged for trial, record in history.trials.items() if trial.rung <= rung)


def _finale_price(study: Study) -> float:
    """What the merges and both arms at the target cost."""
    rungs = study.rungs[-_STACK_RUNGS:]
    merges = sum(rung.compute.amount for rung in rungs) * study.seeds.per_rung[0]
    target = study.ladder.target.amount * 2 * study.seeds.at_target
    return _MERGES_RESERVED * merges + (target if study.can_buy_target else 0.0)


def _adds_up(study: Study, history: History, stack: str, base: str) -> bool:
    """Whether a stack is better at the target than what it was built on."""
    if is_broken(study, history, stack):
        return False
    noise = believe(study, _ladder_only(study, history)).noise
    gap = compare(study, history, stack, base, noise).at_target
    return gap is not None and gap.probability_below(0.0) > 0.5
