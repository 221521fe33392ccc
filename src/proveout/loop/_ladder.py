"""Helps to choose rungs: measures what small runs cost, and which sizes spend a compute best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from proveout.errors import UserError
from proveout.loop._costs import Costs, as_value, gone_along, measure_costs
from proveout.loop._price import offered_ideas, price_of
from proveout.loop._probe import Prober, prober
from proveout.runners import Runner
from proveout.scaling import BestSize, PowerLine, best_size, power_line
from proveout.study import Rung, Study, Value
from proveout.units import Compute

_STEP_UP = 3.2
"""From one rung to the next: half a decade."""
_EQUAL_SPLIT = 0.5
"""Where one sweep alone is known, parameters grow with this power of compute (Hoffmann et al.)."""


@dataclass(frozen=True)
class Wanted:
    """What a person says of the ladder; all of it optional."""

    size: str | None = None
    steps: str | None = None
    sizes: tuple[float, ...] = ()
    """Tried at each compute; around the smallest rung's when empty."""
    sweeps: int = 2
    """Computes at which sizes are compared, from the smallest rung up."""
    rungs: int | None = None
    target: Compute | None = None


@dataclass(frozen=True)
class Tried:
    """One run of the sweep."""

    compute: float
    size: Value
    steps: Value | None
    loss: float | None
    """None where it failed."""
    wall_seconds: float
    failure: str = ""


@dataclass(frozen=True)
class Sweep:
    """All sizes at one compute."""

    compute: float
    runs: tuple[Tried, ...]
    best: BestSize | None
    """None where fewer than three runs could be scored."""


@dataclass(frozen=True)
class ProposedRung:
    """A rung as it would stand in study.toml."""

    compute: Compute
    parameters: Mapping[str, Value]
    wall_seconds: float
    """Expected of one trial on this machine."""


@dataclass(frozen=True)
class LadderProposal:
    """What `proveout ladder` found."""

    size: str | None
    steps: str | None
    costs: Costs
    sweeps: tuple[Sweep, ...]
    law: PowerLine | None
    """The best size against compute; None where no sweep told one."""
    rungs: tuple[ProposedRung, ...]
    target: ProposedRung
    ideas: int
    """Of the catalog and handed in, for the price."""
    price: float
    """What the baseline and every idea cost at every rung with the least seeds, and both arms at
    the target, in the study's unit."""
    wall_seconds: float
    """The same as time on this machine, with its slots."""
    notes: tuple[str, ...]


Say = Callable[[str], None]


def propose_ladder(
    study: Study, wanted: Wanted, say: Say = lambda line: None, runner: Runner | None = None
) -> LadderProposal:
    """Runs a few of the smallest trials and proposes rungs; writes nothing and charges nothing.

    Raises:
        UserError: it cannot be told what makes a run larger, or no trial could be run.
        EnvironmentFailure: the disk is full or the launcher died.
    """
    size, steps = _dials(study, wanted)
    notes: list[str] = []
    with prober(study, runner) as ours:
        costs = measure_costs(ours, size, steps, say)
        sweeps = _sweeps(ours, costs, size, steps, wanted, say, notes)
    law = _law(sweeps, costs, study, size, notes)
    target = wanted.target or Compute(_as_measured(study, costs, study.target, size, steps),
                                      study.ladder.target.unit)  # fmt: skip
    if target.unit != study.budget.compute.unit:
        raise UserError(f"--target must count in {study.budget.compute.unit}, as the study does")
    low = _as_measured(study, costs, study.rungs[0], size, steps)
    amounts = _amounts(low, target.amount, wanted.rungs)
    build = _Builder(study, costs, law, size, steps, keeps_target=wanted.target is None)
    rungs = tuple(build.rung(amount) for amount in amounts)
    last = build.target() if wanted.target is None else build.rung(target.amount, exact=True)
    rungs = _increasing(rungs, last, notes)
    ideas = offered_ideas(study)
    price, seconds = price_of(study, rungs, last, ideas)
    return LadderProposal(size, steps, costs, tuple(sweeps), law, rungs, last, ideas, price,
                          seconds, tuple(notes))  # fmt: skip


