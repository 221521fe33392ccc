"""The ledger: an append-only SQLite file with one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self

from proveout.errors import (
    BudgetExceeded,
    DataError,
    EnvironmentFailure,
    LedgerTooNew,
    StudyBusy,
)
from proveout.ideas import Idea
from proveout.ledger._builder import HistoryBuilder
from proveout.ledger._chain import (
    ChainRow,
    LedgerCheck,
    check_chain,
    has_chain,
    next_hash,
    rows_after,
    verify,
)
from proveout.ledger._codec import decode, encode
from proveout.ledger._events import (
    SCHEMA_VERSION,
    Entry,
    Event,
    TrialFailed,
    TrialInterrupted,
    TrialScored,
    TrialStarted,
)
from proveout.ledger._faults import explain, explained, no_ledger
from proveout.ledger._history import History
from proveout.ledger._records import TrialRecord

LEDGER_FILE = "ledger.sqlite"
_LOCK_SECONDS = 0.5

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    sequence INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT
) STRICT;
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


def read_history(folder: Path) -> History:
    """The history of a study, read without taking part in it: a live one can be read too.

    Raises:
        DataError: there is no ledger yet, or the file is not one.
        LedgerTooNew: a later version of proveout wrote it.
    """
    return HistoryBuilder().extend(read_entries(folder)).history()


def read_entries(folder: Path) -> Iterator[Entry]:
    """Every entry of a study's ledger in order, for what the history leaves out: when it was.

    Raises, as the first is asked for, what `read_history` does.
    """
    file = folder / LEDGER_FILE
    if not file.is_file():
        raise no_ledger(folder)
    with explained(file), contextlib.closing(open_to_read(file)) as connection:
        if check_version(connection, file) == 0:
            raise no_ledger(folder)
        yield from entries_after(connection)


class Ledger:
    """The one writer. Opening takes the study's lock; the kernel gives it back at any end.

    Every append is one transaction, synced to disk before it returns: what was appended survives
    `kill -9` and a loss of power.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.time,
        durable: bool = True,
        any_thread: bool = False,
    ) -> None:
        """Opens or creates `folder/ledger.sqlite`.

        `durable=False` does not wait for the disk: for a simulation that can be made again.
        `any_thread` where a lock of the caller lets one thread write at a time.

        Raises:
            StudyBusy: another controller is at work on this study.
            LedgerTooNew: a later version of proveout wrote it.
            EnvironmentFailure: the folder cannot be written, or the disk is full.
        """
        self._clock = clock
        self._file = folder / LEDGER_FILE
        self._lock = _take_lock(folder)
        try:
            with explained(self._file):
                self._connection = sqlite3.connect(
                    self._file, isolation_level=None, check_same_thread=not any_thread
                )
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
                check_version(self._connection, self._file)
                self._connection.executescript(_SCHEMA)
                if not has_chain(self._connection):
                    self._connection.execute("ALTER TABLE event ADD COLUMN hash TEXT")
                self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
                self._head = self._checked_head()
                self._builder = HistoryBuilder().extend(entries_after(self._connection))
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Self:
        """Usable in a `with` statement."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the file and gives the lock back."""
        self.close()

    def close(self) -> None:
        """Closes the file and gives the lock back."""
        self._connection.close()
        self._lock.close()

    def _checked_head(self) -> str:
        """The last hash, of a chain that holds: on a broken one nothing is written."""
        check = check_chain(self._connection)
        if not check.ok:
            raise DataError(
                f"{self._file} was changed by something other than proveout: {check.why}. Put a "
                "copy from before in its place, or begin another study; it can still be read"
            )
        return check.head

    def history(self) -> History:
        """Everything known so far."""
        return self._builder.history()

    def idea(self, name: str) -> Idea:
        """One idea, without making a whole history."""
        return self._builder.idea(name)

    def record(self, trial_id: str) -> TrialRecord:
        """One trial, without making a whole history."""
        return self._builder.record(trial_id)

    def append(self, event: Event) -> Entry:
        """Writes one event.

        Raises:
            BudgetExceeded: the event would reserve more than is left; nothing is written.
            EnvironmentFailure: the disk is full or the file cannot be written.
        """
        if isinstance(event, TrialStarted) and not self._builder.account.covers(event.reserved):
            raise BudgetExceeded(
                f"{event.trial} would reserve {event.reserved:g}; "
                f"{self._builder.account.left:g} is left"
            )
        ends = isinstance(event, TrialScored | TrialFailed | TrialInterrupted)
        if ends and self.record(event.trial).state != "running":  # type: ignore[union-attr]
            raise ValueError(f"a trial is settled once, and it is not running: {event}")
        body = json.dumps(encode(event), allow_nan=False, separators=(",", ":"))
        at, sequence = float(self._clock()), self._builder.entries + 1
        kind = type(event).__name__
        head = next_hash(self._head, sequence, at, kind, body)
        with explained(self._file):
            self._connection.execute(
                "INSERT INTO event (sequence, at, kind, body, hash) VALUES (?, ?, ?, ?, ?)",
                (sequence, at, kind, body, head),
            )
        self._head = head
        entry = Entry(sequence, at, event, head)
        self._builder.add(entry)
        return entry


