"""Learning the discrepancy from public suites, all of them or all of the other sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from _suites import Suite

from proveout.scaling import Discrepancy, Lesson, Points, learn_discrepancy, lessons_of

TABLE = Path(__file__).parents[1] / "src/proveout/scaling/discrepancy.toml"
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


def left_out(lessons: Sequence[Lesson]) -> dict[str, Discrepancy]:
    """For each source the table learnt from all others."""
    sources = dict.fromkeys(lesson.source for lesson in lessons)
    return {
        source: learn_discrepancy([one for one in lessons if one.source != source])
        for source in sources
    }


def written(table: Discrepancy, sources: Sequence[str]) -> str:
    """The text of the package's table."""
    lines = [
        "# How far laws miss beyond what they know of themselves; terms in _discrepancy.py.",
        "# Written by `benchmarks/scaling.py --data DIR --relearn` from "
        + ", ".join(sources)
        + ".",
        *(f"{part.name} = {getattr(table, part.name):.4g}" for part in fields(table)),
    ]
    return "\n".join(lines) + "\n"
