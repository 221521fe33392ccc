"""Arguments checked once, with messages that name the argument."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = Sequence[float] | Floats


def vector(name: str, values: Numbers, *, size: int | None = None) -> Floats:
    """`values` as a new array [n] of finite floats, n >= 1 (and n = `size` where it is given).

    Raises:
        ValueError: empty, not one-dimensional, of another size, or with NaN or infinity in it.
    """
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a vector of at least one number, got shape {array.shape}")
    if size is not None and array.size != size:
        raise ValueError(f"{name} has {array.size} entries where {size} are needed")
    if not np.isfinite(array).all():
        bad = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"{name}[{bad}] is {array[bad]}; leave out what was not measured")
    return array


def positive(name: str, values: Numbers, *, size: int | None = None) -> Floats:
    """`vector` of numbers that are all above zero."""
    array = vector(name, values, size=size)
    if (array <= 0).any():
        raise ValueError(f"{name} must be above zero, got {array[array <= 0][0]}")
    return array


def probability(name: str, value: float) -> float:
    """`value` if it lies strictly between 0 and 1; `ValueError` otherwise."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1, got {value}")
    return float(value)
