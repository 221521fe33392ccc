"""What a job prints, kept up to a number of bytes."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

_CHUNK_BYTES = 1 << 16


@dataclass
class Log:
    """Copies a job's output into its log, up to a number of bytes."""

    file: int
    output: int
    most_bytes: int
    kept: int = 0
    dropped: int = 0

    def copy(self) -> bool:
        """Take what is there; False once every writer has closed."""
        try:
            chunk = os.read(self.output, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        keep = chunk[: self.most_bytes - self.kept]
        with contextlib.suppress(OSError):  # a full disk loses output, not the job
            os.write(self.file, keep)
        self.kept += len(keep)
        self.dropped += len(chunk) - len(keep)
        return bool(chunk)

    def finish(self) -> None:
        """Take what is left in the pipe and say what was dropped."""
        before = -1
        while before != self.kept + self.dropped:
            before = self.kept + self.dropped
            self.copy()
        if self.dropped:
            note = f"\nproveout: the log is full at {self.most_bytes} bytes; {self.dropped} more "
            with contextlib.suppress(OSError):
                os.write(self.file, f"{note}bytes of output were dropped\n".encode())
