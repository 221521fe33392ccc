"""study.toml in, a checked `Study` out; every mistake named with the line to change."""

from __future__ import annotations

import difflib
import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from proveout.errors import StudyError, UserError
from proveout.study._check_score import check_score
from proveout.study._locate import Where, locate, spell
from proveout.study._score import KINDS
from proveout.study._spec import BUILT_IN, PLACEHOLDER, Study
from proveout.units import compact

STUDY_FILE = "study.toml"

_FORMULA_TOLERANCE = 0.02

_SECRET = re.compile(r"\w*(api_?key|token|password|secret)\s*=", re.IGNORECASE)
_USER_INFO = re.compile(r"://[^/@\s]*@")
_QUERY = re.compile(r"(://[^\s?#\"']*)[?#][^\s\"']*")


class Mistake(NamedTuple):
    """One thing that is wrong, and where."""

    where: Where
    message: str


def read_study(path: Path) -> Study:
    """Reads and checks a study.

    `path` is the study's folder or its study.toml.

    Raises:
        StudyError: with every mistake found, each with its line and what is allowed.
    """
    file = path if path.is_file() or path.name == STUDY_FILE else path / STUDY_FILE
    text = _text(file)
    try:
        declared = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{file} is not valid TOML: {error}") from None
    try:
        study = Study.model_validate(declared | {"folder": file.parent.resolve()})
    except ValidationError as error:
        raise StudyError(_render(file, text, _mistakes(error, declared))) from None
    if "folder" in declared:
        mistakes = [Mistake(("folder",), "unknown key; a study lies where its study.toml lies")]
    else:
        mistakes = [*_check_commands(study), *_check_ladder(study), *_check_flops(study)]
        mistakes += [*_check_slots(study), *_check_paths(study), *_check_sampler(study)]
    if mistakes:
        raise StudyError(_render(file, text, mistakes))
    return study


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if (file.parent / "improve.toml").is_file():
            raise StudyError(
                f"{file.parent} holds improvers and no study: read it with `proveout improve "
                f"{shlex.quote(str(file.parent))} --status`, `proveout report` or `proveout serve`"
            ) from None
        raise StudyError(
            f"there is no {STUDY_FILE} at {file.parent}; "
            f"`proveout init {shlex.quote(str(file.parent))}` writes one to start from"
        ) from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{file} is not a UTF-8 text file: {error}") from None
    except OSError as error:
        raise StudyError(f"{file} cannot be read: {error.strerror}") from None


def _render(file: Path, text: str, mistakes: list[Mistake]) -> str:
    lines = text.splitlines()
    blocks = []
    for mistake in mistakes:
        number = locate(text, mistake.where)
        place = f"{file}, line {number}" if number else f"{file}"
        quoted = f"\n    {_without_secrets(lines[number - 1].strip())}" if number else ""
        blocks.append(f"{place}: {spell(mistake.where)}: {mistake.message}{quoted}")
    return "\n".join(blocks)


def _without_secrets(line: str) -> str:
    """A line as it may be printed, and so end up in a log."""
    if _SECRET.match(line):
        return f"{line.partition('=')[0].rstrip()} = ..."
    return _QUERY.sub(r"\1?...", _USER_INFO.sub("://...@", line))


def _mistakes(error: ValidationError, declared: dict[str, Any]) -> list[Mistake]:
    found: dict[Where, str] = {}
    for item in error.errors():
        kind = next((part for part in item["loc"] if part in KINDS), None)
        where = tuple(part for part in item["loc"] if not _names_a_union_member(part))
        match item["type"]:
            case "extra_forbidden":
                message = _unknown_key(where, kind)
            case "missing":
                message = "missing; it must be given"
            case "value_error":
                message = str(item["ctx"]["error"])
            case "union_tag_not_found" | "union_tag_invalid":
                where = (*where, "kind")
                message = f"the kind must be one of {', '.join(KINDS)}"
            case "literal_error":
                message = f"{item['input']!r} is not one of the allowed: {item['ctx']['expected']}"
            case _:
                message = f"{_shorten(item['input'])}: {item['msg'][:1].lower()}{item['msg'][1:]}"
        found.setdefault(where, message)
    return [Mistake(where, message) for where, message in found.items()]


