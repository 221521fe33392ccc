"""Reads texts out of the program's repository, touching nothing in it."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from proveout.errors import EnvironmentFailure, IdeaError
from proveout.ideas._program_files import NOT_CODE
from proveout.ideas._repository import ProgramRepository
from proveout.ideas._texts import LARGEST_FILE_BYTES, check_path

_OURS = ".proveout"
_MOST_FILES = 5000


def texts_at(repository: ProgramRepository, commit: str) -> dict[str, str]:
    """The text files of a commit by path, without links, large files, and what is not UTF-8."""
    done = subprocess.run(
        ["git", f"--git-dir={repository.folder}", "archive", commit],
        capture_output=True,
        start_new_session=True,
    )
    if done.returncode != 0:
        raise EnvironmentFailure(f"commit {commit} is not in {repository.folder}")
    return _texts_in(done.stdout)


def changed_texts(repository: ProgramRepository, parent: str, commit: str) -> dict[str, str | None]:
    """The text files that a commit changes, as they are there; None for those it removes."""
    return _difference(texts_at(repository, parent), texts_at(repository, commit))


def branch_texts(program: Path, branch: str) -> dict[str, str]:
    """The text files of a branch, in the git repository that the program's folder lies in.

    Raises:
        IdeaError: there is no repository, or no such branch.
    """
    if branch.startswith("-"):
        raise IdeaError(f"{branch!r} is not the name of a branch")
    done = subprocess.run(
        ["git", "-C", str(program), "archive", branch, "."],
        capture_output=True,
        start_new_session=True,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise IdeaError(f"git knows no {branch!r} in {program}: {'; '.join(said[:2])}")
    return _texts_in(done.stdout)


def folder_texts(folder: Path) -> dict[str, str]:
    """The text files below a folder, by path; links are not followed.

    Raises:
        IdeaError: there are too many files.
    """
    texts: dict[str, str] = {}
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in NOT_CODE)
        for name in sorted(names):
            path = Path(here, name)
            if path.is_symlink() or not path.is_file() or name in NOT_CODE:
                continue
            if path.stat().st_size > LARGEST_FILE_BYTES:
                continue  # data, or a binary: no text that an idea could change
            if len(texts) >= _MOST_FILES:
                raise IdeaError(f"{folder} holds more than {_MOST_FILES} files; name the program")
            with contextlib.suppress(UnicodeDecodeError, OSError):
                texts[path.relative_to(folder).as_posix()] = path.read_bytes().decode()
    return texts


def edited(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    """What differs between two states of a program, for `patch_between`."""
    changed = _difference(before, after)
    for path in changed:
        check_path(path)
    return changed


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    changed: dict[str, str | None] = {
        path: text for path, text in after.items() if before.get(path) != text
    }
    return changed | dict.fromkeys(path for path in before if path not in after)


def _texts_in(archive: bytes) -> dict[str, str]:
    texts = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            ours = PurePosixPath(member.name).parts[:1] == (_OURS,)
            if ours or not member.isfile() or member.size > LARGEST_FILE_BYTES:
                continue
            file = tar.extractfile(member)
            with contextlib.suppress(UnicodeDecodeError):
                texts[member.name.removeprefix("./")] = file.read().decode() if file else ""
    return texts
