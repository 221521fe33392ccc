"""Makes a study of a program that was never meant for one: look, run, read back, write."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from proveout.errors import UserError
from proveout.loop._choose_score import NOT_YET, Choose, ScoreWish
from proveout.loop._draft import FIRST_LOOK, LONG_LOOK, Draft
from proveout.loop._first_read import (
    curve_in,
    is_same_by_seed,
    is_too_short,
    no_score,
    only_begun,
    read_first,
    reported_by,
)
from proveout.loop._probe import Probe, Prober, prober
from proveout.loop._readings import NO_OUT, own_output, with_direction, with_missed
from proveout.loop._score_command import check_command, command_score, held_back, lay_files
from proveout.loop._starters import write_starters
from proveout.runners import usable_cores
from proveout.study import Study
from proveout.survey import (
    Plan,
    Reported,
    Survey,
    Wishes,
    apply_wishes,
    computes,
    less_work,
    plan_study,
    survey,
)
from proveout.units import Compute, compact

_SHORT_SECONDS = 10.0
_SQUEEZED_SECONDS = 1800.0
"""What the budget of a program that had to be made shorter may take, unless a person says."""
_TIMES_SHORTER = 3
_FEW_ARMS = 4
_LARGER_SECONDS = 60.0
_UNREPORTED = (
    "the smallest rung is as long as a run must be to report its score; a smaller interval "
    "between its reports allows smaller ones (--set)"
)
_SEEDLESS = (
    "the smallest rung is as long as a run must be for seeds to differ: shorter ones give the same "
    "number with each"
)


@dataclass(frozen=True)
class Adopted:
    """A study that was written for a program."""

    study: Study
    survey: Survey
    plan: Plan
    first: Probe
    """The trial that was looked at to find score and curve."""
    score: Reported | None
    found: tuple[Reported, ...]
    ideas: tuple[str, ...]
    """Idea files that were written to begin with."""


def adopt_program(
    program: Path, folder: Path, wishes: Wishes, score: ScoreWish, choose: Choose,
    time_seconds: float | None = None,
) -> Adopted:  # fmt: skip
    """Writes a study of the program in `program` into `folder`, a new or empty one.

    The program's folder is left as it is. `time_seconds` is what the whole budget may take on this
    machine: rungs and target are made shorter for it.

    Raises:
        UserError: no program is found, something must be said of it, or `folder` is in use.
        EnvironmentFailure: the disk is full or the launcher died.
    """
    draft, plan = _begin(program, folder, wishes, score, time_seconds)
    with prober(draft.write(plan, draft.unscored, FIRST_LOOK)) as ours:
        plan, first = _first_look(ours, draft, plan)
        read = read_first(ours, draft, plan, first, score, choose)
        larger = _larger(ours, draft, first, plan)
        longer = None
        if larger is not None and is_too_short(ours, draft, score, read, larger):
            longer = _from_rung(ours, draft, plan, larger, _UNREPORTED)
        elif larger is not None and is_same_by_seed(ours, draft, score, read, first, larger):
            longer = _from_rung(ours, draft, plan, larger, _SEEDLESS)
        elif larger is not None and read.told is None and not score.named:
            longer = _by_interval(ours, draft, plan)
        if longer is not None:
            plan, first, larger = longer
            read = read_first(ours, draft, plan, first, score, choose)
        if larger is not None:
            seen = reported_by(ours, draft, larger)
            plan = with_direction(plan, read.told, seen, score)
            if score.command is None:
                plan = with_missed(plan, read.told, read.numbers, seen)
            more = ours.of(draft.study).folder(larger.trial)
            read = replace(read, curve=read.curve or curve_in(seen, plan, larger.trial.rung, more))
    limit = None if draft.time_seconds is None else draft.time_seconds * usable_cores()
    study = draft.write(plan, read.scored, _seconds(first, larger), read.curve, limit)
    told = (_short_of_target(study), no_score(read), only_begun(read))
    notes = [note for note in told if note]
    plan = replace(plan, notes=(*plan.notes, *notes))
    ideas = write_starters(plan, folder / "ideas")
    return Adopted(study, draft.found, plan, first, read.told, read.numbers, ideas)


def _begin(
    program: Path, folder: Path, wishes: Wishes, score: ScoreWish, time_seconds: float | None
) -> tuple[Draft, Plan]:
    """Looks at the program and makes the study's folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        word = shlex.quote(str(folder))
        raise UserError(
            f"{folder} exists and is not empty; name another with --study, or go on with it: "
            f"`proveout init --check {word}`, `proveout run {word}`"
        )
    check_command(score)
    found = apply_wishes(survey(program, wishes.train), wishes)
    if score.held_out is not None:
        found = held_back(found, score.held_out)
    plan, unscored = plan_study(found, wishes), NOT_YET
    (folder / "ideas").mkdir(parents=True)
    if score.command is not None:
        lay_files(found, score, folder)
        unscored = command_score(found, score, folder, None)
    return Draft(folder, found, wishes, time_seconds, unscored), plan


