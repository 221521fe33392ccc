"""What lies in a folder: sources, configuration files, commands in scripts and pages, data."""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from proveout.study import PLACEHOLDER, Value
from proveout.survey._literals import plain
from proveout.survey._records import Parameter

_NEVER = {".git", "__pycache__", ".venv", "venv", "node_modules", ".mypy_cache", ".pytest_cache",
          "build", "dist", ".tox", "site-packages"}  # fmt: skip
_MOST_FILES = 5000
_LARGEST_SOURCE_BYTES = 400_000
_DATA_BYTES = 5_000_000
_CONFIGS = (".yaml", ".yml", ".toml", ".json")
_NO_CONFIG = {"pyproject.toml", "package.json", "package-lock.json", "poetry.lock", "tsconfig.json",
              ".pre-commit-config.yaml", "mkdocs.yml", "docker-compose.yml", "environment.yml",
              "environment.yaml", "Cargo.toml", "study.toml", "uv.lock"}  # fmt: skip
_SETTINGS = (".env", ".gin", ".cfg", ".ini", ".conf", ".properties", ".jsonc", ".json5")
_NO_SETTINGS = {"setup.cfg", "tox.ini", "pytest.ini", "mypy.ini", "alembic.ini"}
_DATA_FOLDERS = {"data", "dataset", "datasets", "corpus", "corpora"}
_STARTERS = re.compile(
    r"^(?:\$ |time |!|> )?(?P<command>(?:[A-Z_][A-Z0-9_]*=\S+ )*(?:python3?|torchrun|accelerate"
    r"|uv run|make|sh|bash|\./[\w./-]+|julia|Rscript|cargo run|go run|node|perl|ruby|lua|luajit"
    r"|octave|php|gawk|awk)\b.*)$"
)


@dataclass
class Lying:
    """Files by kind, as paths relative to the folder."""

    python: dict[str, str] = field(default_factory=dict)
    """Path and text."""
    shell: dict[str, str] = field(default_factory=dict)
    configs: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    """Files of settings of which only the lines are understood, and configuration files that no
    reader takes, such as JSON with comments."""
    pages: dict[str, str] = field(default_factory=dict)
    """READMEs and Makefiles."""
    data: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    """Files of other languages."""
    builds: dict[str, str] = field(default_factory=dict)
    """What says how a program in a compiled language is built: `Cargo.toml` at the top."""
    scripts: dict[str, str] = field(default_factory=dict)
    """Commands that an installation would make, and what they call: `package.cli:app`."""


def look_around(folder: Path) -> Lying:
    """Every file below a folder that may matter, smallest paths first; caches and git left out."""
    lying, looked = Lying(), 0
    for here, folders, files in os.walk(folder):
        place = Path(here).relative_to(folder)
        folders[:] = sorted(f for f in folders if f not in _NEVER and not f.startswith("."))
        for name in [each for each in folders if each.lower() in _DATA_FOLDERS]:
            inside = Path(here) / name
            if not any(inside.rglob("*.py")) and any(inside.iterdir()):
                lying.data.append((place / name).as_posix())
                folders.remove(name)
        looked += len(files)
        if looked > _MOST_FILES:
            break
        for name in sorted(files):
            _sort(folder, place / name, lying)
    return lying


def _sort(folder: Path, path: Path, lying: Lying) -> None:
    file, name = folder / path, path.as_posix()
    try:
        size_bytes = file.stat().st_size
    except OSError:
        return
    if size_bytes > _DATA_BYTES:
        lying.data.append(name)
    if size_bytes > _LARGEST_SOURCE_BYTES:
        return
    suffix = path.suffix.lower()
    if suffix == ".py":
        lying.python[name] = _text(file)
    elif suffix in {".sh", ".bash"} or (not suffix and _text(file)[:20].startswith("#!/")):
        lying.shell[name] = _text(file)
    elif suffix in _CONFIGS and path.name not in _NO_CONFIG:
        lying.configs.append(name)
        if not read_config(file):
            lying.settings[name] = _text(file)
    elif is_settings_file(name):
        lying.settings[name] = _text(file)
    elif path.name.lower().startswith(("readme", "makefile")):
        lying.pages[name] = _text(file)
    elif name in {"Cargo.toml", "go.mod"}:
        lying.builds[name] = _text(file)
    elif suffix in {".c", ".cc", ".cpp", ".h", ".hpp", ".cu", ".rs", ".go", ".java", ".jl", ".r",
                    ".m", ".f90", ".js", ".pl", ".rb", ".lua", ".php", ".awk", ".mjs"}:  # fmt: skip
        lying.sources[name] = _text(file)
    elif name == "pyproject.toml":
        scripts = read_config(file).get("project", {}).get("scripts", {})
        lying.scripts |= {k: v for k, v in scripts.items() if isinstance(v, str)}


