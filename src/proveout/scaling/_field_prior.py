"""What the gap of an idea is believed to be before it is measured: one of a few kinds.

    gap(x) = 10^(-fade (x - centre)) [level + integral of slope] + rough

over x = log10 compute. Everything is Gaussian. The slope is an Ornstein-Uhlenbeck process: what it
is now says less and less of what it will be, so that a trend is followed for a while and then
levels off (the damped trend of Gardner and McKenzie 1985, which forecasts better than a straight
line almost wherever it was tried). The factor draws gains and harms towards zero as the loss itself
falls, without turning them; `rough` is what one rung has for itself beside seed noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache

import numpy as np

from proveout.scaling._checks import Floats


@dataclass(frozen=True)
class Course:
    """How a gap goes over scale; sds are shares of its level's.

    Attributes:
        fade_per_decade: the gap is multiplied by 10^(-fade) in a decade of compute.
        slope_sd: of the change in a decade, beside fading.
        turn_per_decade: the slope's correlation with itself falls as e^(-turn distance). Near zero
            the course is a straight line for good; far above one it is a random walk.
        rough_sd: of what one rung has for itself.
    """

    fade_per_decade: float
    slope_sd: float
    turn_per_decade: float
    rough_sd: float

    def __post_init__(self) -> None:
        """Refuse what no gap can have."""
        if not math.isfinite(self.fade_per_decade):
            raise ValueError(f"fade_per_decade must be finite, got {self.fade_per_decade}")
        for part in fields(self)[1:]:
            value = getattr(self, part.name)
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{part.name} must be above zero, got {value}")

    def kernel(self, x: Floats, other: Floats, centre: float) -> Floats:
        """The prior covariance of gaps at `x` [n] and at `other` [m], [n, m], for a level of 1."""
        a, b = x[:, None] - centre, other[None, :] - centre
        walked = self._spread(a) + self._spread(b) - self._spread(a - b)
        smooth = 10.0 ** (-self.fade_per_decade * (a + b)) * (1 + self.slope_sd**2 * walked)
        same = np.isclose(x[:, None], other[None, :], rtol=0, atol=1e-9)
        kernel: Floats = smooth + self.rough_sd**2 * same
        return kernel

    def _spread(self, distance: Floats) -> Floats:
        """Half the variance of what a slope of sd 1 adds up to over a distance."""
        turned = self.turn_per_decade * np.abs(distance)
        spread: Floats = (np.expm1(-turned) + turned) / self.turn_per_decade**2
        return spread


@dataclass(frozen=True)
class FieldPrior:
    """What an idea's gap is believed to be before it is measured: one of K kinds.

    Attributes:
        levels: [K], sds of the gap at the middle of the ladder, as shares of the baseline's loss.
        courses: [K], how it goes from there.
        weights: [K], how likely each kind is.
    """

    levels: tuple[float, ...]
    courses: tuple[Course, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse kinds that are not whole."""
        if not (self.levels and len(self.levels) == len(self.courses) == len(self.weights)):
            raise ValueError("levels, courses and weights must be as many, and at least one")
        if min(self.levels) <= 0 or min(self.weights) <= 0:
            raise ValueError("levels and weights must be above zero")

    def __hash__(self) -> int:
        """That of all numbers, counted once: kernels are asked for by it."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.levels, self.courses, self.weights))

    def kernel(self, x: Floats, other: Floats, centre: float) -> Floats:
        """Prior covariances of gaps at `x` [n] and at `other` [m], [K, n, m], for a loss of 1."""
        return _kernel(self, tuple(x.tolist()), tuple(other.tolist()), centre)


@lru_cache(maxsize=64)
def _kernel(
    prior: FieldPrior, xs: tuple[float, ...], others: tuple[float, ...], centre: float
) -> Floats:
    """Cached: a study asks for the same few again and again."""
    x, other = np.array(xs), np.array(others)
    shapes = {course: course.kernel(x, other, centre) for course in set(prior.courses)}
    stacked = np.array(
        [
            level**2 * shapes[course]
            for level, course in zip(prior.levels, prior.courses, strict=True)
        ]
    )
    stacked.setflags(write=False)
    return stacked


_STAYS = Course(0.03, 0.15, 2.5, 0.005)
_FADES = Course(0.3, 0.28, 0.3, 0.03)
_DRIFTS = Course(0.1, 0.5, 0.3, 0.05)
_GOES_ON = Course(0.0, 1.0, 0.05, 0.02)
_DIES = Course(0.5, 0.7, 2.0, 0.05)
_WANDERS = Course(0.16, 2.5, 1.7, 0.07)
_KINDS = (
    (0.001, _FADES, 0.42),
    (0.006, _STAYS, 0.05),
    (0.05, _STAYS, 0.05),
    (0.007, _FADES, 0.05),
    (0.03, _FADES, 0.08),
    (0.2, _FADES, 0.03),
    (0.4, _FADES, 0.02),
    (0.02, _DRIFTS, 0.165),
    (0.1, _DRIFTS, 0.07),
    (0.05, _GOES_ON, 0.015),
    (0.08, _DIES, 0.03),
    (0.08, _WANDERS, 0.02),
)

FIELD_PRIOR = FieldPrior(
    tuple(level for level, _, _ in _KINDS),
    tuple(course for _, course, _ in _KINDS),
    tuple(weight for _, _, weight in _KINDS),
)
"""Where the numbers come from. Courses and levels: a random search for the log score of gaps at the
target, forecast from the scales below it, a mean over thirteen sources (public tables of recipes,
mixtures, experts, sparsity, parallel streams, optimizers, learning rates, tokens a parameter and
learning curves; the recorded grid of `byte_lm` with its seeds and without; simulated studies), then
rounded. Weights: the marginal likelihood of whole courses, the gap at the target among them, of the
recorded and the simulated studies, so that four ideas in ten do next to nothing; `_GOES_ON` and
`_WANDERS` are rare there and kept for tables in which ideas cross. Next to nothing is .001 of the
loss and not the .0005 that the simulator's zeros would have: on public tables that costs nothing.
The score is flat: of 3.07 nats a gap, shifts of weight among kinds move about a hundredth.
`benchmarks/decisions.py --vary courses levels weights` halves and doubles each number and tells
what that gains by source, and with any one source left out."""
