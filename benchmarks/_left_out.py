"""Learning the discrepancy from public suites, all of them or all of the other sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from _suites import Suite

from proveout.scaling import Discrepancy, Lesson, Points, learn_discrepancy, lessons_of

TABLE = Path(__file__).parents[1] / "src/proveout/scaling/discrepancy.toml"
KINDS = {"models": "models", "curves": "curve"}  # of the package's tables, of suites
CURVES_EACH = 3  # of the vision curves one in three is learnt from: there are 72, much alike


def learn_from(suites: Sequence[Suite]) -> list[Lesson]:
    """Every split of every suite."""
    by_source: dict[str, list[Suite]] = {}
    for suite in suites:
        by_source.setdefault(suite.source, []).append(suite)
    lessons: list[Lesson] = []
    for source, found in by_source.items():
        step = CURVES_EACH if len(found) > 50 else 1
        lessons += lessons_of(source, [Points.of(s.inputs, s.loss) for s in found[::step]])
    return lessons


def left_out(suites: Sequence[Suite]) -> dict[str, Discrepancy]:
    """For each source the table learnt from all others of its kind."""
    tables: dict[str, Discrepancy] = {}
    for kind in KINDS.values():
        lessons = learn_from([suite for suite in suites if suite.kind == kind])
        for source in dict.fromkeys(lesson.source for lesson in lessons):
            others = [one for one in lessons if one.source != source]
            if others:
                tables[source] = learn_discrepancy(others)
    return tables


def relearnt(suites: Sequence[Suite]) -> str:
    """The text of the package's tables, one for each kind of suite."""
    lines = [
        "# How far laws miss beyond what they know of themselves; terms in _discrepancy.py.",
        "# Written by `python benchmarks/scaling.py --data DIR --relearn`.",
    ]
    for name, kind in KINDS.items():
        chosen = [suite for suite in suites if suite.kind == kind]
        table = learn_discrepancy(learn_from(chosen))
        lines += ["", f"[{name}] # {', '.join(dict.fromkeys(s.source for s in chosen))}"]
        lines += [f"{part.name} = {getattr(table, part.name):.4g}" for part in fields(table)]
    return "\n".join(lines) + "\n"
