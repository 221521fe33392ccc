"""Which files of a folder are the program."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from proveout.errors import IdeaError

_LARGEST_PROGRAM_BYTES = 200_000_000
NOT_CODE = frozenset({".git", "__pycache__", ".venv", ".pytest_cache", ".DS_Store"})
_NO_PART_OF_IT = (".log", ".pyc", ".swp", "~")
"""Endings of files that a run or an editor leaves."""


def program_files(program: Path, leave_out: Sequence[Path]) -> list[str]:
    """Paths relative to `program` of what belongs to it: files, and links that stay inside."""
    unwanted = {path.resolve() for path in leave_out}
    names: list[str] = []
    size_bytes = 0
    for folder, folders, files in os.walk(program):
        here = Path(folder)
        wanted = [
            name for name in folders if name not in NOT_CODE and not _is_in(here / name, unwanted)
        ]
        folders[:] = sorted(name for name in wanted if not (here / name).is_symlink())
        links = [name for name in wanted if (here / name).is_symlink()]
        for name in sorted([*files, *links]):
            file = here / name
            if name in NOT_CODE or name.endswith(_NO_PART_OF_IT) or _is_in(file, unwanted):
                continue  # of a submodule `.git` is a file
            if not (file.is_symlink() or file.is_file()):
                continue
            if file.is_symlink():
                _check_link(file, program)
            size_bytes += file.lstat().st_size
            names.append(file.relative_to(program).as_posix())
        if size_bytes > _LARGEST_PROGRAM_BYTES:
            raise IdeaError(
                f"{program} holds more than {_LARGEST_PROGRAM_BYTES // 10**6} MB; a program is "
                "code. List its data under program.data, or move what is not code elsewhere"
            )
    return names


def _is_in(path: Path, unwanted: set[Path]) -> bool:
    try:
        return path.resolve() in unwanted
    except (OSError, RuntimeError):  # a link to itself is nowhere
        return False


def _check_link(link: Path, program: Path) -> None:
    try:
        inside = link.resolve().is_relative_to(program.resolve())
    except (OSError, RuntimeError):
        raise IdeaError(f"{link} is a link that leads back to itself; remove it") from None
    if not inside or link.readlink().is_absolute():
        raise IdeaError(
            f"{link} is a link that leads out of the program, where a trial could not follow it; "
            "replace it by what it leads to, or list it under program.data"
        )
