"""Says of an idea that a person hands in which other it equals: a control, or not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proveout.errors import DataError, IdeaError
from proveout.ideas import BASELINE, read_proposal
from proveout.ledger import LEDGER_FILE, read_history
from proveout.loop._admit import fingerprint_of
from proveout.loop._inbox import Request
from proveout.study import Study, Value


def twin_of(study: Study, request: Request) -> str:
    """The idea, or the baseline, that makes the same change as one that was handed in; empty where
    none does. Before the study has begun it is held against the catalog, as it is spelled.

    Raises:
        DataError: the ledger cannot be read.
    """
    if not request.patch and _is_usual(study, request.parameters):
        return BASELINE
    return next(iter(_the_same(study, request)), "")


def _is_usual(study: Study, parameters: Mapping[str, Value]) -> bool:
    """Whether it sets what every trial has anyway."""
    varied = {name for rung in study.rungs for name in rung.parameters}
    usual = study.program.parameters
    return all(name not in varied and usual.get(name) == value
               for name, value in parameters.items())  # fmt: skip


def _the_same(study: Study, request: Request) -> Iterator[str]:
    begun = (study.folder / LEDGER_FILE).is_file()
    history = read_history(study.folder) if begun else None
    if history is not None and BASELINE in history.ideas:
        mine = history.ideas.get(request.name)
        if mine is None:
            return
        change = fingerprint_of(study, history, mine)
        yield from (
            name for name, idea in history.ideas.items()
            if name != request.name and idea.kind == "idea"
            and fingerprint_of(study, history, idea) == change
        )  # fmt: skip
        return
    for file in sorted((study.folder / (study.ideas.catalog or "ideas")).glob("*.patch")):
        try:
            other = read_proposal(file)
        except (DataError, IdeaError):
            continue  # the run says what is wrong with it
        if (other.patch.strip(), dict(other.parameters)) == (
            request.patch.strip(), request.parameters
        ):  # fmt: skip
            yield file.stem
