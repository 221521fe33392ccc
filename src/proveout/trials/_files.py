"""Opening what an untrusted program left: regular files only, never through a link."""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path


def open_regular(file: Path) -> FileIO:
    """Opens a file to be read, unbuffered.

    Raises:
        OSError: it is missing, a link, a folder, a pipe or a device.
    """
    # Without O_NONBLOCK the opening of a pipe would wait for a writer.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{file} is not a regular file")
    return os.fdopen(descriptor, "rb", buffering=0)
