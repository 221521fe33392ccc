"""Makes a study of a program that was never meant for one: look, run, read back, write."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from proveout.errors import UserError
from proveout.loop._probe import Probe, Prober, prober
from proveout.study import STUDY_FILE, Study, Value, read_study
from proveout.survey import (
    CurveLines,
    Parameter,
    Plan,
    Reported,
    Scored,
    Survey,
    Wishes,
    apply_wishes,
    curve_of,
    pattern_for,
    plan_study,
    reported,
    score_lines,
    study_text,
    survey,
)

_NOT_YET = Scored(
    ('kind = "reported"', 'metric = "unknown"', 'key = "unknown"'),
    "No number that could be the score was found in what the smallest trial left. Say where it "
    "stands: a key of metrics.jsonl, a pattern of its output, or a JSON file in {out}.",
)

_RATE = re.compile(r"(^|_)(lr|learning_rate|rate)$", re.IGNORECASE)
_SHORT_SECONDS = 10.0

Choose = Callable[[Sequence[Reported]], Reported]
"""Picks the score among what a trial reported, likeliest first."""


@dataclass(frozen=True)
class ScoreWish:
    """What a person says of the score; all of it optional."""

    name: str | None = None
    goal: str | None = None
    pattern: str | None = None
    file: str | None = None
    key: str | None = None


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
    program: Path, folder: Path, wishes: Wishes, score: ScoreWish, choose: Choose
) -> Adopted:
    """Writes a study of the program in `program` into `folder`, a new or empty one.

    The program's folder is left as it is.

    Raises:
        UserError: no program is found, something must be said of it, or `folder` is in use.
        EnvironmentFailure: the machine lets us down.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"{folder} exists and is not empty; name another with --study, or go on with it: "
            f"`proveout init --check {folder}`, `proveout run {folder}`"
        )
    found = apply_wishes(survey(program, wishes.train), wishes)
    plan = plan_study(found, wishes)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ideas").mkdir(exist_ok=True)
    file = folder / STUDY_FILE

    def write(
        scored: Scored, seconds: Mapping[int, float], curve: CurveLines | None = None
    ) -> Study:
        file.write_text(
            study_text(found, plan, wishes, folder, scored, curve, seconds),
            encoding="utf-8",
        )
        return read_study(folder)

    study = write(_NOT_YET, {})
    with prober(study) as ours:
        first = ours.run(scored=False)
        if study.program.out is not None and (other := _own_output(first, study.program.out)):
            plan = replace(plan, out=other)
            study = write(_NOT_YET, {})
            again = ours.of(study)
            first = again.run(scored=False)
        left = ours.folder(first.trial)
        numbers = reported(left.out, left.log)
        told, scored = _score(numbers, score, choose)
        curve = curve_of(numbers, plan.steps, plan.counts_flops, left.out, left.log)
        larger = _larger(ours.of(study), first, plan)
        if larger is not None:
            there = ours.folder(larger.trial)
            plan = _with_missed(plan, told, numbers, reported(there.out, there.log))
    seconds = {0: first.exit.wall_seconds}
    if larger is not None:
        seconds[larger.trial.rung] = larger.exit.wall_seconds
    study = write(scored, seconds, curve)
    ideas = _starters(found, plan, folder / "ideas")
    return Adopted(study, found, plan, first, told, numbers, ideas)


def _larger(ours: Prober, first: Probe, plan: Plan) -> Probe | None:
    """A trial at the top rung, where the smallest is short: to see how time grows, and what only a
    longer run reports."""
    top = len(plan.rungs) - 2
    if first.failure is not None or first.exit.wall_seconds > _SHORT_SECONDS or top < 1:
        return None
    probe = ours.run(top, scored=False)
    return probe if probe.failure is None else None


def _with_missed(
    plan: Plan, told: Reported | None, numbers: Sequence[Reported], larger: Sequence[Reported]
) -> Plan:
    """Adds a note where a longer run reports a better score, which the smallest cannot."""
    known = {each.name for each in numbers}
    rank = told.rank if told is not None and told.rank is not None else 1000
    missed = [
        e.name for e in larger if e.name not in known and e.rank is not None and e.rank < rank
    ]
    if not missed:
        return plan
    note = (
        f"a larger run also reports {missed[0]!r}, for which the smallest rung is too short: give "
        f"larger rungs with --rung, or a smaller interval with --set, and --score {missed[0]!r}"
    )
    return replace(plan, notes=(*plan.notes, note))


def _own_output(probe: Probe, present: str) -> str | None:
    """A folder that the program made for what it writes, if it is only one."""
    made = [name for name in probe.wrote if name not in {present, "__pycache__"}]
    return made[0] if len(made) == 1 and "." not in made[0] else None


