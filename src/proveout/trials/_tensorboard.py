"""Scalars in TensorBoard event files, without TensorBoard: TFRecord frames around protobuf.

Only what a scalar needs is read: `Event{wall_time=1, step=2, summary=5}`, `Summary{value=1}`,
`Value{tag=1, simple_value=2, tensor=8}`, `TensorProto{dtype=1, float_val=5, double_val=6,
tensor_content=4}`. Checksums are passed over: the file is a hint, and a torn end is usual.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_FLOAT, _DOUBLE = 1, 2
_LARGEST_EVENT = 1 << 20
Field = tuple[int, int | bytes]


class Scalar(NamedTuple):
    """One value of one tag."""

    seconds: float
    """Since 1970, by the program's clock."""
    step: int
    tag: str
    value: float


def scalars(data: bytes) -> Iterator[Scalar]:
    """Every scalar in an event file's bytes, up to the first frame that is torn or malformed."""
    at = 0
    while at + 12 <= len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        start = at + 12
        if size > len(data) - start:
            return
        if size <= _LARGEST_EVENT:
            try:
                yield from _event(data[start : start + size])
            except (ValueError, IndexError, struct.error):
                return
        at = start + size + 4


def _event(message: bytes) -> Iterator[Scalar]:
    seconds, step, summary = 0.0, 0, b""
    for number, value in _fields(message):
        if number == 1 and isinstance(value, bytes):
            (seconds,) = struct.unpack("<d", value)
        elif number == 2 and isinstance(value, int):
            step = value
        elif number == 5 and isinstance(value, bytes):
            summary = value
    for number, value in _fields(summary):
        if number == 1 and isinstance(value, bytes):
            tag, scalar = _value(value)
            if scalar is not None:
                yield Scalar(seconds, step, tag, scalar)


def _value(message: bytes) -> tuple[str, float | None]:
    tag, scalar = "", None
    for number, value in _fields(message):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            tag = value.decode(errors="replace")
        elif number == 2:
            (scalar,) = struct.unpack("<f", value)
        elif number == 8:
            scalar = _tensor(value)
    return tag, scalar


def _tensor(message: bytes) -> float | None:
    """The number in a tensor of one element; None of any other."""
    found = dict(_fields(message))
    form = {_FLOAT: "<f", _DOUBLE: "<d"}.get(found.get(1, 0))  # type: ignore[arg-type]
    for number in (4, 5, 6):
        value = found.get(number)
        if form and isinstance(value, bytes) and len(value) == struct.calcsize(form):
            (scalar,) = struct.unpack(form, value)
            return float(scalar)
    return None


def _fields(message: bytes) -> Iterator[Field]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        match key & 7:
            case 0:
                value, at = _varint(message, at)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, at = _varint(message, at)
            case 5:
                size = 4
            case kind:
                raise ValueError(f"wire type {kind}")
        if at + size > len(message):
            raise ValueError("a field runs over the end")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")