def _dials(study: Study, wanted: Wanted) -> tuple[str | None, str | None]:
    """The size and the steps: as said, or the parameters that differ from rung to rung."""
    values = study.parameters_at(study.rungs[0])
    for name in (wanted.size, wanted.steps):
        if name is not None and name not in values:
            raise UserError(f"the study has no parameter {name!r}; it has: {', '.join(values)}")
        if name is not None and not _is_number(values[name]):
            raise UserError(f"{name!r} is {values[name]!r} at the first rung, which is no number")
    rungs = [*study.rungs, study.target]
    varied = [name for name, value in study.rungs[0].parameters.items() if _is_number(value)
              and len({str(rung.parameters.get(name)) for rung in rungs}) > 1]  # fmt: skip
    words = ("step", "iter", "epoch", "token", "sample", "generation", "evals", "timestep", "point")
    steps = wanted.steps or next((n for n in varied if any(w in n.lower() for w in words)), None)
    size = wanted.size or next((n for n in varied if n != steps), None)
    takes_compute = "compute" in study.program.placeholders
    if takes_compute and wanted.steps is None:
        steps = None
    if size is None and steps is None and not takes_compute:
        raise UserError(
            "it cannot be told what makes a run larger: no parameter differs between the rungs. "
            f"Say --size NAME or --steps NAME; the study has: {', '.join(values) or 'none'}"
        )
    return size, steps


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sweeps(
    ours: Prober, costs: Costs, size: str | None, steps: str | None, wanted: Wanted, say: Say,
    notes: list[str],
) -> list[Sweep]:  # fmt: skip
    study = ours.study
    if size is None or (steps is None and "compute" not in study.program.placeholders):
        notes.append("only one parameter makes a run larger, so no sizes could be compared at one "
                     "compute")  # fmt: skip
        return []
    first = _number(study.parameters_at(study.rungs[0])[size])
    whole = isinstance(study.rungs[0].parameters.get(size, 0), int)
    sizes = wanted.sizes or tuple(
        dict.fromkeys(max(1, round(first * f)) if whole else first * f for f in (0.5, 1, 2, 4))
    )
    found = []
    low = _as_measured(study, costs, study.rungs[0], size, steps)
    for step in range(wanted.sweeps):
        compute = low * _STEP_UP**step
        runs = [_try(ours, costs, size, steps, compute, each, say) for each in sizes]
        scored = [(_number(run.size), run.loss) for run in runs if run.loss is not None]
        best = best_size(*zip(*scored, strict=True)) if len(scored) >= 3 else None
        if best is not None and not best.inside:
            notes.append(f"at {Compute(compute, study.budget.compute.unit)} the best of the sizes "
                         f"is the outermost, {best.size:.4g}: try others with --sizes")  # fmt: skip
        found.append(Sweep(compute, tuple(runs), best))
    return found


def _try(
    ours: Prober, costs: Costs, size: str, steps: str | None, compute: float, each: float, say: Say
) -> Tried:
    parameters = dict(ours.study.rungs[0].parameters) | {size: as_value(each)}
    count: Value | None = None
    if steps is not None:
        count = costs.steps_for(compute, each)
        parameters[steps] = count
    rung = Rung(compute=Compute(compute, ours.study.budget.compute.unit), parameters=parameters)
    probe = ours.at(rung).run()
    told = probe.measurement
    loss = None if told is None else told.to_minimize
    shown = f"{loss:.6g}" if loss is not None else (probe.failure.sentence if probe.failure else "")
    named = f"{size}={as_value(each)}" + (f" {steps}={count}" if steps else "")
    say(f"{rung.compute}: {named}: {shown} in {probe.exit.wall_seconds:.1f} s")
    return Tried(compute, as_value(each), count, loss, probe.exit.wall_seconds,
                 probe.failure.sentence if probe.failure else "")  # fmt: skip


def _law(
    sweeps: Sequence[Sweep], costs: Costs, study: Study, size: str | None, notes: list[str]
) -> PowerLine | None:
    found = [
        (sweep.compute, sweep.best.size) for sweep in sweeps if sweep.best and sweep.best.inside
    ]
    if not found:
        if size is not None:
            notes.append(
                "no sweep has its best size inside, so sizes go on from the rungs as they are"
            )
        return None
    at, sizes = [compute for compute, _ in found], [best for _, best in found]
    line = power_line(at, sizes) if len(found) > 1 else None
    if line is not None and 0 <= line.exponent * max(costs.size_exponent, 0.5) <= 1:
        return line
    exponent = _EQUAL_SPLIT / max(costs.size_exponent, 0.5)
    notes.append(
        "the sweeps do not fix how the best size grows; it is taken to grow with compute to the "
        f"power of {exponent:.2g}, which shares it equally between size and length"
    )
    return power_line(at, sizes, exponent)


