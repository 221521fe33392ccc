"""Recombination: merges of ideas that look good, and one idea's settings made stronger or weaker.

Both are proposed only where the gain that is expected on top of what is there already is worth a
trial: at least half of the least gain worth having.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np

from proveout.ideas._idea import Proposal
from proveout.ideas._source import Evidence, Offer, Source, Tried
from proveout.study import Recombination, Study, Value

_WORTH = 0.5  # of the least gain worth having
_OVERLAP = 0.3  # of the smaller gain, that two ideas are expected to have in common, and...
_OVERLAP_SD = 0.4  # ...with how much doubt
_STRENGTHS = (0.5, 1.5, 2.0, 3.0, 4.0)
_BEND = 0.5  # sd of a response's curvature, in gaps of its idea
_FINISHED = frozenset({"broken", "rejected", "hurts", "reverses"})


class _Chance(NamedTuple):
    gain: float
    proposal: Proposal


class RecombinationSource(Source):
    """New ideas out of the study's own."""

    name = "recombination"

    def __init__(self, study: Study, declared: Recombination) -> None:
        super().__init__(declared.most)
        self._study = study

    def propose(self, evidence: Evidence, count: int) -> Offer:
        """What promises most, each above what a trial is worth."""
        chances = [*self._merges(evidence), *self._variations(evidence)]
        chances.sort(key=lambda chance: (-chance.gain, chance.proposal.name))
        worth = [each for each in chances if each.gain >= _WORTH * evidence.smallest > 0]
        if not worth:
            return Offer(trouble="no merge and no variation promises enough for a trial")
        return Offer(tuple(each.proposal for each in worth[:count]))

    def _merges(self, evidence: Evidence) -> list[_Chance]:
        good = [each for each in evidence.tried if _promising(each, evidence.smallest)]
        best = max((-(each.gap or 0.0) for each in good), default=0.0)
        tried = [set(each.members) for each in evidence.tried if each.members]
        refused = {name for name, _ in evidence.refused}
        chances = []
        for one, other in combinations(sorted(good, key=lambda each: each.gap or 0.0), 2):
            members = set(one.members or (one.name,)) | set(other.members or (other.name,))
            fewer = max(len(one.members) or 1, len(other.members) or 1)
            name = _merge_name(one.name, other.name)
            if members in tried or len(members) <= fewer or {name} & (refused | evidence.names):
                continue
            if _same_knob(one, other):
                continue
            gain = _merge_gain(one, other, best)
            chances.append(_Chance(gain, _merge(name, one, other, gain)))
        return chances

    def _variations(self, evidence: Evidence) -> list[_Chance]:
        chances = []
        for each in evidence.tried:
            numbers = self._moved(each)
            pure = not each.patch and not each.members and len(numbers) == len(each.parameters)
            # A variation lies on its parent's line, and a sampler searches where it samples.
            pure = pure and each.origin != self.name
            pure = pure and not (each.origin == "sampler" and self._study.ideas.sampler)
            known = each.gap is not None and bool(each.measured) and not each.withdrawn
            if not (pure and numbers and known):
                continue
            tried = self._strengths(evidence, each)
            farthest = 2 * max(strength for strength, _, _ in tried)
            for strength in _STRENGTHS:
                if strength <= farthest and all(
                    abs(strength - other) > 0.1 for other, _, _ in tried
                ):
                    gain = _variation_gain(tried, strength)
                    chance = self._variation(evidence, each, strength, gain)
                    if chance is not None:
                        chances.append(_Chance(gain, chance))
        return chances

    def _moved(self, idea: Tried) -> dict[str, tuple[float, float]]:
        """Numbers that an idea sets, from the baseline's and to its own."""
        moved = {}
        for name, value in idea.parameters.items():
            usual = self._study.program.parameters.get(name)
            if _is_number(value) and _is_number(usual) and value != usual:
                moved[name] = (float(usual), float(value))  # type: ignore[arg-type]
        return moved

    def _strengths(self, evidence: Evidence, idea: Tried) -> list[tuple[float, float, float]]:
        """(strength, gap, sd) of all that lies on the idea's line: 0 is the baseline."""
        points = [(0.0, 0.0, 0.0)]
        for each in evidence.tried:
            if each.patch or each.gap is None or each.parameters.keys() != idea.parameters.keys():
                continue
            strength = self._strength_of(each, self._moved(idea))
            if strength is not None:
                points.append((strength, each.gap, each.sd or 0.0))
        return points

    def _strength_of(self, idea: Tried, line: dict[str, tuple[float, float]]) -> float | None:
        found = []
        for name, (usual, full) in line.items():
            value = idea.parameters[name]
            if not _is_number(value):
                return None
            found.append(_where(usual, full, float(value)))
        if any(math.isnan(each) for each in found) or max(found) - min(found) > 0.05:
            return None
        return sum(found) / len(found)

    def _variation(
        self, evidence: Evidence, idea: Tried, strength: float, gain: float
    ) -> Proposal | None:
        settings: dict[str, Value] = {}
        for name, (usual, full) in self._moved(idea).items():
            value = float(f"{_at(usual, full, strength):.4g}")
            declared = self._study.program.parameters[name]
            settings[name] = round(value) if isinstance(declared, int) else value
        if any(each.parameters == settings and not each.patch for each in evidence.tried):
            return None
        told = ", ".join(f"{name} = {value}" for name, value in settings.items())
        name = f"{idea.name[:44]}-x{strength:g}".replace(".", "-")
        if name in evidence.names:
            return None
        return Proposal(
            name=name,
            hypothesis=f"{idea.name} at {strength:g} times its strength ({told}) gains more.",
            source=f"variation of {idea.name}",
            predicts=f"as {idea.name}: {idea.predicts}" if idea.predicts else "as its parent",
            category="variation",
            parameters=settings,
            reason=f"expected to gain {gain:.3g} more than what was tried on this line",
            origin="recombination",
            parents=(idea.name,),
        )


