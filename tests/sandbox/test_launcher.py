"""The controller's end of the launcher."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from proveout.errors import EnvironmentFailure, LauncherDied
from proveout.sandbox import Launcher
from tests.sandbox.conftest import Bench


def test_many_at_once_each_come_back_once(bench: Bench) -> None:
    wanted = {}
    for number in range(20):
        folder = bench.folder / str(number)
        folder.mkdir()
        (folder / "script.py").write_text("import sys; sys.exit(int(sys.argv[1]))")
        places = {"directory": folder, "writes": folder}
        wanted[bench.start("python", "script.py", str(number), **places)] = number
    seen: dict[str, int | None] = {}
    while len(seen) < len(wanted):
        for ended in bench.launcher.poll(60):
            assert ended.launch_id not in seen
            seen[ended.launch_id] = ended.code
    assert seen == wanted
    assert bench.launcher.poll(0) == []


def test_asking_twice_starts_one_process(bench: Bench) -> None:
    script = bench.script("open('starts', 'a').write('x')")
    for again in (1, 0, 0):
        bench.started -= 0 if again else 1
        bench.start("python", script)
    bench.wait()
    assert bench.launcher.poll(0.1) == []
    assert (bench.folder / "starts").read_text() == "x"
    bench.started -= 1
    bench.run("python", script)
    assert (bench.folder / "starts").read_text() == "xx"


def test_it_can_be_waited_for_beside_other_things(bench: Bench) -> None:
    bench.launcher.preloaded  # noqa: B018 - waits
    bench.start("true")
    readable, _, _ = select.select([bench.launcher], [], [], 60)
    assert readable == [bench.launcher]
    assert bench.wait().code == 0


def test_a_module_that_starts_threads_is_not_preloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proveout.sandbox._environment._KEPT_VARIABLES", ("PYTHONPATH",))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    (tmp_path / "starts_threads.py").write_text(source)
    with Launcher(["starts_threads"]) as launcher:
        assert launcher.preloaded == ()
        assert Bench(launcher, tmp_path).run("true").code == 0


def test_a_launcher_that_was_killed(own_bench: Bench) -> None:
    own_bench.start("sleep", "600")
    assert own_bench.launcher._process is not None
    os.kill(own_bench.launcher._process.pid, signal.SIGKILL)
    with pytest.raises(LauncherDied, match="SIGKILL"):
        own_bench.launcher.poll(60)
    with pytest.raises(LauncherDied):
        own_bench.start("true")


def test_it_keeps_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "the-secret")
    with Launcher() as launcher:
        other = Bench(launcher, tmp_path)
        other.python("print(open('/proc/self/environ').read())")
        assert "PYTHONHASHSEED" in other.log()
        assert "the-secret" not in other.log()


def test_a_log_that_cannot_be_written(bench: Bench) -> None:
    with pytest.raises(EnvironmentFailure, match="cannot write the log"):
        bench.start("true", log=bench.folder / "nowhere" / "log")


def test_closed_twice_and_used_after(tmp_path: Path) -> None:
    launcher = Launcher()
    launcher.start()
    launcher.close()
    launcher.close()
    with pytest.raises(LauncherDied, match="closed"):
        launcher.poll(0)
