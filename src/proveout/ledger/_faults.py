"""What stops a ledger from being read or written, as a sentence with a remedy."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from proveout.errors import DataError, EnvironmentFailure

_LONGEST_PATH = 500
"""SQLite takes 512 bytes, `-journal` and the like included."""


def no_ledger(folder: Path) -> DataError:
    """What is raised where a folder has no ledger yet."""
    word = shlex.quote(str(folder))
    return DataError(f"{folder} has no ledger yet; `proveout run {word}` starts the study")


@contextlib.contextmanager
def explained(file: Path) -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC",
                            "SQLITE_IOERR_SHMSIZE")):  # fmt: skip
            raise EnvironmentFailure(_disk_full(file)) from None
        if code.startswith("SQLITE_CANTOPEN") and len(os.fsencode(file.resolve())) > _LONGEST_PATH:
            raise EnvironmentFailure(
                f"the path of {file.name} is longer than the {_LONGEST_PATH} bytes that SQLite "
                f"takes; move the study to a folder with a shorter one: {file}"
            ) from None
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            raise EnvironmentFailure(_read_only(file)) from None
        if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            raise DataError(
                f"{file} is damaged or not a ledger: {error}. Put a copy from before in its place"
            ) from None
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise EnvironmentFailure(
                f"another program holds {file}; close it and run again"
            ) from None
        raise EnvironmentFailure(f"{file}: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} holds an entry that cannot be read: {error!r}") from None


def explain(error: OSError, place: Path) -> str:
    """An operating-system error as a sentence with a remedy."""
    # Copying a folder gathers what went wrong in sentences, without a number.
    copied = str(error) if isinstance(error, shutil.Error) else ""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if error.errno in full or any(f"[Errno {number}]" in copied for number in full):
        return _disk_full(place)
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return _read_only(place)
    return f"{place}: {error.strerror or error}"


def _disk_full(place: Path) -> str:
    allowed_bytes, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if allowed_bytes != resource.RLIM_INFINITY:
        return (
            f"{place} cannot grow: the disk is full, or `ulimit -f` is too small, which allows "
            f"{allowed_bytes / 1e6:g} MB a file; mend that and run again: nothing is lost"
        )
    return f"the disk that holds {place} is full; free some and run again: nothing is lost"


def _read_only(place: Path) -> str:
    return f"{place} cannot be written; make its folder writable, or copy the study elsewhere"