def _promising(idea: Tried, smallest: float) -> bool:
    """Whether an idea is likelier than not to help, by what it is expected to gain."""
    if idea.gap is None or idea.withdrawn or idea.verdict in _FINISHED or not idea.measured:
        return False
    return idea.gap <= -smallest / 2 and (idea.probability_helps or 0.0) > 0.7


def _merge_name(one: str, other: str) -> str:
    return f"{one[:27]}-and-{other[:27]}"


def _same_knob(one: Tried, other: Tried) -> bool:
    """Whether both set one parameter to different values, which git could not merge."""
    shared = one.parameters.keys() & other.parameters.keys()
    return any(one.parameters[name] != other.parameters[name] for name in shared)


def _merge_gain(one: Tried, other: Tried, best: float) -> float:
    """What a merge is expected to gain beyond the best idea so far: E[max(0, gain - best)]."""
    assert one.gap is not None and other.gap is not None
    first, second = -one.gap, -other.gap
    smaller = max(min(first, second), 0.0)
    mean = first + second - _OVERLAP * smaller
    sd = math.sqrt((one.sd or 0) ** 2 + (other.sd or 0) ** 2 + (_OVERLAP_SD * smaller) ** 2)
    return _expected_excess(mean - best, sd)


def _merge(name: str, one: Tried, other: Tried, gain: float) -> Proposal:
    return Proposal(
        name=name,
        hypothesis=f"The gains of {one.name} and {other.name} add up.",
        source=f"merge of {one.name} and {other.name}",
        predicts=f"{one.name}: {one.predicts or 'not said'}; {other.name}: "
        f"{other.predicts or 'not said'}",
        category="merge",
        reason=f"expected to gain {gain:.3g} more than the best idea so far",
        origin="recombination",
        parents=(one.name, other.name),
        merges=(one.name, other.name),
    )


def _variation_gain(tried: list[tuple[float, float, float]], strength: float) -> float:
    """What a strength is expected to gain beyond the best that is known on the line.

    The response is a parabola through 0 at strength 0 with a Gaussian prior: slopes as large as
    the gaps seen, curvatures alike. Least squares under it give a mean and a doubt at any strength.
    """
    points = [point for point in tried if point[0] != 0.0]
    at = np.array([each[0] for each in points])
    gaps = np.array([each[1] for each in points])
    noise = np.array([max(each[2], 0.1 * abs(each[1]), 1e-12) for each in points])
    scale = max(float(np.abs(gaps).max()), 1e-12)
    features = np.stack([at, at**2], axis=1)
    prior = np.diag([1 / (2 * scale) ** 2, 1 / (_BEND * scale) ** 2])
    precision = prior + features.T @ (features / noise[:, None] ** 2)
    covariance = np.linalg.inv(precision)
    mean = covariance @ (features.T @ (gaps / noise**2))
    here = np.array([strength, strength**2])
    best = max(0.0, float(-gaps.min()))
    return _expected_excess(
        float(-(here @ mean)) - best, math.sqrt(float(here @ covariance @ here))
    )


def _expected_excess(mean: float, sd: float) -> float:
    """E[max(0, X)] of a normal X."""
    if sd <= 0:
        return max(mean, 0.0)
    z = mean / sd
    density = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return mean * 0.5 * math.erfc(-z / math.sqrt(2)) + sd * density


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _where(usual: float, full: float, value: float) -> float:
    """The strength of a value: 0 at the usual one, 1 at the idea's; NaN off the line."""
    if usual > 0 and full > 0:
        return math.log(value / usual) / math.log(full / usual) if value > 0 else math.nan
    return (value - usual) / (full - usual)


def _at(usual: float, full: float, strength: float) -> float:
    """Factors are interpolated where both are above zero, differences otherwise."""
    if usual > 0 and full > 0:
        return float(usual * (full / usual) ** strength)
    return usual + strength * (full - usual)
