"""What the launcher asks a supervisor for."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

_CHUNK_BYTES = 1 << 16


@dataclass
class Requests:
    """What the launcher asks for: to start a process, or to cancel the one that runs."""

    channel: int
    cancelled: set[str] = field(default_factory=set)
    _inbox: bytes = b""

    def read(self) -> list[dict[str, Any]] | None:
        """Wait for requests; None once the launcher has gone."""
        chunk = os.read(self.channel, _CHUNK_BYTES)
        *lines, self._inbox = (self._inbox + chunk).split(b"\n")
        return [json.loads(line) for line in lines] if chunk else None
