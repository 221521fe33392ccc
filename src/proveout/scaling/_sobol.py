"""Scrambled Sobol numbers in few dimensions, the same as SciPy's, without its half second.

`scipy.stats` takes longer to import than most fits take to run, and these numbers are all that was
wanted of it. The sequence is Sobol's with the direction numbers of Joe and Kuo (2008, "Constructing
Sobol sequences with better two-dimensional projections"), in Gray code order (Antonov and Saleev
1979), scrambled by random lower triangular matrices and a random shift (Matousek 1998).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from proveout.scaling._checks import Floats

_BITS = 30
# Of dimensions 2, 3, ...: the primitive polynomial over GF(2), its first and last bits included,
# and the first direction numbers m. Dimension 1 is van der Corput's sequence.
_JOE_KUO = (
    (0b11, (1,)),
    (0b111, (1, 3)),
    (0b1011, (1, 3, 1)),
    (0b1101, (1, 1, 1)),
    (0b10011, (1, 1, 3, 3)),
    (0b11001, (1, 3, 5, 13)),
    (0b100101, (1, 1, 5, 5, 17)),
    (0b101001, (1, 1, 5, 5, 5)),
    (0b101111, (1, 1, 7, 11, 19)),
)


class UnitPoints(Protocol):
    """A sequence of points in the unit cube."""

    def random(self, n: int) -> Floats:
        """The next n points, [n, q]."""
        ...


def sobol(q: int, random: np.random.Generator) -> UnitPoints:
    """A scrambled Sobol sequence in q dimensions; the same for a generator in the same state."""
    if q <= len(_JOE_KUO) + 1:
        return _Sobol(q, random)
    from scipy.stats import qmc  # half a second: only for more dimensions than the table has

    return qmc.Sobol(q, rng=random)


class _Sobol:
    """The sequence, and how far it has been drawn."""

    def __init__(self, q: int, random: np.random.Generator) -> None:
        """Draws the scrambling in the order in which SciPy draws it."""
        shift = random.integers(2, size=(q, _BITS), dtype=np.uint32)
        mixing = np.tril(random.integers(2, size=(q, _BITS, _BITS), dtype=np.uint32))
        mixing[:, range(_BITS), range(_BITS)] = 1
        first_bit_first = np.arange(_BITS - 1, -1, -1)
        directions = np.array([_directions(each) for each in range(q)], dtype=np.int64)
        bits = directions[:, None, :] >> first_bit_first[:, None] & 1
        mixed = mixing.astype(np.int64) @ bits % 2
        self._shift = shift.astype(np.int64) @ (1 << np.arange(_BITS))
        self._directions: npt.NDArray[np.int64] = (mixed << first_bit_first[:, None]).sum(axis=1)
        self._drawn = 0

    def random(self, n: int) -> Floats:
        """The next n points, [n, q]."""
        number = np.arange(self._drawn, self._drawn + n)
        self._drawn += n
        gray = number ^ number >> 1
        points = np.tile(self._shift, (n, 1))
        for bit in range(self._drawn.bit_length()):
            points ^= (gray >> bit & 1)[:, None] * self._directions[:, bit]
        unit: Floats = points / 2.0**_BITS
        return unit


def _directions(dimension: int) -> list[int]:
    """Direction numbers v_1, v_2, ... as integers of _BITS bits, from dimension 0."""
    if dimension == 0:
        return [1 << (_BITS - j) for j in range(1, _BITS + 1)]
    polynomial, first = _JOE_KUO[dimension - 1]
    degree = len(first)
    m = list(first)
    while len(m) < _BITS:
        new = m[-degree]
        for back in range(1, degree + 1):
            if polynomial >> (degree - back) & 1:
                new ^= m[-back] << back
        m.append(new)
    return [each << (_BITS - j) for j, each in enumerate(m, start=1)]
