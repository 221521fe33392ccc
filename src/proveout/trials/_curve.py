"""Reads the curve a program reports. It is a hint for people; nothing in it is a score."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proveout.trials._files import open_regular

_LARGEST_BYTES = 4_000_000


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
    points = list(_points(_text(file), compute_key))
    return Curve(tuple(point[0] for point in points), tuple(point[1] for point in points))


def _text(file: Path) -> str:
    try:
        with open_regular(file) as stream:
            return (stream.read(_LARGEST_BYTES) or b"").decode(errors="replace")
    except OSError:
        return ""


def _points(text: str, compute_key: str) -> Iterator[tuple[float, float | None]]:
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(record, dict) or "loss" not in record:
            continue
        compute = _number(record.get(compute_key))
        if compute is not None and compute >= 0:
            yield compute, _number(record["loss"])


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
