"""What study.toml says of trackers: where else a study is written to."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from proveout.study._part import Part, Seconds

TrackerKind = Literal["tensorboard", "mlflow", "wandb", "trackio"]

_SECRET = re.compile(r"://[^/@\s]*@|[?#]")
"""A user name or a password, or a query that may hold a token."""


class Destination(Part):
    """A tracker that a study is written to, beside its ledger."""

    kind: TrackerKind
    address: str | None = None
    """A server: MLflow's tracking address, a W&B server, a trackio Space or server."""
    folder: str | None = None
    """Where files go, relative to study.toml; `trackers/<kind>` when left out."""
    project: str | None = None
    """The experiment or project; the study's name when left out."""
    offline: bool = False
    """Of W&B: files only, to be sent later with its own `wandb sync`."""
    wait: Seconds = Field(default=10.0, ge=0)
    """How long the end of `proveout run` waits for what has not been written yet."""

    @field_validator("address")
    @classmethod
    def _holds_no_key(cls, address: str | None) -> str | None:
        if address is not None and _SECRET.search(address):
            # Not quoted: what stands there is a secret.
            raise ValueError(
                "the address holds a user name, a password or a query, and study.toml goes into "
                "the ledger; give keys in the environment, as the tracker's documentation says"
            )
        return address

    @field_validator("folder", "project")
    @classmethod
    def _says_something(cls, text: str | None) -> str | None:
        if text is not None and not text.strip():
            raise ValueError("is empty; leave the key out")
        return text

    @model_validator(mode="after")
    def _fits(self) -> Destination:
        if self.offline and self.kind != "wandb":
            raise ValueError('`offline` belongs to kind = "wandb"; the others take a folder')
        if self.offline and self.address is not None:
            raise ValueError("what is offline has no address")
        if self.address is not None and self.kind == "tensorboard":
            raise ValueError("TensorBoard reads files and has no address; give a `folder`")
        if self.address is not None and self.folder is not None and self.kind != "wandb":
            raise ValueError("give an address or a folder, not both")
        return self
