"""Looks at a folder and says how its training program is started and what it takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from proveout.errors import UserError
from proveout.survey._files import (
    Lying,
    command_parameters,
    commands_in,
    config_parameters,
    look_around,
    shell_parameters,
    words_of,
)
from proveout.survey._options import Found, options_of
from proveout.survey._records import Parameter, Survey
from proveout.survey._roles import with_roles

_PREFERRED = (
    "train",
    "main",
    "run",
    "pretrain",
    "fit",
    "finetune",
    "optimize",
    "optimise",
    "search",
)
_SUBCOMMANDS = ("train", "fit", "run", "pretrain")


class _Start(NamedTuple):
    """A way to start something."""

    words: tuple[str, ...]
    """Without arguments."""
    entry: str
    arguments: tuple[str, ...] = ()
    """Those of the command as it was found, if it was found in one."""


def survey(folder: Path, command: str | None = None) -> Survey:
    """How the program in a folder is started and what it takes, without running anything.

    `command` is what a person says that starts it, with arguments or placeholders or without.

    Raises:
        UserError: no program was found; says what was looked for.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    lying = look_around(folder)
    spelled = [start for each in commands_in(lying) if (start := _start(each, lying))]
    others: tuple[str, ...] = ()
    if command is not None:
        given = _start(command, lying)
        if given is None:
            raise UserError(
                f"{command!r} needs a shell; put it into a script, or say `sh -c '...'`"
            )
        chosen = given
    else:
        starts = [*_python_starts(lying), *_shell_starts(lying)]
        best = _best(starts, spelled, lying)
        if best is None:
            raise UserError(
                f"no training program was found in {folder}: there is no Python file that does "
                "something when it is run, no shell script and no command in a README or a "
                'Makefile. Say how it is started: --train "python train.py --steps {steps}"'
            )
        chosen = best
        others = tuple(dict.fromkeys(" ".join(s.words) for s in starts if s.words != best.words))
    return _describe(folder, lying, chosen, others)


def _python_starts(lying: Lying) -> list[_Start]:
    starts = []
    for name, text in lying.python.items():
        parts = PurePosixPath(name)
        if parts.name.startswith(("test_", "setup.", "conftest")) or "tests" in parts.parts:
            continue
        if options_of(text, name).starts:
            starts.append(_Start(_python_words(name, text, lying), name))
    return starts


def _python_words(name: str, text: str, lying: Lying) -> tuple[str, ...]:
    """`python -m pkg.train` for what is part of a package, `python train.py` for what is not."""
    path = PurePosixPath(name)
    package = (path.parent / "__init__.py").as_posix() in lying.python
    relative = re.search(r"^\s*from \.", text, re.M) is not None
    root = path.parts[0]
    own = re.search(rf"^\s*(?:from|import) {re.escape(root)}\b", text, re.M) is not None
    if len(path.parts) > 1 and (relative or (own and package) or path.name == "__main__.py"):
        module = path.with_suffix("").as_posix().removesuffix("/__main__").replace("/", ".")
        return ("python", "-m", module)
    return ("python", name)


def _shell_starts(lying: Lying) -> list[_Start]:
    starts = []
    for name, text in lying.shell.items():
        shell = "bash" if "bash" in text[:40] or not name.endswith(".sh") else "sh"
        starts.append(_Start((shell, name), name))
    return starts


def _start(command: str, lying: Lying) -> _Start | None:
    """A command as what starts it and its arguments."""
    words = [word for word in words_of(command) if word]
    while words and re.fullmatch(r"[A-Z_][A-Z0-9_]*=.*", words[0]):
        words = words[1:]
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    if not words:
        return None
    if words[0] in {"python", "python3"} and len(words) > 1:
        if words[1] == "-m" and len(words) > 2:
            entry = words[2].replace(".", "/")
            file = next(
                (f for f in (f"{entry}.py", f"{entry}/__main__.py") if f in lying.python), ""
            )
            return _Start(("python", "-m", words[2]), file, tuple(words[3:]))
        script = words[1].removeprefix("./")
        return _Start(("python", script), script, tuple(words[2:]))
    if words[0] in {"sh", "bash"} and len(words) > 1 and words[1] != "-c":
        return _Start((words[0], words[1].removeprefix("./")), words[1].removeprefix("./"),
                      tuple(words[2:]))  # fmt: skip
    return _Start((words[0],), words[0].removeprefix("./"), tuple(words[1:]))


