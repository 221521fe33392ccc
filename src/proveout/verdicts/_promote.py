"""Before an idea is believed: which of its trials the sealed part is read for, and what came of it.

Ideas are chosen by their scores on the search part, so what is chosen looks better there than it
is. The sealed part was not used for any choice: the difference of the two gaps, idea minus
baseline at the same rung and seed, is an unbiased estimate of how much better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from proveout.ideas import BASELINE
from proveout.ledger import ROUNDING, History
from proveout.study import Study
from proveout.trials import Trial
from proveout.verdicts._actions import Buy, Promote, Purchase

_MOST_GONE = 3
"""So many trials may lose their artifacts before an idea is given up."""


def kept_trials(study: Study, history: History, idea: str) -> frozenset[Trial]:
    """The trials whose artifacts are kept: at an idea's highest rung the best and the last; what
    the sealed part was read for; runs at the target; and all of the baseline, which others are
    held against."""
    scored = _scored(history, idea)
    if idea == BASELINE or not scored:
        return frozenset(scored)
    promoted = {trial for trial in scored if trial.id in history.promotions}
    target = {trial for trial in scored if trial.rung >= len(study.rungs)}
    return frozenset({*_best_and_last(history, scored), *promoted, *target})


def next_check(
    study: Study, history: History, ideas: Sequence[str], slots: int
) -> Promote | Buy | None:
    """What is to be done before these ideas are believed; None where nothing is, or can be.

    An idea whose artifacts are gone gets one more trial at its highest rung, if the budget covers
    it.
    """
    if history.split is None:
        return None
    lacking = [idea for idea in ideas if not _settled(history, idea)]
    trials = [trial for idea in lacking for trial in _promotable(history, idea)]
    if trials:
        names = ", ".join(lacking)
        return Promote(tuple(trials), f"{names}: is the gain there with the targets withheld?")
    for idea in lacking:
        if (again := _once_more(study, history, idea)) is not None:
            why = f"{idea} once more, for its check with withheld targets: its artifacts are gone"
            return Buy((Purchase(again, why),)) if slots else None
    return None


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


def _settled(history: History, idea: str) -> bool:
    return any(each.agrees is not None for each in history.promotions_of(idea))


def _promotable(history: History, idea: str) -> list[Trial]:
    scored = _scored(history, idea)
    if not scored:
        return []
    return [each for each in _best_and_last(history, scored) if each.id not in history.promotions]


def _once_more(study: Study, history: History, idea: str) -> Trial | None:
    scored = _scored(history, idea)
    if not scored or len(history.promotions_of(idea)) > _MOST_GONE:
        return None
    rung = scored[-1].rung
    taken = [
        trial.replicate for trial in history.trials if (trial.idea, trial.rung) == (idea, rung)
    ]
    price = study.price(rung)
    if price > history.account.left + ROUNDING * history.account.budget:
        return None
    return Trial(rung, max(taken) + 1, idea)


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
