"""Sends a study as it stands, here and now."""

from __future__ import annotations

from dataclasses import dataclass

from proveout.errors import EnvironmentFailure, UserError
from proveout.ledger import History
from proveout.study import Destination, Study
from proveout.trackers._kinds import check_installed, place_of
from proveout.trackers._send import Sender, describe_error
from proveout.trackers._sent import SentFile, sent_file, without_secrets


@dataclass(frozen=True)
class Delivery:
    """What was sent, and where."""

    kind: str
    place: str
    written: int
    known: int
    """Trials that had been written before."""


def send_study(study: Study, history: History, destination: Destination) -> Delivery:
    """Writes what a tracker has not been given of a study, and waits for it.

    Raises:
        UserError: its library is not installed, or a run of the study is writing there.
        EnvironmentFailure: it cannot be reached or does not take it; what was written stays, and
            another call goes on from there.
    """
    check_installed(destination)
    place = place_of(destination)
    try:
        file = SentFile(sent_file(study, destination))
    except BlockingIOError:
        raise UserError(
            f"a `proveout run` of this study is writing to {place}; it sends everything by itself"
        ) from None
    known, sender = len(file.sent.trials), Sender(study, destination, file)
    try:
        written = sender.send(history, final=True)
        sender.close()
    except Exception as error:  # a tracker may raise anything
        why = describe_error(error)
        sender.failed(why)
        raise EnvironmentFailure(
            f"{destination.kind} at {place} did not take everything: {without_secrets(why)}. "
            "What was written stays; run it again to go on"
        ) from error
    finally:
        file.close()
    return Delivery(destination.kind, place, written, known)
