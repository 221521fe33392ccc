"""What a study will cost with the ideas that it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proveout.ledger import LEDGER_FILE, read_history
from proveout.runners import usable_cores
from proveout.study import Study

if TYPE_CHECKING:
    from proveout.loop._ladder import ProposedRung


def offered_ideas(study: Study) -> int:
    """Those of the catalog, and those that were handed in to a study that has begun."""
    names = set(study.ideas.only)
    if study.ideas.catalog and not names:
        names = {file.stem for file in (study.folder / study.ideas.catalog).glob("*.patch")}
    if not (study.folder / LEDGER_FILE).is_file():
        return len(names)
    history = read_history(study.folder)
    names -= {refused.name for refused in history.refused}
    names |= {idea.name for idea in history.ideas.values() if idea.kind == "idea"}
    return len(names - history.withdrawn.keys())


def price_of(
    study: Study, rungs: Sequence[ProposedRung], target: ProposedRung, ideas: int
) -> tuple[float, float]:
    """Compute and time of everything once; a policy that leaves ideas early spends less."""
    arms = (ideas + 1) * study.seeds.per_rung[0]
    finale = 2 * study.seeds.at_target
    seconds = arms * sum(r.wall_seconds for r in rungs) + finale * target.wall_seconds
    price = arms * sum(r.compute.amount for r in rungs) + finale * target.compute.amount
    if study.budget.compute.unit == "device-seconds":
        price = seconds  # what is charged is the time that a trial took, its start included
    slots = study.run.slots or len(study.run.devices) or usable_cores()
    return price, seconds / slots
