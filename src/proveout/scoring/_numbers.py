"""What counts as a number that something can be decided on."""

from __future__ import annotations

import math

from proveout.errors import ScoringFailed

_LARGEST = 1e18
"""What lies beyond has diverged, though a computer can still write it: its square would be no
number that anything could be decided on."""


def as_number(value: object, what: str) -> float:
    """`value` as a float that is finite.

    Raises:
        ScoringFailed: it is no number, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScoringFailed("unscorable", f"{what} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= _LARGEST:
        raise ScoringFailed("diverged", f"{what} is not a finite number, or beyond {_LARGEST:g}")
    return number
