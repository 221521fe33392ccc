"""Looks at a folder and says how its training program is started and what it takes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from proveout.errors import UserError
from proveout.survey._builds import Start
from proveout.survey._calls import signatures_of
from proveout.survey._constants import lines_of_settings, python_constants
from proveout.survey._endless import endless_loop
from proveout.survey._files import (
    Lying,
    command_line,
    command_parameters,
    config_parameters,
    look_around,
    read_config,
    shell_parameters,
)
from proveout.survey._foreign import foreign_options
from proveout.survey._options import Found, options_of
from proveout.survey._positions import words_by_position
from proveout.survey._records import Parameter, Survey
from proveout.survey._roles import is_device, is_knob, with_roles
from proveout.survey._starts import (
    best_start,
    find_starts,
    looks_like_training,
    spelled_starts,
    start_of,
)

_SUBCOMMANDS = ("train", "fit", "run", "pretrain")


def survey(folder: Path, command: str | None = None) -> Survey:
    """How the program in a folder is started and what it takes, without running anything.

    `command` is what a person says that starts it, with arguments or placeholders or without.

    Raises:
        UserError: no program was found; says what was looked for.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    lying = look_around(folder)
    spelled = spelled_starts(lying)
    others: tuple[str, ...] = ()
    if command is not None:
        given = start_of(command, lying)
        if given is None:
            raise UserError(
                f"{command!r} needs a shell; put it into a script, or say `sh -c '...'`"
            )
        chosen = given
    else:
        starts = find_starts(lying)
        best = best_start(starts, spelled, lying, has_accelerator())
        if best is None:
            notebooks = sorted(each.name for each in folder.rglob("*.ipynb"))[:3]
            instead = f" (of a notebook first make one: `jupyter nbconvert --to script \
{notebooks[0]}`)" if notebooks else ""  # fmt: skip
            raise UserError(
                f"no training program was found in {folder}: there is no Python file that does "
                "something when it is run, no shell script, no source with a `main` and no command "
                'in a README or a Makefile. Say how it is started: --train "python train.py '
                f'--steps {{steps}}"{instead}'
            )
        chosen = best
        others = tuple(dict.fromkeys(command_line(s.words) for s in starts if s.words != best.words
                                     and looks_like_training(s, lying)))  # fmt: skip
    return _describe(folder, lying, chosen, others)


