"""Before an idea is believed: a trial of it is trained anew, and the sealed part is read for that.

Ideas are chosen by their scores on the search part, so what is chosen looks better there than it
is, by its seeds and by the text that it was scored on. A trial with a seed that no choice was made
on, scored on a part that no choice was made on, has neither: the difference of its two gaps, idea
minus baseline at the same rung and seed, is an unbiased estimate of what the text adds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from proveout.ideas import BASELINE
from proveout.ledger import ROUNDING, History
from proveout.study import Study
from proveout.trials import Trial
from proveout.verdicts._actions import Buy, Promote, Purchase, Wait

_MOST_SPENT = 3
"""So many trials may be trained anew in vain, of an idea and its twins, before it is given up."""


def kept_trials(study: Study, history: History, idea: str) -> frozenset[Trial]:
    """The trials whose artifacts are kept: at an idea's highest rung the best and the last; what
    was trained anew; what the sealed part was read for; runs at the target; and all of the
    baseline, which others are held against."""
    scored = _scored(history, idea)
    if idea == BASELINE or not scored:
        return frozenset(scored)
    anew = {trial for trial in scored if history.trials[trial].promotion}
    promoted = {trial for trial in scored if trial.id in history.promotions}
    target = {trial for trial in scored if trial.rung >= len(study.rungs)}
    return frozenset({*_best_and_last(history, scored), *anew, *promoted, *target})


def is_settled(history: History, idea: str) -> bool:
    """Whether the sealed part has said of an idea what it will: it refutes it, or bears out what
    was trained anew. What rests on trials that the idea was chosen by is settled when the budget
    has grown, or others need less of it."""
    return any(
        each.agrees is False or (each.agrees is True and each.rests_on == "anew")
        for each in history.promotions_of(idea)
    )


def is_confirmed(history: History, idea: str) -> bool:
    """Whether an idea may be built on: the sealed part bears it out, or there is none."""
    reads = history.promotions_of(idea)
    agreed = any(each.agrees and each.rests_on != "alarm" for each in reads)
    return history.split is None or (agreed and all(each.agrees is not False for each in reads))


@dataclass
class _Checks:
    """What is to be done for some ideas, in their order, with what is left for them."""

    buy: list[Trial] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    anew: list[Trial] = field(default_factory=list)
    chosen: list[Trial] = field(default_factory=list)
    instead: str = ""


def next_check(
    study: Study, history: History, ideas: Sequence[str], slots: int, kept: Mapping[str, float]
) -> Promote | Buy | Wait | None:
    """What is to be done before these ideas are believed; None where nothing is, or can be.

    Of each idea one trial is trained anew at its highest rung, with the first seed that no other
    trial had, and beside it one of the baseline with that seed, which all ideas there share; the
    sealed part is then read for both. Where the budget does not cover it, it is read for trials
    that the idea was chosen by, and the record says so.

    `kept` says how much of the budget each of them must leave for other things.
    """
    if history.split is None:
        return None
    found = _Checks()
    for idea in dict.fromkeys(ideas):
        if not is_settled(history, idea):
            _check(study, history, idea, kept[idea], found)
    if found.buy:
        return Buy(tuple(_purchase(study, trial) for trial in found.buy[:slots]))
    if found.waiting:
        return Wait(f"{', '.join(found.waiting)}: what is trained anew comes first")
    for trials, instead in ((found.anew, ""), (found.chosen, found.instead)):
        if trials:
            names = ", ".join(dict.fromkeys(trial.idea for trial in trials))
            why = f"{names}: is the gain there with the targets withheld?"
            return Promote(tuple(trials), why + (f" ({instead})" if instead else ""), instead)
    return None


def _check(study: Study, history: History, idea: str, kept: float, found: _Checks) -> None:
    own = _to_train(study, history, idea)
    if own is None:
        return
    pair = (Trial(own.rung, own.replicate, BASELINE), own)
    states = {trial: _state(history, trial) for trial in pair}
    wanted = [each for each in pair if states[each] == "planned" and each not in found.buy]
    account, price = history.account, study.price(own.rung)
    left = account.left - sum(study.price(trial.rung) for trial in found.buy) - kept
    if wanted and idea in history.withdrawn:
        _fall_back(history, idea, "it was withdrawn, so nothing more is bought of it", found)
    elif wanted and price * len(wanted) > left + ROUNDING * account.budget:
        unit = study.budget.compute.unit
        why = (
            f"the budget does not cover training anew: {price * len(wanted):.3g} {unit}, and "
            f"{max(0.0, left):.3g} is left for it"
        )
        _fall_back(history, idea, why, found)
    elif wanted:
        found.buy += wanted
    elif "running" in states.values() or any(each in found.buy for each in pair):
        found.waiting.append(idea)
    else:
        found.anew.append(own)


def _fall_back(history: History, idea: str, why: str, found: _Checks) -> None:
    trials = _chosen(history, idea)
    found.chosen += trials
    found.instead = found.instead or (why if trials else "")


def _to_train(study: Study, history: History, idea: str) -> Trial | None:
    """The trial of an idea that is trained anew: it may be bought, run or scored already. None
    where too many were in vain, or there is no rung to train at."""
    rungs = [trial.rung for trial in _scored(history, idea) if trial.rung < len(study.rungs)]
    if not rungs:
        return None
    rung, spent = max(rungs), 0
    searched = {
        trial.replicate for trial, record in history.trials.items()
        if trial.rung == rung and not record.promotion
    }  # fmt: skip
    for replicate in count(study.seeds.per_rung[1]):
        if replicate in searched:
            continue
        own = Trial(rung, replicate, idea)
        in_vain = [each for each in (own, Trial(rung, replicate, BASELINE))
                   if _is_spent(history, each)]  # fmt: skip
        if not in_vain:
            return own
        spent += 1
        if spent >= _MOST_SPENT:
            return None
    raise AssertionError("there are more seeds than trials")


def _is_spent(history: History, trial: Trial) -> bool:
    read = history.promotions.get(trial.id)
    return _state(history, trial) == "failed" or (read is not None and read.agrees is None)


def _state(history: History, trial: Trial) -> str:
    record = history.trials.get(trial)
    return "planned" if record is None or record.state == "interrupted" else record.state


def _purchase(study: Study, trial: Trial) -> Purchase:
    at = f"{trial.idea} at {study.rung(trial.rung).label}"
    why = f"{at} trained anew, with a seed that nothing was chosen by: is its gain there?"
    if trial.idea == BASELINE:
        why = f"{at} trained anew: what is trained anew there is held against it"
    return Purchase(trial, why, promotion=True)


def _scored(history: History, idea: str) -> list[Trial]:
    return sorted(trial for trial, record in history.trials.items()
                  if trial.idea == idea and record.measurement is not None)  # fmt: skip


def _best_and_last(history: History, scored: Sequence[Trial]) -> list[Trial]:
    """At the highest rung, each once."""
    top = [trial for trial in scored if trial.rung == scored[-1].rung]
    losses = history.losses(top[0].idea, top[0].rung)
    best = min(top, key=lambda trial: losses[trial.replicate])
    last = max(top, key=lambda trial: history.trials[trial].finished_at or 0.0)
    return [best] if best == last else [best, last]


def _chosen(history: History, idea: str) -> list[Trial]:
    """Trials that an idea was chosen by and that the sealed part may be read for: those with
    artifacts that it was not read for yet, or only because of an alarm. What was trained anew is
    none of them, even where its baseline failed."""
    scored = [each for each in _scored(history, idea) if not history.trials[each].promotion]
    trials = _best_and_last(history, scored) if scored else []
    reads = {trial: history.promotions.get(trial.id) for trial in trials}
    return [trial for trial, read in reads.items()
            if read is None or (read.agrees and read.rests_on == "alarm")]  # fmt: skip


@dataclass(frozen=True)
class SelectionBias:
    """By how much the gaps of what was selected are less on the sealed part than on the search
    part.

    The estimate is the mean over the selected trials of the sealed gap minus the search gap, of the
    loss; above zero, what was selected looked better than it is.
    """

    trials: int
    reads: int
    """How often the sealed part was read, the baseline's trials included."""
    search_gap: float
    sealed_gap: float
    bias: float
    standard_error: float
    """From the items of both parts; the selected trials share items, so it is not divided by their
    number."""


def selection_bias(history: History) -> SelectionBias | None:
    """The estimate from all promotions that agreed; None where there is none yet."""
    reads = [each for each in history.promotions.values() if each.agrees is not None]
    told = [
        (each.search_gap, each.sealed_gap, each.standard_error)
        for each in reads
        if each.agrees and each.search_gap is not None and each.sealed_gap is not None
        and each.standard_error is not None
    ]  # fmt: skip
    if not told:
        return None
    searched, sealed, errors = (sum(each) / len(told) for each in zip(*told, strict=True))
    error = errors if math.isfinite(errors) else math.inf
    return SelectionBias(len(told), len(reads), searched, sealed, sealed - searched, error)
