"""Runs a Python script as an ordinary user, also where the interpreter lies in root's home.

    python as_user.py UID SCRIPT [ARGUMENT ...]
    python as_user.py UID-alone SCRIPT ...    without a right to user namespaces
    python as_user.py container SCRIPT ...    as the root of a container, with its few rights

In mounts of its own, folders that only root may pass are replaced by empty ones in which nothing
but what Python needs can be found. What the script finds is a machine where proveout is installed
for everybody.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from proveout.sandbox import _kernel

NEEDED = (sys.prefix, sys.base_prefix, *(entry for entry in sys.path if Path(entry).is_dir()))


def closed_folder(path: Path) -> Path | None:
    """The outermost folder on the way to a path that others may not pass."""
    for folder in reversed((path, *path.parents)):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def open_the_way() -> None:
    closed: dict[Path, set[Path]] = {}
    for needed in NEEDED:
        for path in {Path(needed), Path(needed).resolve()}:
            folder = closed_folder(path)
            if folder is not None:
                closed.setdefault(folder, set()).add(path)
    for folder, paths in closed.items():
        kept = {path: os.open(path, os.O_PATH) for path in paths}
        _kernel.mount("tmpfs", str(folder), "mode=755")
        for path, descriptor in sorted(kept.items()):
            path.mkdir(parents=True, exist_ok=True)
            _kernel.bind(f"/proc/self/fd/{descriptor}", str(path))
            os.close(descriptor)


_OF_A_CONTAINER = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
"""The capabilities that Docker leaves root by default; none over mounts or namespaces."""


def become_root_of_a_container() -> None:
    kept = sum(1 << number for number in _OF_A_CONTAINER)
    _kernel.bound_capabilities(kept)


def become_user(uid: int) -> None:
    _kernel.unshare(_kernel.NEW_MOUNTS)
    _kernel.make_mounts_private()
    open_the_way()
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _kernel.set_dumpable(True)


def forbid_user_namespaces(uid: int) -> None:
    _kernel.unshare(_kernel.NEW_USER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"),
                       ("gid_map", f"{uid} {uid} 1")):  # fmt: skip
        Path(f"/proc/self/{name}").write_text(text)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


if __name__ == "__main__":
    who = sys.argv[1]
    if who == "container":
        become_root_of_a_container()
    else:
        user = int(who.removesuffix("-alone"))
        become_user(user)
        if who.endswith("-alone"):
            forbid_user_namespaces(user)
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path[1:]), "HOME": "/"}
    os.execve(sys.executable, [sys.executable, *sys.argv[2:]], environment)
