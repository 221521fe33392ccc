"""A numeric sampler over declared parameters: the floor that every other source must beat.

TPE (Bergstra et al. 2011) and CMA-ES (Hansen 2016; warm-started as in Nomura et al. 2021) are
Optuna's, asked and told in memory; Sobol's sequence (1967) is the plain one and what the others
begin with. The sampler remembers nothing: each ask is told everything that was tried, whoever
tried it, so it goes on from a study's records alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from proveout.errors import UserError
from proveout.ideas._idea import Proposal
from proveout.ideas._source import Evidence, Offer, Source, Tried, free_name
from proveout.study import Range, Sampler, Study, Value

_DRAWS = 32  # candidates for one idea, of which one that is new and feasible is taken: 2^k
_MODEL_DRAWS = 12  # of a model, which take longer and are chosen well already
_WIDTH = 0.2  # of the kernel that says how far a failure reaches, in parts of a range
_PRIOR_RUNS = 1.0  # a point far from all others is believed to fail as if one run in...
_PRIOR_FAILS = 0.1  # ...so many had
_CAUTION = 4  # a setting is taken with the chance that so many runs like it would all succeed
_LARGEST_SEED = 2**31 - 1


class Point(NamedTuple):
    """One setting that was tried."""

    unit: npt.NDArray[np.float64]
    """[D], in parts of each range."""
    values: dict[str, Value]
    gap: float | None
    """At the target; None while nothing is known, and where it failed."""
    failed: bool


class SamplerSource(Source):
    """Settings of parameters, by what settings have come to."""

    name = "sampler"

    def __init__(self, study: Study, declared: Sampler) -> None:
        super().__init__(declared.most)
        self._study, self._declared = study, declared
        self._space = Space(study, declared)
        if declared.method != "sobol":
            _optuna(declared.method)

    def propose(self, evidence: Evidence, count: int) -> Offer:
        """Settings that nobody has tried yet."""
        points = self._space.points(evidence.tried)
        rng = np.random.default_rng([evidence.ask, _key(self._study.seeds.key)])
        proposals: list[Proposal] = []
        taken: frozenset[str] = frozenset()
        number = evidence.count_of(self.name)
        for _ in range(count):
            values = self._draw(points, number, rng)
            if values is None:
                trouble = "every setting that it drew was tried before"
                return Offer(tuple(proposals), trouble=trouble)
            number += 1
            name = free_name(evidence, f"sampler-{number}", taken)
            taken |= {name}
            proposals.append(self._proposal(name, values))
            points.append(Point(self._space.to_unit(values), values, None, False))
        return Offer(tuple(proposals))

    def _draw(
        self, points: list[Point], number: int, rng: np.random.Generator
    ) -> dict[str, Value] | None:
        """A new setting, the first that is not expected to fail, or the likeliest to run."""
        candidates = self._candidates(points, number, rng)
        tried = [point.values for point in points]
        new = [each for each in candidates if each not in tried and each != self._space.usual]
        if not new:
            return None
        units = np.array([self._space.to_unit(each) for each in new])
        fails = chance_to_fail(units, points)
        runs = np.flatnonzero(rng.random(len(new)) < (1 - fails) ** _CAUTION)
        return new[int(runs[0])] if runs.size else new[int(fails.argmin())]

    def _candidates(
        self, points: list[Point], number: int, rng: np.random.Generator
    ) -> list[dict[str, Value]]:
        known = sum(point.gap is not None for point in points)
        if self._declared.method == "sobol" or known < self._space.startup:
            return self._space.sobol(number, _key(self._study.seeds.key))
        ask = self._space.asker(self._declared.method, points, int(rng.integers(_LARGEST_SEED)))
        return [ask() for _ in range(_MODEL_DRAWS)]

    def _proposal(self, name: str, values: dict[str, Value]) -> Proposal:
        changed = {k: v for k, v in values.items() if v != self._study.program.parameters[k]}
        told = ", ".join(f"{key} = {value}" for key, value in changed.items())
        return Proposal(
            name=name,
            hypothesis=f"{told} is a better setting than the baseline's.",
            source=f"numeric sampler, {self._declared.method}",
            predicts="unknown - a sampler looks at settings and not at scale",
            category="hyperparameters",
            parameters=changed,
            reason="near settings that did well, or far from all that were tried",
            origin=self.name,
        )


@dataclass(frozen=True)
class Space:
    """The declared ranges, in the order of their names."""

    study: Study
    declared: Sampler

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The dimensions."""
        return tuple(sorted(self.declared.parameters))

    @property
    def startup(self) -> int:
        """Settings that must be known before a model of them is better than a sequence."""
        return max(4, 2 * len(self.names))

    @property
    def usual(self) -> dict[str, Value]:
        """The baseline's setting."""
        return {name: self.study.program.parameters[name] for name in self.names}

    def points(self, tried: tuple[Tried, ...]) -> list[Point]:
        """What was tried in this space, by whatever source: changes of these parameters alone."""
        points = []
        for each in tried:
            if each.patch or not each.parameters or not each.parameters.keys() <= set(self.names):
                continue
            values = self.usual | dict(each.parameters)
            if all(_inside(self.declared.parameters[name], values[name]) for name in self.names):
                failed = each.failed
                gap = None if failed else each.gap
                points.append(Point(self.to_unit(values), values, gap, failed))
        return points

    def to_unit(self, values: dict[str, Value]) -> npt.NDArray[np.float64]:
        """[D], each in 0 to 1."""
        return np.array([_to_unit(self.declared.parameters[n], values[n]) for n in self.names])

    def from_unit(self, unit: npt.NDArray[np.float64]) -> dict[str, Value]:
        """The setting at a point of the unit cube."""
        return {
            name: _from_unit(self.declared.parameters[name], float(at))
            for name, at in zip(self.names, unit, strict=True)
        }

    def sobol(self, number: int, key: int) -> list[dict[str, Value]]:
        """The points of a scrambled Sobol sequence from a number on."""
        from scipy.stats import qmc  # 0.3 s: not at import

        sequence = qmc.Sobol(len(self.names), scramble=True, rng=np.random.default_rng(key))
        if number:
            sequence.fast_forward(number)
        return [self.from_unit(unit) for unit in sequence.random(_DRAWS)]

    def asker(
        self, method: Literal["tpe", "cmaes", "sobol"], points: list[Point], seed: int
    ) -> Callable[[], dict[str, Value]]:
        """A function that draws a setting from Optuna, which is told all points before."""
        optuna = _optuna(method)
        spaces = {
            name: _distribution(optuna, self.declared.parameters[name]) for name in self.names
        }
        gaps = [point.gap for point in points if point.gap is not None]
        worst = max(gaps) + (max(gaps) - min(gaps)) + 1e-9
        told = [self._told(optuna, spaces, point, worst) for point in points]
        if method == "cmaes":
            complete = [each for each in told if each.value is not None]
            with warnings.catch_warnings():  # the argument is called experimental, for five years
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                sampler = optuna.samplers.CmaEsSampler(
                    seed=seed, source_trials=complete, warn_independent_sampling=False
                )
        else:
            sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=0, multivariate=True, constant_liar=True
            )
        search = optuna.create_study(sampler=sampler)
        if method == "tpe":
            search.add_trials(told)

        def ask() -> dict[str, Value]:
            drawn = search.ask(spaces).params
            return {name: _rounded(self.declared.parameters[name], drawn[name])
                    for name in self.names}  # fmt: skip

        return ask

    def _told(self, optuna: Any, spaces: dict[str, Any], point: Point, worst: float) -> Any:
        value = worst if point.failed else point.gap
        params = {name: _as_drawn(self.declared.parameters[name], point.values[name])
                  for name in self.names}  # fmt: skip
        if value is None:
            state = optuna.trial.TrialState.RUNNING
            return optuna.trial.create_trial(state=state, params=params, distributions=spaces)
        return optuna.trial.create_trial(value=value, params=params, distributions=spaces)


