"""Opening and removing what an untrusted program left: regular files, never through a link."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from io import FileIO
from itertools import islice
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


def files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies below a folder and is no folder, however deep; links are not followed.

    What cannot be looked at, or has a path longer than the system takes, is left out.
    """
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                yield entry


def folder_bytes(folder: Path, most_files: int = 100_000) -> int:
    """The size of the regular files below a folder; links are not followed."""
    total = 0
    for entry in islice(files_below(folder), most_files):
        with contextlib.suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def remove(path: Path) -> None:
    """Removes a file, a link (not what it leads to) or a folder, whatever its permissions and
    however deep it is.

    Raises:
        OSError: it cannot be removed.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        _remove_hostile(path)


def _remove_hostile(folder: Path) -> None:
    """Removes a folder whose folders may forbid it or be nested deeper than a path can tell: each
    is moved up to the top before it is emptied."""
    folder.chmod(0o700)
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        while entries := list(os.scandir(top)):
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _empty_into(top, entry.name)
                    os.rmdir(entry.name, dir_fd=top)
                else:
                    os.unlink(entry.name, dir_fd=top)
    finally:
        os.close(top)
    folder.rmdir()


def _empty_into(top: int, name: str) -> None:
    """Empties a folder in the folder `top`: its own folders are moved there."""
    os.chmod(name, 0o700, dir_fd=top)
    here = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        for entry in list(os.scandir(here)):
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.name, 0o700, dir_fd=here)
                os.rename(entry.name, uuid.uuid4().hex, src_dir_fd=here, dst_dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=here)
    finally:
        os.close(here)
