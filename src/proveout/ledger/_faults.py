"""What stops a ledger from being read or written, as a sentence with a remedy."""

from __future__ import annotations

import contextlib
import errno
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from proveout.errors import DataError, EnvironmentFailure


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
        if code.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC")):
            raise EnvironmentFailure(_disk_full(file)) from None
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            raise EnvironmentFailure(_read_only(file)) from None
        if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            raise DataError(f"{file} is damaged or not a ledger: {error}") from None
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise EnvironmentFailure(
                f"another program holds {file}; close it and run again"
            ) from None
        raise EnvironmentFailure(f"{file}: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} holds an entry that cannot be read: {error!r}") from None


def explain(error: OSError, place: Path) -> str:
    """An operating-system error as a sentence with a remedy."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _disk_full(place)
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return _read_only(place)
    return f"{place}: {error.strerror or error}"


def _disk_full(place: Path) -> str:
    return f"the disk that holds {place} is full; free some and run again: nothing is lost"


def _read_only(place: Path) -> str:
    return f"{place} cannot be written; make its folder writable, or copy the study elsewhere"
