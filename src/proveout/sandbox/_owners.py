"""Whose files are whose: what a job of another user may read, and what it leaves."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess


def is_open(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return True
    wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
    return mode & wanted == wanted


def is_open_from_the_root(path: str) -> bool:
    path = os.path.realpath(path)
    if not is_open(path):
        return False
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
    return True


def give(folder: str, uid: int, gid: int, *, readable: bool = False) -> None:
    """Make a folder and all below it a user's; links are not followed, nor what has two names."""
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            is_folder = stat.S_ISDIR(status.st_mode)
            if not is_folder and status.st_nlink > 1:
                continue
            os.lchown(path, uid, gid)
            if readable and (is_folder or stat.S_ISREG(status.st_mode)):
                os.chmod(
                    path, stat.S_IMODE(status.st_mode) & 0o777 | (0o755 if is_folder else 0o644)
                )
            if is_folder:
                waiting += [entry.path for entry in os.scandir(path)]


def remove_of(uid: int, folder: str) -> None:
    """What a user left in a shared folder."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid != uid:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    _remove(entry.path)
                else:
                    os.unlink(entry.path)


def _remove(folder: str) -> None:
    try:
        shutil.rmtree(folder)
    except RecursionError:  # nested on purpose; `rm` goes to any depth
        subprocess.run(["rm", "-rf", "--", folder], check=False)
