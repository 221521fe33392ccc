from __future__ import annotations

import contextlib
import os
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proveout.runners import LocalRunner, Runner
from proveout.trials import Exit, Job, Limits

PATH = "/usr/local/bin:/usr/bin:/bin"
LIMITS = Limits(wall_seconds=60, memory_bytes=2 * 10**9, disk_bytes=10**8, log_bytes=10_000)

MakeJob = Callable[..., Job]


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir())) if folder.exists() else 0
    others = children()  # a server that other tests of this session look at, say
    yield
    assert (len(list(folder.iterdir())) if folder.exists() else 0) == before
    assert children() <= others


def children() -> set[int]:
    """This process's children by number, those that nobody has waited for included."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            parent = stat.read_text().rpartition(")")[2].split()[1]
            found |= {int(stat.parent.name)} if int(parent) == os.getpid() else set()
    return found


@pytest.fixture
def local() -> Iterator[LocalRunner]:
    with LocalRunner(slots=2, preload=()) as runner:
        yield runner


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """A job from a script's source, or from a command, in a folder of its own."""

    def make(job_id: str, source: str | None = None, *argv: str, **limits: Any) -> Job:
        folder = tmp_path / job_id
        folder.mkdir(exist_ok=True)
        if source is not None:
            script = folder / f"{job_id}.py"
            script.write_text(textwrap.dedent(source))
            argv = ("python", script.name, *argv)
        return Job(
            id=job_id,
            argv=argv,
            directory=folder,
            environment={"PATH": PATH, "GIVEN": "yes"},
            writes=folder,
            log=tmp_path / f"{job_id}.log",
            limits=replace(LIMITS, **limits),
        )

    return make


def collect(runner: Runner) -> list[Exit]:
    """Wait for everything that was submitted."""
    exits: list[Exit] = []
    while runner.running:
        exits += runner.poll(60)
    return exits