def _names_a_union_member(part: str | int) -> bool:
    """Pydantic adds the tried member of `Value`, and the kind of `[score]`, to the path; no key of
    ours is called that."""
    return part in {"bool", "int", "float", "str", *KINDS}


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown_key(where: Where, kind: str | int | None = None) -> str:
    model: type[BaseModel] | None = Study
    for part in where[:-1]:
        if isinstance(part, int) or model is None:
            continue
        model = _model_of(model.model_fields[part].annotation, kind)
    ours = {"folder"} if model is Study else set()
    allowed = sorted(set(model.model_fields) - ours) if model else []
    close = difflib.get_close_matches(str(where[-1]), allowed, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"unknown key{hint} Allowed here: {', '.join(allowed)}"


def _model_of(annotation: Any, kind: str | int | None) -> type[BaseModel] | None:
    """The model of a table; of `[score]`, that of its kind."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        tag = annotation.model_fields.get("kind")
        kinds = getattr(tag.annotation, "__args__", ()) if tag is not None else ()
        other = kind is not None and bool(kinds) and kind not in kinds
        return None if other else annotation
    inner = (_model_of(argument, kind) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in inner if model), None)


def _check_commands(study: Study) -> Iterator[Mistake]:
    program = study.program
    named, where = program.placeholders, ("program", "train")
    everywhere = {name for rung in study.rungs for name in rung.parameters}
    if "config" in named and program.config is None:
        yield Mistake(where, 'the command names {config}; say `config = "json"` (or toml, yaml)')
    if program.config is not None:
        if "config" not in named:
            yield Mistake(("program", "config"), "the command does not name {config}")
        named |= everywhere | set(program.parameters) | {"seed", "out"}
    if "seed" not in named:
        yield Mistake(where, "the command does not name {seed}, which every trial needs; a program "
                             "without such an argument may take it from program.environment or "
                             "from a line of program.file")  # fmt: skip
    if "out" not in named and program.out is None:
        yield Mistake(where, "the command does not name {out}, which every trial needs; of a "
                             "program that writes to a folder of its own say program.out, and of "
                             'one that only prints `out = "out"`')  # fmt: skip
    for name in sorted(named - BUILT_IN - set(program.parameters) - everywhere):
        yield Mistake(
            where,
            f"{{{name}}} has no value; give it in every rung's parameters or in "
            f"program.parameters. Built in: {', '.join(sorted(BUILT_IN))}",
        )
    if "data" in named and not program.data:
        yield Mistake(where, "the command names {data} but program.data lists nothing")
    for name in program.parameters:
        yield from _check_parameter(name, ("program", "parameters", name), named)
    for index, rung in enumerate(study.rungs):
        for name in rung.parameters:
            yield from _check_parameter(name, ("ladder", "rung", index, "parameters"), named)
        for name in sorted(everywhere - set(rung.parameters) - set(program.parameters)):
            yield Mistake(
                ("ladder", "rung", index),
                f"parameter {name!r} is given at other rungs and missing at this one",
            )
    for word in shlex.split(program.train):
        if "{" in PLACEHOLDER.sub("", word):
            yield Mistake(where, f"{word!r} has a brace that is not a placeholder like {{seed}}")
    for index, file in enumerate(program.file):
        if not (study.folder / program.path / file.path).is_file():
            yield Mistake(("program", "file", index, "path"), f"there is no {file.path} in the "
                          f"program's folder {study.folder / program.path}")  # fmt: skip


def _check_parameter(name: str, where: Where, named: frozenset[str]) -> Iterator[Mistake]:
    if name in BUILT_IN:
        yield Mistake(where, f"{name!r} is filled in by proveout and cannot be set")
    elif name not in named:
        known = ", ".join(f"{{{each}}}" for each in sorted(named))
        yield Mistake(
            where,
            f"the command does not name {{{name}}}, so setting it changes "
            f"nothing. program.train names: {known}",
        )


def _check_ladder(study: Study) -> Iterator[Mistake]:
    unit = study.rungs[0].compute.unit
    for index, (below, rung) in enumerate(pairwise(study.rungs), start=1):
        where = ("ladder", "rung", index, "compute")
        if rung.compute.unit != unit:
            yield Mistake(where, f"every rung must count in one unit; the first counts in {unit}")
        elif below.compute.unit == unit and rung.compute.amount <= below.compute.amount:
            yield Mistake(where, f"rungs must increase; the one before has {below.compute}")
    units = {rung.compute.unit for rung in study.rungs}
    top, target, budget = study.rungs[-1].compute, study.ladder.target, study.budget.compute
    if len(units) == 1 and target.unit != top.unit:
        yield Mistake(("ladder", "target"), f"must count in {top.unit}, as the rungs do")
    elif len(units) == 1 and target.amount <= top.amount:
        yield Mistake(
            ("ladder", "target"),
            f"must lie above the top rung, which has {top}: the "
            "target is what the ladder is there to forecast",
        )
    if len(units) == 1 and budget.unit != top.unit:
        yield Mistake(("budget", "compute"), f"must count in {top.unit}, as the rungs do")
    named = study.program.placeholders
    if study.program.config is not None:
        named |= set(study.rungs[-1].parameters)  # the file that {config} names holds them all
    for name in study.ladder.target_parameters or {}:
        yield from _check_parameter(name, ("ladder", "target_parameters"), named)
    if study.ladder.target_parameters is not None:
        for name in sorted(set(study.rungs[-1].parameters) - set(study.ladder.target_parameters)):
            yield Mistake(
                ("ladder", "target_parameters"),
                f"parameter {name!r} is given at the rungs and missing here",
            )


def _check_flops(study: Study) -> Iterator[Mistake]:
    """A formula must give what each rung says that it costs."""
    if study.program.flops is None:
        return
    if study.rungs[0].compute.unit != "flops":
        yield Mistake(("program", "flops"), "the rungs count in device-seconds, which are measured "
                                            "and need no formula")  # fmt: skip
        return
    for index in range(len(study.rungs) + study.can_buy_target):
        where = ("ladder", "rung", index) if index < len(study.rungs) else ("ladder", "target")
        compute = study.rung(index).compute
        try:
            flops = study.declared_flops(index, {})
        except UserError as error:
            yield Mistake(("program", "flops"), str(error))
            return
        if flops is not None and abs(flops / compute.amount - 1) > _FORMULA_TOLERANCE:
            yield Mistake(where, f"says {compute}, and program.flops makes {compact(flops)} flops "
                                 "of its parameters; change one of them")  # fmt: skip


def _check_slots(study: Study) -> Iterator[Mistake]:
    devices, slots = study.run.devices, study.run.slots
    if devices and slots and slots > len(devices):
        yield Mistake(("run", "slots"), f"{slots} trials cannot share {len(devices)} devices; "
                                        "give one device a slot, or fewer slots")  # fmt: skip


def _check_sampler(study: Study) -> Iterator[Mistake]:
    for name in study.ideas.sampler.parameters if study.ideas.sampler else ():
        if name not in study.program.parameters:
            known = ", ".join(study.program.parameters) or "none"
            yield Mistake(
                ("ideas", "sampler", "parameters", name),
                f"{name!r} is not among program.parameters, which an idea may set: {known}",
            )


def _check_paths(study: Study) -> Iterator[Mistake]:
    root = study.folder
    program = root / study.program.path
    if not program.is_dir():
        yield Mistake(("program", "path"), f"there is no folder {program}")
        return
    for index, name in enumerate(study.program.data):
        if not (root / name).exists():
            yield Mistake(("program", "data", index), f"there is no {root / name}")
    for pattern in study.program.editable:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            yield Mistake(("program", "editable"), f"{pattern!r} leads outside the program")
        elif not any(program.glob(pattern)):
            yield Mistake(("program", "editable"), f"nothing in {program} matches {pattern!r}")
    for where, message in check_score(study):
        yield Mistake(where, message)
    if study.run.hidden is not None and not (root / study.run.hidden).is_file():
        yield Mistake(("run", "hidden"), f"there is no file {root / study.run.hidden}")
    catalog = study.ideas.catalog
    if catalog is not None and not (root / catalog).is_dir():
        yield Mistake(("ideas", "catalog"), f"there is no folder {root / catalog}")
