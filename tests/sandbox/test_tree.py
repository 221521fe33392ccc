from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from proveout.sandbox import _tree

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


def test_a_child_whose_parent_could_not_be_seen_once_is_found_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where the parent ends after it was listed and before it was looked at."""
    source = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        tree, look = _tree.Tree(os.getpid()), _tree._stat
        with monkeypatch.context() as patched:
            patched.setattr(_tree, "_stat", lambda pid: None if pid == parent.pid else look(pid))
            assert child not in tree.scan()
        assert {parent.pid, child} <= tree.scan().keys()
        os.kill(child, 9)
        parent.kill()


def test_strangers_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, look = [], _tree._stat
    monkeypatch.setattr(_tree, "_stat", lambda pid: looked.append(pid) or look(pid))
    with subprocess.Popen(["sleep", "60"]) as root, subprocess.Popen(["sleep", "60"]) as other:
        tree = _tree.Tree(root.pid)
        assert tree.scan() == {}
        assert other.pid in looked
        looked.clear()
        assert tree.scan() == {}
        assert other.pid not in looked
        root.kill()
        other.kill()
