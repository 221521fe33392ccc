"""Makes a study of a program that was never meant for one: look, run, read back, write."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from proveout.errors import ScoringFailed, UserError
from proveout.loop._choose_score import NOT_YET, Choose, ScoreWish, choose_score
from proveout.loop._probe import Probe, Prober, prober
from proveout.loop._readings import NO_OUT, missed, own_output, with_direction, with_missed
from proveout.loop._score_command import check_command, chosen, command_score, held_back, lay_files
from proveout.loop._starters import write_starters
from proveout.runners import usable_cores
from proveout.study import STUDY_FILE, Study, read_study
from proveout.survey import (
    Counted,
    CurveLines,
    Plan,
    Reported,
    Scored,
    Survey,
    Wishes,
    apply_wishes,
    computes,
    curve_of,
    less_work,
    plan_study,
    reported,
    study_text,
    survey,
)
from proveout.trials import TrialFolder, read_text
from proveout.units import Compute, compact

_SHORT_SECONDS = 10.0
_FIRST_LOOK, _LONG_LOOK = {0: 20.0}, {0: 200.0}
"""Seconds that the smallest rung is taken for, before it is known; after about twice that much it
is ended. The long look is for programs of which shorter runs are no faster."""
_SQUEEZED_SECONDS = 1800.0
"""What the budget of a program that had to be made shorter may take, unless a person says."""
_TIMES_SHORTER = 3
_FEW_ARMS = 4
_LARGER_SECONDS = 60.0


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
    plan = plan_study(found, wishes)
    folder.mkdir(parents=True, exist_ok=True)
    if score.command is not None:
        lay_files(found, score, folder)
    (folder / "ideas").mkdir(exist_ok=True)
    unscored = NOT_YET
    if score.command is not None:
        unscored = command_score(found, score, folder, None)
    desk = _Draft(folder, found, wishes, time_seconds, unscored)
    with prober(desk.write(plan, unscored, _FIRST_LOOK)) as ours:
        plan, first = _first_look(ours, desk, plan)
        there = ours.of(desk.study)
        left = there.folder(first.trial)
        numbers = reported(left.out, left.log)
        if score.command is not None:
            told, scored = _by_command(ours, desk, plan, first, score, choose)
        else:
            told, scored = choose_score(numbers, score, choose)
        curve = _curve(numbers, plan, 0, left)
        larger = _larger(ours, desk, first, plan)
        if larger is not None and not score.named and score.command is None:
            more = there.folder(larger.trial)
            seen = reported(more.out, more.log)
            if missed(told, numbers, seen) and not wishes.rungs:
                plan, first, larger = _from_rung(ours, desk, plan, first, larger)
                there = ours.of(desk.study)
                left = there.folder(first.trial)
                numbers = reported(left.out, left.log)
                told, scored = choose_score(numbers, score, choose)
                curve = _curve(numbers, plan, 0, left)
        if larger is not None:
            more = there.folder(larger.trial)
            seen = reported(more.out, more.log)
            plan = with_direction(plan, told, seen, score)
            if score.command is None:
                plan = with_missed(plan, told, numbers, seen)
            curve = curve or _curve(seen, plan, larger.trial.rung, more)
    seconds = _seconds(first, larger)
    limit = None if desk.time_seconds is None else desk.time_seconds * usable_cores()
    study = desk.write(plan, scored, seconds, curve, limit)
    if short := _short_of_target(study):
        plan = replace(plan, notes=(*plan.notes, short))
    if told is None and numbers:
        names = ", ".join(dict.fromkeys(each.name for each in numbers[:12]))
        note = f"it reports {names}, none of which is called like a score: --score NAME takes one, \
and --goal says whether more of it is better"  # fmt: skip
        plan = replace(plan, notes=(*plan.notes, note))
    ideas = write_starters(plan, folder / "ideas")
    return Adopted(study, found, plan, first, told, numbers, ideas)


def _by_command(
    ours: Prober, desk: _Draft, plan: Plan, first: Probe, wish: ScoreWish, choose: Choose
) -> tuple[Reported | None, Scored]:
    """The score that a command computes; where nobody says which of the numbers that it prints, it
    is run once to see them."""
    told = None
    if wish.pattern is None and "{score}" not in (wish.command or "") and first.failure is None:
        study = desk.write(plan, desk.unscored, _FIRST_LOOK)
        try:
            log = ours.of(study).score_output(first)
        except ScoringFailed as error:
            raise UserError(f"--score-command cannot score the smallest trial: {error}") from None
        printed = reported(log.parent / "none", log)
        told = chosen(printed, wish, choose)
        if told is None:
            raise UserError(
                f"--score-command {wish.command!r} printed no number that looks like a score; say "
                "where it stands with --pattern 'accuracy: (\\S+)', or name {score}, the file that "
                f"it writes. It printed: {read_text(log)[-500:].strip() or 'nothing'}"
            )
    return told, command_score(desk.found, wish, desk.folder, told)


class _Draft:
    """The study's file while it is being found out what goes in."""

    def __init__(
        self, folder: Path, found: Survey, wishes: Wishes, time_seconds: float | None,
        unscored: Scored,
    ) -> None:  # fmt: skip
        self.folder, self.found, self.wishes, self.unscored = folder, found, wishes, unscored
        self.time_seconds = time_seconds
        self.study: Study

    def write(
        self, plan: Plan, scored: Scored, seconds: Mapping[int, float],
        curve: CurveLines | None = None, most_seconds: float | None = None,
    ) -> Study:  # fmt: skip
        """Writes the file anew and reads it back."""
        text = study_text(
            self.found, plan, self.wishes, self.folder, scored, curve, seconds, most_seconds
        )
        (self.folder / STUDY_FILE).write_text(text, encoding="utf-8")
        self.study = read_study(self.folder)
        return self.study


