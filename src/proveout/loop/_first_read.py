"""What the smallest trial of a program reported, and what of it is the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proveout.errors import ScoringFailed, UserError
from proveout.loop._choose_score import Choose, ScoreWish, choose_score, unseen_score
from proveout.loop._draft import FIRST_LOOK, Draft
from proveout.loop._probe import Probe, Prober
from proveout.loop._readings import missed
from proveout.loop._score_command import chosen, command_score
from proveout.survey import (
    Counted,
    CurveLines,
    Plan,
    Reported,
    Scored,
    curve_of,
    is_of_the_start,
    reported,
)
from proveout.trials import TrialFolder, read_text

_QUICK_SECONDS = 3.0


@dataclass(frozen=True)
class FirstRead:
    """What the smallest trial reported, and what of it is the score."""

    numbers: tuple[Reported, ...]
    told: Reported | None
    scored: Scored
    curve: CurveLines | None
    of_the_start: bool = False
    """Whether the only score that it reported is that of its first step."""
    steps: float | None = None
    """How many steps the trial had, where that is known."""


def read_first(
    ours: Prober, draft: Draft, plan: Plan, first: Probe, wish: ScoreWish, choose: Choose
) -> FirstRead:
    """Reads what a trial at the smallest rung left, and finds the score in it.

    Raises:
        UserError: what was said of the score fits nothing that it reported.
    """
    numbers = reported_by(ours, draft, first)
    if wish.command is not None:
        told, scored = _by_command(ours, draft, plan, first, wish, choose)
    elif first.failure is not None:  # what it printed on its way is no score
        told, scored = unseen_score(wish)
        numbers = ()
    else:
        told, scored = choose_score(numbers, wish, choose)
    left = ours.of(draft.study).folder(first.trial)
    count = _count(plan, 0)
    early = told is not None and count is not None and is_of_the_start(told, count, left.log)
    return FirstRead(numbers, told, scored, curve_in(numbers, plan, 0, left), early, count)


def reported_by(ours: Prober, draft: Draft, probe: Probe) -> tuple[Reported, ...]:
    """Every number that a trial left, likeliest score first."""
    left = ours.of(draft.study).folder(probe.trial)
    return reported(left.out, left.log)


def is_too_short(
    ours: Prober, draft: Draft, wish: ScoreWish, read: FirstRead, larger: Probe
) -> bool:
    """Whether a longer trial reports a likelier score, and nobody said which it is or which rungs
    there are."""
    if wish.named or wish.command is not None or draft.wishes.rungs:
        return False
    seen = reported_by(ours, draft, larger)
    later = any(read.told is not None and each.times > 1
                and (each.source, each.name) == (read.told.source, read.told.name)
                for each in seen)  # fmt: skip
    return (read.of_the_start and later) or bool(missed(read.told, read.numbers, seen))


def is_same_by_seed(
    ours: Prober, draft: Draft, wish: ScoreWish, read: FirstRead, first: Probe, larger: Probe
) -> bool:
    """Whether short trials give one number with each of three seeds and longer ones do not, and
    nobody said which rungs there are; of trials that are quick to run."""
    told = read.told
    if told is None or wish.command is not None or draft.wishes.rungs:
        return False
    if max(first.exit.wall_seconds, larger.exit.wall_seconds) > _QUICK_SECONDS:
        return False

    def value(rung: int, replicate: int) -> float | None:
        probe = ours.of(draft.study).run(rung, replicate, scored=False)
        seen = reported_by(ours, draft, probe) if probe.failure is None else ()
        return next((each.value for each in seen
                     if (each.source, each.name) == (told.source, told.name)), None)  # fmt: skip

    if any(value(0, seed) != told.value for seed in (1, 2)):
        return False
    at = larger.trial.rung
    return value(at, 1) != value(at, 2)


def only_begun(read: FirstRead) -> str:
    """What is said where the smallest trial reports its score at its first step alone; else
    empty."""
    if not read.of_the_start or read.told is None:
        return ""
    return (f"the smallest rung reports {read.told.name} at its first step alone, before it has "
            "learnt anything: give larger rungs with --rung, or a smaller interval between its "
            "reports with --set")  # fmt: skip


def no_score(read: FirstRead) -> str:
    """What is said where it reports numbers and none is called like a score; else empty."""
    if read.told is not None or not read.numbers:
        return ""
    steps = read.steps or 0
    likely = sorted(
        read.numbers, key=lambda each: abs(each.times - steps)
    )  # once a step comes first
    names = ", ".join(dict.fromkeys(each.name for each in likely[:12]))
    return (f"it reports {names}, none of which is called like a score: --score NAME takes one, "
            "and --goal says whether more of it is better")  # fmt: skip


def _by_command(
    ours: Prober, draft: Draft, plan: Plan, first: Probe, wish: ScoreWish, choose: Choose
) -> tuple[Reported | None, Scored]:
    """The score that a command computes; where nobody says which of the numbers that it prints, it
    is run once to see them."""
    told = None
    if wish.pattern is None and "{score}" not in (wish.command or "") and first.failure is None:
        study = draft.write(plan, draft.unscored, FIRST_LOOK)
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
    return told, command_score(draft.found, wish, draft.folder, told)


def curve_in(
    numbers: Sequence[Reported], plan: Plan, rung: int, left: TrialFolder
) -> CurveLines | None:
    """Where the curve of a trial at a rung is to be read; None where it leaves none."""
    count, counted = _count(plan, rung), None
    if plan.steps is not None and count is not None:
        counted = Counted(plan.steps, count)
    return curve_of(numbers, counted, plan.counts_flops, left.out, left.log)


def _count(plan: Plan, rung: int) -> float | None:
    """How many steps a rung has, where that is known."""
    count = {**plan.parameters, **plan.rungs[rung]}.get(plan.steps or "") if plan.rungs else None
    return float(count) if isinstance(count, int | float) else None
