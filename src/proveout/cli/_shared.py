"""What verbs share: reading a study, printing, errors of the disk in our words."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proveout.errors import EnvironmentFailure, ProveoutError, UserError

if TYPE_CHECKING:
    from rich.console import Console

    from proveout.ledger import History
    from proveout.study import Study

_RECORDS = ("study.toml", "improve.toml", "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm",
            "lock", "program.git", "trials", "inbox", "sources", "ideas")  # fmt: skip

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="The folder that holds study.toml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_judged(folder: Path) -> tuple[Study, History]:
    """A study and its history, with verdicts as fresh as its trials."""
    from proveout.ledger import read_history
    from proveout.study import read_study

    study = read_study(folder)
    return study, judged(study, read_history(study.folder))


def judged(study: Study, history: History) -> History:
    """A history with verdicts as fresh as its trials."""
    from dataclasses import replace

    from proveout.loop import check_unchanged
    from proveout.report import in_own_sense

    edited = history.opened is not None and check_unchanged(study, history.opened)
    read = history.verdicts
    if read is None or read.trials_finished != history.finished_trials or edited:
        from proveout.verdicts import judge

        history = replace(history, verdicts=judge(study, history))
    return in_own_sense(study, history)


def diffs_of(study: Study, history: History, names: Iterable[str]) -> dict[str, str]:
    """Each idea's change, as git tells it; its parameters stand elsewhere."""
    from proveout.loop import repository_of

    repository = repository_of(study)
    diffs = {}
    for name in names:
        idea = history.ideas[name]
        parent = idea.parent
        try:
            diffs[name] = repository.diff(parent, idea.commit, settings=False) if parent else ""
        except ProveoutError as error:  # a ledger is worth reading without its repository
            diffs[name] = f"the change cannot be shown: {error}"
    return diffs


def check_not_ours(folder: Path, path: Path | None) -> None:
    """Refuses to write a report over what a folder's records are.

    Raises:
        UserError: the path is one of them, or lies among them.
    """
    if path is None:
        return
    here, there = folder.resolve(), path.resolve()
    for name in _RECORDS:
        record = here / name
        if there == record or there.is_relative_to(record):
            raise UserError(f"{path} is a record of {folder}; write to another place")


def console() -> Console:
    """Where tables are printed."""
    from rich.console import Console

    # Without a terminal the table is not squeezed into 80 columns.
    return Console(width=None if sys.stdout.isatty() else 160)


def draws_dots() -> bool:
    """Whether pictures may be drawn in Braille's characters: at a terminal that knows Unicode."""
    return sys.stdout.isatty() and "utf" in (sys.stdout.encoding or "").lower()


def shortest(path: Path) -> Path:
    """A path as a person at this place would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def print_json(document: object) -> None:
    """Prints a document as JSON."""
    print(to_json(document))


def to_json(document: object) -> str:
    """A document as JSON text."""
    import json

    return json.dumps(document, indent=1, allow_nan=False)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Errors of the disk as sentences with a remedy."""
    try:
        yield
    except OSError as error:
        from proveout.ledger import explain

        raise EnvironmentFailure(explain(error, path)) from None
