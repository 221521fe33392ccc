"""What isolation costs at each level, and that nothing survives it.

    python benchmarks/isolation.py [--jobs N] [--nasty N] [--preload MODULE]

Ready is the time from asking for a job until its first line runs, whole until its exit is known,
beside a subprocess that imports the module and one that imports nothing. Overhead is all that a
trial takes beside its own run: its folder, the launch, its exit, its score's transfer.
Then jobs that fork, daemonise, ignore signals and fill memory and disk; afterwards processes,
mounts, namespaces, control groups and files are counted against those before.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from proveout.sandbox import Launcher, Level, ProcessExit

REPORT_READY = "import time; print(time.monotonic(), flush=True)"
ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "OMP_NUM_THREADS": "1"}
LEVELS: tuple[Level, ...] = ("A", "B", "C", "E")
SCORE_FLOATS = 64 * 128 * 256
NASTY = """
import os, signal, sys, time
kind = int(sys.argv[1]) % 5
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if kind == 0:
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
elif kind == 1:
    while True:
        try:
            if os.fork() == 0:
                time.sleep(600)
        except OSError:
            time.sleep(0.001)
elif kind == 2:
    kept = []
    while True:
        kept.append(bytearray(b"x" * (1 << 22)))
elif kind == 3:
    with open("/dev/shm/left" if os.access("/dev/shm", os.W_OK) else "left", "wb") as file:
        file.write(b"x" * (1 << 20))
    for number in range(50):
        open(f"left-{number}", "w").close()
    os.kill(os.getpid(), signal.SIGSEGV)
else:
    if os.fork() == 0:
        os.setsid()
        while True:
            pass
    time.sleep(600)
"""


@dataclass(frozen=True)
class Times:
    """Milliseconds."""

    name: str
    ready: list[float]
    whole: list[float]

    def row(self, base: float) -> str:
        middle, least = statistics.median(self.ready), min(self.ready)
        ratio = base / middle
        return (
            f"{self.name:34} {middle:9.1f} {least:9.1f} {statistics.median(self.whole):9.1f} "
            f"{min(self.whole):9.1f} {ratio:9.1f}x"
        )


@dataclass(frozen=True)
class Leftovers:
    """What there is of each kind that a job could leave."""

    processes: int
    mounts: int
    namespaces: int
    groups: int
    files: int

    @classmethod
    def count(cls, folder: Path, below: int) -> Leftovers:
        return cls(
            processes=sum(1 for _ in processes_below(below)),
            mounts=len(Path("/proc/self/mountinfo").read_text().splitlines()),
            namespaces=len(namespaces(below)),
            groups=sum(1 for _ in Path("/sys/fs/cgroup").rglob("proveout-*")),
            files=sum(1 for place in (folder, Path("/dev/shm"), Path(tempfile.gettempdir()))
                      for path in place.glob("*") if "left" in path.name or "proof" in path.name),
        )  # fmt: skip


def processes_below(root: int) -> Iterator[int]:
    """Descendants of a process that are alive."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state not in "ZX":
                parents[int(entry.name)] = int(parent)
    for pid in parents:
        above = pid
        while above in parents and above != root:
            above = parents[above]
        if above == root and pid != root:
            yield pid


def namespaces(root: int) -> set[str]:
    """Those that descendants of a process are in and it is not, or that are kept by a mount."""
    own = {str(each.readlink()) for each in Path("/proc/self/ns").iterdir()}
    found: set[str] = set()
    for pid in processes_below(root):
        with contextlib.suppress(OSError):
            found |= {str(each.readlink()) for each in Path(f"/proc/{pid}/ns").iterdir()}
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return found - own | {row for row in mounts if " - nsfs " in row}


def run_job(launcher: Launcher, folder: Path, *argv: str, **limits: Any) -> ProcessExit:
    options: dict[str, Any] = {
        "wall_seconds": 60.0, "memory_bytes": 4 * 10**9, "disk_bytes": 10**9, "log_bytes": 10**5,
        **limits,
    }  # fmt: skip
    launcher.start_process(
        "job", argv=argv, directory=folder, environment=ENVIRONMENT, log=folder / "log",
        writes=folder, **options,
    )  # fmt: skip
    (ended,) = launcher.poll(None)
    return ended