def verify_ledger(folder: Path, *, noted: str = "") -> LedgerCheck:
    """Whether a study's ledger is as it was written, by its hash chain.

    `noted` is a head that somebody wrote down, from a report for example: it finds entries that
    were cut off the end, which the chain alone cannot.

    Raises:
        DataError: there is no ledger, or the file is not one.
        LedgerTooNew: a later version of proveout wrote it.
    """
    file = folder / LEDGER_FILE
    if not file.is_file():
        raise no_ledger(folder)
    with explained(file), contextlib.closing(open_to_read(file)) as connection:
        check_version(connection, file)
        return verify(file, connection, noted)


def entries_after(connection: sqlite3.Connection, sequence: int = 0) -> Iterator[Entry]:
    """The entries that follow one of this number, in order."""
    return map(entry_of, rows_after(connection, sequence))


def entry_of(row: ChainRow) -> Entry:
    """A stored row as what it says."""
    number, at, kind, body, kept = row
    return Entry(number, at, decode(kind, json.loads(body)), kept or "")


def open_to_read(file: Path, any_thread: bool = False) -> sqlite3.Connection:
    """A connection that cannot write; `any_thread` where a lock of the caller guards it."""
    uri = file.resolve().as_uri()
    connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, check_same_thread=not any_thread)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        # A write-ahead log cannot be joined in a folder that we may not write to, or on a full
        # disk; the file alone can still be read where nobody is at work on it.
        connection.close()
        log = Path(f"{file}-wal")
        if log.exists() and log.stat().st_size:
            raise
        connection = sqlite3.connect(
            f"{uri}?mode=ro&immutable=1", uri=True, check_same_thread=not any_thread
        )
    return connection


def check_version(connection: sqlite3.Connection, file: Path) -> int:
    """The version of a ledger, 0 where nothing was written yet. Raises LedgerTooNew."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise LedgerTooNew(
            f"{file} is of version {version}, written by a later proveout; this one reads up to "
            f"version {SCHEMA_VERSION}. Upgrade proveout; the ledger was not touched"
        )
    return int(version)


def _lock_soon(file: IO[str]) -> None:
    """A child of a controller that was just killed holds its files until it is executed."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _take_lock(folder: Path) -> IO[str]:
    try:
        # Not inherited by children: the lock must end with the controller.
        lock = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise EnvironmentFailure(explain(error, folder)) from None
    try:
        _lock_soon(lock)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StudyBusy(
            f"another `proveout` command (process {holder}) is at work on {folder}; watch it with "
            f"`proveout serve {shlex.quote(str(folder))}`, or stop it with Ctrl-C there"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def is_at_work(folder: Path) -> bool:
    """Whether somebody holds the study's ledger to write it: a controller, as a rule.

    Looks by taking the lock together with whoever else looks, for as long as that takes; who wants
    it for himself waits that long. False where there is no lock file.
    """
    try:
        with (folder / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
