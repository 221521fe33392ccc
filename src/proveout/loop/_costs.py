"""What a run costs by its size and its length, measured on a few of the smallest."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from proveout.errors import UserError
from proveout.loop._probe import Prober
from proveout.study import Formula, Rung, Study, Value
from proveout.units import Compute

_MARGIN = 1.25
"""Declared device-seconds over those expected: a trial is not to be ended for a slow moment."""
_LONGEST_START = 7.0
"""Seconds of a start that its allowance of ten covers."""
_LONGER = 4
_LONGEST = 16
"""A run is made four times longer again, until the clock can tell, if it is no longer than this."""

Source = Literal["given", "formula", "reported", "measured"]


@dataclass(frozen=True)
class Costs:
    """Compute and time of a run.

    Compute is what the program is given (`given`), arithmetic (`formula`), what it reports
    (`reported`), or wall time (`measured`). The last two are `step_cost * size ** size_exponent`
    for each step; time is that of the start and so much a unit of compute.
    """

    source: Source
    step_cost: float
    size_exponent: float
    start_seconds: float
    seconds_per_compute: float
    study: Study
    size: str | None
    steps: str | None
    whole_steps: bool

    def of_step(self, size: float) -> float:
        """Compute of one step."""
        if self.source == "formula":
            return self._formula(size, 2.0) - self._formula(size, 1.0)
        return self.step_cost * (size**self.size_exponent if self.size else 1.0)

    def steps_for(self, compute: float, size: float) -> Value:
        """The steps that spend a compute; one at least."""
        if self.source == "formula":
            once = self._formula(size, 1.0)
            count = 1 + (compute - once) / self.of_step(size)
        elif self.source == "measured":
            count = max(compute / _MARGIN - self._declared_start, 0.0) / self.of_step(size)
        else:
            count = compute / self.of_step(size)
        count = max(count, 1.0 if self.whole_steps else 1e-9)
        return int(count) if self.whole_steps else float(f"{count:.4g}")

    def declared(self, compute: float, size: float, steps: Value | None) -> float:
        """The compute that such a rung should declare."""
        if steps is None or self.source == "given":
            return compute
        if self.source == "formula":
            return self._formula(size, float(steps))
        exact = float(steps) * self.of_step(size)
        if self.source == "measured":
            return float(f"{_MARGIN * (self._declared_start + exact):.3g}")
        return float(f"{exact:.3g}")

    def seconds(self, compute: float, size: float, steps: Value | None) -> float:
        """Expected wall time of a run."""
        if self.source == "measured":
            count = float(steps) if steps is not None else 1.0
            return self.start_seconds + count * self.of_step(size)
        return self.start_seconds + compute * self.seconds_per_compute

    @property
    def _declared_start(self) -> float:
        """A trial has ten seconds for its start beside what its rung declares."""
        return self.start_seconds if self.start_seconds > _LONGEST_START else 0.0

    def _formula(self, size: float, steps: float) -> float:
        assert self.study.program.flops is not None
        values = self.study.parameters_at(self.study.rungs[0])
        if self.size is not None:
            values[self.size] = size
        if self.steps is not None:
            values[self.steps] = steps
        return Formula(self.study.program.flops).value(values)


@dataclass(frozen=True)
class _Ran:
    """One run, and what it came to."""

    size: float
    steps: float
    compute: float | None
    """As the program reported it, if it did."""
    seconds: float


class _Runs(NamedTuple):
    """The runs that costs are read off."""

    base: _Ran
    longer: _Ran
    """With more steps; the first one again where there are none to vary."""
    larger: _Ran
    """As long, of twice the size; the longer one again where there is no size."""


def measure_costs(
    ours: Prober, size: str | None, steps: str | None, say: Callable[[str], None]
) -> Costs:
    """Runs the smallest trial, a longer one and a larger one.

    Raises:
        UserError: one of them fails; says why.
    """
    study = ours.study
    rung = study.rungs[0]
    whole = steps is not None and isinstance(study.parameters_at(rung)[steps], int)
    given = Costs("given", 0.0, 2.0, 0.0, 0.0, study, size, steps, whole)
    if "compute" in study.program.placeholders and steps is None:
        base = _run(ours, dict(rung.parameters), 1.0, 1.0, say)
        return replace(given, seconds_per_compute=base.seconds / rung.compute.amount)
    runs = _run_all(ours, size, steps, whole, say)
    if study.budget.compute.unit == "device-seconds":
        return _from_time(given, runs)
    if study.program.flops is not None:
        return _from_formula(given, runs)
    return _from_reports(given, runs)


def _run_all(
    ours: Prober, size: str | None, steps: str | None, whole: bool, say: Callable[[str], None]
) -> _Runs:
    rung = ours.study.rungs[0]
    values = ours.study.parameters_at(rung)
    first_size = float(values[size]) if size is not None else 1.0
    first_steps = float(values[steps]) if steps is not None else 1.0

    def run(size_factor: float, steps_factor: float) -> _Ran:
        at_size, at_steps = first_size * size_factor, first_steps * steps_factor
        parameters = dict(rung.parameters)
        if size is not None:
            parameters[size] = as_value(at_size)
        if steps is not None:
            parameters[steps] = int(at_steps) if whole else at_steps
        return _run(ours, parameters, at_size, at_steps, say)

    base = run(1, 1)
    longer, factor = base, 1
    while steps is not None and factor <= _LONGEST and not _is_longer(longer, base):
        factor *= _LONGER
        longer = run(1, factor)
    return _Runs(base, longer, run(2, factor) if size is not None else longer)


def _from_time(given: Costs, runs: _Runs) -> Costs:
    """Costs where compute is time."""
    per_step, start = _line(runs.base, runs.longer)
    large_step = max(runs.larger.seconds - start, 1e-6) / runs.larger.steps
    exponent = _log_ratio(large_step, per_step) if given.size is not None else 0.0
    return replace(
        given, source="measured", step_cost=per_step / runs.base.size**exponent,
        size_exponent=exponent, start_seconds=start, seconds_per_compute=1.0,
    )  # fmt: skip


def _from_formula(given: Costs, runs: _Runs) -> Costs:
    """Costs where the study declares arithmetic."""
    _, start = _line(runs.base, runs.longer)
    amount = given.study.rungs[0].compute.amount
    rate = max(runs.base.seconds - start, 1e-9) / amount
    costs = replace(given, source="formula", start_seconds=start, seconds_per_compute=rate)
    size = runs.base.size
    return replace(costs, size_exponent=_log_ratio(costs.of_step(2 * size), costs.of_step(size)))


def _from_reports(given: Costs, runs: _Runs) -> Costs:
    """Costs as the program reports them."""
    base, longer, larger = runs
    if base.compute is None or longer.compute is None or larger.compute is None:
        raise UserError(
            "the study counts FLOPs, and the program neither takes {compute}, nor reports `flops` "
            "in its curve, nor is there program.flops: count in device-seconds, or declare it"
        )
    _, start = _line(base, longer)
    step = base.compute / base.steps
    exponent = _log_ratio(larger.compute / larger.steps, step) if given.size is not None else 0.0
    return replace(
        given, source="reported", step_cost=step / base.size**exponent, size_exponent=exponent,
        start_seconds=start,
        seconds_per_compute=base.seconds / base.compute if base.compute else 0.0,
    )  # fmt: skip


def gone_along(
    study: Study, parameters: Mapping[str, Value], apart: Collection[str | None], share: float
) -> dict[str, Value]:
    """What counts the same steps and differs from rung to rung with them, for a run of `share`
    times the steps: a warm-up, an interval. `apart` are the size and the steps."""
    rungs = [*study.rungs, study.target]
    return {
        name: max(1, round(value * share))
        for name, value in parameters.items()
        if name not in apart and isinstance(value, int) and not isinstance(value, bool)
        and len({rung.parameters.get(name) for rung in rungs}) > 1
    }  # fmt: skip


def _is_longer(longer: _Ran, base: _Ran) -> bool:
    """Whether a run took enough more time to tell what a step costs."""
    return longer.seconds > max(1.3 * base.seconds, base.seconds + 0.2)


def _run(
    ours: Prober, parameters: dict[str, Value], size: float, steps: float,
    say: Callable[[str], None],
) -> _Ran:  # fmt: skip
    study = ours.study
    compute = study.rungs[0].compute
    # What it will claim is what is to be found out, so it is granted more than it can use.
    amount = compute.amount if "compute" in study.program.placeholders else compute.amount * 1e3
    probe = ours.at(Rung(compute=Compute(amount, compute.unit), parameters=parameters)).run(
        scored=False
    )
    if probe.failure is not None:
        raise UserError(
            f"the run at {parameters} failed: {probe.failure.kind}: {probe.failure.sentence}; "
            f"`proveout init --check {shlex.quote(str(study.folder))}` says more"
        )
    said = " ".join(f"{name}={value}" for name, value in parameters.items())
    say(f"cost: {said}: {probe.exit.wall_seconds:.2f} s")
    return _Ran(size, steps, probe.curve.claimed_compute, probe.exit.wall_seconds)


def _line(base: _Ran, longer: _Ran) -> tuple[float, float]:
    """Seconds of a step and of the start."""
    if longer.steps == base.steps:
        return max(base.seconds, 1e-6) / base.steps, 0.0
    per_step = (longer.seconds - base.seconds) / (longer.steps - base.steps)
    per_step = max(per_step, 0.01 * base.seconds / base.steps, 1e-9)
    return per_step, max(base.seconds - base.steps * per_step, 0.0)


def _log_ratio(above: float, below: float) -> float:
    """The power with which a cost grows as the size doubles; between none and the cube."""
    if above <= 0 or below <= 0:
        return 0.0
    return min(3.0, max(0.0, math.log2(above / below)))


def as_value(number: float) -> Value:
    """A whole number as one."""
    return int(number) if number == int(number) else number
