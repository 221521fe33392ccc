"""The hash chain of the ledger: each entry's hash covers its own bytes and the hash before it.

Who changes, inserts or removes an entry would have to rewrite every hash after it, and the head,
the last one, would be another. The head stands in every report: noted elsewhere, it proves the
whole history before it. Entries of a ledger that is older than the chain are folded in the same
way, so the first hash that is stored seals them all.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proveout.errors import DataError

ChainRow = tuple[int, float, str, str, str | None]
"""An entry as it is stored: number, time, kind, body and hash."""

FIRST = hashlib.sha256(b"proveout ledger").hexdigest()
"""What stands before the first entry."""


@dataclass(frozen=True)
class LedgerCheck:
    """Whether a ledger is as it was written."""

    entries: int
    head: str
    """The hash of the last entry that fits; of an empty ledger, the hash before the first."""
    broken_at: int | None
    """The sequence of the first entry that does not fit; None where all do."""
    why: str

    @property
    def ok(self) -> bool:
        """Whether every entry fits, and a head that was noted is among their hashes."""
        return not self.why


def next_hash(before: str, sequence: int, at: float, kind: str, body: str) -> str:
    """The hash of an entry: SHA-256 of the one before and the entry's own columns, a line each."""
    text = f"{before}\n{sequence}\n{at!r}\n{kind}\n{body}"
    return hashlib.sha256(text.encode()).hexdigest()


class ChainReader:
    """Holds entries against their hashes as they are read, in order."""

    def __init__(self) -> None:
        self.check = LedgerCheck(0, FIRST, None, "")
        self._begun = False

    def take(self, sequence: int, at: float, kind: str, body: str, kept: str | None) -> None:
        """The next entry, with the hash that was stored; nothing is read past one that is wrong."""
        if not self.check.ok:
            return
        here = next_hash(self.check.head, sequence, at, kind, body)
        if why := self._fault(sequence, kind, kept, here):
            self.check = LedgerCheck(self.check.entries, self.check.head, sequence, why)
            return
        self._begun = self._begun or kept is not None
        self.check = LedgerCheck(self.check.entries + 1, here, None, "")

    def _fault(self, sequence: int, kind: str, kept: str | None, here: str) -> str:
        if sequence != self.check.entries + 1:
            return f"entry {self.check.entries + 1} is missing"
        if kept is None and self._begun:
            return f"entry {sequence} has no hash"
        if kept is not None and kept != here:
            return f"entry {sequence} ({kind}) is not what was written, or one before it is not"
        return ""


def check_chain(connection: sqlite3.Connection, noted: str = "") -> LedgerCheck:
    """Recomputes the chain; `noted` is a head that somebody wrote down earlier."""
    reader, seen = ChainReader(), not noted
    for row in rows_after(connection):
        reader.take(*row)
        seen = seen or reader.check.head == noted
    check = reader.check
    if check.ok and not seen:
        why = f"no entry has the hash {noted[:16]}: entries were cut off, or it is another ledger's"
        return LedgerCheck(check.entries, check.head, check.entries + 1, why)
    return check


def rows_after(connection: sqlite3.Connection, sequence: int = 0) -> Iterator[ChainRow]:
    """The rows that follow an entry of this number, in order."""
    stored = "hash" if has_chain(connection) else "NULL"
    yield from connection.execute(
        f"SELECT sequence, at, kind, body, {stored} FROM event WHERE sequence > ? "
        "ORDER BY sequence",
        (sequence,),
    )


def has_chain(connection: sqlite3.Connection) -> bool:
    """Whether the table has room for hashes: older ledgers have not."""
    columns = connection.execute("PRAGMA table_info(event)").fetchall()
    return any(name == "hash" for _, name, *_ in columns)


def verify(file: Path, connection: sqlite3.Connection, noted: str = "") -> LedgerCheck:
    """`check_chain`, for a file that may not be a ledger at all.

    Raises:
        DataError: it holds no table of events.
    """
    with contextlib.suppress(sqlite3.OperationalError):
        return check_chain(connection, noted)
    raise DataError(f"{file} holds no events; is it a ledger?")
