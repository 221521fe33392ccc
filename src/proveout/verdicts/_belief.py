"""What a history says of every idea: paired gaps, their pooled noise, a line for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from proveout.ideas import BASELINE
from proveout.ledger import History
from proveout.scaling import (
    GapLine,
    Noise,
    Predictive,
    fit_gap,
    pool_noise,
)
from proveout.study import Study

Pairs = Mapping[int, tuple[float, ...]]
"""Gaps by rung, one for each seed that both arms have."""


@dataclass(frozen=True)
class Belief:
    """What is believed of one idea."""

    idea: str
    pairs: Pairs
    line: GapLine | None
    """None while nothing is measured, or nothing is known of the noise."""
    at_target: Predictive | None
    identical: bool
    """Whether every pair is exactly equal: the change does not touch the computation."""


@dataclass(frozen=True)
class Beliefs:
    """What is believed of all ideas at once, from the rungs up to some height."""

    by_idea: Mapping[str, Belief]
    noise: Noise[str, int]
    scale: float
    """The baseline's loss at the highest rung seen."""


def paired_gaps(
    history: History, idea: str, against: str, rungs: range
) -> dict[int, tuple[float, ...]]:
    """Differences in loss, idea minus the other, by rung; only seeds that both arms have."""
    gaps: dict[int, tuple[float, ...]] = {}
    for rung in rungs:
        ours, theirs = history.losses(idea, rung), history.losses(against, rung)
        shared = sorted(ours.keys() & theirs.keys())
        if shared:
            gaps[rung] = tuple(ours[replicate] - theirs[replicate] for replicate in shared)
    return gaps


def believe(study: Study, history: History, up_to: int | None = None) -> Beliefs:
    """Fits every idea's gap to the baseline.

    `up_to` is the highest rung to look at, so that a decision taken at a rung stays the same
    when higher rungs come in; by default all, the target included. Noise and scale are learnt
    from the ideas on the ladder alone: stacks and the target must not change what led to them.
    """
    top = len(study.rungs) if up_to is None else up_to
    pairs = {
        name: paired_gaps(history, name, BASELINE, range(top + 1))
        for name in history.ideas
        if name != BASELINE
    }
    ladder = range(min(top + 1, len(study.rungs)))
    noise = pool_noise(
        {
            name: {rung: gaps for rung, gaps in by_rung.items() if rung in ladder}
            for name, by_rung in pairs.items()
            if history.ideas[name].kind == "idea"
        }
    )
    scale = _baseline_loss(history, ladder)
    beliefs = {name: _belief(study, name, gaps, noise, scale) for name, gaps in pairs.items()}
    return Beliefs(beliefs, noise, scale)


def compare(
    study: Study, history: History, idea: str, against: str, noise: Noise[str, int]
) -> Belief:
    """The belief, from the ladder, about one idea's gap to another: a stack's to its base."""
    rungs = range(len(study.rungs))
    gaps = paired_gaps(history, idea, against, rungs)
    return _belief(study, idea, gaps, noise, _baseline_loss(history, rungs))


def _belief(study: Study, name: str, gaps: Pairs, noise: Noise[str, int], scale: float) -> Belief:
    identical = bool(gaps) and all(gap == 0 for values in gaps.values() for gap in values)
    line = None if identical or not gaps else _fit(study, name, gaps, noise, scale)
    target = line.at(math.log10(study.ladder.target.amount)) if line else None
    return Belief(name, gaps, line, target, identical)


def _fit(
    study: Study, name: str, gaps: Pairs, noise: Noise[str, int], scale: float
) -> GapLine | None:
    cells = [(rung, noise.of(name, rung)) for rung in gaps]
    known = [(rung, sd) for rung, sd in cells if sd is not None]
    if not known:
        return None
    return fit_gap(
        [math.log10(study.rung(rung).compute.amount) for rung, _ in known],
        [sum(gaps[rung]) / len(gaps[rung]) for rung, _ in known],
        [sd.sd for _, sd in known],
        pairs=[len(gaps[rung]) for rung, _ in known],
        dof=[sd.dof for _, sd in known],
        scale=scale,
        centre=_centre(study),
    )


def _centre(study: Study) -> float:
    """The middle of the ladder on the log scale: one point for all ideas."""
    ends = study.rungs[0].compute.amount, study.rungs[-1].compute.amount
    return sum(math.log10(end) for end in ends) / 2


def _baseline_loss(history: History, rungs: range) -> float:
    for rung in reversed(rungs):
        if losses := history.losses(BASELINE, rung):
            return sum(losses.values()) / len(losses)
    return 1.0
