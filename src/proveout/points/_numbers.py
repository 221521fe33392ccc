"""Numbers as people write them: `1e9`, `1_000_000`, `1.5B`. All are above zero."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_SMALLEST, _LARGEST = 1e-30, 1e30  # of a scale: the steepest power that is tried fits a float
_LOSS_SMALLEST, _LOSS_LARGEST = 1e-9, 1e9  # what twelve decimals and a float's digits can show
_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:_[0-9]+)*\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?) ?([a-z]*)")
SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
UNFINISHED = {"", "-", "—", "na", "n/a", "none", "null"}
"""What stands where a run has no loss (yet)."""
FAILED = {"diverged", "failed", "crashed", "crash", "oom", "error", "timeout", "killed", "nan",
          "inf", "+inf", "-inf", "infinity", "-infinity"}  # fmt: skip
"""What stands there where a run failed."""
NO_LOSS = UNFINISHED | FAILED
_NOTHING = {"nan", "na", "n/a", "none", "null", "inf", "+inf", "-inf", "infinity", "-infinity"}


def parse_scale(text: str) -> float:
    """`1e9`, `1_000_000`, `1.5B` or `7M` as a number above zero.

    Raises:
        ValueError: it is none, or out of any law's range; the message goes on after the name
            of what is read.
    """
    return _within(text, _above_zero(text, SUFFIXES), _SMALLEST, _LARGEST)


def parse_loss(text: str) -> float:
    """A loss above zero; `ValueError` as for a scale."""
    return _within(text, _above_zero(text, {"": 1.0}), _LOSS_SMALLEST, _LOSS_LARGEST)


def parse_any_loss(text: str) -> float:
    """A loss, or its like, of any sign; `ValueError` as for a scale."""
    value = _number(text, {"": 1.0})
    if not abs(value) <= _LARGEST:
        raise ValueError(f"is {text.strip()!r}; it must lie within {_LARGEST:g} of zero")
    return value


def parse_weight(text: str) -> float:
    """A weight above zero; `ValueError` as for a scale."""
    return _within(text, _above_zero(text, {"": 1.0}), _SMALLEST, _LARGEST)


def is_number(text: str) -> bool:
    try:
        _above_zero(text, SUFFIXES)
    except ValueError:
        return False
    return True


def _within(text: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(
            f"is {text.strip()!r}; it must lie between {low:g} and {high:g}: take another unit"
        )
    return value


def _above_zero(text: str, suffixes: Mapping[str, float]) -> float:
    value = _number(text, suffixes)
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"is {text.strip()!r}; it must be above zero and finite")
    return value


def _number(text: str, suffixes: Mapping[str, float]) -> float:
    shown = text.strip()
    if not shown:
        raise ValueError("is empty; write a number, or take the line out")
    if shown.lower() in _NOTHING:
        raise ValueError(f"is {shown!r}; write a finite number, or take the line out")
    match = _NUMBER.fullmatch(shown.lower())
    if match is None:
        grouped = re.search(r"[0-9][, '’\u00a0\u202f][0-9]", shown)
        hint = "a dot for decimals and no separator of thousands: " if grouped else ""
        raise ValueError(f"is {shown!r}, not a number; write {hint}1e9, 1_000_000 or 0.25")
    if match[2] not in suffixes:
        known = "K, M, B or T" if len(suffixes) > 1 else "nothing"
        raise ValueError(f"is {shown!r}; a number may be followed by {known} here")
    return float(match[1]) * suffixes[match[2]]
