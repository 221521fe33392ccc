"""Reads the curve a program reports. It is a hint for people; nothing in it is a score."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from proveout.errors import UserError
from proveout.study import CurveSource, Formula
from proveout.trials._files import files_below, open_regular
from proveout.trials._pattern import search_lines
from proveout.trials._tensorboard import scalars

_LARGEST_BYTES = 4_000_000
_MOST_ENTRIES = 10_000
"""Files and folders below an output folder that are looked at."""
_LONGEST_LINE = 1000
_MOST_COLUMNS = 2000
_PATTERN_SECONDS = 5.0

DEFAULT_FILES = {"jsonl": "metrics.jsonl", "csv": "**/*.csv", "tensorboard": "**/*tfevents*"}

Row = Mapping[str, object]


@dataclass(frozen=True)
class Curve:
    """Training loss against compute, as the program reported it."""

    compute: tuple[float, ...] = ()
    loss: tuple[float | None, ...] = ()
    """None where the program wrote that its loss was not finite."""

    @property
    def claimed_compute(self) -> float | None:
        """Compute at the last line; None if the program reported none."""
        return self.compute[-1] if self.compute else None

    @property
    def diverged(self) -> bool:
        """Whether the last loss reported is not finite."""
        return bool(self.loss) and self.loss[-1] is None


def read_curve(file: Path, compute_key: str = "flops") -> Curve:
    """The curve in a metrics.jsonl, one JSON object a line; lines that are not are passed over.

    A link, or anything but a regular file, reads as an empty curve: the program wrote it.
    """
    try:
        seen = file.lstat()
    except OSError:
        return Curve()
    state = (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    return _curve_at(file, compute_key, state)


@lru_cache(maxsize=8)
def _curve_at(file: Path, compute_key: str, state: tuple[int, ...]) -> Curve:
    """The curve of a file in a state: a trial's is asked for some six times when it has ended."""
    return _curve(_objects(read_text(file)), "loss", Formula(compute_key), {})


def read_source(source: CurveSource, out: Path, log: Path, known: Row) -> Curve:
    """The curve in what a trial leaves, as `source` says; empty where there is none.

    `known` are the trial's own values; arithmetic over a row sees them before the row's.
    """
    return _curve(rows(source, out, log), source.loss, Formula(source.compute), known)


def rows(source: CurveSource, out: Path, log: Path) -> Iterable[Row]:
    """What the source reports, a mapping a line, before anything is made of it."""
    if source.source == "output":
        return _matches(_bytes(log), source.pattern or "")
    file = newest(out, source.file or DEFAULT_FILES[source.source])
    if file is None:
        return []
    match source.source:
        case "jsonl":
            return _objects(read_text(file))
        case "csv":
            return _records(read_text(file))
        case _:
            return _steps(_bytes(file))


def newest(out: Path, pattern: str) -> Path | None:
    """The file of a folder that matches a pattern and was written last; links are passed over."""
    if not any(mark in pattern for mark in "*?["):
        return out / pattern
    wanted = re.compile(_translated(pattern))
    found: list[tuple[float, str]] = []
    for entry in islice(files_below(out), _MOST_ENTRIES):
        if wanted.fullmatch(os.path.relpath(entry.path, out)):
            with contextlib.suppress(OSError):  # it may be gone by now
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    found.append((status.st_mtime, entry.path))
    return Path(max(found)[1]) if found else None


def _translated(pattern: str) -> str:
    """A pattern in which `**/` crosses folders and `*` does not, as a regular expression."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        words.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    )


def _curve(found: Iterable[Row], loss: str, compute: Formula, known: Row) -> Curve:
    points = list(_points(found, loss, compute, known))
    return Curve(tuple(point[0] for point in points), tuple(point[1] for point in points))


def _points(
    found: Iterable[Row], loss: str, compute: Formula, known: Row
) -> Iterator[tuple[float, float | None]]:
    for row in found:
        if loss not in row:
            continue
        numbers = {key: _number(row[key]) for key in compute.names & row.keys()} | dict(known)
        try:
            spent = compute.value(numbers)
        except UserError:
            continue
        if spent >= 0:
            yield spent, _number(row[loss])


def _objects(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _records(text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text.replace("\0", "")))
    try:
        columns = next(reader, [])
        if len(columns) > _MOST_COLUMNS:
            return
        for row in reader:
            # A logger leaves a cell empty where a step has no such value.
            yield _numbers(dict(zip(columns, row, strict=False)))
    except csv.Error:
        return


def _matches(text: bytes, pattern: str) -> Iterator[Row]:
    found = search_lines(pattern, text, "first", _LONGEST_LINE, _PATTERN_SECONDS)
    return map(_numbers, found or ())


def _steps(data: bytes) -> Iterator[Row]:
    """A row for each scalar, with its step and the seconds since the first."""
    first: float | None = None
    for scalar in scalars(data):
        first = scalar.seconds if first is None else first
        yield {
            "step": scalar.step,
            "seconds": scalar.seconds - first,
            scalar.tag: scalar.value,
        }


def _numbers(texts: Mapping[str, object]) -> Row:
    """What is a number among texts, as programs print it; None where it is not finite."""
    found: dict[str, object] = {}
    for name, text in texts.items():
        try:
            found[name] = _number(float(str(text).strip().rstrip(",;%)")))
        except ValueError:
            continue
    return found


def read_text(file: Path) -> str:
    """The text of a file that a program wrote, capped; empty if it is no regular file."""
    return _bytes(file).decode(errors="replace")


def _bytes(file: Path) -> bytes:
    try:
        with open_regular(file) as stream:
            return stream.read(_LARGEST_BYTES) or b""
    except OSError:
        return b""


def _number(value: object) -> float | None:
    """`value` as a finite float; None for text, truth values, NaN and numbers too large."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def tail(file: Path, most_bytes: int = 2000) -> str:
    """The end of a log, for a failure's record."""
    try:
        with open_regular(file) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - most_bytes))
            return (stream.read(most_bytes) or b"").decode(errors="replace")
    except OSError:
        return ""
