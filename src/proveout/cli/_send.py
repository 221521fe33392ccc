"""`proveout report STUDY --to KIND`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from proveout.errors import UserError

if TYPE_CHECKING:
    from proveout.study import Destination, Study


class Wanted(NamedTuple):
    """What the command line says of where a study goes."""

    kind: str
    address: str | None
    out: Path | None
    project: str | None
    offline: bool


def send(folder: Path, wanted: Wanted) -> None:
    """Sends a study as its ledger stands. What study.toml says of such a tracker counts, unless
    the command says where."""
    from proveout.ledger import read_history
    from proveout.study import read_study
    from proveout.trackers import send_study

    study = read_study(folder)
    history = read_history(study.folder)
    for destination in _destinations(study, wanted):
        sent = send_study(study, history, destination)
        known = f", {sent.known} were there" if sent.known else ""
        print(f"{sent.kind}: {sent.written} trials written to {sent.place}{known}")


def _destinations(study: Study, wanted: Wanted) -> tuple[Destination, ...]:
    from pydantic import ValidationError

    from proveout.study import Destination

    kind, *where = wanted
    if not any(where):
        declared = tuple(each for each in study.tracker if each.kind == kind)
        if declared:
            return declared
    folder = None if wanted.out is None else str(wanted.out.absolute())
    try:
        return (
            Destination.model_validate(
                {"kind": kind, "address": wanted.address, "folder": folder,
                 "project": wanted.project, "offline": wanted.offline}
            ),
        )  # fmt: skip
    except ValidationError as error:
        told = error.errors()[0]
        if told["type"] == "literal_error":
            raise UserError(
                f"--to {kind!r} is not known; allowed: tensorboard, mlflow, wandb, trackio"
            ) from None
        raise UserError(f"--to {kind}: {told['ctx']['error']}") from None
