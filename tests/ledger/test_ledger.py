"""The ledger keeps everything, spends nothing twice, and says what is wrong with itself."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proveout.errors import (
    BudgetExceeded,
    DataError,
    EnvironmentFailure,
    LedgerTooNew,
    StudyBusy,
)
from proveout.ideas import Idea
from proveout.ledger import (
    BaselineLaw,
    Decided,
    Event,
    ForecastMade,
    ForecastScored,
    IdeaAdded,
    IdeaRefused,
    IdeaRestored,
    Ledger,
    MergeRefused,
    StudyEnded,
    StudyOpened,
    TrialFailed,
    TrialInterrupted,
    TrialScored,
    TrialStarted,
    Verdict,
    VerdictsRead,
    explain,
    is_at_work,
    read_history,
)
from proveout.trials import Failure, Measurement, Trial, Usage

OPENED = StudyOpened("toy", "0.1.0", 100.0, "flops", "name = 'toy'", "a machine")
USAGE = Usage(1.5, 1.25, 0.1, 1000, 0, None)
MEASURED = Measurement(2.5, "bits_per_byte", "bits per byte", "audited", "E", 64)


def started(trial: str = "a-r1-s1", reserved: float = 10.0) -> TrialStarted:
    idea, rung, replicate = trial.rsplit("-", 2)
    return TrialStarted(trial, idea, int(rung[1:]) - 1, int(replicate[1:]) - 1, 7, reserved)


def scored(trial: str = "a-r1-s1", charged: float = 10.0) -> TrialScored:
    return TrialScored(trial, charged, MEASURED, USAGE)


def failed(trial: str = "a-r1-s1", charged: float = 1.0) -> TrialFailed:
    return TrialFailed(trial, charged, Failure("crashed", "it exited with code 1"), USAGE)


EVERY_KIND: list[Event] = [
    OPENED,
    IdeaAdded(Idea("baseline", "baseline", "c0", None)),
    IdeaAdded(Idea("a", "idea", "c1", "c0", "h", "s", parameters={"x": 1, "y": True}), 4),
    IdeaRefused("b", "does not apply"),
    started(),
    scored(),
    started("a-r1-s2"),
    failed("a-r1-s2"),
    started("a-r1-s3"),
    TrialInterrupted("a-r1-s3", "killed"),
    Decided("Buy", "because"),
    MergeRefused("stack-2", "b", ("train.py",)),
    ForecastMade("a", 3, -0.1, 0.02, 5.0, (-0.13, -0.07), (-0.15, -0.05), 2.0, (1.9, 2.1)),
    ForecastScored("a", 3, -0.09, 0.01, 2.0, 1.91, True, 0.01),
    VerdictsRead(
        (
            Verdict("a", "holds", -0.1, (-0.2, -0.1), 1.5, (1.1, None), 0.99, 2, "why",
                    ((1e6, -0.1, -0.2, 0.0),), ((1e6, -0.1, 0.01, 2),)),
            Verdict("b", "broken", None, None, None, None, None, 0, "crashed"),
        ),
        3,
        BaselineLaw(((1e6, 2.0, 1.9, 2.1),), "L = 1"),
    ),
    StudyEnded("done"),
]  # fmt: skip


def test_every_kind_of_event_comes_back_as_it_was(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for event in EVERY_KIND:
            ledger.append(event)
        before = ledger.history()
    after = read_history(tmp_path)
    for part in ("opened", "ideas", "refused", "trials", "decisions", "merges_refused",
                 "forecasts", "forecasts_scored", "verdicts", "ended", "account"):  # fmt: skip
        assert getattr(after, part) == getattr(before, part), part
    assert after.verdicts == EVERY_KIND[-2]
    assert after.ideas["a"].parameters == {"x": 1, "y": True}


def test_what_was_not_measured_stays_missing(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for event in EVERY_KIND:
            ledger.append(event)
    history = read_history(tmp_path)
    record = history.trials[Trial(0, 1, "a")]
    assert record.measurement is None
    assert history.losses("a", 0) == {0: 2.5}
    assert history.losses("b", 0) == {}
    assert history.verdicts and history.verdicts.verdicts[1].gap_at_target is None


def test_a_number_that_is_not_finite_is_never_written(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
        ledger.append(started())
        with pytest.raises(ValueError, match="not JSON compliant"):
            ledger.append(replace(scored(), charged=float("nan")))
    assert read_history(tmp_path).account.charged == 0


def test_nothing_can_be_changed_or_taken_back(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    for statement in ("UPDATE event SET at = 0", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_the_budget_cannot_be_overspent(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
        ledger.append(started("a-r1-s1", 60.0))
        with pytest.raises(BudgetExceeded, match="40 is left"):
            ledger.append(started("a-r1-s2", 41.0))
        ledger.append(started("a-r1-s2", 40.0))
        ledger.append(failed("a-r1-s2", 5.0))
        assert ledger.history().account.left == 35.0
    assert read_history(tmp_path).account.charged == 5.0
    assert read_history(tmp_path).account.reserved == 60.0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["start", "score", "fail", "interrupt"]),
                  st.integers(1, 40)),
        max_size=40,
    )
)  # fmt: skip
def test_the_account_is_exact_under_any_interleaving(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    running: dict[int, int] = {}
    charged = 0
    with Ledger(folder) as ledger:
        ledger.append(OPENED)
        for number, step, amount in steps:
            trial = f"a-r1-s{number + 1}"
            if step == "start" and number not in running:
                fits = charged + sum(running.values()) + amount <= 100
                if not fits:
                    with pytest.raises(BudgetExceeded):
                        ledger.append(started(trial, amount))
                    continue
                ledger.append(started(trial, amount))
                running[number] = amount
            elif step != "start" and number in running:
                reserved = running.pop(number)
                used = min(amount, reserved)
                if step == "score":
                    ledger.append(scored(trial, used))
                elif step == "fail":
                    ledger.append(failed(trial, used))
                else:
                    ledger.append(TrialInterrupted(trial, "killed"))
                charged += 0 if step == "interrupt" else used
    account = read_history(folder).account
    assert (account.charged, account.reserved) == (charged, sum(running.values()))
    assert account.charged + account.reserved <= account.budget


def test_a_trial_is_settled_once(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for event in (OPENED, started(), scored()):
            ledger.append(event)
        for event in (scored(), failed(), TrialInterrupted("a-r1-s1", "late")):
            with pytest.raises(ValueError, match="settled once"):
                ledger.append(event)
    assert read_history(tmp_path).account.charged == 10.0


def test_a_baseline_tried_again_takes_failures_of_its_kind_with_it(tmp_path: Path) -> None:
    """What runs out of memory names another buffer each time; a crash of an idea is its own."""
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
        for trial, kind, sentence in (
            ("baseline-r1-s1", "out of memory", "no room for the output buffer"),
            ("a-r1-s1", "out of memory", "no room for a list"),
            ("b-r1-s1", "crashed", "it exited with code 1"),
        ):
            ledger.append(started(trial))
            ledger.append(TrialFailed(trial, 1.0, Failure(kind, sentence), USAGE))
        ledger.append(IdeaRestored("baseline", "more memory"))
        history = read_history(tmp_path)
    assert not history.failures("baseline")
    assert not history.failures("a")
    assert [failure.kind for failure in history.failures("b")] == ["crashed"]
    assert history.account.charged == 3.0


def test_a_file_without_any_event_is_no_ledger_yet(tmp_path: Path) -> None:
    study = tmp_path / "my study"
    study.mkdir()
    (study / "ledger.sqlite").touch()
    with pytest.raises(DataError, match="no ledger yet") as raised:
        read_history(study)
    (command,) = re.findall("`(.*)`", str(raised.value))
    assert shlex.split(command) == ["proveout", "run", str(study)]  # as it is pasted


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    assert not is_at_work(tmp_path)
    with Ledger(tmp_path):
        assert is_at_work(tmp_path)
        with pytest.raises(StudyBusy, match=str(os.getpid())):
            Ledger(tmp_path)
    assert not is_at_work(tmp_path)
    Ledger(tmp_path).close()


def test_a_reader_reads_while_the_writer_writes(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
        assert read_history(tmp_path).opened == OPENED
        ledger.append(started())
        assert read_history(tmp_path).account.reserved == 10.0


def test_a_killed_writer_loses_nothing_it_had_written(tmp_path: Path) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from proveout.ledger import Decided, Ledger
        ledger = Ledger(Path({str(tmp_path)!r}))
        for number in range(20):
            ledger.append(Decided("Buy", str(number)))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)])
    assert done.returncode == -signal.SIGKILL
    with Ledger(tmp_path) as ledger:
        assert [decided.why for decided in ledger.history().decisions] == list(map(str, range(20)))


def test_a_later_versions_ledger_is_left_alone(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    before = (tmp_path / "ledger.sqlite").read_bytes()
    with pytest.raises(LedgerTooNew, match=r"version 99.*Upgrade"):
        Ledger(tmp_path)
    with pytest.raises(LedgerTooNew):
        read_history(tmp_path)
    assert (tmp_path / "ledger.sqlite").read_bytes() == before


def test_a_file_that_is_no_ledger_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(DataError, match="damaged or not a ledger"):
        read_history(tmp_path)
    with pytest.raises(DataError, match="damaged or not a ledger"):
        Ledger(tmp_path)


def test_a_damaged_entry_is_said_so(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    connection.execute("INSERT INTO event (at, kind, body) VALUES (0, 'Decided', '{')")
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match="cannot be read"):
        read_history(tmp_path)


def test_a_missing_ledger_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="proveout run"):
        read_history(tmp_path)


def test_a_full_disk_is_said_so_and_loses_nothing(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
        ledger._connection.execute("PRAGMA max_page_count=8")
        with pytest.raises(EnvironmentFailure, match=r"full.*nothing is lost"):
            for _ in range(100):
                ledger.append(Decided("Buy", "x" * 2000))
        kept = len(ledger.history().decisions)
    assert len(read_history(tmp_path).decisions) == kept
    with Ledger(tmp_path) as ledger:
        ledger.append(Decided("Buy", "there is room again"))
    assert len(read_history(tmp_path).decisions) == kept + 1


def test_a_path_too_long_for_sqlite_is_said_so(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 200) / ("b" * 200) / ("c" * 200)
    folder.mkdir(parents=True)
    with pytest.raises(EnvironmentFailure, match="shorter"):
        Ledger(folder)


def test_a_disk_that_fills_while_a_folder_is_copied_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "file").write_text("something")

    def onto_a_full_disk(source: str, _: str) -> None:
        with Path("/dev/full").open("w") as full:
            full.write(Path(source).read_text())

    with pytest.raises(shutil.Error) as failed:
        shutil.copytree(tmp_path / "from", tmp_path / "to", copy_function=onto_a_full_disk)
    assert "is full" in explain(failed.value, tmp_path)


def test_a_field_that_an_older_version_did_not_write_takes_its_default(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.append(OPENED)
    idea = asdict(Idea("a", "idea", "c1", "c0"))
    del idea["members"], idea["category"]
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    connection.execute(
        "INSERT INTO event (at, kind, body) VALUES (0, 'IdeaAdded', ?)",
        (json.dumps({"idea": idea}),),
    )
    connection.commit()
    connection.close()
    assert read_history(tmp_path).ideas["a"] == Idea("a", "idea", "c1", "c0")
