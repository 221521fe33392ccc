"""What came from a trial as data: printable, capped, quoted.

A program can print whatever it likes, commands to a terminal and instructions to a language model
included. `clean` makes a line that can only be read; `quote` makes a value that a prompt or an
agent can only take as data: one line of JSON that says what it is and how much was left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

MOST_CHARACTERS = 2000
_ROOM = 20
"""Times its limit: what a text may hold of blanks and characters that go."""


def clean(text: str, limit: int = 0) -> str:
    """Text from a program or an idea as one printable line, cut to `limit` where one is given.

    Control, bidirectional and zero-width characters go: they could repaint a terminal or make
    a line read as what it is not.
    """
    if limit > 0:
        text = text[: _ROOM * limit]  # of a line of megabytes, what is shown is all that is read
    line = " ".join("".join(ch if ch.isprintable() else _blank(ch) for ch in text).split())
    return f"{line[: limit - 1].rstrip()}…" if 0 < limit < len(line) else line


def clean_lines(text: str) -> list[str]:
    """Text of several lines, each made printable; its indentation stays."""
    lines = text.expandtabs(4).split("\n")
    return ["".join(ch if ch.isprintable() else _blank(ch) for ch in line) for line in lines]


def quote(what: str, text: str, most_characters: int = MOST_CHARACTERS) -> str:
    """The end of a text that a program wrote, as one line of ASCII JSON.

    `{"untrusted": "log of rotary-r1-s1", "lines": [...], "left_out_characters": 0}`: nothing in it
    can close the quotes, begin a line or be taken for what we say.
    """
    kept = text[-most_characters:] if most_characters > 0 else ""
    document = {
        "untrusted": clean(what, 200),
        "lines": [line for line in clean_lines(kept) if line.strip()],
        "left_out_characters": len(text) - len(kept),
    }
    return json.dumps(document, ensure_ascii=True)


def quote_numbers(what: str, numbers: Mapping[str, object], most: int = 100) -> str:
    """Metrics that a program reported, as one line of ASCII JSON: finite numbers by clean names."""
    kept: dict[str, float] = {}
    for name, value in numbers.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and abs(value) < 1e300 and math.isfinite(value) and len(kept) < most:  # type: ignore[arg-type]
            kept[clean(str(name), 60)] = value  # type: ignore[assignment]
    document = {
        "untrusted": clean(what, 200),
        "numbers": kept,
        "left_out": len(numbers) - len(kept),
    }
    return json.dumps(document, ensure_ascii=True)


def _blank(ch: str) -> str:
    return " " if ch.isspace() else ""
