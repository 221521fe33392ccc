"""From beliefs to verdicts: the words, and how sure one must be to say them."""

from __future__ import annotations

import math
from typing import NamedTuple

from proveout.ledger import History, Verdict, VerdictsRead
from proveout.scaling import ComputeMultiplier, Laws, Predictive
from proveout.study import Study
from proveout.trials import AUDITS
from proveout.verdicts._baseline import baseline_laws, draw_baseline, multipliers_of
from proveout.verdicts._belief import Belief, Beliefs, believe

_ESTABLISHED = 0.99
"""How sure one must be that an idea gained at the first rung to say that it fades or reverses."""
_LIKELY = 0.9
_CURVE_POINTS = 13


def judge(study: Study, history: History) -> VerdictsRead:
    """The verdict on every idea. A pure function of the study and its history."""
    beliefs = believe(study, history)
    laws = baseline_laws(study, history)
    multipliers = _multipliers(study, beliefs, laws) if laws else {}
    verdicts = [
        _verdict(study, history, beliefs, belief, multipliers.get(name))
        for name, belief in beliefs.by_idea.items()
    ]
    verdicts.sort(key=_order)
    drawn = draw_baseline(laws, [10**at for at in _log_grid(study)]) if laws else None
    return VerdictsRead(tuple(verdicts), history.finished_trials, drawn)


def standing(study: Study, history: History) -> tuple[str, ...]:
    """The ideas that hold, the greatest gain at the target first."""
    beliefs = believe(study, history)
    held = [
        (belief.at_target.mean, name)
        for name, belief in beliefs.by_idea.items()
        if belief.at_target and _call(study, history, beliefs, belief).verdict == "holds"
    ]
    return tuple(name for _, name in sorted(held))


class _Call(NamedTuple):
    verdict: str
    why: str


def _multipliers(study: Study, beliefs: Beliefs, laws: Laws) -> dict[str, ComputeMultiplier]:
    lines = {name: belief.line for name, belief in beliefs.by_idea.items() if belief.line}
    found = multipliers_of(laws, study.ladder.target.amount, list(lines.values()))
    return dict(zip(lines, found, strict=True))


def _verdict(
    study: Study,
    history: History,
    beliefs: Beliefs,
    belief: Belief,
    multiplier: ComputeMultiplier | None,
) -> Verdict:
    call = _call(study, history, beliefs, belief)
    target = belief.at_target
    return Verdict(
        idea=belief.idea,
        verdict=call.verdict,
        gap_at_target=target.mean if target else 0.0 if belief.identical else None,
        interval80=target.interval(0.8) if target else None,
        compute_multiplier=multiplier.value if multiplier else 1.0 if belief.identical else None,
        multiplier_interval80=(multiplier.low, multiplier.high) if multiplier else None,
        probability_helps=target.probability_below(0.0) if target else None,
        rungs=len(belief.pairs),
        why=call.why,
        line=_draw_gap(study, belief),
        measured=_measured(study, beliefs, belief),
    )


def _call(study: Study, history: History, beliefs: Beliefs, belief: Belief) -> _Call:
    failures = history.failures(belief.idea)
    if audits := [failure for failure in failures if failure.kind in AUDITS]:
        return _Call("rejected", f"{audits[0].kind}: {audits[0].sentence}")
    if is_broken(study, history, belief.idea):
        return _Call("broken", f"{failures[0].kind}: {failures[0].sentence}")
    if belief.identical:
        return _Call("no effect", "every paired run came out identical to the last bit")
    if belief.at_target is None:
        return _Call("undecided", "not measured against the baseline yet")
    return _call_gap(study, history, beliefs, belief, belief.at_target)


def _call_gap(
    study: Study, history: History, beliefs: Beliefs, belief: Belief, target: Predictive
) -> _Call:
    assert belief.line is not None  # at_target is drawn from it
    smallest = study.policy.smallest_gap * beliefs.scale
    helps = target.probability_below(0.0)
    first = belief.line.at(math.log10(study.rungs[0].compute.amount))
    gained_small = first.probability_below(0.0) >= _ESTABLISHED and first.mean <= -smallest
    measured = len(belief.pairs)
    if measured >= 2 and helps >= study.policy.certainty and target.mean <= -smallest:
        return _Call("holds", f"better at the target with probability {_percent(helps)}")
    if gained_small and 1 - helps >= _LIKELY and measured >= 2:
        return _Call(
            "reverses",
            f"gains {-first.mean:.3f} at the first rung and is worse at the "
            f"target with probability {_percent(1 - helps)}",
        )
    if 1 - helps >= study.policy.certainty:
        return _Call("hurts", f"worse at the target with probability {_percent(1 - helps)}")
    if gained_small and target.mean > first.mean / 2 and measured >= 2:
        return _Call(
            "fades",
            f"gains {-first.mean:.3f} at the first rung; at the target less "
            "than half of that is expected",
        )
    within = target.probability_below(smallest) - target.probability_below(-smallest)
    if within >= 2 / 3 and measured >= 2:
        return _Call(
            "no effect",
            f"within ±{smallest:.3f} of the baseline at the target with "
            f"probability {_percent(within)}",
        )
    return _Call("undecided", _undecided(belief, helps))


def _undecided(belief: Belief, helps: float) -> str:
    if len(belief.pairs) < 2:
        return "measured at one rung only, which says nothing about scale"
    return f"helps at the target with probability {_percent(helps)}: not enough either way"


def is_broken(study: Study, history: History, idea: str) -> bool:
    """Whether at some rung the least number of seeds has run and most of them failed."""
    failed: dict[int, int] = {}
    for trial, record in history.trials.items():
        if trial.idea == idea and record.state == "failed":
            failed[trial.rung] = failed.get(trial.rung, 0) + 1
    return any(
        count >= 2 and count > len(history.losses(idea, rung)) for rung, count in failed.items()
    )


def _order(verdict: Verdict) -> tuple[int, float, str]:
    ranks = ("holds", "fades", "reverses", "undecided", "no effect", "hurts", "rejected", "broken")
    gap = verdict.gap_at_target if verdict.gap_at_target is not None else math.inf
    return ranks.index(verdict.verdict), gap, verdict.idea


def _percent(probability: float) -> str:
    """A probability that never reads 100% or 0%, which no data can show."""
    return f"{100 * min(max(probability, 0.001), 0.999):.3g}%"


def _measured(
    study: Study, beliefs: Beliefs, belief: Belief
) -> tuple[tuple[float, float, float, int], ...]:
    points = []
    for rung, gaps in belief.pairs.items():
        noise = beliefs.noise.of(belief.idea, rung)
        error = noise.sd / math.sqrt(len(gaps)) if noise and not belief.identical else 0.0
        compute = study.rung(rung).compute.amount
        points.append((compute, sum(gaps) / len(gaps), error, len(gaps)))
    return tuple(points)


def _draw_gap(study: Study, belief: Belief) -> tuple[tuple[float, float, float, float], ...]:
    if belief.line is None:
        return ()
    points = []
    for log_compute in _log_grid(study):
        gap = belief.line.at(log_compute)
        low, high = gap.interval(0.8)
        points.append((10**log_compute, gap.mean, low, high))
    return tuple(points)


def _log_grid(study: Study) -> list[float]:
    """Between the rungs, where the curves are smooth: on one, the fit follows its own luck."""
    low = math.log10(study.rungs[0].compute.amount)
    high = math.log10(study.ladder.target.amount)
    grid = [low + (high - low) * i / (_CURVE_POINTS - 1) for i in range(_CURVE_POINTS)]
    return [*(at + 1e-6 for at in grid[:-1]), high]
