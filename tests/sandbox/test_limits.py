"""Limits are held from outside, whatever the process does."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from proveout.sandbox._cgroup import find_home
from proveout.sandbox._supervisor import pause_after
from tests.sandbox.conftest import MEGABYTE, Bench

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def test_a_process_that_hangs_is_ended(bench: Bench) -> None:
    ended = bench.python("import time; time.sleep(600)", wall_seconds=0.2)
    assert (ended.ended_by, ended.code, ended.signal) == ("wall-time", None, 9)
    assert ended.wall_seconds >= 0.2


def test_ignoring_signals_does_not_help(bench: Bench) -> None:
    source = """
        import signal
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        while True:
            pass
    """
    ended = bench.python(source, wall_seconds=0.3)
    assert ended.ended_by == "wall-time"
    assert ended.cpu_seconds > 0


@ON_LINUX
def test_memory_is_limited(bench: Bench) -> None:
    source = """
        import time
        kept = [bytearray(b"x" * 1_000_000) for _ in range(150)]
        time.sleep(600)
    """
    ended = bench.python(source, memory_bytes=100 * MEGABYTE)
    assert ended.ended_by == "memory"
    assert ended.peak_memory_bytes > 100 * MEGABYTE


@ON_LINUX
def test_memory_counts_all_processes_together(bench: Bench) -> None:
    source = """
        import os, time
        for _ in range(4):
            if os.fork() == 0:
                break
        kept = bytearray(b"x" * 50_000_000)
        time.sleep(600)
    """
    ended = bench.python(source, memory_bytes=150 * MEGABYTE)
    assert ended.ended_by == "memory"
    assert ended.leftover_processes == 0


@ON_LINUX
def test_memory_that_workers_share_counts_once(bench: Bench) -> None:
    source = """
        import os, time
        kept = bytearray(b"x" * 80_000_000)
        children = []
        for _ in range(4):
            pid = os.fork()
            if pid == 0:
                time.sleep(0.4)
                os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
    """
    ended = bench.python(source, memory_bytes=250 * MEGABYTE)
    assert (ended.ended_by, ended.code) == ("itself", 0)


@ON_LINUX
def test_an_allocation_far_beyond_the_limit_fails_at_once(bench: Bench) -> None:
    ended = bench.python("kept = bytearray(10**12)", memory_bytes=100 * MEGABYTE)
    assert (ended.ended_by, ended.code) == ("itself", 1)
    assert "MemoryError" in bench.log()


def test_disk_is_limited(bench: Bench) -> None:
    source = """
        import time
        for number in range(40):
            with open(f"file{number}", "wb") as file:
                file.write(b"x" * 1_000_000)
        time.sleep(600)
    """
    assert bench.python(source, disk_bytes=20 * MEGABYTE).ended_by == "disk"


def test_one_file_cannot_pass_the_limit(bench: Bench) -> None:
    source = """
        with open("file", "wb") as file:
            for _ in range(40):
                file.write(b"x" * 1_000_000)
    """
    ended = bench.python(source, disk_bytes=20 * MEGABYTE)
    assert ended.ended_by == "disk"
    assert (bench.folder / "file").stat().st_size < 22 * MEGABYTE


def test_a_flood_of_output_is_capped(bench: Bench) -> None:
    source = """
        import sys
        for _ in range(300):
            sys.stdout.write("x" * 10_000)
    """
    ended = bench.python(source, log_bytes=50_000)
    assert (ended.ended_by, ended.code) == ("itself", 0)
    assert len(bench.log()) < 50_200
    last = bench.log().splitlines()[-1]
    assert last == (
        "proveout: the log is full at 50000 bytes; 2950000 more bytes of output were dropped"
    )


def test_cancelled(bench: Bench) -> None:
    launch_id = bench.start("python", bench.script("import time; time.sleep(600)"))
    bench.launcher.cancel("another")
    bench.launcher.cancel(launch_id)
    assert bench.wait().ended_by == "cancelled"
    assert bench.run("true").ended_by == "itself"


def test_the_clock_of_a_job_decides_nothing(bench: Bench) -> None:
    source = """
        import time
        time.monotonic = time.time = time.perf_counter = lambda: 0.0
        time.sleep(600)
    """
    assert bench.python(source, wall_seconds=0.1).ended_by == "wall-time"


def test_memory_is_looked_at_for_as_long_as_a_trial_runs() -> None:
    """A trial of hours is looked at tens of thousands of times."""
    assert pause_after(1) < pause_after(100) == pause_after(100_000)


HOG = """
    import os, sys
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for _ in range(int(sys.argv[1])):
        if os.fork() == 0:
            os.setsid()
            break
    while True:
        pass
"""


def divides_the_processor() -> bool:
    """Whether groups have shares of the processor's time here."""
    home = find_home()
    if isinstance(home, str):
        return False
    handed_on = Path(home.memory, "cgroup.subtree_control")
    return bool(home.shares) or (home.version == 2 and "cpu" in handed_on.read_text().split())


@ON_LINUX
def test_many_processes_take_no_more_of_the_processor_than_one(bench: Bench) -> None:
    """Each in a session of its own, or the kernel would divide the time by itself."""
    if bench.launcher.isolation != "A" or not divides_the_processor():
        pytest.skip("needs a control group that divides the processor's time")
    used, names = {}, {}
    for count in ("30", "0"):
        folder = bench.folder / count
        folder.mkdir()
        (folder / "hog.py").write_text(textwrap.dedent(HOG))
        begun = bench.start("python", "hog.py", count, directory=folder, writes=folder,
                            log=folder / "log", wall_seconds=1.5)  # fmt: skip
        names[begun] = count
    while names:
        for ended in bench.launcher.poll(60):
            assert ended.ended_by == "wall-time"
            used[names.pop(ended.launch_id)] = ended.cpu_seconds
    assert used["0"] > used["30"] / 4
