"""A forecast: the draws of one form, its discrepancy, and the distribution that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats, Numbers
from proveout.scaling._discrepancy import Discrepancy
from proveout.scaling._forms import Form
from proveout.scaling._points import Points, compute_of
from proveout.scaling._posterior import Draws, draw_laws
from proveout.scaling._predictive import Interval, Predictive
from proveout.scaling._projection import Problem

_NEAR_DECADES = 1.0  # so far below the largest run another one counts for half of it
_COMPONENTS = 40  # quantiles of a form's draws that stand for them


@dataclass(frozen=True)
class Prediction:
    """A loss that has not been measured: a distribution on the log scale, told in losses."""

    log_loss: Predictive

    @property
    def mean(self) -> float:
        """The middle of the distribution: the geometric mean and, but for skew, the median."""
        return math.exp(self.log_loss.mean)

    def quantiles(self, ps: Numbers) -> Floats:
        """The losses with probabilities `ps` [n] below them, [n]."""
        losses: Floats = np.exp(self.log_loss.quantiles(ps))
        return losses

    def interval(self, probability: float = 0.8) -> Interval:
        """The central interval that holds the loss with this probability."""
        low, high = self.log_loss.interval(probability)
        return Interval(math.exp(low), math.exp(high))

    def probability_below(self, loss: float) -> float:
        """The probability of a loss below this one."""
        if not loss > 0:
            return 0.0
        return self.log_loss.probability_below(math.log(loss))


class Member(NamedTuple):
    """One form of an average."""

    form: Form
    draws: Draws
    edge: float  # mean log loss by its laws at the largest run


class Forecast(NamedTuple):
    """One form's forecast of log losses at m settings."""

    log_losses: Floats  # [draws, m]
    bias: Floats  # [m], to be added
    miss: Floats  # [m], scale of the discrepancy
    dof: float

    def at(self, i: int) -> Predictive:
        """The distribution at one setting: quantiles of the draws, each as wide as the miss."""
        logs = np.sort(self.log_losses[:, i])
        cut = (np.arange(_COMPONENTS) + 0.5) / _COMPONENTS
        centres = np.interp(cut * logs.size - 0.5, np.arange(logs.size), logs) + self.bias[i]
        scale = max(self.miss[i], 0.15 * float(logs.std()), 1e-9)
        every = np.ones(_COMPONENTS)
        dof = self.dof if self.miss[i] > 0 else math.inf
        return Predictive.mixture(centres, scale * every, dof * every, every)


def forecast(
    member: Member,
    inputs: Mapping[str, Floats],
    beyond: Floats,
    discrepancy: Discrepancy | None,
    share: float,
) -> Forecast:
    """One form's forecast at `inputs`, `beyond` [m] decades past the runs."""
    logs = member.draws.log_losses(inputs)
    nothing = np.zeros(beyond.size)
    if discrepancy is None:
        return Forecast(logs, nothing, nothing, math.inf)
    mean = logs.mean(axis=0)
    logs = mean + discrepancy.doubt * (logs - mean)
    fall = abs(member.edge - mean) * (beyond > 0)
    miss = np.sqrt(share * discrepancy.variance(fall, beyond))
    return Forecast(logs, math.sqrt(share) * discrepancy.bias * fall, miss, discrepancy.dof)


def mix(weights: Floats, parts: Sequence[Predictive]) -> Predictive:
    """One distribution of several, each as likely as its weight [k] says."""
    return Predictive(
        np.concatenate([p.centres for p in parts]),
        np.concatenate([p.scales for p in parts]),
        np.concatenate([p.dofs for p in parts]),
        np.concatenate([w * p.weights for w, p in zip(weights, parts, strict=True)]),
    )


def overshoot(runs: Mapping[str, Floats], inputs: Mapping[str, Floats]) -> Floats:
    """How many decades settings lie outside the runs, [m].

    Past the largest in compute, or in its factors if that is more; or below the smallest.
    """
    there, have = compute_of(inputs), compute_of(runs)
    compute = np.maximum(np.log10(there / have.max()), np.log10(have.min() / there))
    axes = [np.log10(inputs[name] / runs[name].max()) for name in runs]
    factors = np.sum([np.maximum(axis, 0.0) for axis in axes], axis=0)
    decades: Floats = np.maximum(np.maximum(compute, factors), 0.0)
    return decades


class Reading(NamedTuple):
    """How runs are read.

    Attributes:
        near: how far below the largest run another one counts for half, in decades.
        series: whether they are checkpoints of one run, whose errors go together.
    """

    near: float
    series: bool


EVERY_RUN_ALIKE = Reading(math.inf, False)


def reading_for(forms: Sequence[Form], *, curves: bool) -> Reading:
    """How runs are read where no form is true; `curves` where they are learning curves.

    Along a single input the runs near the largest say best how it goes on: on public frontiers
    forecasts err by a third less for it. Over parameters and tokens it is the cheap runs at all
    their ratios that tell one exponent from the other, and no run is set back.
    """
    near = _NEAR_DECADES if len(forms[0].inputs) == 1 else math.inf
    return Reading(near, curves)


def draw_members(
    runs: Points, forms: Sequence[Form], seed: int, reading: Reading
) -> tuple[Member, ...]:
    """Each form with the laws of it that could be true."""
    top = int(runs.compute.argmax())
    largest = {name: values[top : top + 1] for name, values in runs.inputs.items()}
    members = []
    for form in forms:
        problem = Problem.of(form, runs.nearer(reading.near))
        draws = draw_laws(problem, seed=seed, series=reading.series)
        members.append(Member(form, draws, float(draws.log_losses(largest).mean())))
    return tuple(members)
