"""Which tracker a destination is, and whether what it needs is installed."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from proveout.errors import UserError
from proveout.study import Destination, Study, TrackerKind
from proveout.trackers._mlflow import MlflowTracker
from proveout.trackers._tensorboard import TensorBoardTracker
from proveout.trackers._tracker import Tracker
from proveout.trackers._trackio import TrackioTracker
from proveout.trackers._wandb import WandbTracker

TRACKERS = "trackers"
"""The folder of a study that holds what was sent where, and trackers' own files by default."""

_NEEDS: dict[TrackerKind, str] = {
    "tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb", "trackio": "trackio",
}  # fmt: skip


def check_installed(destination: Destination) -> None:
    """Raises `UserError` with what to install where a tracker's library is not there."""
    needed = _NEEDS[destination.kind]
    if find_spec(needed) is None:
        raise UserError(
            f"writing to {destination.kind} needs {needed}: "
            f"pip install 'proveout[{destination.kind}]'"
        )


def folder_of(study: Study, destination: Destination) -> Path:
    """Where a destination's files go."""
    return study.folder / _folder(destination)


def _folder(destination: Destination) -> str:
    return destination.folder or f"{TRACKERS}/{destination.kind}"


def place_of(destination: Destination) -> str:
    """The address, or the folder as study.toml has it, for people."""
    if destination.address is not None:
        return destination.address
    hosted = destination.kind == "wandb" and not destination.offline
    return "its server" if hosted else _folder(destination)


def name_of(destination: Destination) -> str:
    """Names its file of what was sent: another address or project begins anew."""
    told = (destination.address, destination.folder, destination.project, destination.offline)
    return f"{destination.kind}-{hashlib.blake2b(repr(told).encode(), digest_size=3).hexdigest()}"


def tracker_of(study: Study, destination: Destination) -> Tracker:
    """The tracker itself, not opened yet."""
    folder, address = folder_of(study, destination), destination.address
    match destination.kind:
        case "tensorboard":
            return TensorBoardTracker(folder)
        case "mlflow":
            return MlflowTracker(address, folder)
        case "wandb":
            return WandbTracker(address, folder, destination.offline)
        case "trackio":
            return TrackioTracker(address, folder)
