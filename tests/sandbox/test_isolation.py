"""Real programs that try to get out, at every level that this machine offers."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from proveout.errors import UserError
from proveout.sandbox import Launcher, Level
from proveout.sandbox._attack import QUICK
from tests.sandbox.conftest import MEGABYTE, Bench, Launchers, processes_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="isolation is Linux's")

SECRET = "the-held-out-bytes"


@pytest.fixture
def inside(level_bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    """A job's folder in a study whose other files are open to everybody, at levels A to C."""
    if level_bench.launcher.isolation == "E":
        pytest.skip("level E promises nothing")
    (tmp_path / "held-out.txt").write_text(SECRET)
    (tmp_path / "ledger.sqlite").write_text("as it was")
    other = tmp_path / "trials" / "other"
    other.mkdir(parents=True)
    (other / "model.bin").write_text("another trial's")
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    level_bench.folder = tmp_path / "trials" / "mine"
    level_bench.folder.mkdir()
    yield level_bench
    assert (tmp_path / "ledger.sqlite").read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "held-out.txt", "ledger.sqlite", "trials",
    ]  # fmt: skip


def test_every_attack_of_the_proof_was_held(level: Level, launchers: Launchers) -> None:
    for attempt in launchers.at(level).attempts:
        assert attempt.level == level
        assert attempt.holds
        names = {attack.name for attack in attempt.attacks}
        assert names >= set(QUICK) - ({"see other processes"} if level == "C" else set())


def test_no_file_of_the_study_can_be_read_or_written(inside: Bench, tmp_path: Path) -> None:
    source = f"""
        import os
        study = {str(tmp_path)!r}
        attempts = [
            lambda: open(study + "/held-out.txt").read(),
            lambda: open("../../held-out.txt").read(),
            lambda: open(study + "/ledger.sqlite", "a").write("forged"),
            lambda: open(study + "/trials/other/model.bin").read(),
            lambda: open(study + "/planted", "w"),
            lambda: os.rename("script.py", study + "/trials/other/moved"),
            lambda: os.link(study + "/held-out.txt", "hard-link"),
            lambda: os.symlink(study + "/held-out.txt", "link") or open("link").read(),
            lambda: os.truncate(study + "/ledger.sqlite", 0),
            lambda: os.remove(study + "/ledger.sqlite"),
            lambda: os.rmdir(study + "/trials/other"),
            lambda: os.chmod("/usr/bin/env", 0o777),
            lambda: open("/etc/shadow").read(),
            lambda: open("/proc/1/environ").read(),
            lambda: open("/proc/1/root/etc/hostname").read(),
            lambda: open("/proc/sys/kernel/core_pattern", "w").write("|/bin/sh"),
        ]
        for number, attempt in enumerate(attempts):
            try:
                attempt()
            except OSError:
                continue
            print("succeeded:", number)
        open("mine.txt", "w").write("written")
    """
    ended = inside.python(source)
    assert (ended.ended_by, ended.code) == ("itself", 0), inside.log()
    assert inside.log() == ""
    assert (inside.folder / "mine.txt").read_text() == "written"


@pytest.mark.parametrize("cold", [False, True])
def test_commands_of_any_language_are_shut_in(inside: Bench, tmp_path: Path, cold: bool) -> None:
    read = (
        f"cat {tmp_path}/held-out.txt {tmp_path}/ledger.sqlite; echo x >> {tmp_path}/ledger.sqlite"
    )
    argv = ["sh", "-c", f"{read}; echo done > here"]
    if cold:
        script = inside.script(f"import subprocess; subprocess.run({argv!r})")
        argv = inside.cold(script)
    ended = inside.run(*argv)
    assert ended.isolation == inside.launcher.isolation
    assert SECRET not in inside.log()
    assert (inside.folder / "here").read_text() == "done\n"


def test_data_can_be_read_and_not_written(inside: Bench, tmp_path: Path) -> None:
    data = tmp_path / "trials" / "data"
    data.mkdir()
    (data / "corpus.txt").write_text("to train on")
    for path in (data, data / "corpus.txt"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (inside.folder / "data").symlink_to(data)
    source = """
        import os, sys
        print(open("data/corpus.txt").read())
        for attempt in (lambda: open("data/corpus.txt", "a"), lambda: open("data/new", "w")):
            try:
                attempt()
            except OSError:
                continue
            print("written")
    """
    ended = inside.python(source, reads=(data,))
    assert (ended.code, inside.log()) == (0, "to train on\n")


def test_what_only_its_owner_may_read_is_readable_where_it_is_given(
    inside: Bench, tmp_path: Path
) -> None:
    """As where the interpreter lies in a home that is closed to others."""
    closed = tmp_path / "trials" / "closed"
    (closed / "library").mkdir(parents=True)
    (closed / "library" / "helper_of_a_home.py").write_text("answer = 42")
    (closed / "library" / "helper_of_a_home.py").chmod(0o600)
    (closed / "library").chmod(0o700)
    closed.chmod(0o700)
    source = f"""
        import sys
        sys.path.append({str(closed / "library")!r})
        import helper_of_a_home
        print(helper_of_a_home.answer)
    """
    inside.python(source, reads=(closed / "library",))
    assert inside.log() == "42\n"


def test_the_interpreter_and_its_libraries_work(inside: Bench) -> None:
    source = """
        import ctypes, hashlib, json, os, ssl, sqlite3, subprocess, tempfile, zoneinfo
        import numpy
        assert numpy.ones(3).sum() == 3
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        print(subprocess.run(["sh", "-c", "echo $((1 + 1))"], capture_output=True).stdout)
        print(os.cpu_count() >= 1, open("/proc/self/status").readline()[:5])
        open("/dev/null", "w").write("x")
        assert len(open("/dev/urandom", "rb").read(8)) == 8
    """
    environment = {"PATH": os.defpath, "TMPDIR": str(inside.folder)}
    inside.python(source, environment=environment)
    assert inside.log() == "b'2\\n'\nTrue Name:\n"
    inside.run(*inside.cold(inside.folder.joinpath("script.py").name), environment=environment)
    assert inside.log() == "b'2\\n'\nTrue Name:\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device file")
