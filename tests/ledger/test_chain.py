"""The hash chain: what was changed, removed, inserted or cut off is found, and where."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from proveout.errors import DataError
from proveout.ledger import (
    Decided,
    Ledger,
    LedgerCheck,
    LedgerFollower,
    StudyOpened,
    read_history,
    verify_ledger,
)

OPENED = StudyOpened("toy", "0.1.0", 100.0, "flops", "name = 'toy'", "a machine")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
        for number in range(8):
            ledger.append(Decided("Buy", f"because of {number}"))
    return tmp_path


def edit(folder: Path, *statements: str) -> None:
    """What somebody with the file and a copy of SQLite can do."""
    connection = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
    for trigger in ("no_update", "no_delete"):
        connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_a_ledger_as_it_was_written_is_proven_and_its_head_is_in_the_history(folder: Path) -> None:
    check = verify_ledger(folder)
    assert check == LedgerCheck(9, check.head, None, "")
    assert check.ok
    assert read_history(folder).head == check.head
    assert read_history(folder).entries == 9
    with Ledger(folder) as ledger:
        entry = ledger.append(Decided("Stop", "enough"))
    assert verify_ledger(folder).head == entry.hash != check.head
    assert verify_ledger(folder, noted=check.head).ok


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("UPDATE event SET body = replace(body, 'of 3', 'of 4') WHERE sequence = 5", 5),
        ("UPDATE event SET at = at + 1 WHERE sequence = 1", 1),
        ("UPDATE event SET kind = 'StudyEnded' WHERE sequence = 9", 9),
        ("DELETE FROM event WHERE sequence = 4", 5),
        ("UPDATE event SET hash = NULL WHERE sequence > 6", 7),
        ("INSERT INTO event (at, kind, body) VALUES (1.0, 'Decided', '{}')", 10),
    ],
)
def test_what_was_changed_is_found_where_it_was(folder: Path, statement: str, at: int) -> None:
    edit(folder, statement)
    check = verify_ledger(folder)
    assert not check.ok
    assert check.broken_at == at
    with pytest.raises(DataError, match="changed by something other"):
        Ledger(folder)


def test_a_follower_checks_what_it_reads(folder: Path) -> None:
    follower = LedgerFollower(folder)
    follower.advance()
    assert follower.check == verify_ledger(folder) and follower.check.ok
    with Ledger(folder) as ledger:
        ledger.append(Decided("Buy", "one more"))
    edit(folder, "UPDATE event SET at = at + 1 WHERE sequence = (SELECT max(sequence) FROM event)")
    follower.advance()
    assert follower.check == verify_ledger(folder) and not follower.check.ok
    follower.close()


def test_entries_cut_off_the_end_are_found_by_a_head_that_was_noted(folder: Path) -> None:
    noted = verify_ledger(folder).head
    edit(folder, "DELETE FROM event WHERE sequence > 6")
    assert verify_ledger(folder).ok
    check = verify_ledger(folder, noted=noted)
    assert not check.ok
    assert check.broken_at == 7
    assert noted[:16] in check.why


def test_a_ledger_from_before_the_chain_is_read_and_sealed_by_what_follows(folder: Path) -> None:
    edit(folder, "ALTER TABLE event DROP COLUMN hash", "PRAGMA user_version = 1")
    assert read_history(folder).entries == 9
    assert verify_ledger(folder).ok
    with Ledger(folder) as ledger:
        ledger.append(Decided("Stop", "enough"))
    assert verify_ledger(folder).entries == 10
    edit(folder, "UPDATE event SET body = replace(body, 'of 3', 'of 4') WHERE sequence = 5")
    assert verify_ledger(folder).broken_at == 10


def test_what_is_no_ledger_says_so(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no ledger yet"):
        verify_ledger(tmp_path / "none")
    other = tmp_path / "other"
    other.mkdir()
    connection = sqlite3.connect(other / "ledger.sqlite")
    connection.execute("CREATE TABLE thing (x)")
    connection.close()
    with pytest.raises(DataError, match="holds no events"):
        verify_ledger(other)
    shutil.copy(Path(__file__), other / "ledger.sqlite")
    with pytest.raises(DataError):
        verify_ledger(other)
