"""The ideas that a new study has to begin with."""

from __future__ import annotations

import re
from pathlib import Path

from proveout.study import Value
from proveout.survey import Plan, is_knob

_RATE = re.compile(r"(^|_)(lr|learning_?rate|rate)$", re.IGNORECASE)


def write_starters(plan: Plan, folder: Path) -> tuple[str, ...]:
    """Two ideas to begin with, of a learning rate or the first other knob there is."""
    knobs = [name for name, value in plan.parameters.items() if _is_amount(value)]
    knobs = [name for name in knobs if plan.parameters[name] != 1 or is_knob(name)]
    knobs.sort(key=lambda name: (_RATE.search(name) is None, not is_knob(name)))
    return tuple(
        _write_idea(
            folder, word, name, f"set: {name}={_scaled(plan.parameters[name], factor)}\n---\n"
        )
        for word, factor in (("double", 2), ("half", 0.5))
        for name in knobs[:1]
    )


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _scaled(value: Value, factor: float) -> str:
    number = float(value) * factor
    return str(max(1, int(number))) if isinstance(value, int) else f"{number:g}"


def _write_idea(folder: Path, word: str, name: str, change: str) -> str:
    idea = f"{word}-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}"[:60]
    wrong = "too small" if word == "double" else "too large"
    text = (f"hypothesis: {name} is {wrong} by a factor of two.\n"
            f"source: to begin with; written by proveout init\n{change}")  # fmt: skip
    (folder / f"{idea}.patch").write_text(text, encoding="utf-8")
    return idea
