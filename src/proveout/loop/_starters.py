"""The ideas that a new study has to begin with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from proveout.study import Value
from proveout.survey import Plan, is_knob

_RATE = re.compile(r"(^|_)(lr|learning_?rate|rate)$", re.IGNORECASE)


def write_starters(plan: Plan, folder: Path) -> tuple[str, ...]:
    """Two ideas to begin with, of a learning rate or the first other knob there is."""
    return tuple(
        _write_idea(
            folder, word, name, f"set: {name}={scaled(plan.parameters[name], factor)}\n---\n"
        )
        for word, factor in (("double", 2), ("half", 0.5))
        for name in knobs_of(plan.parameters)[:1]
    )


def knobs_of(parameters: Mapping[str, Value]) -> list[str]:
    """Those that may be tuned, a learning rate first."""
    knobs = [name for name, value in parameters.items() if _is_amount(value)]
    knobs = [name for name in knobs if parameters[name] != 1 or is_knob(name)]
    knobs = [name for name in knobs if not _is_share(parameters[name])]
    return sorted(knobs, key=lambda name: (_RATE.search(name) is None, not is_knob(name)))


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_share(value: Value) -> bool:
    """Whether twice as much is likely none any more: a discount of 0.99, a momentum of 0.9."""
    return isinstance(value, float) and 0.5 < value < 1


def scaled(value: Value, factor: float) -> str:
    """A number so many times as large, as a command line spells it; a whole number stays one."""
    number = float(value) * factor
    return str(max(1, int(number))) if isinstance(value, int) else f"{number:g}"


def _write_idea(folder: Path, word: str, name: str, change: str) -> str:
    idea = f"{word}-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}"[:60]
    wrong = "too small" if word == "double" else "too large"
    text = (f"hypothesis: {name} is {wrong} by a factor of two.\n"
            f"source: to begin with; written by proveout init\n{change}")  # fmt: skip
    (folder / f"{idea}.patch").write_text(text, encoding="utf-8")
    return idea
