"""Hiding single files among those that every job may read: what held-out data was copied from.

Files are named by patterns of the last parts of their paths, such as `python3.*/idlelib/help.py`:
the same text lies elsewhere on each machine, and often more than once. In namespaces something
that cannot be opened is mounted over each; by Landlock the reading of everything else is granted.
"""

# ruff: noqa: PTH112, PTH110, PTH120 - called for every file there is, where pathlib costs seconds

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from proveout.sandbox import _kernel

_CACHE = "__pycache__"
_WILD = frozenset("*?[")
_NOTHING = "/dev/null"
"""Where devices may not be used it opens for nobody, and Python's imports pass it over."""


@dataclass(frozen=True)
class Patterns:
    """Names of what is to be hidden, each of the last parts of a path, or of all of it.

    A part may have `*`, `?` and `[...]`, which match no slash. A folder is hidden with all that is
    in it, and a Python file with its compiled forms.
    """

    names: tuple[str, ...]
    _by_stem: dict[str, list[tuple[str, ...]]] = field(init=False, repr=False, compare=False)
    _wild: list[tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_stem: dict[str, list[tuple[str, ...]]] = {}
        wild: list[tuple[str, ...]] = []
        for name in self.names:
            for parts in _forms(tuple(name.rstrip("/").split("/"))):
                stem = _stem(parts[-1])
                (wild if _WILD & set(stem) else by_stem.setdefault(stem, [])).append(parts)
        object.__setattr__(self, "_by_stem", by_stem)
        object.__setattr__(self, "_wild", wild)

    def match(self, path: str) -> bool:
        """Whether an absolute path is to be hidden."""
        folder, _, name = path.rpartition("/")
        return self._match(folder, name)

    def _match(self, folder: str, name: str) -> bool:
        candidates = [*self._by_stem.get(_stem(name), ()), *self._wild]
        return any(fnmatchcase(name, parts[-1]) and _ends(folder, parts) for parts in candidates)

    def find(self, roots: Iterable[str]) -> tuple[str, ...]:
        """Everything at and below `roots` that is to be hidden; links are not followed."""
        found: list[str] = []
        waiting: list[str] = []
        for root in roots if self.names else ():
            (found if self.match(root) else waiting).append(root)
        while waiting:
            folder = waiting.pop()
            for entry in _entries(folder):
                if self._match(folder, entry.name):
                    found.append(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
        return tuple(sorted(found))


def _forms(parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield parts
    *above, name = parts
    stem, dot, ending = name.rpartition(".")
    if dot and ending == "py":
        yield (*above, f"{stem}.pyc")
        yield (*above, _CACHE, f"{stem}.*.pyc")


def _stem(name: str) -> str:
    return name.partition(".")[0]


def _ends(folder: str, parts: tuple[str, ...]) -> bool:
    """Whether a folder ends with all parts but the last."""
    wanted = parts[:-1]
    had = folder.split("/")[-len(wanted) :] if wanted else []
    return len(had) == len(wanted) and all(map(fnmatchcase, had, wanted))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # a file, or closed to us and so to every job
        return []


def cover(paths: Iterable[str]) -> None:
    """Put what cannot be opened in the place of each, in the mounts of this process."""
    for path in paths:
        if os.path.isdir(path):
            flags = _kernel.NO_SET_UID | _kernel.NO_DEVICES | _kernel.READ_ONLY
            _kernel.mount("tmpfs", path, "size=4k,mode=000", flags)
        elif os.path.exists(path):
            _kernel.bind(_NOTHING, path)


def around(hidden: Sequence[str]) -> list[str]:
    """All that there is but `hidden`: as few files, and folders with all below, as will do."""
    above = {folder for path in hidden for folder in _above(path)}
    gone, whole, waiting = set(hidden), [], ["/"]
    while waiting:
        path = waiting.pop()
        if path in above:
            inside = {entry.path for entry in _entries(path) if not entry.is_symlink()}
            # A folder whose names we may not read still leads to others.
            inside |= {folder for folder in above if os.path.dirname(folder) == path != folder}
            waiting += inside - gone
        else:
            whole.append(path)
    return whole


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = os.path.dirname(path)
        yield path


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder, or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
