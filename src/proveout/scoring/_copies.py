"""Copies of held-out data among files that every trial can read, found by what is in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proveout.scoring._split import Bytes, run_hashes, training_chunks
from proveout.study import Study

_RUN_BYTES = 48
_LEAST_BYTES = 256
"""Fewer bytes in common are a licence or a turn of phrase."""
_LEAST_SHARE = 0.1
_MANY_BYTES = 4096
"""A copy has at least that share of its bytes, or so many of them, from the held-out data."""
_MOST_BYTES = 16_000_000
"""Of one file so much is looked at, from its beginning."""
_HEAD_BYTES = 1024


@dataclass(frozen=True)
class Copy:
    """A file that has held-out data in it."""

    path: str
    shared_bytes: int
    """That begin a run of 48 which stands in the held-out data, and not in the training data."""
    file_bytes: int


def find_copies(study: Study, shown: Iterable[str], hidden: Iterable[str]) -> tuple[Copy, ...]:
    """Files at and below `shown` that hold much of the held-out data, but for those in `hidden`.

    Text is looked for in text, other data in everything. It reads all of that, some 10 MB a second.
    """
    runs, is_text = _held_out_runs(study)
    table = np.zeros(1 << 24, dtype=bool)  # most runs are ruled out by 24 of their bits
    table[runs >> np.uint64(40)] = True
    left_out, found = set(hidden), []
    for path in _files(shown, left_out):
        content = _content(path, is_text)
        hashes = run_hashes(content, _RUN_BYTES)
        hashes = hashes[table[hashes >> np.uint64(40)]]
        places = np.searchsorted(runs, hashes).clip(max=max(0, len(runs) - 1))
        shared = int((runs[places] == hashes).sum()) if len(runs) else 0
        if shared >= _LEAST_BYTES and shared >= min(_MANY_BYTES, _LEAST_SHARE * len(content)):
            found.append(Copy(path, shared, len(content)))
    return tuple(sorted(found, key=lambda copy: (-copy.shared_bytes, copy.path)))


def _held_out_runs(study: Study) -> tuple[NDArray[np.uint64], bool]:
    """The runs of the held-out data that the training data does not have; whether it is text."""
    paths = [str((study.folder / name).resolve()) for name in study.score.withheld]
    parts = [_content(path, is_text=False) for path in _files(paths, set())]
    hashes = [run_hashes(each, _RUN_BYTES) for each in parts]
    runs = np.unique(np.concatenate([*hashes, np.zeros(0, np.uint64)]))
    for chunk in training_chunks(study):
        runs = runs[~np.isin(runs, run_hashes(chunk, _RUN_BYTES))]
    return runs, all(each[:_HEAD_BYTES].all() for each in parts)


def _files(roots: Iterable[str], left_out: set[str]) -> Iterator[str]:
    for root in roots:
        if os.path.isfile(root) and root not in left_out:  # noqa: PTH113 - as text, like the rest
            yield root
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if f"{folder}/{name}" not in left_out]
            paths = (f"{folder}/{name}" for name in names)
            yield from (path for path in paths if path not in left_out)


def _content(path: str, is_text: bool) -> Bytes:
    """Nothing of what is no regular file; nor, where text is wanted, of what is none."""
    nothing = np.zeros(0, np.uint8)
    try:
        if os.path.islink(path) or not os.path.isfile(path):  # noqa: PTH113, PTH114
            return nothing
        with Path(path).open("rb") as file:
            head = file.read(_HEAD_BYTES)
            if is_text and b"\0" in head:
                return nothing
            return np.frombuffer(head + file.read(_MOST_BYTES), np.uint8)
    except OSError:
        return nothing
