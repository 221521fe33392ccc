"""Finds the line of study.toml that says a thing, so that a message can point at it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter

Where = tuple[str | int, ...]

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")


def locate(text: str, where: Where) -> int | None:
    """The number, from 1, of the line that declares `where`, or its nearest parent.

    `where` is a path of keys and list indices like `("ladder", "rung", 1, "compute")`.
    Keys inside an inline table are found on the line of that table.
    """
    declared = _declarations(text)
    for length in range(len(where), 0, -1):
        if where[:length] in declared:
            return declared[where[:length]]
    return None


def _declarations(text: str) -> dict[Where, int]:
    found: dict[Where, int] = {}
    seen: Counter[Where] = Counter()
    table: Where = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = tuple(_keys(header[2]))
            if header[1] == "[[":
                seen[table] += 1
                found.setdefault(table, number)
                table = (*table, seen[table] - 1)
            found[table] = number
        elif key := _KEY.match(line):
            found.setdefault((*table, *_keys(key[1])), number)
    return found


def _keys(dotted: str) -> list[str]:
    try:
        tree: object = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return [dotted]
    keys: list[str] = []
    while isinstance(tree, dict):
        ((key, tree),) = tree.items()
        keys.append(key)
    return keys


def spell(where: Where) -> str:
    """`ladder.rung[2].compute` for people, who count from 1."""
    words = ""
    for part in where:
        words += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return words.lstrip(".")
