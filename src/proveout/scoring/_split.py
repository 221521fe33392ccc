"""The sealed part of held-out text: what no search trial is scored on.

The windows of the search part stay where they are, spread evenly over the file; the sealed part
is made of the bytes between them, cut into prefixes of random lengths that share no byte, each
with the one byte after it as its target. Left out are prefixes that are near-copies of what the
search part has, and those whose end stands word for word in what a trial may read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proveout.errors import DataError
from proveout.scoring._evaluator import digest, keyed_rng
from proveout.study import LanguageModelScore, Study

_LEAST_SEALED = 64
_NEAR_RUN_BYTES = 16
_NEAR_SHARE = 0.5
"""A prefix is a near-copy if more than this share of its runs stands in the search part, too."""
_SEEN_RUN_BYTES = 48
_MOST_SEARCHED_BYTES = 256_000_000
"""As much of the training data is searched for copies."""
_CHUNK_BYTES = 1 << 24

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Split:
    """How many items each part has, and which candidates were left out of the sealed one."""

    search_items: int
    sealed_items: int
    near: tuple[int, ...] = ()
    """Candidates that are near-copies of something in the search part."""
    seen: tuple[int, ...] = ()
    """Candidates that stand in what a trial may read."""


@dataclass(frozen=True, eq=False)
class Prefixes:
    """Prefixes padded to full windows by bytes that have nothing to do with what follows them.

    Attributes:
        inputs: [items, context]; up to and with `positions` true, after it filler.
        positions: [items], the last true byte of each, and where a prediction is asked for.
        targets: [items], the byte after it, which is never sent.
    """

    inputs: Bytes
    positions: NDArray[np.int64]
    targets: Bytes


def pad(prefixes: Bytes, positions: NDArray[np.int64], rng: np.random.Generator) -> Bytes:
    """Windows [items, context] with all bytes after `positions` replaced by others' bytes."""
    filler = prefixes.reshape(-1)[rng.integers(0, prefixes.size, size=prefixes.shape)]
    after = np.arange(prefixes.shape[1]) > positions[:, None]
    padded: Bytes = np.where(after, filler, prefixes)
    return padded


def make_split(study: Study, text: Bytes, search: Bytes, starts: NDArray[np.int64]) -> Split:
    """Splits held-out text once; `search` [items, context + 1] lies at `starts` in `text`.

    Raises:
        DataError: too little is left for a sealed part.
    """
    score = text_score(study)
    begins, lengths = _candidates(score, text, starts)
    near = _near_copies(text, begins, lengths, search)
    seen = _seen(text, begins, lengths, training_chunks(study)) - near
    left = len(begins) - len(near) - len(seen)
    if left < _LEAST_SEALED:
        raise DataError(
            f"{study.folder / score.held_out}: beside the {len(starts)} windows of score.items, "
            f"{left} prefixes are left for the sealed part, of at least {_LEAST_SEALED} "
            f"({len(near)} were near-copies of the windows, {len(seen)} stand in program.data). "
            "Give more held-out data, or fewer items"
        )
    return Split(len(starts), left, tuple(sorted(near)), tuple(sorted(seen)))


def sealed_prefixes(study: Study, text: Bytes, starts: NDArray[np.int64], split: Split) -> Prefixes:
    """The sealed part as it was split."""
    score = text_score(study)
    begins, lengths = _candidates(score, text, starts)
    kept = np.setdiff1d(np.arange(len(begins)), [*split.near, *split.seen])
    begins, positions = begins[kept], lengths[kept] - 2
    # What lies after a prefix in the file is replaced; what is read past the end is filler, too.
    places = np.minimum(begins[:, None] + np.arange(score.context), len(text) - 1)
    inputs = pad(text[places], positions, _chance(text, "filler"))
    return Prefixes(inputs, positions, text[begins + positions + 1])


def text_score(study: Study) -> LanguageModelScore:
    """What a study of held-out text declares."""
    assert isinstance(study.score, LanguageModelScore), study.score.kind
    return study.score


def _chance(text: Bytes, label: str) -> np.random.Generator:
    """The same for every trial, and foreseen by nobody who does not know the held-out text."""
    return keyed_rng(digest(text), label)


