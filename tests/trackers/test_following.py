"""Trackers beside a study that runs: those that are what they should be, and all the others."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from proveout.ledger import History, read_history
from proveout.loop import run_study
from proveout.study import Study, read_study
from proveout.trackers import tracker_states
from proveout.trials import Trial
from proveout.verdicts import Action, Buy, Purchase, Stop, Wait


def six_baselines(study: Study, history: History, free: int) -> Action:
    """A policy: the smallest trial there is, six times, one after the other."""
    states = {trial.replicate: record.state for trial, record in history.trials.items()}
    if "running" in states.values():
        return Wait("one at a time")
    left = [i for i in range(6) if states.get(i) not in {"scored", "failed"}]
    if not left:
        return Stop("six are enough")
    return Buy((Purchase(Trial(0, left[0], "baseline"), "a test"),))


def declare(toy: Any, *tables: str) -> None:
    toy.file.write_text(toy.file.read_text() + "".join(f"\n[[tracker]]\n{each}" for each in tables))


def story(toy: Any) -> list[tuple[str, Any]]:
    """What happened, without what depends on the machine's pace or on study.toml's text."""
    with sqlite3.connect(toy.folder / "ledger.sqlite") as connection:
        rows = connection.execute("SELECT kind, body FROM event ORDER BY sequence").fetchall()
    connection.close()
    told = [(kind, json.loads(body)) for kind, body in rows]
    for _, body in told:
        for changing in ("usage", "study_toml", "audits"):
            body.pop(changing, None)
    return told


def processes_of(folder: Path) -> list[str]:
    """Command lines of tracker processes of a study that are alive."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "proveout.trackers" in line and str(folder) in line:
            found.append(line)
    return found


def test_a_tracker_that_hangs_changes_nothing_in_a_study(make_toy: Any, deaf_address: str) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    alone, followed = make_toy("alone"), make_toy("followed")
    declare(
        followed,
        f'kind = "mlflow"\naddress = "{deaf_address}"\nwait = "5 s"\n',
        'kind = "tensorboard"\nwait = "1 min"\n',
    )
    run_study(read_study(alone.folder), policy=six_baselines)
    assert run_study(read_study(followed.folder), policy=six_baselines).finished
    assert story(followed) == story(alone)
    assert not processes_of(followed.folder)

    history = read_history(followed.folder)
    hanging, good = tracker_states(read_study(followed.folder), history)
    assert (good.sent, good.waiting, good.trouble) == (history.finished_trials, 0, "")
    assert (hanging.sent, hanging.waiting) == (0, history.finished_trials)
    assert hanging.trouble
    assert "--to mlflow" in hanging.line(followed.folder)


def test_a_call_that_never_comes_back_is_ended(known: Any, bad_server: Any) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    table = f'[[tracker]]\nkind = "mlflow"\naddress = "{bad_server("drip")}"\n'
    known.file.write_text(f"{known.file.read_text()}\n{table}")
    code = (
        "import os, sys, pathlib, proveout.trackers.__main__ as it\n"
        "it._CALL_SECONDS = 3\n"
        f"it.follow(pathlib.Path({str(known.folder)!r}), 0)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.wait(60) == -signal.SIGKILL
    finally:
        process.kill()
        process.communicate()
    (state,) = tracker_states(read_study(known.folder), read_history(known.folder))
    assert state.trouble == "no answer in 3 s"
    assert state.waiting == 3


def test_a_study_that_was_killed_goes_on_and_nothing_is_written_twice(toy: Any) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    declare(toy, 'kind = "tensorboard"\nfolder = "tb"\nwait = "1 min"\n')
    code = (
        "import pathlib, runpy\n"
        f"here = runpy.run_path({__file__!r})\n"
        f"study = here['read_study'](pathlib.Path({str(toy.folder)!r}))\n"
        "here['run_study'](study, policy=here['six_baselines'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        until(lambda: sent_lines(toy))
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    before = sent_lines(toy)
    until(lambda: not processes_of(toy.folder))

    history = run_study(read_study(toy.folder), policy=six_baselines).history
    (state,) = tracker_states(read_study(toy.folder), history)
    assert (state.sent, state.waiting, state.trouble) == (history.finished_trials, 0, "")
    times = Counter(sent_lines(toy))
    assert times.keys() == {
        trial.id for trial, each in history.trials.items() if each.state in {"scored", "failed"}
    }
    assert set(times.values()) == {1}
    assert set(before) <= set(times)
    (root,) = (toy.folder / "tb").iterdir()
    assert {folder.name for folder in root.iterdir()} == set(times) | {"study"}
    for folder in root.iterdir():
        assert folder.name == "study" or len(list(folder.iterdir())) == 1
    assert not processes_of(toy.folder)


def sent_lines(toy: Any) -> list[str]:
    found = []
    for file in (toy.folder / "trackers").glob("*.jsonl"):
        for line in filter(None, file.read_text().splitlines()):
            if sent := json.loads(line).get("sent"):
                found.append(sent)
    return found


def until(true: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
