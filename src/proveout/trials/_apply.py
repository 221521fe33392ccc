"""Puts a trial's values where its program looks for them: files, variables, a config file."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from proveout.errors import UserError
from proveout.study import PLACEHOLDER, SettingsFile, Study, Value
from proveout.trials._files import remove


class SettingsFailure(UserError):
    """A trial's values cannot be put into its files; an idea may have changed what is replaced."""


def fill(text: str, values: Mapping[str, Value]) -> str:
    """`text` with each placeholder replaced by its value."""
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)


def apply_settings(study: Study, work: Path, values: Mapping[str, Value]) -> None:
    """Rewrites the files of a work dir that the study says take parameters.

    Raises:
        SettingsFailure: a file is missing or malformed, or what is to be replaced is not there.
    """
    for settings in study.program.file:
        file = work / settings.path
        try:
            inside = file.resolve().is_relative_to(work.resolve()) and file.is_file()
            text = file.read_text(encoding="utf-8") if inside else None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsFailure(f"{settings.path} cannot be read: {error}") from None
        if text is None:
            raise SettingsFailure(f"{settings.path} is not a file of this program any more")
        usual = study.program.parameters if settings.optional else {}
        file.write_text(_replaced(settings, _with_keys(settings, text, values), values, usual))


def write_config(study: Study, file: Path, values: Mapping[str, Value]) -> None:
    """Writes every value of a trial into a new file; dots in names make tables."""
    document: dict[str, Any] = {}
    for name, value in values.items():
        if name != "config":
            _set(document, name, value)
    file.write_text(_dump(document, f".{study.program.config}"), encoding="utf-8")


def link_output(study: Study, work: Path, out: Path) -> None:
    """Makes the folder that the program writes to by itself lead to the trial's output folder, or
    the files and folders that it writes lead into it."""
    if isinstance(study.program.out, str):
        _link(work / study.program.out, out)
        return
    for name in study.program.out or ():
        kept = out / Path(name).name
        if name.endswith("/"):
            kept.mkdir(exist_ok=True)
        _link(work / name, kept)


def _link(link: Path, target: Path) -> None:
    remove(link)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


def _with_keys(settings: SettingsFile, text: str, values: Mapping[str, Value]) -> str:
    if not settings.set:
        return text
    suffix = Path(settings.path).suffix
    document = _load(text, suffix, settings.path)
    for key, value in settings.set.items():
        try:
            _set(document, key, _filled(value, values))
        except (KeyError, TypeError, ValueError):
            raise SettingsFailure(f"{settings.path} has no place for the key {key!r}") from None
    return _dump(document, suffix)


def _replaced(
    settings: SettingsFile, text: str, values: Mapping[str, Value], usual: Mapping[str, Value]
) -> str:
    """`usual` are values that need not be put in where an idea took their place away."""
    for pattern, replacement in settings.replace.items():
        put = partial(_put, fill(replacement, values))
        text, count = re.subn(pattern, put, text, flags=re.MULTILINE)
        names = PLACEHOLDER.findall(replacement)
        if count == 0 and names and all(n in usual and usual[n] == values[n] for n in names):
            continue
        if count != 1:
            raise SettingsFailure(
                f"{settings.path} has {count} places that match {pattern!r}, and one is needed"
            )
    return text


def _put(new: str, found: re.Match[str]) -> str:
    """What stands where an expression was found: `new`, or what was there with `new` in the place
    of its group `value`."""
    if "value" not in found.re.groupindex:
        return new
    first, last = found.span("value")
    return found.string[found.start() : first] + new + found.string[last : found.end()]


def _filled(value: Value, values: Mapping[str, Value]) -> Value:
    """A text that is one placeholder keeps the type of its value."""
    if not isinstance(value, str):
        return value
    whole = PLACEHOLDER.fullmatch(value)
    return values[whole[1]] if whole else fill(value, values)


def _set(document: Any, key: str, value: Value) -> None:
    *parents, last = key.split(".")
    for part in parents:
        document = document[int(part)] if isinstance(document, list) else _child(document, part)
    if isinstance(document, list):
        document[int(last)] = value
    else:
        document[last] = value


def _child(table: Any, key: str) -> Any:
    if table.get(key) is None:
        table[key] = {}
    return table[key]


def _load(text: str, suffix: str, name: str) -> Any:
    try:
        match suffix:
            case ".json":
                document = json.loads(text)
            case ".toml":
                import tomlkit

                tomllib.loads(text)  # its messages are the better ones
                document = tomlkit.parse(text)
            case _:
                import yaml

                document = yaml.safe_load(text) or {}
    except Exception as error:  # three libraries, each with errors of its own
        said = " ".join(str(error).split())[:200]
        raise SettingsFailure(f"{name} cannot be read as {suffix[1:]}: {said}") from None
    if not hasattr(document, "get"):
        raise SettingsFailure(f"{name} holds no keys at its top, so none can be set")
    return document


def _dump(document: Any, suffix: str) -> str:
    match suffix:
        case ".json":
            return json.dumps(document, indent=1) + "\n"
        case ".toml":
            import tomlkit

            return tomlkit.dumps(document)
        case _:
            import yaml

            return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
