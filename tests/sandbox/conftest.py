"""What the tests of the sandbox share."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proveout.sandbox import Launcher, Level, ProcessExit, _cell, _tree
from proveout.sandbox._records import LEVELS

PATH = "/usr/local/bin:/usr/bin:/bin"
MEGABYTE = 1_000_000


def descriptors() -> int | None:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else None


def wait_until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it comes to hold; the deadline is generous, as machines are busy."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def processes_in(folder: Path) -> list[int]:
    """Living processes that work in a folder or below it, whatever they are called inside."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


class Bench:
    """Runs one process after another in a folder, with limits that only the test cares about."""

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        self.launcher = launcher
        self.folder = folder
        self.started = 0

    def start(self, *argv: str, **limits: Any) -> str:
        """No two that run at once may share the folder."""
        self.started += 1
        launch_id = f"p{self.started}"
        options: dict[str, Any] = {
            "directory": self.folder,
            "environment": {"PATH": PATH},
            "log": self.folder / f"{launch_id}.log",
            "writes": self.folder,
            "wall_seconds": 60.0,
            "memory_bytes": 2000 * MEGABYTE,
            "disk_bytes": 100 * MEGABYTE,
            "log_bytes": 100_000,
        }
        self.launcher.start_process(launch_id, argv=argv, **{**options, **limits})
        return launch_id

    def script(self, source: str, name: str = "script.py") -> str:
        (self.folder / name).write_text(textwrap.dedent(source))
        return name

    def wait(self) -> ProcessExit:
        exits = self.launcher.poll(60)
        assert len(exits) == 1, exits
        return exits[0]

    def run(self, *argv: str, **limits: Any) -> ProcessExit:
        launch_id = self.start(*argv, **limits)
        ended = self.wait()
        assert ended.launch_id == launch_id
        return ended

    def python(self, source: str, *arguments: str, **limits: Any) -> ProcessExit:
        return self.run("python", self.script(source), *arguments, **limits)

    def log(self) -> str:
        return (self.folder / f"p{self.started}.log").read_text()

    def cold(self, *arguments: str) -> list[str]:
        """The same by a Python of its own: `-B` keeps it from being forked."""
        return [sys.executable, "-B", *arguments]


class Launchers:
    """One for each level, shared by all tests of a file that do not end it."""

    def __init__(self) -> None:
        self._living: dict[Level, Launcher] = {}

    def at(self, level: Level) -> Launcher:
        if level not in self._living:
            launcher = Launcher(highest=level)
            launcher.start()
            self._living[level] = launcher
        return self._living[level]

    @property
    def descriptors(self) -> int:
        """A socket and a file each."""
        return 2 * len(self._living)

    def jobs(self) -> list[int]:
        """Processes of this one that are neither a launcher nor an idle supervisor."""
        seen = _tree.Tree(os.getpid()).scan()
        nested = os.uname().sysname == "Linux" and not _cell._may_leave_namespaces()
        idle: set[int] = set()
        for level, launcher in self._living.items():
            assert launcher._process
            own = {launcher._process.pid}
            for _ in range(2 if nested and level in ("A", "B") else 1):
                own |= {pid for pid, process in seen.items() if process.parent in own}
            idle |= own
        return sorted(seen.keys() - idle)

    def close(self) -> None:
        for launcher in self._living.values():
            launcher.close()


@pytest.fixture(scope="module")
def launchers() -> Iterator[Launchers]:
    kept = Launchers()
    yield kept
    kept.close()


@pytest.fixture(autouse=True)
def nothing_is_left_behind(launchers: Launchers) -> Iterator[None]:
    def opened() -> int:
        return (descriptors() or 0) - launchers.descriptors

    before, others = opened(), set(launchers.jobs())
    yield
    assert opened() == before or descriptors() is None
    assert set(launchers.jobs()) <= others


@pytest.fixture
def bench(launchers: Launchers, tmp_path: Path) -> Bench:
    """At the highest level that there is."""
    return Bench(launchers.at("A"), tmp_path)


@pytest.fixture
def own_bench(tmp_path: Path) -> Iterator[Bench]:
    """With a launcher that a test may end."""
    with Launcher() as launcher:
        yield Bench(launcher, tmp_path)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, launchers: Launchers) -> Level:
    """Each level, where this machine offers it."""
    asked: Level = request.param
    launcher = launchers.at(asked)
    if launcher.isolation != asked:
        pytest.skip(f"this machine does not offer level {asked}: {launcher.attempts}")
    return asked


@pytest.fixture
def level_bench(level: Level, launchers: Launchers, tmp_path: Path) -> Bench:
    """A bench at each level."""
    return Bench(launchers.at(level), tmp_path)
