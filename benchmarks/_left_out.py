"""Learning the discrepancy from public suites, all of them or all of the other sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Literal

from _suites import Suite

from proveout.scaling import Discrepancy, Lesson, Points, learn_discrepancy, lessons_of

Kind = Literal["models", "frontier", "curves"]
KINDS: tuple[Kind, ...] = ("models", "frontier", "curves")
TABLE = Path(__file__).parents[1] / "src/proveout/scaling/discrepancy.toml"
DOUBT_SD: Mapping[Kind, float] = {"models": 0.0, "frontier": 0.8, "curves": 0.8}
CURVES_EACH = 3  # of the vision curves one in three is learnt from: there are 72, much alike


def kind_of(suite: Suite) -> Kind:
    """Which of the package's tables is meant for a suite."""
    if suite.kind == "curve":
        return "curves"
    return "frontier" if len(suite.inputs) == 1 else "models"


def learn_from(suites: Sequence[Suite]) -> list[Lesson]:
    """Every split of every suite."""
    by_source: dict[str, list[Suite]] = {}
    for suite in suites:
        by_source.setdefault(suite.source, []).append(suite)
    lessons: list[Lesson] = []
    for source, found in by_source.items():
        step = CURVES_EACH if len(found) > 50 else 1
        points = [Points.of(s.inputs, s.loss) for s in found[::step]]
        lessons += lessons_of(source, points, curves=kind_of(found[0]) == "curves")
    return lessons


def of_kind(suites: Sequence[Suite], kind: Kind) -> list[Suite]:
    """The suites that one table is meant for."""
    return [suite for suite in suites if kind_of(suite) == kind]


def left_out(suites: Sequence[Suite]) -> Mapping[tuple[str, Kind], Discrepancy]:
    """For each source the tables learnt from all others of its kind."""
    tables: dict[tuple[str, Kind], Discrepancy] = {}
    for kind in KINDS:
        lessons = learn_from(of_kind(suites, kind))
        for source in dict.fromkeys(lesson.source for lesson in lessons):
            others = [one for one in lessons if one.source != source]
            if others:
                tables[source, kind] = learn_discrepancy(others, doubt_sd=DOUBT_SD[kind])
    return tables


def relearnt(suites: Sequence[Suite]) -> str:
    """The text of the package's tables, one for each kind of suite."""
    lines = [
        "# How far laws miss beyond what they know of themselves; terms in _discrepancy.py.",
        "# Written by `python benchmarks/scaling.py --data DIR --relearn`.",
    ]
    for kind in KINDS:
        chosen = of_kind(suites, kind)
        table = learn_discrepancy(learn_from(chosen), doubt_sd=DOUBT_SD[kind])
        lines += ["", f"[{kind}] # {', '.join(dict.fromkeys(s.source for s in chosen))}"]
        lines += [f"{part.name} = {getattr(table, part.name):.4g}" for part in fields(table)]
    return "\n".join(lines) + "\n"
