"""Nothing outlives its job, and no job outlives the controller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from proveout.sandbox import _cgroup
from proveout.sandbox._spent import Spent
from proveout.sandbox._tree import Process
from tests.sandbox.conftest import PATH, Bench, processes_in, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's child reaper")

DAEMON = """
    import os, signal, time

    def daemon(name):
        if os.fork():
            return
        os.setsid()
        middle = os.getpid()
        if os.fork():
            os._exit(0)
        while os.getppid() == middle:  # else that one may be counted too
            time.sleep(0.001)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        with open(f"{name}.tmp", "w") as file:
            file.write(str(os.getpid()))
        os.rename(f"{name}.tmp", f"{name}.pid")
        time.sleep(600)

    names = ["one", "two", "three"]
    for name in names:
        daemon(name)
    while not all(os.path.exists(f"{name}.pid") for name in names):
        time.sleep(0.01)
"""


def daemons_of(folder: Path) -> int:
    return len(list(folder.glob("*.pid")))


def test_daemons_are_found_counted_and_killed(level_bench: Bench) -> None:
    bench = level_bench
    ended = bench.python(DAEMON)
    assert (ended.ended_by, ended.code, ended.leftover_processes) == ("itself", 0, 3)
    assert daemons_of(bench.folder) == 3
    assert processes_in(bench.folder) == []


def test_daemons_of_a_job_that_is_ended(bench: Bench) -> None:
    ended = bench.python(textwrap.dedent(DAEMON) + "time.sleep(600)", wall_seconds=3.0)
    assert (ended.ended_by, ended.leftover_processes) == ("wall-time", 3)
    assert processes_in(bench.folder) == []


def test_plain_children_that_are_left(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "sleep 600 & sleep 600 & exit 5")
    assert (ended.code, ended.leftover_processes) == (5, 2)


def test_children_that_have_ended_are_not_left_and_their_time_counts(bench: Bench) -> None:
    source = """
        import os, time
        for _ in range(2):
            if os.fork() == 0:
                while time.process_time() < 0.1:
                    pass
                os._exit(0)
        os.wait()
        os.wait()
    """
    ended = bench.python(source)
    assert ended.leftover_processes == 0
    assert ended.cpu_seconds >= 0.2


def test_the_time_of_children_that_nobody_waits_for_counts(bench: Bench) -> None:
    home = _cgroup.find_home()
    counts = not isinstance(home, str) and (home.version == 2 or home.accounting)
    if bench.launcher.isolation != "A" or not counts:
        pytest.skip("needs a control group that counts the processor's time")
    source = """
        import os, signal, time
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if os.fork() == 0:
            while time.process_time() < 0.3:
                pass
            os._exit(0)
        try:
            os.wait()
        except ChildProcessError:
            pass
    """
    ended = bench.python(source)
    assert (ended.code, ended.leftover_processes) == (0, 0)
    assert ended.cpu_seconds >= 0.28  # the kernel counts in hundredths


def test_without_a_control_group_what_was_seen_of_them_counts() -> None:
    spent = Spent(job=10, first=None, group=None)
    job = Process(10, "S", parent=1, group=10, own_seconds=0.1, cpu_seconds=0.1, threads=1)
    child = Process(11, "R", parent=10, group=10, own_seconds=2.0, cpu_seconds=2.0, threads=1)
    spent.look({10: job, 11: child})
    assert spent.seconds({10: job}) >= 2.1
    assert spent.seconds({}) >= 2.1


def test_closing_the_launcher_ends_what_runs(own_bench: Bench) -> None:
    own_bench.start("python", own_bench.script(textwrap.dedent(DAEMON) + "time.sleep(600)"))
    assert wait_until(lambda: daemons_of(own_bench.folder) == 3)
    own_bench.launcher.close()
    assert processes_in(own_bench.folder) == []


CONTROLLER = """
    import sys, time
    from pathlib import Path
    from proveout.sandbox import Launcher

    folder = Path(sys.argv[1])
    launcher = Launcher()
    launcher.start()
    for name in sys.argv[2:]:
        launcher.start_process(
            name, argv=("python", "daemon.py"), directory=folder / name, environment={},
            log=folder / f"{name}.log", writes=folder / name, wall_seconds=600, memory_bytes=10**9,
            disk_bytes=10**9, log_bytes=1000,
        )
    Path(folder / "launcher.pid").write_text(str(launcher._process.pid))
    time.sleep(600)
"""


def start_controller(folder: Path, *jobs: str) -> subprocess.Popen[bytes]:
    """A controller with jobs that leave daemons, once these are there."""
    for job in jobs:
        (folder / job).mkdir()
        source = textwrap.dedent(DAEMON) + "time.sleep(600)"
        (folder / job / "daemon.py").write_text(source)
    script = folder / "controller.py"
    script.write_text(textwrap.dedent(CONTROLLER))
    controller = subprocess.Popen(
        [sys.executable, str(script), str(folder), *jobs],
        env={"PATH": PATH, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert wait_until(lambda: len(list(folder.glob("*/*.pid"))) == 3 * len(jobs))
    assert wait_until(lambda: (folder / "launcher.pid").exists())
    return controller


def test_a_controller_that_is_killed_takes_everything_with_it(tmp_path: Path) -> None:
    controller = start_controller(tmp_path, "a", "b")
    controller.kill()
    controller.wait()
    assert wait_until(lambda: processes_in(tmp_path) == [])


def test_so_does_a_launcher_that_is_killed(tmp_path: Path) -> None:
    controller = start_controller(tmp_path, "a")
    os.kill(int((tmp_path / "launcher.pid").read_text()), signal.SIGKILL)
    assert wait_until(lambda: processes_in(tmp_path / "a") == [])
    controller.kill()
    controller.wait()


def test_a_job_whose_supervisor_is_killed_is_lost_with_all_it_left(level_bench: Bench) -> None:
    bench = level_bench
    bench.start("python", bench.script(textwrap.dedent(DAEMON) + "time.sleep(600)"))
    assert wait_until(lambda: daemons_of(bench.folder) == 3)
    job = min(processes_in(bench.folder))
    supervisor = Path(f"/proc/{job}/stat").read_text().rpartition(")")[2].split()[1]
    os.kill(int(supervisor), signal.SIGKILL)
    assert bench.wait().ended_by == "lost"
    assert wait_until(lambda: processes_in(bench.folder) == [])
    assert bench.run("true").code == 0
