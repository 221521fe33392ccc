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
from dataclasses import dataclass
from pathlib import Path

from proveout.errors import DataError

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


def check_chain(connection: sqlite3.Connection, noted: str = "") -> LedgerCheck:
    """Recomputes the chain; `noted` is a head that somebody wrote down earlier."""
    stored = "hash" if has_chain(connection) else "NULL"
    rows = connection.execute(
        f"SELECT sequence, at, kind, body, {stored} FROM event ORDER BY sequence"
    )
    head, entries, begun, seen = FIRST, 0, False, not noted
    for sequence, at, kind, body, kept in rows:
        if sequence != entries + 1:
            return LedgerCheck(entries, head, sequence, f"entry {entries + 1} is missing")
        here = next_hash(head, sequence, at, kind, body)
        if kept is None and begun:
            return LedgerCheck(entries, head, sequence, f"entry {sequence} has no hash")
        if kept is not None and kept != here:
            why = f"entry {sequence} ({kind}) is not what was written, or one before it is not"
            return LedgerCheck(entries, head, sequence, why)
        head, entries, begun = here, entries + 1, begun or kept is not None
        seen = seen or here == noted
    if not seen:
        why = f"no entry has the hash {noted[:16]}: entries were cut off, or it is another ledger's"
        return LedgerCheck(entries, head, entries + 1, why)
    return LedgerCheck(entries, head, None, "")


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
