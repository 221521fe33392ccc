"""The budget is exact: whatever is asked, and wherever it is cut off, nothing is used uncharged."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proveout.improve import (
    Book,
    Budget,
    Ended,
    Ends,
    Model,
    Most,
    Samples,
    read_archive,
    read_improvement,
    run_improvement,
)
from proveout.improve._attempts import Counts
from proveout.improve._session import Given, Session

STAGES = ("before the charge", "after the charge", "after the sample", "after the settling")
GIVEN = Given("", "", lambda candidate: 0.0, "luck")


class Killed(BaseException):
    """The controller is gone, there and then."""


class Fate:
    """Strikes once at each of some (request, stage), counted over all lives."""

    def __init__(self, kills: list[tuple[int, str]]) -> None:
        self.kills = list(kills)
        self.request = 0

    def strike(self, stage: str) -> None:
        if (self.request, stage) in self.kills:
            self.kills.remove((self.request, stage))
            raise Killed


class Mortal(Book):
    """A book whose controller may be killed between any two of its lines."""

    def __init__(self, folder: Path, ends: Ends, fate: Fate) -> None:
        super().__init__(folder, ends, durable=False)
        self.fate = fate

    def charge(self, run: str, call: int, request: str, samples: int, most: Most) -> None:
        self.fate.strike("before the charge")
        super().charge(run, call, request, samples, most)
        self.fate.strike("after the charge")

    def settle(self, run: str, call: int, request: str, most: Most, got: Samples) -> None:
        self.fate.strike("after the sample")
        super().settle(run, call, request, most, got)
        self.fate.strike("after the settling")


class Counting(Model):
    """Costs less than its most, and checks that what it is asked for was charged."""

    def __init__(self) -> None:
        self.book: Mortal | None = None
        self.used: dict[int, int] = {}

    @property
    def name(self) -> str:
        return "counting"

    def most(self, prompt: str, count: int) -> Most:
        return Most(100 * count, 0.01 * count)

    def sample(self, prompt: str, count: int, temperature: float, seed: int) -> Samples:
        assert self.book is not None
        self.used[seed] = count  # the same luck is the same request, asked again
        assert sum(self.used.values()) <= self.book.archive.charges.samples
        return Samples((f"{prompt} {seed}",) * count, 20 * count, 10 * count, 0.003 * count)


def live(
    requests: list[tuple[int, str]], kills: list[tuple[int, str]], budget: Budget, ends: Ends
) -> tuple[Any, list[Any], str]:
    """One run of an improver that makes these requests, started again after each kill."""
    fate, model = Fate(kills), Counting()
    with tempfile.TemporaryDirectory() as folder:
        while True:
            with Mortal(Path(folder), ends, fate) as book:
                model.book = book
                session = Session(None, book, model, "run", budget, Counts())  # type: ignore[arg-type]
                got, ended = [], ""
                try:
                    for fate.request, (count, prompt) in enumerate(requests):
                        frame = {"prompt": prompt, "count": count, "temperature": 0.5}
                        reply = session._sample(frame, GIVEN)
                        got.append((reply["kind"], reply.get("texts")))
                        used = session.meter
                        assert used.samples <= budget.samples
                        assert budget.tokens is None or used.tokens <= budget.tokens
                        assert budget.usd is None or used.usd <= budget.usd + 1e-12
                except Killed:
                    continue
                except Ended as why:
                    ended = str(why)
            archive = read_archive(Path(folder))
            assert ends.samples is None or archive.charges.samples <= ends.samples
            assert ends.usd is None or archive.charges.usd <= ends.usd + 1e-12
            delivered = sum(len(texts) for kind, texts in got if kind == "samples")
            assert delivered == session.meter.samples == archive.charges.samples
            return archive.charges, got, ended


AMOUNTS = st.none() | st.integers(1, 8)


@settings(max_examples=60, deadline=None)
@given(
    requests=st.lists(st.tuples(st.integers(-1, 4), st.sampled_from("ab")), max_size=6),
    kills=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(STAGES)), max_size=5, unique=True),
    samples=st.integers(0, 8),
    tokens=AMOUNTS,
    usd=AMOUNTS,
    end_samples=AMOUNTS,
    end_usd=AMOUNTS,
)
def test_charges_and_answers_are_those_of_a_run_that_was_never_killed(
    requests: list[tuple[int, str]],
    kills: list[tuple[int, str]],
    samples: int,
    tokens: int | None,
    usd: int | None,
    end_samples: int | None,
    end_usd: int | None,
) -> None:
    budget = Budget(samples, 1, tokens and 50 * tokens, usd and 0.005 * usd)
    ends = Ends(end_samples, None, end_usd and 0.005 * end_usd)
    assert live(requests, kills, budget, ends) == live(requests, [], budget, ends)


def entries(folder: Path) -> int:
    """How many events are on record."""
    try:
        connection = sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True)
        (count,) = connection.execute("SELECT count(*) FROM event").fetchone()
        connection.close()
    except sqlite3.Error:
        return 0
    return int(count)


def told(folder: Path) -> Any:
    """What must be the same however often a folder was cut off."""
    archive = read_archive(folder)
    measured = {name: (run.gain, run.ended, run.samples) for name, run in archive.runs.items()}
    return (
        archive.charges, archive.present, sorted(archive.improvers.items()), archive.gates,
        archive.rejected, archive.refused, archive.screens, measured,
    )  # fmt: skip


@pytest.mark.parametrize("points", [(6, 17, 31)])
def test_after_kill_9_anywhere_the_archive_and_the_charges_are_the_same(
    toy_improvement: Any, tmp_path: Path, points: tuple[int, ...]
) -> None:
    toy_improvement.declare(generations=2)
    other = tmp_path / "other"
    shutil.copytree(toy_improvement.folder, other)
    command = [sys.executable, "-m", "proveout", "improve"]
    run_improvement(read_improvement(other))
    for point in points:
        process = subprocess.Popen(
            [*command, str(toy_improvement.folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while entries(toy_improvement.folder) < point and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
        process.wait()
    run_improvement(read_improvement(toy_improvement.folder))
    assert told(toy_improvement.folder) == told(other)