def _first_look(ours: Prober, desk: _Draft, plan: Plan) -> tuple[Plan, Probe]:
    """The smallest trial, made smaller until it ends soon enough to go on with, and found out where
    it writes."""
    told, whole = desk.wishes, plan
    first = ours.run(scored=False)
    for stage in (1, 2, 3):
        if not _was_slow(first) or desk.wishes.rungs:
            break
        plan = _squeezed(desk, stage)
        first = ours.of(desk.write(plan, desk.unscored, _FIRST_LOOK)).run(scored=False)
        desk.time_seconds = desk.time_seconds or _SQUEEZED_SECONDS
    if _was_slow(first):
        desk.wishes, plan = told, whole
        first = ours.of(desk.write(plan, desk.unscored, _LONG_LOOK)).run(scored=False)
    if plan.out == NO_OUT and (other := own_output(first)):
        plan = replace(
            plan, out=other, notes=tuple(n for n in plan.notes if "output folder" not in n)
        )
        first = ours.of(desk.write(plan, desk.unscored, _FIRST_LOOK)).run(scored=False)
    for _ in range(_TIMES_SHORTER if desk.time_seconds is not None else 0):
        shorter = _in_time(ours, desk, plan, first)
        if shorter is None or shorter.rungs == plan.rungs:
            break
        plan = shorter
        first = ours.of(desk.write(plan, desk.unscored, _FIRST_LOOK)).run(scored=False)
    return plan, first


def _was_slow(probe: Probe) -> bool:
    return probe.failure is not None and probe.failure.kind == "timed out"


def _in_time(ours: Prober, desk: _Draft, plan: Plan, first: Probe) -> Plan | None:
    """A plan with shorter runs, where the time that there is would not do for a few ideas: the
    baseline and three of them once at each rung, and both arms at the target."""
    if first.failure is not None or plan.counts_flops or desk.time_seconds is None:
        return None
    larger = _larger(ours, desk, first, plan)
    seconds = _seconds(first, larger)
    amounts = computes(plan, desk.wishes, desk.found, seconds)
    start = max(0.0, first.exit.wall_seconds - amounts[0])
    starts = _FEW_ARMS * len(amounts) * start / usable_cores()
    runs = _FEW_ARMS * sum(amounts) / usable_cores()
    aside = _set_aside(desk.study, amounts[-1]) / usable_cores()
    if starts + aside <= desk.time_seconds / 2:
        starts += aside
    if starts + runs <= desk.time_seconds:
        return None
    return _shorter(desk, plan, max(0.02, (desk.time_seconds - starts) / runs))


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


