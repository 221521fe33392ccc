"""What was found and what was asked for, as the parts of a study."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from proveout.errors import UserError
from proveout.study import PLACEHOLDER, Value
from proveout.survey._constants import NUMBER, STRICT, TEXT, spelled_out
from proveout.survey._files import command_line, is_settings_file
from proveout.survey._order import check_order
from proveout.survey._plan import Plan, Wishes
from proveout.survey._records import Parameter, Role, Survey
from proveout.survey._roles import is_knob, named
from proveout.survey._rungs import rungs_of
from proveout.survey._seeding import seed_in_source, seed_modules, text_of, what_draws

_MOST_KNOBS = 8


def apply_wishes(survey: Survey, wishes: Wishes) -> Survey:
    """The survey with the roles that a person gave.

    Raises:
        UserError: a parameter that the program does not have; says which it has.
    """
    parameters = list(survey.parameters)
    for role, name in wishes.roles.items():
        if named(parameters, name) is None and (pointed := _pointed_at(survey, name)):
            # it may be called like another: the bound of a loop is called like its counter
            parameters = [*(p for p in parameters if p.filled != pointed.filled), pointed]
            wanted = pointed
        else:
            wanted = _known(parameters, name)
        parameters = [each.as_role(role if each is wanted else None)
                      if each is wanted or each.role == role else each
                      for each in parameters]  # fmt: skip
    return replace(survey, parameters=tuple(parameters))


def _pointed_at(survey: Survey, told: str) -> Parameter | None:
    """The number in the program's own source that a person points at by the words before it."""
    text = text_of(survey.folder, survey.entry)
    return spelled_out(text, survey.entry, told) if text else None


def plan_study(survey: Survey, wishes: Wishes) -> Plan:
    """How a study runs the program.

    Raises:
        UserError: a parameter has no value that could be known, or rungs do not go from smaller to
            larger; says which and what to give.
    """
    notes: list[str] = []
    own = wishes.train is not None and bool(PLACEHOLDER.search(wishes.train))
    rungs = _named(survey, wishes.rungs, own) if wishes.rungs else rungs_of(survey, wishes, notes)
    used = [] if own else [each for each in _used(survey, wishes, rungs)
                           if not _is_loose(each, rungs) or _once(survey, each)]  # fmt: skip
    words: list[str] = []
    environment = dict(survey.environment)
    sets: dict[str, dict[str, Value]] = {}
    replaces: dict[str, dict[str, str]] = {}
    knobs: dict[str, dict[str, str]] = {}
    for each in used:
        told = _told(each)
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
                knob = _is_loose(each, rungs)
                pattern, line = _assignment(each, told, knob)
                (knobs if knob else replaces).setdefault(each.file, {})[pattern] = line
    command = f"{survey.command} {command_line(words)}".strip()
    if own and wishes.train:
        command = wishes.train
    named_now = set(PLACEHOLDER.findall(command)) | {each.filled for each in used}
    if "seed" not in named_now:
        seed_in_source(survey, replaces, environment, notes)
    elif any(each.role == "seed" and each.reach == "constant" for each in used):
        entry, text = what_draws(survey)  # such as one `random_state=` of several draws
        seed_modules(entry, text, replaces, notes)
    out: str | None = None
    if "out" not in named_now:
        out = "out"
        notes.append("no argument for an output folder was found; what it writes to `out` in its "
                     "own folder is kept, and what it prints")  # fmt: skip
    plan = Plan(
        command, _parameters(survey, wishes, used, rungs, named_now), environment, sets, replaces,
        knobs, rungs, _of(survey, wishes, "steps"), _of(survey, wishes, "size"),
        wishes.flops is not None or survey.of_role("compute") is not None or "compute" in named_now,
        out, (*survey.notes, *notes),
    )  # fmt: skip
    if wishes.rungs:
        check_order(plan, wishes.flops)
    return plan


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
    return tuple({_known(survey.parameters, name).filled: value for name, value in rung.items()}
                 for rung in rungs)  # fmt: skip


def _told(parameter: Parameter) -> str:
    """What is given for a parameter: a file to write to goes into the output folder."""
    told = f"{{{parameter.filled}}}"
    if parameter.wrap:
        return parameter.wrap.replace("{}", told)
    default = parameter.default
    if parameter.role != "out" or not isinstance(default, str):
        return told
    file = PurePosixPath(default).name
    return f"{told}/{file}" if PurePosixPath(file).suffix else told