def _candidates(
    score: LanguageModelScore, text: Bytes, starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where stretches of a prefix and its target begin, in order, and how long they are."""
    rng = _chance(text, "sealed")
    ends = np.append(starts, len(text))
    free_from = np.concatenate(([0], starts + score.context + 1))
    begins, lengths = [], []
    for at, end in zip(free_from.tolist(), ends.tolist(), strict=True):
        while at + 2 <= end:
            length = int(rng.integers(2, score.context + 2))
            if at + length > end:
                break
            begins.append(at)
            lengths.append(length)
            at += length
    chosen = np.arange(len(begins))
    if len(chosen) > score.sealed_items:
        chosen = np.sort(rng.choice(chosen, score.sealed_items, replace=False))
    return np.array(begins, np.int64)[chosen], np.array(lengths, np.int64)[chosen]


def _near_copies(
    text: Bytes, begins: NDArray[np.int64], lengths: NDArray[np.int64], search: Bytes
) -> set[int]:
    known = np.unique(np.concatenate([run_hashes(row, _NEAR_RUN_BYTES) for row in search]))
    near: set[int] = set()
    if not len(known):  # windows shorter than a run
        return near
    for index, (begin, length) in enumerate(zip(begins, lengths, strict=True)):
        runs = run_hashes(text[begin : begin + length], _NEAR_RUN_BYTES)
        places = np.searchsorted(known, runs).clip(max=len(known) - 1)
        if len(runs) and (known[places] == runs).mean() > _NEAR_SHARE:
            near.add(index)
    return near


def _seen(
    text: Bytes, begins: NDArray[np.int64], lengths: NDArray[np.int64], chunks: Iterable[Bytes]
) -> set[int]:
    """Prefixes whose last bytes, the target with them, stand in what a trial may read."""
    long = np.flatnonzero(lengths >= _SEEN_RUN_BYTES)
    if not len(long):
        return set()
    ends = [text[begins[i] + lengths[i] - _SEEN_RUN_BYTES : begins[i] + lengths[i]] for i in long]
    hashes = np.array([run_hashes(end, _SEEN_RUN_BYTES)[0] for end in ends])
    found = np.zeros(len(long), dtype=bool)
    table = np.zeros(1 << 20, dtype=bool)  # most runs are ruled out by 20 of their bits
    table[hashes >> np.uint64(44)] = True
    for chunk in chunks:
        runs = run_hashes(chunk, _SEEN_RUN_BYTES)
        found |= np.isin(hashes, runs[table[runs >> np.uint64(44)]])
    return set(long[found].tolist())


def training_chunks(study: Study) -> Iterator[Bytes]:
    """What trials may read, in overlapping pieces."""
    left_bytes = _MOST_SEARCHED_BYTES
    for name in study.program.data:
        path = study.folder / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and left_bytes > 0:
                for chunk in _file_chunks(file, left_bytes):
                    left_bytes -= len(chunk)
                    yield chunk


def _file_chunks(file: Path, most_bytes: int) -> Iterator[Bytes]:
    with file.open("rb") as stream:
        end = b""
        while most_bytes > 0 and (more := stream.read(min(_CHUNK_BYTES, most_bytes))):
            most_bytes -= len(more)
            yield np.frombuffer(end + more, np.uint8)
            end = more[-(_SEEN_RUN_BYTES - 1) :]


def run_hashes(text: Bytes, run_bytes: int) -> NDArray[np.uint64]:
    """One 64-bit hash for each run of `run_bytes` bytes, [max(0, n - run_bytes + 1)].

    The hash of a run is made of those of two halves that may overlap, so that few passes are
    enough. Two different runs share a hash with a chance of about 2**-64.
    """
    if len(text) < run_bytes:
        return np.zeros(0, np.uint64)
    spread = np.random.default_rng(0).integers(1, 2**63, 256, dtype=np.uint64)
    hashes, span = spread[text], 1
    while span < run_bytes:
        step = min(span, run_bytes - span)
        mixed = hashes[: len(hashes) - step] * np.uint64(0x9E3779B97F4A7C15 + 2 * step)
        hashes = (mixed ^ (mixed >> np.uint64(29))) + hashes[step:]
        span += step
    return hashes