def _first_look(ours: Prober, draft: Draft, plan: Plan) -> tuple[Plan, Probe]:
    """The smallest trial, made smaller until it ends soon enough to go on with, and found out where
    it writes."""
    told, whole = draft.wishes, plan
    first = ours.run(scored=False)
    for stage in (1, 2, 3):
        if not _was_slow(first) or draft.wishes.rungs:
            break
        plan = _squeezed(draft, stage)
        first = ours.of(draft.write(plan, draft.unscored, FIRST_LOOK)).run(scored=False)
        draft.time_seconds = draft.time_seconds or _SQUEEZED_SECONDS
    if _was_slow(first):
        draft.wishes, plan = told, whole
        first = ours.of(draft.write(plan, draft.unscored, LONG_LOOK)).run(scored=False)
    if plan.out == NO_OUT and (other := own_output(first)):
        plan = replace(
            plan, out=other, notes=tuple(n for n in plan.notes if "output folder" not in n)
        )
        first = ours.of(draft.write(plan, draft.unscored, FIRST_LOOK)).run(scored=False)
    for _ in range(_TIMES_SHORTER if draft.time_seconds is not None else 0):
        shorter = _in_time(ours, draft, plan, first)
        if shorter is None or shorter.rungs == plan.rungs:
            break
        plan = shorter
        first = ours.of(draft.write(plan, draft.unscored, FIRST_LOOK)).run(scored=False)
    return plan, first


def _was_slow(probe: Probe) -> bool:
    return probe.failure is not None and probe.failure.kind == "timed out"


def _in_time(ours: Prober, draft: Draft, plan: Plan, first: Probe) -> Plan | None:
    """A plan with shorter runs, where the time that there is would not do for a few ideas: the
    baseline and three of them once at each rung, and both arms at the target."""
    if first.failure is not None or plan.counts_flops or draft.time_seconds is None:
        return None
    larger = _larger(ours, draft, first, plan)
    seconds = _seconds(first, larger)
    amounts = computes(plan, draft.wishes, draft.found, seconds)
    start = max(0.0, first.exit.wall_seconds - amounts[0])
    starts = _FEW_ARMS * len(amounts) * start / usable_cores()
    runs = _FEW_ARMS * sum(amounts) / usable_cores()
    aside = _set_aside(draft.study, amounts[-1]) / usable_cores()
    if starts + aside <= draft.time_seconds / 2:
        starts += aside
    if starts + runs <= draft.time_seconds:
        return None
    return _shorter(draft, plan, max(0.02, (draft.time_seconds - starts) / runs))


def _set_aside(study: Study, target_seconds: float) -> float:
    """What is set aside for the runs at a target, beside what they declare: device-seconds."""
    target = Compute(target_seconds, "device-seconds")
    ladder = study.ladder.model_copy(update={"target": target})
    most = study.model_copy(update={"ladder": ladder}).price(len(study.rungs))
    return 2 * study.seeds.at_target * (most - target_seconds)


def _short_of_target(study: Study) -> str:
    """What is said of a budget of time that does not cover a few ideas at the rungs and then what
    is set aside for the runs at the target; empty where it does."""
    runs = 2 * study.seeds.at_target
    aside = runs * study.price(len(study.rungs))
    needed = aside + _FEW_ARMS * sum(rung.compute.amount for rung in study.rungs)
    budget = study.budget.compute
    if budget.unit != "device-seconds" or budget.amount >= needed:
        return ""
    enough = math.ceil(2 * needed / usable_cores())
    return (
        f"the budget, {budget}, does not cover the {runs} runs at the target: {compact(aside)} "
        "device-seconds are set aside for them, at a quarter more than each declares and ten "
        f"seconds for its start. Ideas are judged by the rungs alone; --time '{enough} s' would do"
    )


def _seconds(first: Probe, larger: Probe | None) -> dict[int, float]:
    """How long trials took, by rung."""
    seconds = {0: first.exit.wall_seconds}
    if larger is not None:
        seconds[larger.trial.rung] = larger.exit.wall_seconds
    return seconds


