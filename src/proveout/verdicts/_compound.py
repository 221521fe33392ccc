"""Compounding: merge what won, prove the merges, forecast the target, buy its run, score it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from proveout.ideas import BASELINE, STACK_PREFIX, Idea
from proveout.ledger import ROUNDING, History
from proveout.study import Study
from proveout.trials import Trial
from proveout.units import compact
from proveout.verdicts._actions import (
    Action,
    Buy,
    MakeForecast,
    Merge,
    Purchase,
    ScoreForecast,
    Stop,
    Wait,
)
from proveout.verdicts._board import Board
from proveout.verdicts._forecast import is_proven
from proveout.verdicts._named import policy_named
from proveout.verdicts._promote import is_confirmed, next_check
from proveout.verdicts._reference import mean_gaps
from proveout.verdicts._rules import gap_between, held, is_broken

_STACK_RUNGS = 3
"""A stack is proven out at this many of the highest rungs."""

_MERGES_RESERVED = 2
"""How many merges the budget is kept for while ideas climb."""

_IDEAS_ANEW = 3
"""So many ideas the budget is kept for to train them anew."""

_OURS = "information"


def members_of(idea: Idea) -> tuple[str, ...]:
    """The ideas that a stack is made of; an idea is made of itself."""
    return idea.members or (idea.name,)


def compound(study: Study, history: History, board: Board, slots: int) -> Action:
    """Merges what won on the ladder's board, best first, each merge proven out; then the target."""
    ladder = _ladder_only(study, history)
    kept = () if study.policy.name == _OURS else _kept(study, board)
    holding, unchecked = held(study, ladder)
    back = _kept_back(study, history, (*holding, *unchecked, *kept))
    if check := next_check(study, history, (*unchecked, *kept), slots, back):
        return check
    won = holding if study.policy.name == _OURS else kept
    won = _in_order(history, [
        idea for idea in won if idea not in history.withdrawn and is_confirmed(history, idea)
    ])  # fmt: skip
    words = _by_its_own_rule(study, won, holding)
    if not won:
        why = f"{_nothing_won(study, history)}, so there is nothing to carry to the target"
        return Stop(why + _also(history.ladder_ended), bool(history.trials) or len(board.arms) < 2)
    best, *others = won
    for idea in others:
        action = _merge(study, history, best, idea, slots, words)
        if not isinstance(action, Stop | None):
            return action
        stack = _stack_of(history, best, idea)
        if isinstance(action, Stop) and not (stack and _is_measured(study, history, stack)):
            break  # the budget does not cover it
        if stack is not None and _adds_up(study, history, stack, best):
            back = {stack: _target_price(study, history)}
            if check := next_check(study, history, (stack,), slots, back):
                return check
            best = stack if is_confirmed(history, stack) else best
    action = finale(study, history, best, slots)
    if isinstance(action, Stop):
        return replace(action, why=action.why + _also(history.ladder_ended, words))
    if isinstance(action, MakeForecast):
        return replace(action, why=action.why + _also(words))
    return action


def _merge(
    study: Study, history: History, best: str, idea: str, slots: int, words: str
) -> Action | None:
    """The next step towards knowing whether an idea adds to the best so far; None once known."""
    members = {*members_of(history.ideas[best]), idea}
    if set(members_of(history.ideas[idea])) <= set(members_of(history.ideas[best])):
        return None  # it is in there already
    if _sets_otherwise(history.ideas[best], history.ideas[idea]):
        return None  # git would say that they conflict
    refused = [{*members_of(history.ideas[merge.base]), merge.idea}
               for merge in history.merges_refused]  # fmt: skip
    if members in refused:
        return None
    merged = _stack_of(history, best, idea)
    name = merged or _next_stack(history)
    rungs = range(max(0, len(study.rungs) - _STACK_RUNGS), len(study.rungs))
    lacking = [
        trial
        for rung in rungs
        for trial in _lacking(history, (BASELINE, best, name), rung, study.seeds.per_rung[0])
    ]
    why = f"do the gains of {' + '.join((*members_of(history.ideas[best]), idea))} add up?"
    kept = _target_price(study, history)
    if history.split is not None:
        kept += study.price(len(study.rungs) - 1)  # the merge is trained anew if it adds up
    step = _step(study, history, lacking, slots, why, kept=kept)
    if merged or isinstance(step, Stop):
        return step
    first = not any(each.kind == "stack" for each in history.ideas.values())
    return Merge(name, best, idea, f"does {idea} add to {best}?" + (_also(words) if first else ""))


