"""The controller's end of the pipes to a process that is shut in: capped frames of JSON.

A frame is four bytes of length, the highest first, and so many bytes of JSON. The pipes are named
ones in the process's own folder, opened by the controller before the process is there: so they
lead to it at every level of isolation, and whatever it does to their names changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import time
from pathlib import Path
from typing import Any

MOST_FRAME_BYTES = 1 << 20
"""The longest frame that is read."""
MOST_SENT_BYTES = 4 << 20
_LENGTH = struct.Struct(">I")
_CHUNK_BYTES = 1 << 16


class WrongFrame(Exception):
    """The other end does not keep to the protocol; nothing more is read from it."""


class Closed(Exception):
    """The other end takes nothing more in."""


class Channel:
    """Two named pipes in a folder; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Makes `to` and `from`. Both are opened for reading and writing, so that neither end has
        to wait for the other; that a process has ended is heard from the launcher."""
        self._descriptors: list[int] = []
        for name in ("to", "from"):
            os.mkfifo(folder / name, 0o600)
            flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
            self._descriptors.append(os.open(folder / name, flags))
        self._inbox = bytearray()

    def close(self) -> None:
        """Gives the descriptors back; the names go with the folder."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []

    def fileno(self) -> int:
        """Readable when there is something to take in."""
        return self._descriptors[1]

    def send(self, message: dict[str, Any], deadline: float) -> None:
        """Writes one frame whole. Raises `Closed` where it is not taken in by the deadline."""
        body = json.dumps(message, separators=(",", ":")).encode()
        if len(body) > MOST_SENT_BYTES:
            raise Closed(f"a message of {len(body)} bytes; at most {MOST_SENT_BYTES} are sent")
        left = memoryview(_LENGTH.pack(len(body)) + body)
        while left:
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(self._descriptors[0], left) :]
                continue
            wait_seconds = deadline - time.monotonic()
            writable = select.select([], [self._descriptors[0]], [], max(0.0, wait_seconds))[1]
            if not writable:
                raise Closed("it does not read what it is sent")

    def take_in(self) -> None:
        """Reads what is there, without waiting."""
        with contextlib.suppress(BlockingIOError):
            self._inbox += os.read(self._descriptors[1], _CHUNK_BYTES)

    def next_frame(self) -> dict[str, Any] | None:
        """The next whole frame, None while there is none. Raises `WrongFrame`."""
        if len(self._inbox) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._inbox)
        if length > MOST_FRAME_BYTES:
            raise WrongFrame(f"a frame of {length} bytes; at most {MOST_FRAME_BYTES} are allowed")
        end = _LENGTH.size + length
        if len(self._inbox) < end:
            return None
        body = bytes(self._inbox[_LENGTH.size : end])
        del self._inbox[:end]
        return _read(body)


def _read(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise WrongFrame("a frame that is not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise WrongFrame("a frame that is not an object with a kind")
    return message
