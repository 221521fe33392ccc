"""What was found and what was asked for, as the parts of a study."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proveout.errors import UserError
from proveout.study import PLACEHOLDER, Value
from proveout.survey._records import Parameter, Role, Survey
from proveout.survey._roles import named

_KNOBS = ("lr", "learning_rate", "batch_size", "weight_decay", "dropout", "momentum", "beta1",
          "beta2", "warmup_iters", "warmup_steps", "warmup", "temperature", "gamma", "alpha",
          "decay", "label_smoothing", "grad_clip", "rate", "sigma", "ridge", "l2",
          "reg")  # fmt: skip
_MOST_KNOBS = 8
_SEEDED = re.compile(
    r"(?P<call>\b(?:manual_seed|seed|seed_everything|set_seed|default_rng|RandomState|PRNGKey|"
    r"srand|srand48|mt19937)\s*\(\s*)(?P<number>\d+)(?P<end>\s*\))|(?P<key>\brandom_state\s*=\s*)"
    r"(?P<state>\d+)"
)


@dataclass(frozen=True)
class Wishes:
    """What a person says of a program; all of it optional."""

    train: str | None = None
    roles: Mapping[Role, str] = field(default_factory=dict)
    """The parameter that is the size, the steps, the seed or the output folder, by its name."""
    fixed: Mapping[str, Value] = field(default_factory=dict)
    """Parameters that are not left at what the program has."""
    rungs: tuple[Mapping[str, Value], ...] = ()
    """Parameters of each rung, smallest first, and last of the target."""
    flops: str | None = None
    """FLOPs of a run as arithmetic over its parameters."""


@dataclass(frozen=True)
class Plan:
    """How a study would run a program: what goes into `[program]` and `[ladder]`."""

    command: str
    parameters: Mapping[str, Value]
    environment: Mapping[str, str]
    sets: Mapping[str, Mapping[str, Value]]
    """By file, the keys that are set."""
    replaces: Mapping[str, Mapping[str, str]]
    """By file, the expressions that are replaced."""
    rungs: tuple[Mapping[str, Value], ...]
    """Smallest first; the last is the target."""
    steps: str | None
    """The placeholder that counts steps."""
    size: str | None
    counts_flops: bool
    out: str | None
    notes: tuple[str, ...]


def apply_wishes(survey: Survey, wishes: Wishes) -> Survey:
    """The survey with the roles that a person gave.

    Raises:
        UserError: a parameter that the program does not have; says which it has.
    """
    parameters = list(survey.parameters)
    for role, name in wishes.roles.items():
        wanted = _known(parameters, name)
        parameters = [each.as_role(role if each is wanted else None)
                      if each is wanted or each.role == role else each
                      for each in parameters]  # fmt: skip
    return Survey(survey.folder, survey.command, survey.entry, tuple(parameters), survey.data,
                  survey.notes, survey.others)  # fmt: skip


def plan_study(survey: Survey, wishes: Wishes) -> Plan:
    """How a study runs the program.

    Raises:
        UserError: a parameter has no value that could be known; says which and how to give it.
    """
    notes: list[str] = []
    own = wishes.train is not None and bool(PLACEHOLDER.search(wishes.train))
    rungs = _named(survey, wishes.rungs, own) if wishes.rungs else _rungs(survey, notes)
    used = [] if own else _used(survey, wishes, rungs)
    words: list[str] = []
    environment: dict[str, str] = {}
    sets: dict[str, dict[str, Value]] = {}
    replaces: dict[str, dict[str, str]] = {}
    for each in used:
        told = f"{{{_filled(each)}}}"
        match each.reach:
            case "flag" | "override":
                joined = each.style == "equals"
                words += [f"{each.spelled}={told}"] if joined else [each.spelled, told]
            case "positional":
                words.append(told)
            case "variable":
                environment[each.spelled] = told
            case "key":
                sets.setdefault(each.file, {})[each.spelled] = told
            case "constant":
                pattern, line = _assignment(each, told)
                replaces.setdefault(each.file, {})[pattern] = line
    command = wishes.train if own and wishes.train else " ".join([survey.command, *words])
    named_now = set(PLACEHOLDER.findall(command)) | {_filled(each) for each in used}
    if "seed" not in named_now:
        _seed_in_source(survey, replaces, environment, notes)
    out = None
    if "out" not in named_now:
        out = "out"
        notes.append("no argument for an output folder was found; what it writes to `out` in its "
                     "own folder is kept, and what it prints")  # fmt: skip
    return Plan(
        command, _parameters(survey, wishes, used, rungs, named_now), environment, sets, replaces,
        rungs, _of(survey, wishes, "steps"), _of(survey, wishes, "size"),
        wishes.flops is not None or survey.of_role("compute") is not None or "compute" in named_now,
        out, (*survey.notes, *notes),
    )  # fmt: skip


def _known(parameters: Sequence[Parameter], name: str) -> Parameter:
    found = named(parameters, name)
    if found is None:
        there = ", ".join(each.name for each in parameters) or "none that could be found"
        raise UserError(f"the program has no parameter {name!r}; it has: {there}")
    return found


def _named(
    survey: Survey, rungs: Sequence[Mapping[str, Value]], own: bool
) -> tuple[Mapping[str, Value], ...]:
    """Rungs as a person gives them, by the names of placeholders."""
    if own:
        return tuple(rungs)
    return tuple({_filled(_known(survey.parameters, name)): value for name, value in rung.items()}
                 for rung in rungs)  # fmt: skip


def _filled(parameter: Parameter) -> str:
    """The placeholder of a parameter; those with a built-in role have its name."""
    match parameter.role:
        case "seed" | "out" | "compute":
            return parameter.role
        case _:
            word = parameter.placeholder
            return f"{word}_" if word in {"seed", "out", "compute", "data", "config"} else word


def _of(survey: Survey, wishes: Wishes, role: Role) -> str | None:
    found = survey.of_role(role)
    name = _filled(found) if found else None
    told = wishes.roles.get(role)
    return told.lstrip("-").replace("-", "_") if told and name is None else name


def _used(survey: Survey, wishes: Wishes, rungs: Sequence[Mapping[str, Value]]) -> list[Parameter]:
    """The parameters that a study sets: by role, by a wish, as knobs, and all that are required."""
    wanted = {_known(survey.parameters, name).name for name in wishes.fixed}
    varied = {name for rung in rungs for name in rung}
    wanted |= {each.name for each in survey.parameters if _filled(each) in varied}
    knobs = [p.name for p in survey.parameters if p.reach != "constant" and p.default is not None
             and re.split(r"[./]", p.name)[-1].lower() in _KNOBS][:_MOST_KNOBS]  # fmt: skip
    used = []
    for each in survey.parameters:
        by_role = each.role in ("seed", "out", "compute")
        if (
            by_role
            or each.name in wanted
            or each.name in knobs
            or (each.required and each.default is not None)
        ):
            used.append(each)
        elif each.required:
            raise UserError(
                f"the program requires {each.spelled!r}, of which no value is known; give one: "
                f"--set {each.name}=VALUE"
            )
    return used


def _parameters(
    survey: Survey, wishes: Wishes, used: Sequence[Parameter],
    rungs: Sequence[Mapping[str, Value]], named_now: set[str],
) -> dict[str, Value]:  # fmt: skip
    """Parameters that are the same at every rung, with their values."""
    varied = {name for rung in rungs for name in rung}
    found: dict[str, Value] = {}
    fixed = {name.lstrip("-").replace("-", "_"): value for name, value in wishes.fixed.items()}
    for each in used:
        word = _filled(each)
        if word in {"seed", "out", "compute"} or word in varied:
            continue
        value = fixed.get(each.name.replace("-", "_"), fixed.get(word, each.default))
        if value is not None:
            found[word] = value
    found |= {
        name: value for name, value in fixed.items() if name in named_now and name not in varied
    }
    return found


def _assignment(parameter: Parameter, told: str) -> tuple[str, str]:
    """An expression for the line that assigns a constant, and the line that goes there."""
    name = re.escape(parameter.spelled)
    quoted = f'"{told}"' if parameter.role == "out" or isinstance(parameter.default, str) else told
    if parameter.file.endswith(".py"):
        return rf"^{name}\s*(?::[^=\n]*)?=[^=\n][^\n]*$", f"{parameter.spelled} = {quoted}"
    return rf"^\s*(?:export )?{name}=[^\n]*$", f"{parameter.spelled}={quoted}"


def _seed_in_source(
    survey: Survey, replaces: dict[str, dict[str, str]], environment: dict[str, str],
    notes: list[str],
) -> None:  # fmt: skip
    """A program without such an argument has its seed in its source, or has none."""
    file = survey.folder / survey.entry if survey.entry else None
    text = ""
    if file is not None and file.is_file():
        text = file.read_text(encoding="utf-8", errors="replace")
    for match in _SEEDED.finditer(text):
        whole = match[0]
        if text.count(whole) == 1:
            new = (
                f"{match['key']}{{seed}}"
                if match["key"]
                else f"{match['call']}{{seed}}{match['end']}"
            )
            replaces.setdefault(survey.entry, {})[re.escape(whole).replace(r"\ ", " ")] = new
    if replaces.get(survey.entry) and any("{seed}" in v for v in replaces[survey.entry].values()):
        notes.append(
            f"it takes no seed; the one in {survey.entry} is replaced in each trial's copy"
        )
        return
    environment["SEED"] = "{seed}"
    notes.append("no seed was found: it is given as the variable SEED, which the program does not "
                 "read yet. Without it the same run twice differs by chance, or never")  # fmt: skip


def _rungs(survey: Survey, notes: list[str]) -> tuple[Mapping[str, Value], ...]:
    """Fractions of what the program does by itself, which is the target."""
    size, steps = survey.of_role("size"), survey.of_role("steps")
    sizes, counts = _sizes(size), _counts(steps, notes)
    rungs: list[dict[str, Value]] = []
    for each_size, count in zip(sizes, counts, strict=True):
        rung: dict[str, Value] = {}
        if size is not None and each_size is not None:
            rung[_filled(size)] = each_size
        if steps is not None and count is not None:
            rung[_filled(steps)] = count
        if rung not in rungs:
            rungs.append(rung)
    if len(rungs) < 2 and survey.of_role("compute") is None:
        had = ", ".join(f"{p.name}" for p in survey.parameters) or "none"
        raise UserError(
            "it could not be told which parameter makes a run larger; say it with --steps NAME or "
            "--size NAME, or give each rung and last the target: --rung width=8,steps=100 --rung "
            f"width=16,steps=200 ... Its parameters: {had}"
        )
    return tuple(rungs)


def _sizes(size: Parameter | None) -> list[Value | None]:
    """A quarter and a half of the size: what divided it still does."""
    default = size.default if size is not None else None
    whole = isinstance(default, int) and default % 4 == 0 and default >= 8
    if not whole or not isinstance(default, int):
        return [default] * 4
    return [default // 4, default // 2, default // 2, default]


def _counts(steps: Parameter | None, notes: list[str]) -> list[Value | None]:
    if steps is None:
        return [None] * 4
    default = steps.default
    if not isinstance(default, int | float) or isinstance(default, bool) or default <= 0:
        notes.append(f"{steps.name} has no default: 1600 was taken as the target's")
        default = 1600
    counts = [default / 16, default / 8, default / 4, default]
    if isinstance(default, int):
        return [max(1, round(count)) for count in counts]
    return list(counts)


def editable_of(folder: Path, entry: str) -> list[str]:
    """Patterns for the program's own sources, which ideas may change."""
    suffixes = [".py", ".c", ".cc", ".cpp", ".cu", ".rs", ".go", ".jl", ".R", ".js"]
    here = Path(entry).suffix
    found: list[str] = []
    for suffix in dict.fromkeys([here, *suffixes] if here else suffixes):
        if suffix and any(folder.glob(f"*{suffix}")):
            found.append(f"*{suffix}")
    top = Path(entry).parts[0] if len(Path(entry).parts) > 1 else ""
    if top:
        found.append(top)
    if not found:
        found = [entry] if entry else ["*"]
    return found
