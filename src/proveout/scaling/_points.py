"""Measured losses and where they were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from proveout.scaling._checks import Floats, Numbers, positive

_FLOPS_PER_PARAMETER_TOKEN = 6.0  # Kaplan et al. 2020 (arXiv 2001.08361); attention is left out
_ROUGH_SD = 0.003  # relative: what one scale has for itself beside seed noise
_RUN_CORRELATION = 0.5  # of the errors of two checkpoints of one run
_SAME_DIGITS = 9  # of the log of an input: what lies closer differs by rounding


class Spread(NamedTuple):
    """Of the log losses of replicates about their means."""

    squares: float  # weighted sum
    dof: float


NO_REPLICATES = Spread(0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Points:
    """Measured losses; build it with `Points.of`.

    Attributes:
        inputs: [n] each, above zero, by name: `compute`, or `params` and `tokens`, with
            `unique_tokens` where data was repeated. A form may ask for other names.
        loss: [n], above zero, in any unit; less is better.
        weight: [n], relative precisions; 1 each by default.
        run: [n], labels of the runs that rows are checkpoints of; None where each row is a run.
        replicates: what replicates that were brought together said of the noise.
        near: [n], what part of each weight was left to it by `nearer`; None for all of it.
    """

    inputs: Mapping[str, Floats]
    loss: Floats
    weight: Floats
    run: npt.NDArray[np.str_] | None = None
    replicates: Spread = NO_REPLICATES
    near: Floats | None = None

    @classmethod
    def of(
        cls,
        inputs: Mapping[str, Numbers],
        loss: Numbers,
        *,
        weight: Numbers | None = None,
        run: Sequence[object] | None = None,
    ) -> Points:
        """Check and keep measured losses. Rows that share all inputs are replicates.

        Raises:
            ValueError: nothing given, NaN, lengths that differ, a number that is not above zero.
        """
        losses = positive("loss", loss)
        size = losses.size
        if not inputs:
            raise ValueError("inputs must name at least one input, such as compute")
        weights = np.ones(size) if weight is None else positive("weight", weight, size=size)
        if run is not None and len(run) != size:
            raise ValueError(f"run has {len(run)} entries where {size} are needed")
        labels = None if run is None else np.array([str(label) for label in run])
        return cls(check_inputs(inputs, size), losses, weights, labels)

    @property
    def compute(self) -> Floats:
        """The scale of each row, [n]: see `compute_of`."""
        return compute_of(self.inputs)

    def even(self) -> Points:
        """The same runs with a median weight of 1, which is a run's worth of noise."""
        weight = self.weight / float(np.median(self.weight))
        return Points(self.inputs, self.loss, weight, self.run, self.replicates)

    def where(self, keep: npt.NDArray[np.bool_]) -> Points:
        """The rows where `keep` [n] is true."""
        inputs = {name: values[keep] for name, values in self.inputs.items()}
        run = None if self.run is None else self.run[keep]
        return Points(inputs, self.loss[keep], self.weight[keep], run, self.replicates)

    def settings(self) -> Points:
        """Replicates brought together: one row for each setting of the inputs, by rising compute.

        The loss is the geometric mean of the replicates. Their noise averages out and what the
        setting has for itself does not, so n replicates weigh less than n times one of them; of
        the checkpoints of one run each weighs the less the more there are.
        """
        weight = self.weight * self._run_weight()
        rows = np.stack(list(self.inputs.values()), axis=1)
        alike = np.round(np.log(rows), _SAME_DIGITS)
        _, first, which = np.unique(alike, axis=0, return_index=True, return_inverse=True)
        which = which.ravel()
        logs, total = np.log(self.loss), np.bincount(which, weight)
        mean = np.bincount(which, weight * logs) / total
        count = np.bincount(which)
        dof = float(logs.size - count.size)
        squares = float((weight * (logs - mean[which]) ** 2).sum()) if dof > 0 else 0.0
        own = _ROUGH_SD**2 / (_ROUGH_SD**2 + squares / dof) if dof > 0 else 0.0
        precision: Floats = total / count / (own + (1 - own) / count)
        inputs = {name: values[first] for name, values in self.inputs.items()}
        order = np.argsort(compute_of(inputs), kind="stable")
        inputs = {name: values[order] for name, values in inputs.items()}
        said = Spread(self.replicates.squares + squares, self.replicates.dof + dof)
        return Points(inputs, np.exp(mean)[order], precision[order], None, said)

    def nearer(self, decades: float) -> Points:
        """The same runs, each weighing less the further its compute lies below the largest.

        No form is true over many decades. A run so many decades below the largest is taken to be
        off the law that holds at the top by as much as its noise, and one further away by
        proportionally more.
        """
        below = np.log10(self.compute.max() / self.compute) / decades
        near = 1 / (1 + below**2)
        return replace(self, weight=self.weight * near, near=near)

    def binned(self, most: int) -> Points:
        """At most this many rows along a single input: means in bins of equal width in its log.

        A learning curve of thousands of steps says no more than its course does.
        """
        if len(self.inputs) > 1 or self.loss.size <= most:
            return self
        ((name, values),) = self.inputs.items()
        logs = np.log(values)
        which = np.digitize(logs, np.linspace(logs.min(), logs.max(), most + 1)[1:-1])
        _, which = np.unique(which, return_inverse=True)
        total: Floats = np.bincount(which, self.weight).astype(np.float64)
        means = [
            np.exp(np.bincount(which, self.weight * x) / total) for x in (logs, np.log(self.loss))
        ]
        return Points({name: means[0]}, means[1], total, None, self.replicates)

    def _run_weight(self) -> Floats:
        if self.run is None:
            return np.ones(self.loss.size)
        _, which, count = np.unique(self.run, return_inverse=True, return_counts=True)
        weight: Floats = 1 / (1 + (count[which.ravel()] - 1) * _RUN_CORRELATION)
        return weight


def check_inputs(inputs: Mapping[str, Numbers], size: int | None = None) -> dict[str, Floats]:
    """Inputs as arrays [n] of numbers above zero, all of one length; `ValueError` otherwise."""
    checked: dict[str, Floats] = {}
    for name, values in inputs.items():
        checked[name] = positive(name, values, size=size)
        size = checked[name].size
    return checked


def compute_of(inputs: Mapping[str, Floats]) -> Floats:
    """How large runs are, [n]: `compute`, or 6 params tokens, or the product of all inputs."""
    if "compute" in inputs:
        return inputs["compute"]
    if "params" in inputs and "tokens" in inputs:
        flops: Floats = _FLOPS_PER_PARAMETER_TOKEN * inputs["params"] * inputs["tokens"]
        return flops
    product: Floats = np.exp(sum(np.log(values) for values in inputs.values()))
    return product