def _as_measured(
    study: Study, costs: Costs, rung: Rung, size: str | None, steps: str | None
) -> float:
    """What a rung of the study costs: as it says, or where time was only estimated as measured."""
    values = study.parameters_at(rung)
    if costs.source != "measured" or steps is None or steps not in values:
        return rung.compute.amount
    at = _number(values[size]) if size is not None and size in values else 1.0
    return costs.declared(rung.compute.amount, at, values[steps])


def _amounts(low: float, target: float, count: int | None) -> list[float]:
    if target <= 2 * low:
        raise UserError(f"the target, {target:g}, must lie well above the smallest rung, {low:g}")
    top = target / 10 if target > 30 * low else target / min(3.0, math.sqrt(target / low))
    steps = count or min(5, max(2, round(math.log(top / low) / math.log(_STEP_UP)) + 1))
    if steps == 1:
        return [low]
    return [low * (top / low) ** (n / (steps - 1)) for n in range(steps)]


@dataclass(frozen=True)
class _Builder:
    """Turns a compute into a rung."""

    study: Study
    costs: Costs
    law: PowerLine | None
    size: str | None
    steps: str | None
    keeps_target: bool

    def target(self) -> ProposedRung:
        """The study's own target, with its cost as measured."""
        rung, costs = self.study.target, self.costs
        amount = _as_measured(self.study, costs, rung, self.size, self.steps)
        values = self.study.parameters_at(rung)
        size = _number(values[self.size]) if self.size in values else 1.0
        seconds = costs.seconds(amount, size, values.get(self.steps or ""))
        return ProposedRung(Compute(amount, rung.compute.unit), dict(rung.parameters), seconds)

    def rung(self, amount: float, exact: bool = False) -> ProposedRung:
        parameters = dict(self._nearest(amount).parameters)
        chosen = 0.0
        if self.size is not None:
            present = _number({**self.study.program.parameters, **parameters}[self.size])
            chosen = self._rounded(self._best(amount)) if self.law else present
            if self.law is not None or self.size in parameters:
                parameters[self.size] = as_value(chosen)
        if self.steps is not None:
            steps = self.costs.steps_for(amount, chosen)
            share = float(steps) / _number(parameters.get(self.steps, steps))
            parameters |= gone_along(self.study, parameters, {self.size, self.steps}, share)
            parameters[self.steps] = steps
        seconds = self.costs.seconds(amount, chosen, parameters.get(self.steps or ""))
        unit = self.study.budget.compute.unit
        rounded = amount if exact else float(f"{amount:.2g}")
        declared = self.costs.declared(rounded, chosen, parameters.get(self.steps or ""))
        return ProposedRung(Compute(declared, unit), parameters, seconds)

    def _best(self, amount: float) -> float:
        """By the law; on the way to a target that stays as it is, no larger than that."""
        assert self.law is not None
        largest = self.study.target.parameters.get(self.size or "")
        best = self.law.at(amount)
        return min(best, _number(largest)) if self.keeps_target and largest else best

    def _nearest(self, amount: float) -> Rung:
        rungs = [*self.study.rungs, self.study.target]
        return min(rungs, key=lambda rung: abs(math.log(rung.compute.amount / amount)))

    def _rounded(self, size: float) -> float:
        """To what divides every size that the study has."""
        there = [rung.parameters.get(self.size or "") for rung in self.study.rungs]
        whole = [value for value in there if isinstance(value, int) and not isinstance(value, bool)]
        if len(whole) < len(there) or not whole:
            return float(f"{size:.3g}")
        divisor = reduce(math.gcd, whole)
        return max(1, round(size / divisor)) * divisor


def _increasing(
    rungs: Sequence[ProposedRung], target: ProposedRung, notes: list[str]
) -> tuple[ProposedRung, ...]:
    kept: list[ProposedRung] = []
    for rung in rungs:
        below = kept[-1].compute.amount if kept else 0.0
        if below < rung.compute.amount < target.compute.amount:
            kept.append(rung)
    if not kept:
        raise UserError("no rung below the target could be proposed; give a larger --target")
    if len(kept) < len(rungs):
        notes.append("rungs that would cost the same as the one below are left out")
    return tuple(kept)


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]