def has_accelerator() -> bool:
    """Whether this machine has a device that programs call cuda."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def _describe(folder: Path, lying: Lying, start: Start, others: tuple[str, ...]) -> Survey:
    notes: list[str] = []
    found = Found()
    words = list(start.words)
    if start.entry in lying.python:
        found = _options(lying, start)
    parameters = list(found.parameters)
    if start.entry in lying.python and "sys.argv" in lying.python[start.entry]:
        flags = any(each.reach in ("flag", "positional", "override") for each in parameters)
        reads = any((folder / word).is_file() for word in start.arguments)
        if not flags and not reads and not found.subcommands:
            parameters += words_by_position(start, lying.python[start.entry])
    if found.subcommands:
        word = _subcommand(found, start.arguments)
        words.append(word)
        parameters += found.subcommands[word]
        notes.append(f"of its subcommands {', '.join(found.subcommands)} it is run as `{word}`")
    if start.entry in lying.shell:
        parameters += shell_parameters(lying.shell[start.entry], start.entry)
    if start.entry in lying.sources:
        parameters += foreign_options(lying, start)
    files = _files_given(folder, start, parameters)
    words += files
    parameters = _with_examples(parameters, start, lying, files)
    parameters = _from_variables_file(lying, parameters, notes)
    parameters += _configured(folder, lying, found, parameters, notes)
    parameters += _in_source(lying, start, parameters, notes)
    parameters = [_on_this_machine(each, notes) for each in parameters]
    if lying.data:
        notes.append(f"taken for data, which trials may read: {', '.join(lying.data)}")
    told = with_roles(_unique(parameters))
    return Survey(folder, command_line(words), start.entry, told, (*lying.data, *start.reads),
                  tuple(notes), others, dict(start.environment))  # fmt: skip


def _with_examples(
    parameters: list[Parameter], start: Start, lying: Lying, files: Sequence[str]
) -> list[Parameter]:
    """Adds the arguments of the command as a page spells it, with its values: they come before what
    the program has by itself, and before those of a file of settings that the command names."""
    shown: dict[str, Parameter] = {}
    for name in files:
        if name in lying.python:
            shown |= {p.name: p for p in options_of(lying.python[name], name).parameters}
    in_file = set(shown)
    shown |= {p.name: p for p in command_parameters(list(start.arguments), start.entry)}
    by_flag = {p.spelled: p for p in shown.values()}
    told = []
    for each in parameters:
        example = shown.pop(each.name, None)
        for flag in (each.spelled, *each.aliases):
            example = example or by_flag.get(flag)
        if example is not None:
            shown.pop(example.name, None)
            each = replace(each, default=example.default, given=each.given or example.given)
        told.append(each)
    return told + [p for name, p in shown.items() if name not in in_file]


def _files_given(folder: Path, start: Start, parameters: Sequence[Parameter]) -> list[str]:
    """Files of the program that the command names by themselves: `train.py config/small.py`."""
    if any(each.reach == "positional" for each in parameters):
        return []
    given = []
    for before, word in zip(("", *start.arguments), start.arguments, strict=False):
        if before.startswith("-") and "=" not in before:
            continue
        if not word.startswith("-") and (folder / word).is_file():
            given.append(word)
    return given


def _options(lying: Lying, start: Start) -> Found:
    """Options of the entry; where it has none, those of a module of the program that it imports."""
    text = lying.python[start.entry]
    found = options_of(text, start.entry)
    if any(p.reach != "constant" for p in found.parameters) or found.subcommands:
        return found
    for place in _imported(lying, start.entry):
        more = options_of(lying.python[place], place)
        if any(p.reach == "flag" for p in more.parameters) or more.subcommands:
            more.config = more.config or found.config
            return more
        found.config = found.config or more.config
    return found


def _imported(lying: Lying, entry: str) -> list[str]:
    """Files of the program that a file imports, in its order."""
    here = PurePosixPath(entry).parent
    places: list[str] = []
    for word in re.findall(r"^\s*(?:from|import) ([.\w]+)", lying.python[entry], re.M):
        parts = word.lstrip(".").replace(".", "/")
        for root in (here, PurePosixPath(), PurePosixPath("src")):
            if (place := (root / f"{parts}.py").as_posix()) in lying.python:
                places.append(place)
    return list(dict.fromkeys(places))


def _in_source(
    lying: Lying, start: Start, parameters: Sequence[Parameter], notes: list[str]
) -> list[Parameter]:
    """Settings that stand in the source, where what makes a run larger is no argument."""
    if start.entry not in lying.python:
        return []
    roles = {each.role for each in with_roles(parameters)}
    signatures = signatures_of(
        lying.python[each] for each in [start.entry, *_imported(lying, start.entry)]
    )
    if roles & {"steps", "size", "compute"}:
        text = lying.python[start.entry]
        tuned = any(is_knob(each.name) for each in parameters)
        found = [p for p in python_constants(text, start.entry, signatures)
                 if (is_knob(p.name) and not tuned)
                 or (p.role == "steps" and not roles & {"steps", "compute"})]  # fmt: skip
        if roles & {"steps", "compute"} or any(each.role == "steps" for each in found):
            return found
        return found + _without_end(lying, start, parameters, notes)
    found = []
    told = [str(p.default) for p in parameters if str(p.default) in lying.python]
    for place in [*told, start.entry, *_imported(lying, start.entry)]:
        known = {each.name for each in [*parameters, *found]}
        found += [p for p in python_constants(lying.python[place], place, signatures)
                  if p.name not in known and not _is_single(p)]  # fmt: skip
        if {each.role for each in with_roles(found)} & {"steps", "size"}:
            break
    if "steps" not in {each.role for each in with_roles(found)}:
        found += _without_end(lying, start, [*parameters, *found], notes)
    return found


def _is_single(parameter: Parameter) -> bool:
    """Whether what is called like the length of a run is one: `multinomial(p, num_samples=1)`."""
    (told,) = with_roles([parameter])
    return told.role == "steps" and told.default == 1


def _without_end(
    lying: Lying, start: Start, parameters: Sequence[Parameter], notes: list[str]
) -> list[Parameter]:
    """The count of a loop that would never end, of the entry or of what it imports."""
    entry = lying.python[start.entry]
    for place in [start.entry, *_imported(lying, start.entry)]:
        if found := endless_loop(lying.python[place], place, parameters, [entry]):
            notes.append(f"no number ends `{found.literal}` in {place}: in each trial's copy it "
                         f"ends after {found.name} rounds, if not before")  # fmt: skip
            return [found]
    return []


def _subcommand(found: Found, arguments: Sequence[str]) -> str:
    told = [word for word in arguments if word in found.subcommands]
    usual = [word for word in _SUBCOMMANDS if word in found.subcommands]
    return [*told, *usual, *found.subcommands][0]


def _configured(
    folder: Path, lying: Lying, found: Found, parameters: list[Parameter], notes: list[str]
) -> list[Parameter]:
    """The keys of the configuration file that the program reads, if that can be told."""
    name = _config_file(lying, found, parameters)
    if name is None:
        return []
    if name in lying.settings:
        notes.append(f"it reads {name}, of which each trial gets a copy with its own values")
        return lines_of_settings(lying.settings[name], name)
    keys = config_parameters(folder, name)
    if found.uses_hydra:
        notes.append(f"it is set by hydra overrides; the defaults are those of {name}")
        chosen = {p.name: str(p.default) for p in parameters if p.reach == "override"}
        keys = (*keys, *_hydra_groups(folder, name, chosen))
        own = [Parameter("hydra.run.dir", "override", "hydra.run.dir", "outputs", False, name,
                         "equals")]  # fmt: skip
        return own + [Parameter(k.name, "override", k.name, k.default, False, name, "equals")
                      for k in keys]  # fmt: skip
    notes.append(f"it reads {name}, of which each trial gets a copy with its own values")
    flags = {each.name for each in parameters}
    return [key for key in keys if key.name not in flags]


def _from_variables_file(
    lying: Lying, parameters: Sequence[Parameter], notes: list[str]
) -> list[Parameter]:
    """Variables that a `.env` sets are set in each trial's copy of it: a program may let what
    stands there come before the environment."""
    lines = {each.name: each for each in lines_of_settings(lying.settings.get(".env", ""), ".env")}
    shared = [p.name for p in parameters if p.reach == "variable" and p.name in lines]
    if shared:
        notes.append("it takes variables from .env, of which each trial gets a copy with its own "
                     "values")  # fmt: skip
    return [lines[p.name] if p.name in shared else p for p in parameters]


def _hydra_groups(folder: Path, name: str, chosen: Mapping[str, str]) -> list[Parameter]:
    """Keys of the files that a list of defaults names: `- model: small` is model/small.yaml, unless
    the command says otherwise."""
    document = read_config(folder / name)
    listed = document.get("defaults", []) if isinstance(document, dict) else []
    found: list[Parameter] = []
    for each in listed if isinstance(listed, list) else []:
        for group, choice in each.items() if isinstance(each, dict) else ():
            place, _, package = str(group).removeprefix("override ").partition("@")
            choice = chosen.get(place, choice)
            file = (PurePosixPath(name).parent / place / f"{choice}.yaml").as_posix()
            if (folder / file).is_file():
                dotted = (package or place).strip("/").replace("/", ".")
                found += config_parameters(folder, file, dotted)
    return found


def _config_file(lying: Lying, found: Found, parameters: list[Parameter]) -> str | None:
    there = [*lying.configs, *(name for name in lying.settings if name not in lying.configs)]
    told = [p.default for p in parameters if isinstance(p.default, str)
            and ("conf" in p.name.lower() or p.default.removeprefix("./") in there)]  # fmt: skip
    for word in [*told, *([found.config] if found.config else [])]:
        word = word.removeprefix("./")
        for name in there:
            if name == word or name.endswith(f"/{word}"):
                return name
    asks = [p for p in parameters if "conf" in p.name.lower() and p.default is None]
    usual = [name for name in lying.configs if "conf" in name or "param" in name]
    return usual[0] if asks and usual else None


def _on_this_machine(parameter: Parameter, notes: list[str]) -> Parameter:
    """A device that is not there is replaced by the processor; a trial has one thread."""
    value = parameter.default
    if parameter.given and re.fullmatch(r"n?_?(?:num_)?threads", parameter.name):
        return replace(parameter, default=1)
    wants = isinstance(value, str) and value.lower().startswith(("cuda", "gpu"))
    if not wants or not is_device(parameter.name) or has_accelerator():
        return parameter
    notes.append(f"{parameter.name} is {value} by itself, which this machine does not have: cpu")
    return replace(parameter, default="cpu", given=True)


def _unique(parameters: list[Parameter]) -> list[Parameter]:
    """The first of each name; those that a command line sets come before those in files."""
    seen: dict[str, Parameter] = {}
    for each in parameters:
        seen.setdefault(each.name, each)
    return list(seen.values())