def chance_to_fail(units: npt.NDArray[np.float64], points: list[Point]) -> npt.NDArray[np.float64]:
    """[N], how likely settings fail, by how near they lie to ones that did and to ones that ran.

    A kernel estimate with a Beta prior: a failure tells of its neighbourhood and no further.
    """
    seen = [point for point in points if point.failed or point.gap is not None]
    if not any(point.failed for point in seen):
        return np.zeros(len(units))
    there = np.array([point.unit for point in seen])
    failed = np.array([point.failed for point in seen])
    squares = ((units[:, None, :] - there[None, :, :]) ** 2).sum(axis=2)
    near = np.exp(-squares / (2 * _WIDTH**2))
    chance: npt.NDArray[np.float64] = (near @ failed + _PRIOR_FAILS) / (
        near.sum(axis=1) + _PRIOR_RUNS
    )
    return chance


def _inside(span: Range, value: Value) -> bool:
    if span.choices:
        return value in span.choices
    number = isinstance(value, int | float) and not isinstance(value, bool)
    assert span.low is not None and span.high is not None
    return number and span.low <= float(value) <= span.high


def _to_unit(span: Range, value: Value) -> float:
    if span.choices:
        at = span.choices.index(value) if value in span.choices else 0
        return (at + 0.5) / len(span.choices)
    low, high, number = _scale(span), _scale(span, high=True), float(value)
    return ((math.log(number) if span.log and number > 0 else number) - low) / (high - low)


def _from_unit(span: Range, at: float) -> Value:
    if span.choices:
        return span.choices[min(int(at * len(span.choices)), len(span.choices) - 1)]
    low, high = _scale(span), _scale(span, high=True)
    number = low + at * (high - low)
    return _rounded(span, math.exp(number) if span.log else number)


def _scale(span: Range, high: bool = False) -> float:
    end = span.high if high else span.low
    assert end is not None
    return math.log(end) if span.log else end


def _rounded(span: Range, drawn: Value) -> Value:
    """Four digits are enough for a setting, and read well."""
    if span.choices:
        return drawn
    assert span.low is not None and span.high is not None
    number = min(max(float(f"{float(drawn):.4g}"), span.low), span.high)
    return round(number) if span.whole else number


def _as_drawn(span: Range, value: Value) -> Value:
    if span.choices:
        return value
    return int(value) if span.whole else float(value)


def _distribution(optuna: Any, span: Range) -> Any:
    if span.choices:
        return optuna.distributions.CategoricalDistribution(span.choices)
    if span.whole:
        return optuna.distributions.IntDistribution(int(span.low or 0), int(span.high or 0),
                                                    log=span.log)  # fmt: skip
    return optuna.distributions.FloatDistribution(span.low, span.high, log=span.log)


def _key(text: str) -> int:
    return int.from_bytes(text.encode()[:8].ljust(1, b"0"))


def _optuna(method: str) -> Any:
    try:
        import optuna

        if method == "cmaes":
            import cmaes  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"the sampler {method!r} needs {error.name}, which is not installed: "
            'pip install "proveout[optuna]", or say method = "sobol" in [ideas.sampler]'
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
