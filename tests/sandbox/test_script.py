"""A script in a fork behaves as it would in a Python of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proveout.sandbox import Launcher
from tests.sandbox.conftest import PATH, Bench


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("print('fine')", 0, "fine"),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit(256 + 7)", 7, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit('a text')", 1, "a text"),
        ("raise ValueError('a reason')", 1, "ValueError: a reason"),
        ("def f(:", 1, "SyntaxError"),
        ("import os; os._exit(9)", 9, ""),
        ("import atexit; atexit.register(print, 'at exit')", 0, "at exit"),
        ("import weakref; weakref.finalize(print, print, 'finalized')", 0, "finalized"),
        ("print('no newline', end='')", 0, "no newline"),
        ("import sys; print(sys.stdin.read() == '')", 0, "True"),
        ("from no_such_module import x", 1, "ModuleNotFoundError"),
    ],
)
def test_how_it_ends(bench: Bench, source: str, code: int, said: str) -> None:
    ended = bench.python(source)
    assert (ended.ended_by, ended.code, ended.signal) == ("itself", code, None)
    assert said in bench.log()


def test_ended_by_a_signal(bench: Bench) -> None:
    ended = bench.python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (ended.ended_by, ended.code, ended.signal) == ("itself", None, signal.SIGSEGV)
    ended = bench.python("raise KeyboardInterrupt")
    assert (ended.code, ended.signal) == (None, signal.SIGINT)


def test_the_traceback_is_the_scripts_own(bench: Bench) -> None:
    name = bench.script("def f():\n    1 / 0\n\nf()\n")
    bench.run("python", name)
    forked = bench.log()
    bench.run(*bench.cold(name))
    assert forked == bench.log()


ABOUT_ITSELF = """
    import json, os, signal, sys, threading
    print(json.dumps({
        "environment": dict(os.environ), "argv": sys.argv, "path": sys.path, "name": __name__,
        "file": __file__, "folder": os.getcwd(), "main": sys.modules["__main__"].__file__,
        "names": sorted(globals()), "threads": threading.active_count(),
        "proveout": sorted(name for name in sys.modules if name.startswith("proveout")),
        "descriptors": sorted(int(name) for name in os.listdir("/dev/fd"))[:-1],
        "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGCHLD)],
        "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "leads": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
        "encodings": [getattr(sys, n).encoding for n in ("stdin", "stdout", "stderr")],
        "errors": [getattr(sys, n).errors for n in ("stdout", "stderr")],
        "buffered": [getattr(sys, n).line_buffering for n in ("stdout", "stderr")],
        "tmp": __import__("tempfile").gettempdir(),
    }))