def is_settings_file(name: str) -> bool:
    """Whether it is called like a file of settings, one a line or with comments."""
    path = Path(name)
    if path.name in _NO_SETTINGS or path.name in _NO_CONFIG:
        return False
    return path.name == ".env" or path.suffix.lower() in (*_SETTINGS, ".json", ".yaml", ".yml")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def commands_in(lying: Lying) -> dict[str, str]:
    """Commands that READMEs, Makefiles and shell scripts spell out, in that order, each with how it
    is written there: with a Makefile's variables, of which the command has the values."""
    found: dict[str, str] = {}
    pages = sorted(lying.pages.items(), key=lambda page: page[0].count("/"))
    own = "|".join(map(re.escape, lying.scripts))
    scripted = re.compile(rf"^(?:\$ )?(?P<command>(?:{own})\b.*)$") if own else None
    for name, text in [*pages, *lying.shell.items()]:
        joined = re.sub(r"\\\n\s*", " ", text)
        is_make = PurePosixPath(name).name.lower().startswith("makefile")
        made = make_variables(joined) if is_make else {}
        for line in [*joined.splitlines(), *re.findall(r"`([^`\n]+)`", joined)]:
            bare = line.strip().strip("`").lstrip("@-" if is_make else "@")
            told = _made(bare, made) if is_make else bare
            match = _STARTERS.match(told) or (scripted.match(told) if scripted else None)
            if match and "pip install" not in line and " -m venv" not in line:
                found.setdefault(match["command"].split(" #")[0].strip(), bare.split(" #")[0])
    return found


def make_variables(text: str) -> dict[str, str]:
    """What a Makefile assigns at its top level, `STEPS ?= 500`; the last that is there holds."""
    return {
        name: value.strip()
        for name, value in re.findall(
            r"^ *(?:export +|override +)?([A-Za-z_]\w*) *(?::{1,3}|\?)?= *([^#\n]*)", text, re.M
        )
    }


_MOST_NESTED = 8


def _made(line: str, made: Mapping[str, str]) -> str:
    """A line of a recipe as make gives it to the shell: a variable that is assigned nowhere is
    empty there, and so is here what make would have to compute."""
    for _ in range(_MOST_NESTED):
        told = re.sub(r"\$[({](\w+)[)}]", lambda found: made.get(found[1], ""), line)
        if told == line:
            break
        line = told
    return re.sub(r"\$\([^()]*\)", "", line).replace("$$", "$")


def words_of(command: str) -> list[str]:
    """A command's words; none where it needs a shell to be understood."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    return [] if any(word in {"|", "&&", ">", ";", "||", "<"} for word in words) else words


def command_line(words: Sequence[str]) -> str:
    """Words as one line that is split into them again; placeholders stay as they are."""
    filled = [PLACEHOLDER.sub("x", word) for word in words]
    return " ".join(word if shlex.quote(other) == other else shlex.quote(word)
                    for word, other in zip(words, filled, strict=True))  # fmt: skip


def shell_parameters(text: str, name: str) -> Iterator[Parameter]:
    """`WIDTH=${WIDTH:-32}` and `${WIDTH:-32}` as variables, `WIDTH=32` as a constant, `$1`."""
    seen: set[str] = set()
    for match in re.finditer(r"\$\{([A-Za-z_]\w*):?-([^}]*)\}", text):
        if match[1] not in seen:
            seen.add(match[1])
            yield Parameter(match[1], "variable", match[1], plain(match[2]), False, name)
    for match in re.finditer(r"^\s*(?:export )?([A-Za-z_]\w*)=([^\s$`(]+)\s*(?:#.*)?$", text, re.M):
        if match[1] not in seen:
            seen.add(match[1])
            value = plain(match[2].strip("\"'"))
            yield Parameter(match[1], "constant", match[1], value, False, name)


def command_parameters(words: list[str], name: str) -> Iterator[Parameter]:
    """The flags that an example command gives, with its values: `--dim 4`, `--dim=4`, `dim=4`."""
    at = 0
    while at < len(words):
        word = words[at]
        flag, equals, value = word.partition("=")
        if word.startswith("-") and equals:
            called = flag.lstrip("-").replace("-", "_")
            yield Parameter(called, "flag", flag, plain(value), False, name, "equals", given=True)
        elif word.startswith("-") and at + 1 < len(words) and not words[at + 1].startswith("--"):
            called = word.lstrip("-").replace("-", "_")
            yield Parameter(called, "flag", word, plain(words[at + 1]), False, name, given=True)
            at += 1
        elif equals and flag.replace(".", "_").isidentifier():
            yield Parameter(flag, "override", flag, plain(value), False, name, "equals", given=True)
        at += 1


def config_parameters(folder: Path, name: str, prefix: str = "") -> tuple[Parameter, ...]:
    """Every number, truth value and text of a configuration file, by its dotted key."""
    return tuple(
        Parameter(key, "key", key, value, False, name)
        for key, value in _flat(read_config(folder / name), prefix)
        if not isinstance(value, str) or "${" not in value
    )


def read_config(file: Path) -> Any:
    """What a JSON, TOML or YAML file holds; nothing where it cannot be read."""
    text = _text(file)
    try:
        match file.suffix.lower():
            case ".json":
                return json.loads(text)
            case ".toml":
                return tomllib.loads(text)
            case _:
                import yaml

                return yaml.safe_load(text)
    except Exception:  # whatever is wrong with it, it is no configuration that we can set
        return {}


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, Value]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str) and "." not in key:
                yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, bool | int | float | str) and prefix:
        yield prefix, plain(value) if isinstance(value, str) else value