def finale(study: Study, history: History, best: str, slots: int) -> Action:
    """Forecast, buy and score the run at the target."""
    target, scored = len(study.rungs), history.forecasts_scored
    if best not in history.forecasts:
        return MakeForecast(best, f"what will {best} gain at {study.ladder.target}?")
    lacking = _lacking(history, (BASELINE, best), target, study.seeds.at_target)
    if lacking and not study.can_buy_target:
        return Stop("the target is forecast; to buy its run give ladder.target_parameters")
    why = f"the run at the target, forecast to gain {-history.forecasts[best].mean_gap:.3f}"
    action = _step(study, history, lacking, slots, why)
    if action is not None:
        return action
    if best not in scored:
        measured = history.losses(best, target).keys() & history.losses(BASELINE, target).keys()
        if not measured:
            return Stop("the run at the target failed, so its forecast cannot be scored", ok=False)
        return ScoreForecast(best, "the target run is in")
    if is_proven(scored[best]):
        return Stop(f"{best} is the new baseline: proven at the target")
    gap = scored[best].measured_gap * (-1 if study.score.maximized else 1)
    return Stop(
        f"{best} is not proven: measured {gap:+.3g} at the target, with a standard error of "
        f"{scored[best].standard_error:.2g}; the baseline stays"
    )


def finale_price(study: Study, *, anew: bool = False) -> float:
    """What the merges, the seeds that the best idea lacks beside them and both arms at the target
    cost; and with `anew` what is trained anew: the baseline, some ideas and the merges."""
    trials = 1 + _IDEAS_ANEW + _MERGES_RESERVED if anew else 0
    again = trials * study.price(len(study.rungs) - 1)
    return (_MERGES_RESERVED + 1) * _arm_price(study) + again + _target_price(study)


def _arm_price(study: Study) -> float:
    rungs = range(len(study.rungs))[-_STACK_RUNGS:]
    return sum(map(study.price, rungs)) * study.seeds.per_rung[0]


def _in_order(history: History, winners: Iterable[str]) -> tuple[str, ...]:
    """The winners as they are merged: in the order in which they were tried since the ladder was
    last climbed, then the others, best first. Else each new score could begin another stack and
    leave one half proven."""
    won = list(winners)
    tried = [name for members in history.merges_tried for name in members if name in won]
    return tuple(dict.fromkeys([*tried, *won]))


def _kept_back(study: Study, history: History, winners: Iterable[str]) -> dict[str, float]:
    """What training each winner anew must leave: of the first the price of the target, of the
    others that of the merges and their seeds too, which are more to the point than a second
    opinion on each."""
    names = _in_order(history, winners)
    target = _target_price(study, history)
    merges = min(len(names) - 1, _MERGES_RESERVED)
    merge = _arm_price(study) + study.price(len(study.rungs) - 1)
    spent = sum(
        record.reserved if record.state == "running" else record.charged
        for trial, record in history.trials.items() if history.ideas[trial.idea].kind == "stack"
    )  # fmt: skip
    top, seeds = len(study.rungs) - 1, study.seeds.per_rung[0]
    proven = any(idea.kind == "stack" and len(history.losses(name, top)) >= seeds
                 for name, idea in history.ideas.items())  # fmt: skip
    base = _arm_price(study) if merges > 0 and not proven else 0.0
    price = max(0.0, merges * merge + base - spent)
    return {name: target + (price if place else 0.0) for place, name in enumerate(names)}


def _target_price(study: Study, history: History | None = None) -> float:
    """What both arms at the target cost; nothing where they cannot be bought (any more)."""
    price = study.price(len(study.rungs)) * 2 * study.seeds.at_target
    covered = history is None or price <= history.account.left
    return price if study.can_buy_target and covered else 0.0


def _kept(study: Study, board: Board) -> tuple[str, ...]:
    """The ideas that a policy keeps by its own rule, best first at the highest rung measured."""
    gaps = mean_gaps(board)
    rungs = np.arange(gaps.shape[1])
    highest = np.where(np.isnan(gaps), -1, rungs).max(axis=1)
    gap = np.where(highest < 0, np.inf, gaps[np.arange(len(gaps)), highest])
    keeps = policy_named(study.policy.name).keeps(board) & ~board.closed[1:]
    kept = np.flatnonzero(keeps & (highest >= 0))
    return tuple(board.arms[index + 1] for index in sorted(kept, key=lambda index: gap[index]))