def test_accelerators_are_there_only_for_a_job_that_has_one(inside: Bench) -> None:
    device = Path(f"/dev/nvidia-of-a-test-{os.getpid()}")  # in truth a second /dev/null
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        device.chmod(0o666)
        device.open("rb").close()
    except OSError as error:
        device.unlink(missing_ok=True)
        pytest.skip(f"this root cannot make a device file: {error}")
    script = inside.script(f"open({str(device)!r}, 'r+b').close(); print('there')")
    try:
        told = []
        for has in ({}, {"CUDA_VISIBLE_DEVICES": ""}, {"CUDA_VISIBLE_DEVICES": "0"}):
            inside.run("python", script, environment={"PATH": os.defpath, **has})
            told.append(inside.log().splitlines()[-1])
    finally:
        device.unlink()
    assert told[-1] == "there"
    assert "there" not in told[:-1]


def test_no_network_unless_it_is_given(inside: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        assert inside.python(source).code == 1
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
        assert inside.python(source, network=True).code == 0, inside.log()


def test_processes_of_a_job_can_talk_to_each_other(inside: Bench) -> None:
    source = """
        import multiprocessing, os, signal, socket
        if __name__ == "__main__":
            ours, theirs = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                theirs.send(b"from a child")
                signal.pause()
            print(ours.recv(20))
            os.kill(pid, signal.SIGTERM)
            print(os.waitpid(pid, 0)[1])
    """
    inside.python(source)
    assert inside.log() == "b'from a child'\n15\n"


def test_shared_memory_and_workers(inside: Bench) -> None:
    shared = os.geteuid() == 0 and Path("/dev/shm").stat().st_mode & 0o002
    if inside.launcher.isolation == "C" and not shared:
        pytest.skip("level C has the machine's shared memory, where another user may use it")
    source = """
        import multiprocessing, multiprocessing.shared_memory
        def put(queue, name):
            memory = multiprocessing.shared_memory.SharedMemory(name)
            memory.buf[0] = 7
            queue.put("done")
        if __name__ == "__main__":
            queue = multiprocessing.Queue()
            memory = multiprocessing.shared_memory.SharedMemory(create=True, size=100)
            worker = multiprocessing.Process(target=put, args=(queue, memory.name))
            worker.start()
            print(queue.get(), memory.buf[0])
            worker.join()
            memory.unlink()
    """
    before = set(os.listdir("/dev/shm"))  # noqa: PTH208
    inside.python(source)
    assert inside.log() == "done 7\n"
    assert set(os.listdir("/dev/shm")) <= before  # noqa: PTH208


def test_what_it_wrote_is_its_owners_afterwards(inside: Bench) -> None:
    source = """
        import os
        os.makedirs("out/deep")
        open("out/deep/model", "w").write("x")
        os.chmod("out/deep/model", 0o000)
        os.chmod("out/deep", 0o700)
    """
    inside.python(source)
    model = inside.folder / "out" / "deep" / "model"
    assert model.stat().st_uid == os.geteuid()
    # A score server, another job, is given it to read.
    (inside.folder.parent / "server").mkdir()
    out, inside.folder = inside.folder / "out", inside.folder.parent / "server"
    if os.geteuid() != 0:
        model.chmod(0o600)
    inside.python(f"print(open({str(model)!r}).read())", reads=(out,))
    assert inside.log() == "x\n"


BREACHES = {
    "processes": (
        "import os, time\nfor _ in range(60):\n  if os.fork() == 0: time.sleep(60)\ntime.sleep(60)",
        {"processes": 30},
    ),
    "cpu-time": ("while True: pass", {"cpu_seconds": 0.3}),
    "files": (
        "import time\nfor n in range(300): open(f'f{n}', 'w')\ntime.sleep(60)",
        {"files": 100},
    ),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_limits_are_held_and_named(level_bench: Bench, breach: str) -> None:
    source, limits = BREACHES[breach]
    ended = level_bench.python(source, **limits)
    assert ended.ended_by == breach
    assert processes_in(level_bench.folder) == []


def test_memory_in_temporary_files_is_bounded(inside: Bench) -> None:
    if inside.launcher.isolation == "C":
        pytest.skip("level C has no /tmp of its own")
    source = """
        with open("/tmp/big", "wb") as file:
            for _ in range(200):
                file.write(b"x" * 1_000_000)
    """
    ended = inside.python(source, memory_bytes=200 * MEGABYTE)
    assert (ended.code, ended.ended_by) == (1, "itself")
    assert "No space left" in inside.log()


def test_a_lower_level_can_be_asked_for_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVEOUT_HIGHEST_ISOLATION", "E")
    with Launcher() as launcher:
        assert (launcher.isolation, launcher.attempts) == ("E", ())
    monkeypatch.setenv("PROVEOUT_HIGHEST_ISOLATION", "F")
    with pytest.raises(UserError, match="allowed: A, B, C, E"):
        Launcher()


ELSEWHERE = """
    import json, os, sys, tempfile
    from pathlib import Path
    from proveout.sandbox import Launcher

    for highest in ("B", "C"):
        with Launcher(highest=highest) as launcher, tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "job"
            place.mkdir()
            Path(folder, "held-out").write_text("secret")
            (place / "job.py").write_text(Path(sys.argv[1]).read_text())
            launcher.start_process(
                "job", argv=("python", "job.py"), directory=place, environment={},
                log=place / "log", writes=place, wall_seconds=60, memory_bytes=10**9,
                disk_bytes=10**8, log_bytes=1000,
            )
            (ended,) = launcher.poll(60)
            why = [[each.level, each.obstacle] for each in launcher.attempts]
            said = (place / "log").read_text()
            print(json.dumps([highest, ended.isolation, said, why, os.getpriority(0, 0)]))
"""

FROM_INSIDE = """
    import fcntl, os, signal, socket
    parent = os.getppid()
    def signal_by_a_pipe():  # the kernel sends it, for whoever set the pipe up
        reads, writes = os.pipe()
        fcntl.fcntl(reads, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(reads, fcntl.F_SETOWN, parent or 1)
        fcntl.fcntl(reads, fcntl.F_SETFL, os.O_ASYNC)
        os.write(writes, b"x")
    attempts = {
        "read": lambda: open("../held-out").read(),
        "link": lambda: os.link("../held-out", "held-out"),
        "link out": lambda: os.link("job.py", "../planted"),
        "take": lambda: os.rename("../held-out", "held-out"),
        "truncate": lambda: os.truncate("../held-out", 0),
        "mark": lambda: os.setxattr("../held-out", "user.note", b"x"),
        "list": lambda: os.listdir("..").index("held-out"),
        "renice": lambda: os.setpriority(os.PRIO_USER, 0, 7),
        "bind": lambda: socket.socketpair(type=socket.SOCK_DGRAM)[0].bind("meet-me"),
        "kill": lambda: os.kill(parent or 1, signal.SIGKILL),
        "memory": lambda: open(f"/proc/{parent or 1}/mem", "rb").read(1),
        "environment": lambda: open(f"/proc/{parent}/environ", "rb").read(1),
        "descriptors": lambda: os.readlink(f"/proc/{parent}/fd/3"),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
        except (OSError, ValueError):
            continue
        print("succeeded:", name)
    try:
        signal_by_a_pipe()
    except OSError:
        pass
    # What level C does not hold where there is no second user, as docs/isolation.md says.
    try:
        os.chmod("../held-out", 0o600)
        os.utime("../held-out", (1, 1))
        print("changed its permissions and times")
    except OSError:
        pass
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are an ordinary user's then")
@pytest.mark.parametrize(
    ("who", "levels"),
    [
        # Also where the interpreter lies in root's home, as on many a machine of one user.
        ("65533", {"B": "B", "C": "C"}),
        ("65533-alone", {"B": "C", "C": "C"}),
        ("container", {"B": "B", "C": "C"}),
    ],
)
def test_as_somebody_else(tmp_path: Path, who: str, levels: dict[str, str]) -> None:
    (tmp_path / "script.py").write_text(textwrap.dedent(ELSEWHERE))
    (tmp_path / "inside.py").write_text(textwrap.dedent(FROM_INSIDE))
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    for name in ("script.py", "inside.py"):
        (tmp_path / name).chmod(0o644)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("as_user.py")), who,
         str(tmp_path / "script.py"), str(tmp_path / "inside.py")],
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True, text=True, timeout=120, cwd="/",
    )  # fmt: skip
    if "setgroups" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"this root cannot become another user: {done.stderr}")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row[0]: row[1] for row in rows} == levels, rows
    for _, level, said, _, nice in rows:
        met = level == "B" and "succeeded: bind\n"  # in a folder that no other job finds
        # Nor has the container's root a second user who could pass a folder that is root's alone.
        changed = level == "C" and "changed its permissions and times\n"
        assert said == (met or "") + (changed or "")
        assert nice == os.getpriority(os.PRIO_PROCESS, 0)
