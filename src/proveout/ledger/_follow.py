"""Reading a ledger as it grows, without taking part in it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

from proveout.ledger._builder import HistoryBuilder
from proveout.ledger._chain import ChainReader, LedgerCheck, rows_after
from proveout.ledger._faults import explained, no_ledger
from proveout.ledger._history import History
from proveout.ledger._ledger import LEDGER_FILE, check_version, entry_of, open_to_read


class LedgerFollower:
    """The history of a study that another process may be writing; only what is new is read.

    May be used from several threads.
    """

    def __init__(self, folder: Path) -> None:
        """Follows `folder/ledger.sqlite`, which need not exist yet."""
        self._file = folder / LEDGER_FILE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._builder = HistoryBuilder()
        self._chain = ChainReader()
        self._sequence = 0
        self._inode = 0

    @property
    def sequence(self) -> int:
        """The number of the last entry taken in; 0 where there is none."""
        return self._sequence

    @property
    def check(self) -> LedgerCheck:
        """Whether the entries taken in are as they were written, by their hashes."""
        return self._chain.check

    def advance(self) -> int:
        """Takes in what was appended since; returns the number of the last entry.

        Raises:
            DataError: the file is not a ledger.
            LedgerTooNew: a later version of proveout wrote it.
            EnvironmentFailure: it cannot be read now.
        """
        with self._lock, explained(self._file):
            inode = self._file.stat().st_ino if self._file.is_file() else 0
            if inode != self._inode:  # begun anew, or not there any more
                self._forget()
                self._inode = inode
            if not inode:
                return 0
            if self._connection is None:
                connection = open_to_read(self._file, any_thread=True)
                if check_version(connection, self._file) == 0:
                    connection.close()
                    return 0
                self._connection = connection
            for row in rows_after(self._connection, self._sequence):
                self._chain.take(*row)
                self._builder.add(entry_of(row))
                self._sequence = row[0]
            return self._sequence

    def history(self) -> History:
        """Everything taken in so far.

        Raises:
            DataError: the study has no ledger yet.
        """
        with self._lock:
            if not self._sequence:
                raise no_ledger(self._file.parent)
            return self._builder.history()

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None
        self._builder = HistoryBuilder()
        self._chain = ChainReader()
        self._sequence = 0
        self._inode = 0
