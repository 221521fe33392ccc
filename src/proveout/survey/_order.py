"""Whether rungs that a person gives go from smaller to larger, as far as that can be told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from proveout.errors import UserError
from proveout.study import Formula, Value
from proveout.survey._plan import Plan


def check_order(plan: Plan, flops: str | None) -> None:
    """Refuses a rung that costs no more than the one before it.

    By a formula of FLOPs, where there is one. Without it a rung is refused only if it is smaller
    both where a run costs as its size does and where it costs as the square of that, and nothing
    else in it grows.

    Raises:
        UserError: names the two, and says in which order rungs go.
    """
    for number, (before, rung) in enumerate(itertools.pairwise(plan.rungs), start=2):
        if flops is not None:
            formula = Formula(flops)
            costs = [formula.value({**plan.parameters, **each}) for each in (before, rung)]
            growth: tuple[float, ...] = (costs[1] - costs[0],)
        else:
            growth = _growth(plan, before, rung)
        if rung != before and (not growth or max(growth) > 0 or not any(growth)):
            continue
        who = "the target" if number == len(plan.rungs) else f"rung {number}"
        raise UserError(
            f"--rung: {who}, {_spelled(rung)}, costs no more than rung {number - 1}, "
            f"{_spelled(before)}: rungs go from smaller to larger, and the last is the target"
        )


def _growth(
    plan: Plan, before: Mapping[str, Value], rung: Mapping[str, Value]
) -> tuple[float, ...]:
    """By how much the work and every other number grow; nothing where that cannot be told."""
    linear = squared = 1.0
    others: list[float] = []
    first, second = {**plan.parameters, **before}, {**plan.parameters, **rung}
    for name in dict.fromkeys([*before, *rung]):
        old, new = first.get(name), second.get(name)
        if old == new:
            continue
        if (
            not (isinstance(old, int | float) and isinstance(new, int | float))
            or min(old, new) <= 0
        ):
            return ()
        if name in (plan.size, plan.steps):
            linear *= new / old
            squared *= (new / old) ** (2 if name == plan.size else 1)
        else:
            others.append(new - old)
    return (linear - 1, squared - 1, *others)


def _spelled(rung: Mapping[str, Value]) -> str:
    return ",".join(f"{name}={value}" for name, value in rung.items())