def _shorter(draft: Draft, plan: Plan, factor: float) -> Plan:
    """The same plan with less of each run, for a study that must end in time."""
    draft.wishes = replace(draft.wishes, share=draft.wishes.share * factor)
    part = f"{draft.wishes.share:.2g}"
    note = f"to end in time rungs and target are {part} of what the program does by itself"
    kept = [each for each in plan.notes if not each.startswith("to end in time")]
    return replace(plan_study(draft.found, draft.wishes), out=plan.out, notes=(*kept, note))


def _squeezed(draft: Draft, stage: int) -> Plan:
    """A plan for a program whose smallest run is too slow here: shorter by eight at each stage,
    with fewer evaluations, and then with smaller batches."""
    wishes, share = draft.wishes, 0.125**stage
    fixed = dict(wishes.fixed) | {
        each.name: value for each in draft.found.parameters
        if each.name not in wishes.fixed and (value := less_work(each, stage)) is not None
    }  # fmt: skip
    draft.wishes = replace(wishes, fixed=fixed, share=share)
    plan = plan_study(draft.found, draft.wishes)
    smaller = "".join(f", {name} = {value}" for name, value in fixed.items())
    note = (
        f"its smallest run takes long here, so rungs and target are "
        f"1/{round(1 / share)} of what it does by itself{smaller}; say what you want with --rung "
        "and --set"
    )
    return replace(plan, notes=(*plan.notes, note))


def _larger(ours: Prober, draft: Draft, first: Probe, plan: Plan) -> Probe | None:
    """A trial at the highest rung that is short enough: to see how time grows, and what only a
    longer run reports."""
    if first.failure is not None or first.exit.wall_seconds > _SHORT_SECONDS:
        return None
    amounts = computes(plan, draft.wishes, draft.found, _seconds(first, None))
    fits = [n for n in range(1, len(plan.rungs) - 1) if plan.counts_flops
            or amounts[n] <= _LARGER_SECONDS]  # fmt: skip
    study, rung = draft.study, fits[-1] if fits else 1
    if len(plan.rungs) < 3:
        return None
    if not fits:  # it may be its start alone that is slow: then a longer run takes little more
        most = 2 * first.exit.wall_seconds + 2
        limits = study.limits.model_copy(update={"wall_time": most})
        study = study.model_copy(update={"limits": limits})
    probe = ours.of(study).run(rung, scored=False)
    return probe if probe.failure is None else None


def _from_rung(
    ours: Prober, draft: Draft, plan: Plan, larger: Probe, note: str
) -> tuple[Plan, Probe, Probe | None] | None:
    """The plan with the rung of a longer trial as its smallest, and its trials; None where that
    changes nothing."""
    draft.wishes = replace(draft.wishes, skipped=larger.trial.rung)
    raised = replace(plan_study(draft.found, draft.wishes), out=plan.out)
    if raised.rungs[0] == plan.rungs[0]:
        return None
    return _again(ours, draft, replace(raised, notes=(*plan.notes, note)), larger)


def _by_interval(ours: Prober, draft: Draft, plan: Plan) -> tuple[Plan, Probe, Probe | None] | None:
    """The same of a program that reports its score at an interval which no rung reaches: rungs are
    multiples of it. None where a run as long as the program's own reports none, or takes long."""
    whole = plan.rungs[-1]
    steps = whole.get(plan.steps or "")
    if draft.wishes.rungs or not isinstance(steps, int):
        return None
    rung = draft.study.rung(0)
    told = {**rung.parameters, **whole}
    probe = ours.of(draft.study).at(rung.model_copy(update={"parameters": told})).run(scored=False)
    seen = reported_by(ours, draft, probe) if probe.failure is None else ()
    if not seen or seen[0].rank is None or seen[0].times < 2:
        return None
    interval = steps // seen[0].times
    draft.wishes = replace(draft.wishes, interval=interval)
    raised = replace(plan_study(draft.found, draft.wishes), out=plan.out)
    note = (
        f"it reports {seen[0].name} at every {interval} of {plan.steps}, so rungs are multiples of "
        "that; a smaller interval allows smaller ones (--set)"
    )
    if raised.rungs[-1] != whole:
        note += f". By itself it has {steps}, which is too little for rungs below that"
    return _again(ours, draft, replace(raised, notes=(*plan.notes, note)), probe)


def _again(ours: Prober, draft: Draft, plan: Plan, like: Probe) -> tuple[Plan, Probe, Probe | None]:
    """Trials of a plan whose smallest rung takes about as long as one that was run."""
    again = ours.of(draft.write(plan, draft.unscored, _seconds(like, None))).run(scored=False)
    return plan, again, _larger(ours, draft, again, plan)