"""


def test_it_finds_what_a_python_of_its_own_would_find(bench: Bench) -> None:
    (bench.folder / "sub").mkdir()
    script = bench.script(ABOUT_ITSELF, "sub/about.py")
    environment = {"PATH": PATH, "ONE": "1", "TMPDIR": str(bench.folder), "LANG": "C.UTF-8"}
    bench.run("python", script, "a", "b c", environment=environment)
    forked = json.loads(bench.log())
    bench.run(*bench.cold(script, "a", "b c"), environment=environment)
    cold = json.loads(bench.log())
    assert forked["environment"] == environment
    assert forked["descriptors"] == [0, 1, 2]
    assert forked == cold


def test_python_path_and_unbuffered_output(bench: Bench) -> None:
    (bench.folder / "library").mkdir()
    (bench.folder / "library" / "helper_of_a_test.py").write_text("answer = 42")
    source = "import helper_of_a_test, os; print(helper_of_a_test.answer); os._exit(0)"
    library = str(bench.folder / "library")
    bench.python(source, environment={"PYTHONPATH": library, "PYTHONUNBUFFERED": "1"})
    assert bench.log() == "42\n"


def test_hashes_are_as_the_environment_says(bench: Bench) -> None:
    script = bench.script("print(hash('a text'))")
    for seed in ("0", "7"):
        environment = {"PYTHONHASHSEED": seed}
        bench.run("python", script, environment=environment)
        forked = bench.log()
        bench.run(*bench.cold(script), environment=environment)
        assert forked == bench.log()


def test_files_that_were_never_closed_are_whole(bench: Bench) -> None:
    source = """
        file = open("left_open.txt", "w")
        file.write("text")
        raw = open("raw.bin", "wb")
        raw.write(b"bytes")
        def keep(f=open("kept.txt", "w")):
            f.write("kept")
        keep()
    """
    bench.python(source)
    contents = [(bench.folder / n).read_text() for n in ("left_open.txt", "raw.bin", "kept.txt")]
    assert contents == ["text", "bytes", "kept"]


def test_threads_and_worker_processes(bench: Bench) -> None:
    source = """
        import multiprocessing, threading, time

        def square(x):
            return x * x

        def late():
            time.sleep(0.1)
            print("late")

        if __name__ == "__main__":
            threading.Thread(target=late).start()
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(square, range(4)))
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(square, range(3)))
    """
    ended = bench.python(source)
    assert ended.code == 0, bench.log()
    assert sorted(bench.log().split("\n")) == ["", "[0, 1, 4, 9]", "[0, 1, 4]", "late"]


def test_other_commands_are_executed(bench: Bench) -> None:
    assert bench.run("sh", "-c", "echo $ONE; exit 4", environment={"ONE": "x"}).code == 4
    assert bench.log() == "x\n"
    assert bench.run("python3", "-c", "import sys; print(sys.executable)").code == 0
    assert bench.log().strip() == sys.executable
    bench.run("python", "missing.py")
    assert "missing.py" in bench.log()


def test_what_cannot_be_run(bench: Bench) -> None:
    assert bench.run("no-such-command", "x").code == 127
    assert bench.log() == f"proveout: the command no-such-command was not found; PATH is {PATH}\n"
    assert bench.run("./no-such-file").code == 127
    assert "does not exist" in bench.log()
    (bench.folder / "plain.txt").write_text("text")
    assert bench.run("./plain.txt").code == 126
    assert bench.log() == "proveout: cannot run ./plain.txt: Permission denied\n"
    assert bench.run("true", directory=bench.folder / "nowhere").code == 126
    assert "cannot enter the working directory" in bench.log()


def test_unseeded_random_numbers_differ_from_fork_to_fork(numpy_bench: Bench) -> None:
    source = "import numpy, random; print(numpy.random.rand(), random.random())"
    logs = []
    for _ in range(2):
        numpy_bench.python(source)
        logs.append(numpy_bench.log())
    assert logs[0].split()[0] != logs[1].split()[0]
    assert logs[0].split()[1] != logs[1].split()[1]


@pytest.fixture
def numpy_bench(tmp_path: Path) -> Iterator[Bench]:
    with Launcher(["numpy", "no_such_module"]) as launcher:
        assert launcher.preloaded == ("numpy",)
        yield Bench(launcher, tmp_path)


TRAINING = """
    import torch
    torch.manual_seed(3)
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.GELU(), torch.nn.Linear(64, 1))
    for _ in range(20):
        x = torch.randn(128, 16)
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for weights in model.parameters():
                weights -= 0.01 * weights.grad
    print(torch.get_num_threads(), loss.item().hex(), torch.rand(3).tolist())
"""


AT_EXIT = """
    import atexit, logging, logging.handlers, sys, weakref
    stream = logging.StreamHandler(sys.stdout)
    logging.getLogger().addHandler(logging.handlers.MemoryHandler(1000, target=stream))
    logging.getLogger().error("buffered")
    weakref.finalize(stream, print, "finalized")
    atexit.register(print, "registered")
"""


def test_training_gives_the_same_numbers_in_a_fork_and_in_a_python_of_its_own(
    tmp_path: Path,
) -> None:
    pytest.importorskip("torch")
    environment = {"PATH": PATH, "OMP_NUM_THREADS": "1", "HOME": os.environ.get("HOME", "/")}
    with Launcher(["torch"]) as launcher:
        bench = Bench(launcher, tmp_path)
        script = bench.script(TRAINING)
        cold = subprocess.run(
            [sys.executable, script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert launcher.preloaded == ("torch",)
        assert bench.run("python", script, environment=environment).code == 0
        assert bench.log() == cold.stdout
        # What torch itself has to do at exit is left out, and that is all that is left out.
        assert bench.python(AT_EXIT).code == 0
        assert sorted(bench.log().split()) == ["buffered", "finalized", "registered"]
