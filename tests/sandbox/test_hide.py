"""What held-out data was copied from is hidden among the files that every job can read."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

import pytest

from proveout.errors import LauncherDied
from proveout.sandbox import Launcher, Level
from proveout.sandbox._hide import Patterns, around
from tests.sandbox.conftest import Bench

LIBRARY = Path(sysconfig.get_path("stdlib"))
HIDES = ("python[23].*/tabnanny.py", "python3.*/wsgiref", "/nowhere/at/all.txt")

READ = """
import glob, os, sys
for path in sys.argv[1:]:
    try:
        print(len(open(path, "rb").read()), "bytes of", path)
    except OSError:
        continue
"""


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("python3.*/uu.py", "/usr/lib/python3.11/uu.py", True),
        ("python3.*/uu.py", "/usr/lib/python3.11/uu.pyc", True),
        ("python3.*/uu.py", "/usr/lib/python3.11/__pycache__/uu.cpython-311.opt-2.pyc", True),
        ("python3.*/uu.py", "/usr/lib/python3.11/site-packages/uu.py", False),
        ("python3.*/uu.py", "/usr/lib/python3.11/uuid.py", False),
        ("python3[0-9]*.zip", "/usr/lib/python311.zip", True),
        ("lib*/x.txt", "/lib/y/x.txt", False),
        ("/data/x.txt", "/data/x.txt", True),
        ("/data/x.txt", "/usr/data/x.txt", False),
        ("nltk_data/", "/usr/share/nltk_data", True),
        ("[[]a]/b.txt", "/usr/[a]/b.txt", True),
    ],
)
def test_a_pattern_is_the_end_of_a_path(pattern: str, path: str, matches: bool) -> None:
    assert Patterns((pattern,)).match(path) == matches


def test_what_is_found_is_left_out_of_everything(tmp_path: Path) -> None:
    for name in ("a/secret.py", "a/__pycache__/secret.cpython-311.pyc", "a/b/open.py", "c/open"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "link").symlink_to("a/secret.py")
    found = Patterns(("a/secret.py",)).find([str(tmp_path)])
    assert [os.path.relpath(path, tmp_path) for path in found] == [
        "a/__pycache__/secret.cpython-311.pyc", "a/secret.py",
    ]  # fmt: skip
    inside = {path for path in around(found) if path.startswith(str(tmp_path))}
    assert inside == {str(tmp_path / "a" / "b"), str(tmp_path / "c")}
    assert not any(each.startswith(path + "/") for path in around(found) for each in found)


@pytest.mark.parametrize("asked", ["A", "B", "C"])
def test_no_job_reads_what_is_hidden_and_all_else(asked: Level, tmp_path: Path) -> None:
    """In the library of its own Python, and in that of another that its command comes with."""
    copy = tmp_path / "other" / "lib" / "python3.9"
    copy.mkdir(parents=True)
    for name in ("tabnanny.py", "keyword.py"):
        shutil.copy(LIBRARY / name, copy)
    tool = tmp_path / "other" / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\nexec python "$@"\n')
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)
    shown = [LIBRARY / "keyword.py", copy / "keyword.py"]
    hidden = [LIBRARY / "tabnanny.py", LIBRARY / "wsgiref" / "util.py"]
    with Launcher(highest=asked, hides=HIDES) as launcher:
        if launcher.isolation != asked:
            pytest.skip(f"this machine does not offer level {asked}: {launcher.attempts}")
        assert {str(hidden[0]), str(hidden[1].parent)} <= set(launcher.hidden)
        bench = Bench(launcher, tmp_path / "mine")
        bench.folder.mkdir(mode=0o777)
        script = bench.script(READ)
        paths = [str(path) for path in (*hidden, copy / "tabnanny.py", *shown)]
        read = [f"{path.stat().st_size} bytes of {path}\n" for path in shown]
        bench.run("python", script, *paths)
        assert bench.log() == read[0]
        path = f"{os.path.dirname(bench.cold()[0])}:{os.defpath}"  # noqa: PTH120
        bench.run(str(tool), script, *paths, environment={"PATH": path})
        assert bench.log() == "".join(read)
        bench.python("import tabnanny")
        assert "Error" in bench.log()
        bench.python("x = [bytes(1 << 20) for _ in range(400)]; input()", memory_bytes=100 << 20)
        assert bench.log() == "" or "MemoryError" in bench.log()


def test_what_is_imported_where_jobs_start_cannot_be_hidden() -> None:
    with (
        Launcher(["numpy"], hides=("numpy/version.py",)) as launcher,
        pytest.raises(LauncherDied, match=r"numpy\.version is to be hidden"),
    ):
        _ = launcher.isolation