def forked(level: Level, module: str, jobs: int, folder: Path) -> Times | None:
    """Jobs at a level; None where the machine does not offer it."""
    with Launcher([module], highest=level) as launcher:
        if launcher.isolation != level:
            return None
        (folder / "job.py").write_text(f"import {module}\n{REPORT_READY}")
        run_job(launcher, folder, "python", "job.py")
        ready, whole = [], []
        for _ in range(jobs):
            began = time.monotonic()
            ended = run_job(launcher, folder, "python", "job.py")
            whole.append(1000 * (time.monotonic() - began))
            if ended.code != 0:
                sys.exit(f"a job failed: {(folder / 'log').read_text()}")
            ready.append(1000 * (float((folder / "log").read_text()) - began))
    return Times(f"level {level}, {module} preloaded", ready, whole)


def cold(name: str, source: str, jobs: int) -> Times:
    ready, whole = [], []
    for _ in range(jobs):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", f"{source}\n{REPORT_READY}"],
            env=ENVIRONMENT, capture_output=True, check=True,
        )  # fmt: skip
        whole.append(1000 * (time.monotonic() - began))
        ready.append(1000 * (float(done.stdout) - began))
    return Times(name, ready, whole)


def overhead(level: Level, module: str, jobs: int, folder: Path) -> list[float] | None:
    """Milliseconds a trial beside its run: a trial that only writes logits, and their reading."""
    logits = np.zeros(SCORE_FLOATS, dtype=np.float32)
    source = (
        f"import time, {module}\nbegan = time.monotonic()\n"
        "data = open('logits.in', 'rb').read()\nopen('logits.out', 'wb').write(data)\n"
        "print(time.monotonic() - began, flush=True)\n"
    )
    with Launcher([module], highest=level) as launcher:
        if launcher.isolation != level:
            return None
        spent = []
        for _ in range(jobs + 1):
            place = folder / "trial"
            shutil.rmtree(place, ignore_errors=True)
            logits.tofile(folder / "logits.in")
            began = time.monotonic()
            place.mkdir()
            (place / "job.py").write_text(source)
            os.link(folder / "logits.in", place / "logits.in")
            run_job(launcher, place, "python", "job.py")
            read = np.fromfile(place / "logits.out", dtype=np.float32)
            whole = time.monotonic() - began
            spent.append(1000 * (whole - float((place / "log").read_text())))
            assert read.size == SCORE_FLOATS
    return spent[1:]


def survivors(level: Level, jobs: int, folder: Path) -> tuple[Leftovers, Leftovers] | None:
    """What there was before nasty jobs and what there is after them and their launcher."""
    before = Leftovers.count(folder, os.getpid())
    (folder / "nasty.py").write_text(NASTY)
    with Launcher(highest=level) as launcher:
        if launcher.isolation != level:
            return None
        for number in range(jobs):
            place = folder / "nasty"
            place.mkdir()
            shutil.copy(folder / "nasty.py", place)
            run_job(
                launcher, place, "python", "nasty.py", str(number),
                wall_seconds=0.2, memory_bytes=60_000_000, processes=40,
            )  # fmt: skip
            shutil.rmtree(place)
    (folder / "nasty.py").unlink()
    return before, Leftovers.count(folder, os.getpid())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=60, help="launches at each level")
    parser.add_argument("--nasty", type=int, default=300, help="jobs that try to stay")
    parser.add_argument("--preload", default="torch", help="what jobs find imported")
    given = parser.parse_args()
    few = max(1, min(5, given.jobs // 10))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        import_it = cold(f"subprocess, import {given.preload}", f"import {given.preload}", few)
        base = statistics.median(import_it.ready)
        print(f"{'ms':34} {'ready':>9} {'least':>9} {'whole':>9} {'least':>9} {'faster':>10}")
        for level in LEVELS:
            times = forked(level, given.preload, given.jobs, folder)
            print(times.row(base) if times else f"level {level}: not to be had here", flush=True)
        print(cold("subprocess, python -c pass", "pass", few * 2).row(base))
        print(import_it.row(base), flush=True)
        for level in LEVELS:
            spent = overhead(level, given.preload, given.jobs, folder)
            if spent:
                print(
                    f"overhead of a trial at level {level}, 8 MB of logits: median "
                    f"{statistics.median(spent):.1f} ms, least {min(spent):.1f} ms", flush=True,
                )  # fmt: skip
        for level in LEVELS[:3]:
            found = survivors(level, given.nasty, folder)
            if found:
                word = "nothing is left" if found[0] == found[1] else "LEFT BEHIND"
                print(f"{given.nasty} nasty jobs at level {level}: {word}: {found[1]}", flush=True)
                if word != "nothing is left":
                    print(f"   before: {found[0]}")


if __name__ == "__main__":
    main()