def _of(survey: Survey, wishes: Wishes, role: Role) -> str | None:
    found = survey.of_role(role)
    name = found.filled if found else None
    told = wishes.roles.get(role)
    return told.lstrip("-").replace("-", "_") if told and name is None else name


def _used(survey: Survey, wishes: Wishes, rungs: Sequence[Mapping[str, Value]]) -> list[Parameter]:
    """The parameters that a study sets: by role, by a wish, as knobs, and all that are required."""
    wanted = {_known(survey.parameters, name).name for name in wishes.fixed}
    varied = {name for rung in rungs for name in rung}
    wanted |= {each.name for each in survey.parameters if each.filled in varied}
    knobs = [p.name for p in survey.parameters if p.default is not None and is_knob(p.name)
             and not isinstance(p.default, bool)][:_MOST_KNOBS]  # fmt: skip
    used = []
    for each in survey.parameters:
        by_role = each.role in ("seed", "out", "compute")
        if (
            by_role
            or each.name in wanted
            or each.name in knobs
            or each.given
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
        word = each.filled
        if word in {"seed", "out", "compute"} or word in varied:
            continue
        value = fixed.get(each.name.replace("-", "_"), fixed.get(word, each.default))
        if value is not None:
            found[word] = value
    found |= {
        name: value for name, value in fixed.items() if name in named_now and name not in varied
    }
    return found


def _is_loose(parameter: Parameter, rungs: Sequence[Mapping[str, Value]]) -> bool:
    """Whether it is a constant that ideas may set and the study does not need to."""
    unused = parameter.role is None and parameter.filled not in rungs[0]
    return parameter.reach == "constant" and unused and bool(parameter.literal)


def _once(survey: Survey, parameter: Parameter) -> bool:
    pattern, _ = _assignment(parameter, "", True)
    text = (survey.folder / parameter.file).read_text(encoding="utf-8", errors="replace")
    return len(re.findall(pattern, text, re.M)) == 1


def _assignment(parameter: Parameter, told: str, knob: bool) -> tuple[str, str]:
    """An expression for a constant, and what goes there.

    That of a knob is for the value as it stands: an idea that writes another one is left alone.
    """
    is_text = isinstance(parameter.default, str)
    quoted = f'"{told}"' if is_text or parameter.role == "out" else told
    number = STRICT if parameter.exact or is_settings_file(parameter.file) else NUMBER
    number = re.escape(parameter.literal).replace("\\ ", " ") if parameter.wrap else number
    value = rf"{re.escape(parameter.literal)}(?![\w.])" if knob else TEXT if is_text else number
    if parameter.start and not parameter.spelled:
        return f"{parameter.start}(?P<value>{value})", quoted
    if parameter.start:
        return parameter.start + value, parameter.spelled + quoted
    name = re.escape(parameter.spelled)
    if not parameter.file.endswith(".py"):
        return rf"^\s*(?:export )?{name}=[^\n]*$", f"{parameter.spelled}={quoted}"
    if knob:
        return rf"^{name} *(?::[^=\n]*)?= *{value}", f"{parameter.spelled} = {quoted}"
    return rf"^{name}\s*(?::[^=\n]*)?=[^=\n][^\n]*$", f"{parameter.spelled} = {quoted}"


_SOURCES = (".py", ".c", ".cc", ".cpp", ".h", ".hpp", ".cu", ".rs", ".go", ".java", ".jl", ".R",
            ".js", ".pl", ".rb", ".lua", ".awk", ".sh")  # fmt: skip
_NO_SOURCES = {"tests", "test", "docs", "doc", "examples", "data", "build", "target", "dist",
               "venv", "node_modules", "__pycache__"}  # fmt: skip


def editable_of(folder: Path, entry: str) -> list[str]:
    """Patterns for the program's own sources, which ideas may change."""
    here = Path(entry).suffix
    found = [f"*{suffix}" for suffix in dict.fromkeys([here, *_SOURCES])
             if suffix and any(folder.glob(f"*{suffix}"))]  # fmt: skip
    top = Path(entry).parts[0] if len(Path(entry).parts) > 1 else ""
    for each in sorted(folder.iterdir()):
        usual = each.name not in _NO_SOURCES and not each.name.startswith(".")
        if each.name == top or (each.is_dir() and usual and _holds_sources(each)):
            found.append(each.name)
    return found or ([entry] if entry else ["*"])


def _holds_sources(folder: Path) -> bool:
    return any(each.suffix in _SOURCES for each in folder.rglob("*"))
