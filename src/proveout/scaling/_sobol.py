"""Sobol's points: they fill the unit cube more evenly than chance does (Sobol 1967).

The points are those of `scipy.stats.qmc.Sobol`, bit for bit, for the few dimensions that a law has:
to import `scipy.stats` takes 0.7 s, which each command that fits would pay.

Direction numbers: Joe and Kuo (2008), <https://web.maths.unsw.edu.au/~fkuo/sobol/>. Scrambled by
a random linear map of the binary digits and a random shift (Matousek 1998).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from proveout.scaling._checks import Floats

_Bits = npt.NDArray[np.uint32]

_BITS = 30
_JOE_KUO: tuple[tuple[int, tuple[int, ...]], ...] = (
    (0, (1,)),
    (1, (1, 3)),
    (1, (1, 3, 1)),
    (2, (1, 1, 1)),
    (1, (1, 1, 3, 3)),
    (4, (1, 3, 5, 13)),
    (2, (1, 1, 5, 5, 17)),
    (4, (1, 1, 5, 5, 5)),
    (7, (1, 1, 7, 11, 19)),
)
"""For dimensions 2 and on: the inner coefficients of a primitive polynomial over GF(2) as one
number, and the first direction numbers, one a degree."""

MOST_DIMENSIONS = 1 + len(_JOE_KUO)


class Sobol:
    """A scrambled sequence in `dimensions` dimensions, at most `MOST_DIMENSIONS`.

    Args:
        random: where the scrambling comes from.
    """

    def __init__(self, dimensions: int, random: np.random.Generator) -> None:
        assert 1 <= dimensions <= MOST_DIMENSIONS
        digits = random.integers(2, size=(dimensions, _BITS), dtype=np.uint32)
        maps = np.tril(random.integers(2, size=(dimensions, _BITS, _BITS), dtype=np.uint32), -1)
        self._shift: _Bits = digits @ (np.uint32(1) << np.arange(_BITS, dtype=np.uint32))
        plain = [_directions(dimension) for dimension in range(dimensions)]
        pairs = zip(plain, maps, strict=True)
        self._directions = np.array([_mapped(numbers, rows) for numbers, rows in pairs])
        self._drawn = 0

    def random(self, count: int) -> Floats:
        """The next points, [count, dimensions], each coordinate in 0 to 1."""
        number = np.arange(self._drawn, self._drawn + count, dtype=np.uint32)
        self._drawn += count
        gray = number ^ (number >> np.uint32(1))
        points = np.repeat(self._shift[None], count, axis=0)
        for bit in range(self._drawn.bit_length()):
            points ^= (gray >> np.uint32(bit) & np.uint32(1))[:, None] * self._directions[:, bit]
        scaled: Floats = points / 2.0**_BITS
        return scaled


def _directions(dimension: int) -> list[int]:
    """Direction numbers of a dimension counted from 0, [_BITS], as binary fractions."""
    if dimension == 0:
        return [1 << (_BITS - 1 - bit) for bit in range(_BITS)]
    inner, first = _JOE_KUO[dimension - 1]
    degree = len(first)
    found = [number << (_BITS - 1 - bit) for bit, number in enumerate(first)]
    for bit in range(degree, _BITS):
        new = found[bit - degree] ^ (found[bit - degree] >> degree)
        for back in range(1, degree):
            if inner >> (degree - 1 - back) & 1:
                new ^= found[bit - back]
        found.append(new)
    return found


def _mapped(numbers: list[int], below: _Bits) -> _Bits:
    """Direction numbers whose digits, the first the highest, went through a lower triangular map
    with ones on its diagonal; `below` [_BITS, _BITS] has what is under the diagonal."""
    places = np.arange(_BITS - 1, -1, -1, dtype=np.uint32)
    digits = (np.array(numbers, dtype=np.uint32)[None] >> places[:, None]) & np.uint32(1)
    mapped = (below @ digits + digits) & np.uint32(1)
    joined: _Bits = (mapped << places[:, None]).sum(axis=0, dtype=np.uint32)
    return joined
