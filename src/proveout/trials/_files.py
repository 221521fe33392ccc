"""Opening and removing what an untrusted program left: regular files, never through a link."""

from __future__ import annotations

import os
import shutil
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


def read_regular(file: Path, most_bytes: int) -> bytes:
    """The whole of a small file.

    Raises:
        OSError: it is missing, not a regular file, or larger than `most_bytes`.
    """
    with open_regular(file) as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        if size_bytes > most_bytes:
            raise OSError(f"{file.name} has {size_bytes} bytes; at most {most_bytes} are read")
        return stream.read(most_bytes) or b""


def folder_bytes(folder: Path, most_files: int = 100_000) -> int:
    """The size of the regular files below a folder; links are not followed."""
    total, files = 0, 0
    for here, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(here, name))  # noqa: PTH118 - for speed
            except OSError:
                continue
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
        files += len(names)
        if files > most_files:
            break
    return total


def remove(path: Path) -> None:
    """Removes a file, a link (not what it leads to) or a folder, whatever its permissions.

    Raises:
        OSError: it cannot be removed.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except OSError:
        # A program may have taken its folders' permissions away; they are still ours.
        path.chmod(0o700)
        for folder, below, _ in os.walk(path):
            for name in below:
                if not (Path(folder) / name).is_symlink():
                    (Path(folder) / name).chmod(0o700)
        shutil.rmtree(path)
