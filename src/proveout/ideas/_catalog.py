"""Reads a catalog: a folder of idea files, each a few header lines and a patch.

hypothesis: Positions that enter as rotations generalise better.
source: Su et al. 2021, arXiv 2104.09864
predicts: grows - attention matters more as models grow
set: lr_scale=2
---
diff --git a/train.py b/train.py
...
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

from proveout.errors import IdeaError
from proveout.ideas._idea import Proposal, check_name
from proveout.study import Value

_KEYS = ("hypothesis", "source", "predicts", "kind", "set")


def read_catalog(folder: Path, only: Iterable[str] = ()) -> tuple[Proposal, ...]:
    """Every idea file (`*.patch`) of a folder, by name; `only` names those to take.

    Raises:
        IdeaError: a file that is malformed, or a name in `only` that is not there.
    """
    files = {file.stem: file for file in sorted(folder.glob("*.patch"))}
    wanted = tuple(dict.fromkeys(only)) or tuple(files)
    for name in wanted:
        if name not in files:
            known = ", ".join(files) or "none"
            raise IdeaError(f"there is no idea {name!r} in {folder}; it holds: {known}")
    return tuple(read_proposal(files[name]) for name in wanted)


def read_proposal(file: Path) -> Proposal:
    """One idea file as a `Proposal` named after the file. Raises `IdeaError` with the line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise IdeaError(f"{file} cannot be read: {error}") from None
    header, separator, patch = text.partition("\n---\n")
    if not separator:
        raise IdeaError(f'{file} has no line "---" between its header and its patch')
    values, parameters = _header(file, header)
    for needed in ("hypothesis", "source"):
        if not values.get(needed):
            raise IdeaError(f'{file} has no line "{needed}: ..." in its header')
    if not patch.strip() and not parameters:
        raise IdeaError(f'{file} changes nothing: give a patch, or a line "set: name=value"')
    if "\0" in header:
        raise IdeaError(f"{file} has a byte in its header that is no text")
    try:
        check_name(file.stem)
    except IdeaError as error:
        raise IdeaError(f"{file}: {error}") from None
    return Proposal(
        name=file.stem,
        hypothesis=values["hypothesis"],
        source=values["source"],
        predicts=values.get("predicts", ""),
        category=values.get("kind", "idea"),
        patch=patch if patch.strip() else "",
        parameters=parameters,
    )


def _header(file: Path, header: str) -> tuple[dict[str, str], dict[str, Value]]:
    values: dict[str, str] = {}
    parameters: dict[str, Value] = {}
    key = ""
    for number, line in enumerate(header.splitlines(), start=1):
        if line.startswith("  ") and key in values:
            values[key] += " " + line.strip()
            continue
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or key not in _KEYS:
            raise IdeaError(
                f"{file}, line {number}: {line!r} is not a header line; "
                f"allowed: {', '.join(f'{each}: ...' for each in _KEYS)}"
            )
        if key == "set":
            name, _, setting = value.partition("=")
            parameters[name.strip()] = parse_value(setting.strip())
        elif key in values:
            raise IdeaError(f"{file}, line {number}: {key!r} is given twice")
        else:
            values[key] = value
    return values, parameters


def parse_value(text: str) -> Value:
    """`3`, `0.5`, `true` as what they say; anything else is text, `NaN` too."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, float) and not math.isfinite(value):
        return text
    return value if isinstance(value, bool | int | float | str) else text
