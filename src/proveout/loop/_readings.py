"""What the first trials of a program tell of its plan: its score, its direction, what to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from proveout.loop._choose_score import ScoreWish
from proveout.loop._probe import Probe
from proveout.survey import Plan, Reported

NO_OUT = "out"
"""What is kept of a program that does not say where it writes, until that is known."""
_MOST_KEPT = 12
_CLEARLY = 0.02
"""A difference between two runs by so much of a score is more than rounding."""


def missed(
    told: Reported | None, numbers: Sequence[Reported], larger: Sequence[Reported]
) -> list[str]:
    """Likelier scores that a longer run reports, which the smallest cannot."""
    known = {each.name for each in numbers}
    rank = told.rank if told is not None and told.rank is not None else 1000
    return [e.name for e in larger if e.name not in known and e.rank is not None and e.rank < rank]


def with_missed(
    plan: Plan, told: Reported | None, numbers: Sequence[Reported], larger: Sequence[Reported]
) -> Plan:
    """Adds a note where a longer run reports a better score, which the smallest cannot."""
    more = missed(told, numbers, larger)
    if not more:
        return plan
    note = (
        f"a larger run also reports {more[0]!r}, for which the smallest rung is too short: give "
        f"larger rungs with --rung, or a smaller interval with --set, and --score {more[0]!r}"
    )
    return replace(plan, notes=(*plan.notes, note))


def with_direction(
    plan: Plan, told: Reported | None, larger: Sequence[Reported], wish: ScoreWish
) -> Plan:
    """Adds a note where a longer run is worse by the direction that was guessed."""
    if told is None or told.value is None or wish.goal is not None or wish.command is not None:
        return plan
    then = next((e.value for e in larger if (e.source, e.name) == (told.source, told.name)), None)
    if then is None or abs(then - told.value) < _CLEARLY * abs(told.value):
        return plan
    if (then > told.value) == (told.goal == "maximize"):
        return plan
    other = "minimize" if told.goal == "maximize" else "maximize"
    note = (
        f"a longer run has {told.name} = {then:.6g}, where the smallest has {told.value:.6g}: if "
        f"that is better, and not worse as {told.goal} has it, say --goal {other}"
    )
    return replace(plan, notes=(*plan.notes, note))


def own_output(probe: Probe) -> str | tuple[str, ...] | None:
    """The folder that the program made for what it writes, if it is only one; otherwise all that it
    made at its top, folders with a slash."""
    built = {word for word in probe.command if word.isidentifier()}
    made = [name for name in probe.wrote if name.rstrip("/") not in {NO_OUT, *built}]
    made = list({Path(name).name: name for name in reversed(made)}.values())[::-1]
    if not made:
        return None
    if len(made) == 1 and made[0].endswith("/"):
        return made[0].rstrip("/")
    return tuple(made[:_MOST_KEPT])