def _by_its_own_rule(study: Study, won: Sequence[str], holding: Sequence[str]) -> str:
    """Where the policy decides by a rule that is not ours, what ours says of its choice."""
    if study.policy.name == _OURS or not won:
        return ""
    also = sum(name in holding for name in won)
    return f"{study.policy.name} keeps {', '.join(won)}, of which {also} hold by our verdicts"


def _nothing_won(study: Study, history: History) -> str:
    if not any(idea.kind == "idea" for idea in history.ideas.values()):
        return "the study has no ideas"
    return "no idea holds" if study.policy.name == _OURS else f"{study.policy.name} keeps no idea"


def _also(*words: str) -> str:
    said = "; ".join(filter(None, words))
    return f" ({said})" if said else ""


def _sets_otherwise(one: Idea, other: Idea) -> bool:
    """Whether two ideas set one parameter to different values."""
    shared = one.parameters.keys() & other.parameters.keys()
    return any(one.parameters[name] != other.parameters[name] for name in shared)


def _stack_of(history: History, base: str, idea: str) -> str | None:
    """The stack of these members, if it has been merged, in whatever order."""
    wanted = {*members_of(history.ideas[base]), idea}
    stacks = (each for each in history.ideas.values() if each.kind == "stack")
    return next((each.name for each in stacks if set(each.members) == wanted), None)


def _next_stack(history: History) -> str:
    """Stacks are numbered as they are tried, those that conflicted included."""
    tried = sum(idea.kind == "stack" for idea in history.ideas.values())
    return f"{STACK_PREFIX}{1 + tried + len(history.merges_refused)}"


def _ladder_only(study: Study, history: History) -> History:
    """The history without stacks and the target, so that neither changes what led to them."""
    ideas = {name: idea for name, idea in history.ideas.items() if idea.kind != "stack"}
    trials = {
        trial: record
        for trial, record in history.trials.items()
        if trial.idea in ideas and trial.rung < len(study.rungs)
    }
    return replace(history, ideas=ideas, trials=trials)


def _lacking(history: History, arms: Iterable[str], rung: int, seeds: int) -> list[Trial]:
    """Trials that have not ended, running ones included."""
    wanted = [Trial(rung, replicate, arm) for replicate in range(seeds) for arm in arms]
    return [trial for trial in wanted if _state(history, trial) not in {"scored", "failed"}]


def _state(history: History, trial: Trial) -> str:
    record = history.trials.get(trial)
    return record.state if record else "planned"


def _step(
    study: Study,
    history: History,
    lacking: Sequence[Trial],
    slots: int,
    why: str,
    kept: float = 0.0,
) -> Buy | Wait | Stop | None:
    """Buys what is lacking, as far as there are slots, if the budget covers all of it and what is
    kept back: half of it would be money thrown away. None where nothing is lacking."""
    if not lacking:
        return None
    wanted = [trial for trial in lacking if _state(history, trial) != "running"]
    if not wanted:
        return Wait(why)
    account, unit = history.account, study.budget.compute.unit
    price = sum(study.price(trial.rung) for trial in wanted)
    if price > account.left - kept + ROUNDING * account.budget:
        return Stop(f"the budget does not cover the next step ({why}): it costs "
                    f"{compact(price)} {unit} and {compact(account.left)} is left")  # fmt: skip
    return Buy(tuple(_purchase(study, trial, why) for trial in wanted[:slots]))


def _purchase(study: Study, trial: Trial, why: str) -> Purchase:
    at = study.rung(trial.rung).label
    return Purchase(trial, f"{trial.idea} at {at}, seed {trial.replicate + 1}: {why}")


def _is_measured(study: Study, history: History, stack: str) -> bool:
    """Whether a stack has scores at the ladder's highest rung."""
    return bool(history.losses(stack, len(study.rungs) - 1))


def _adds_up(study: Study, history: History, stack: str, base: str) -> bool:
    """Whether a stack is better at the target than what it was built on."""
    if is_broken(study, history, stack):
        return False
    gap = gap_between(study, history, stack, base)
    return gap is not None and gap.probability_below(0.0) > 0.5