def _score(
    numbers: Sequence[Reported], wish: ScoreWish, choose: Choose
) -> tuple[Reported | None, Scored]:
    told = _wished(numbers, wish)
    if told is None:
        likely = [n for n in numbers if n.rank is not None and _can_be_scored(n)]
        if wish.name is not None and not likely:
            there = ", ".join(dict.fromkeys(n.name for n in numbers)) or "nothing"
            raise UserError(f"the program reported no {wish.name!r}; it reported: {there}")
        if not likely:
            return None, _NOT_YET
        told = choose(likely) if len(likely) > 1 else likely[0]
    scored = score_lines(told)
    if wish.goal is not None:
        lines = tuple(f'goal = "{wish.goal}"' if line.startswith("goal") else line
                      for line in scored.lines)  # fmt: skip
        scored = replace(scored, lines=lines)
    return told, scored


def _wished(numbers: Sequence[Reported], wish: ScoreWish) -> Reported | None:
    """What a person says: a pattern or a file as it is, or the reported number of that name."""
    name = wish.name or wish.key or "score"
    if wish.pattern is not None:
        return Reported("output", name, None, pattern=wish.pattern)
    if wish.file is not None:
        return Reported("json", wish.key or name, None, file=wish.file)
    if wish.key is not None:
        return Reported("jsonl", wish.key, None, file="metrics.jsonl")
    if wish.name is None:
        return None
    there = [n for n in numbers if n.name.lower() == wish.name.lower() and _can_be_scored(n)]
    there += [n for n in numbers if wish.name.lower() in n.name.lower() and _can_be_scored(n)]
    if not there:
        said = ", ".join(dict.fromkeys(n.name for n in numbers)) or "no number at all"
        raise UserError(
            f"the program reported no {wish.name!r}. It reported: {said}. Where the number "
            f"stands in its output otherwise, give --pattern, such as {pattern_for(wish.name)!r}"
        )
    return there[0]


def _can_be_scored(number: Reported) -> bool:
    """Curves can be read from everywhere; a score from what a record can be made of."""
    if number.source == "jsonl":
        return number.file == "metrics.jsonl"
    return number.source in {"output", "json"}


def _starters(survey: Survey, plan: Plan, folder: Path) -> tuple[str, ...]:
    """Two ideas to begin with, of a learning rate or the first other knob there is."""
    knobs = [name for name, value in plan.parameters.items() if _is_knob(value)]
    knobs.sort(key=lambda name: _RATE.search(name) is None)
    constants = [p for p in survey.parameters if p.reach == "constant" and p.role is None
                 and _is_knob(p.default) and _RATE.search(p.name)]  # fmt: skip
    names = []
    for word, factor in (("double", 2), ("half", 0.5)):
        for name in knobs[:1]:
            change = f"set: {name}={_scaled(plan.parameters[name], factor)}\n---\n"
            names.append(_write_idea(folder, word, name, change))
        for constant in constants[:1] if not knobs else ():
            change = f"---\n{_constant_patch(survey.folder, constant, factor)}"
            names.append(_write_idea(folder, word, constant.name, change))
    return tuple(names)


def _is_knob(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _scaled(value: Value, factor: float) -> str:
    number = float(value) * factor
    return str(max(1, int(number))) if isinstance(value, int) else f"{number:g}"


def _write_idea(folder: Path, word: str, name: str, change: str) -> str:
    idea = f"{word}-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}"[:60]
    wrong = "too small" if word == "double" else "too large"
    text = (f"hypothesis: {name} is {wrong} by a factor of two.\n"
            f"source: to begin with; written by proveout init\n{change}")  # fmt: skip
    (folder / f"{idea}.patch").write_text(text, encoding="utf-8")
    return idea


def _constant_patch(program: Path, constant: Parameter, factor: float) -> str:
    """A diff of the one line that assigns a constant."""
    lines = (program / constant.file).read_text(encoding="utf-8").splitlines(keepends=True)
    assigns = re.compile(
        rf"^({re.escape(constant.spelled)}\s*(?::[^=\n]*)?=\s*)([^#\n]*?)(\s*(?:#.*)?)$"
    )
    new = [assigns.sub(rf"\g<1>{_scaled(constant.default or 0, factor)}\g<3>", line.rstrip("\n"))
           + line[len(line.rstrip("\n")):] for line in lines]  # fmt: skip
    name = constant.file
    return "".join(difflib.unified_diff(lines, new, f"a/{name}", f"b/{name}"))