def _shorter(desk: _Draft, plan: Plan, factor: float) -> Plan:
    """The same plan with less of each run, for a study that must end in time."""
    desk.wishes = replace(desk.wishes, share=desk.wishes.share * factor)
    part = f"{desk.wishes.share:.2g}"
    note = f"to end in time rungs and target are {part} of what the program does by itself"
    kept = [each for each in plan.notes if not each.startswith("to end in time")]
    return replace(plan_study(desk.found, desk.wishes), out=plan.out, notes=(*kept, note))


def _squeezed(desk: _Draft, stage: int) -> Plan:
    """A plan for a program whose smallest run is too slow here: shorter by eight at each stage,
    with fewer evaluations, and then with smaller batches."""
    wishes, share = desk.wishes, 0.125**stage
    fixed = dict(wishes.fixed) | {
        each.name: value for each in desk.found.parameters
        if each.name not in wishes.fixed and (value := less_work(each, stage)) is not None
    }  # fmt: skip
    desk.wishes = replace(wishes, fixed=fixed, share=share)
    plan = plan_study(desk.found, desk.wishes)
    smaller = "".join(f", {name} = {value}" for name, value in fixed.items())
    note = (
        f"its smallest run takes long here, so rungs and target are "
        f"1/{round(1 / share)} of what it does by itself{smaller}; say what you want with --rung "
        "and --set"
    )
    return replace(plan, notes=(*plan.notes, note))


def _curve(
    numbers: Sequence[Reported], plan: Plan, rung: int, left: TrialFolder
) -> CurveLines | None:
    count = {**plan.parameters, **plan.rungs[rung]}.get(plan.steps or "") if plan.rungs else None
    counted = None
    if plan.steps is not None and isinstance(count, int | float):
        counted = Counted(plan.steps, float(count))
    return curve_of(numbers, counted, plan.counts_flops, left.out, left.log)


def _larger(ours: Prober, desk: _Draft, first: Probe, plan: Plan) -> Probe | None:
    """A trial at the highest rung that is short enough: to see how time grows, and what only a
    longer run reports."""
    if first.failure is not None or first.exit.wall_seconds > _SHORT_SECONDS:
        return None
    amounts = computes(plan, desk.wishes, desk.found, _seconds(first, None))
    fits = [n for n in range(1, len(plan.rungs) - 1) if plan.counts_flops
            or amounts[n] <= _LARGER_SECONDS]  # fmt: skip
    if not fits:
        return None
    probe = ours.of(desk.study).run(fits[-1], scored=False)
    return probe if probe.failure is None else None


def _from_rung(
    ours: Prober, desk: _Draft, plan: Plan, first: Probe, larger: Probe
) -> tuple[Plan, Probe, Probe | None]:
    """The plan with the rung that reports more as its smallest, and its trials; as it was where
    that changes nothing."""
    desk.wishes = replace(desk.wishes, skipped=larger.trial.rung)
    raised = replace(plan_study(desk.found, desk.wishes), out=plan.out)
    if raised.rungs[0] == plan.rungs[0]:
        return plan, first, larger
    note = ("the smallest rung is as long as a run must be to report its score; a smaller interval "
            "between its reports allows smaller ones (--set)")  # fmt: skip
    raised = replace(raised, notes=(*plan.notes, note))
    again = ours.of(desk.write(raised, desk.unscored, _seconds(larger, None))).run(scored=False)
    return raised, again, _larger(ours, desk, again, raised)