def _best(starts: Sequence[_Start], spelled: Sequence[_Start], lying: Lying) -> _Start | None:
    """What is most likely the training: by its name, by where it lies, by what pages spell out."""
    told = {start.entry: start for start in reversed(spelled)}
    candidates = [told[start.entry]._replace(words=start.words) if start.entry in told else start
                  for start in starts]  # fmt: skip
    known = {start.entry for start in starts}
    candidates += [s for s in spelled if s.entry not in known and _is_there(s, lying)]

    def rank(start: _Start) -> tuple[float, int, str]:
        stem = PurePosixPath(start.entry).stem.lower()
        name = next((n for n, word in enumerate(_PREFERRED) if word in stem), len(_PREFERRED))
        if stem == "__main__":
            name = 1
        bonus = 3.0 * (start.entry in told) + 0.5 * (start.entry in lying.python)
        return (name - bonus, start.entry.count("/"), start.entry)

    return min(candidates, key=rank, default=None)


def _is_there(start: _Start, lying: Lying) -> bool:
    """Whether what a page spells out is a file of this folder or something that builds one."""
    named = {*lying.python, *lying.shell, *lying.sources}
    stem = PurePosixPath(start.entry).stem
    return start.entry in named or any(PurePosixPath(each).stem == stem for each in named)


def _describe(folder: Path, lying: Lying, start: _Start, others: tuple[str, ...]) -> Survey:
    notes: list[str] = []
    found = Found()
    words = list(start.words)
    if start.entry in lying.python:
        found = _options(lying, start)
    parameters = list(found.parameters)
    if found.subcommands:
        word = _subcommand(found, start.arguments)
        words.append(word)
        parameters += found.subcommands[word]
        notes.append(f"of its subcommands {', '.join(found.subcommands)} it is run as `{word}`")
    if start.entry in lying.shell:
        parameters += shell_parameters(lying.shell[start.entry], start.entry)
    parameters = _with_examples(parameters, start)
    parameters += _configured(folder, lying, found, parameters, notes)
    _note_data(lying, notes)
    return Survey(folder, " ".join(words), start.entry, with_roles(_unique(parameters)),
                  tuple(lying.data), tuple(notes), others)  # fmt: skip


def _with_examples(parameters: list[Parameter], start: _Start) -> list[Parameter]:
    """Adds the arguments of the command as a page spells it, and takes its values where the program
    has no defaults of its own."""
    shown = {p.name: p for p in command_parameters(list(start.arguments), start.entry)}
    known = {p.name for p in parameters}
    told = [replace(p, default=shown[p.name].default)
            if p.default is None and p.name in shown else p for p in parameters]  # fmt: skip
    return told + [p for name, p in shown.items() if name not in known]


def _options(lying: Lying, start: _Start) -> Found:
    """Options of the entry; where it has none, those of a module of the program that it imports."""
    text = lying.python[start.entry]
    found = options_of(text, start.entry)
    if any(p.reach != "constant" for p in found.parameters) or found.subcommands:
        return found
    here = PurePosixPath(start.entry).parent
    for word in re.findall(r"^\s*(?:from|import) ([.\w]+)", text, re.M):
        parts = word.lstrip(".").replace(".", "/")
        for place in (here / f"{parts}.py", PurePosixPath(f"{parts}.py")):
            if place.as_posix() in lying.python:
                more = options_of(lying.python[place.as_posix()], place.as_posix())
                if any(p.reach == "flag" for p in more.parameters) or more.subcommands:
                    more.config = more.config or found.config
                    return more
                found.config = found.config or more.config
    return found


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
    keys = config_parameters(folder, name)
    if found.uses_hydra:
        notes.append(f"it is set by hydra overrides; the defaults are those of {name}")
        return [Parameter(k.name, "override", k.name, k.default, False, name, "equals")
                for k in keys]  # fmt: skip
    notes.append(f"it reads {name}, of which each trial gets a copy with its own values")
    flags = {each.name for each in parameters}
    return [key for key in keys if key.name not in flags]


def _config_file(lying: Lying, found: Found, parameters: list[Parameter]) -> str | None:
    told = [str(p.default) for p in parameters
            if isinstance(p.default, str) and "conf" in p.name.lower()]  # fmt: skip
    for word in [*told, *([found.config] if found.config else [])]:
        word = word.removeprefix("./")
        for name in lying.configs:
            if name == word or name.endswith(f"/{word}"):
                return name
    asks = [p for p in parameters if "conf" in p.name.lower() and p.default is None]
    usual = [name for name in lying.configs if "conf" in name or "param" in name]
    return usual[0] if asks and usual else None


def _note_data(lying: Lying, notes: list[str]) -> None:
    if lying.data:
        notes.append(f"taken for data, which trials may read: {', '.join(lying.data)}")


def _unique(parameters: list[Parameter]) -> list[Parameter]:
    """The first of each name; those that a command line sets come before those in files."""
    seen: dict[str, Parameter] = {}
    for each in parameters:
        seen.setdefault(each.name, each)
    return list(seen.values())
