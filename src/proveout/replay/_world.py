"""A world: how every trial of one study would turn out, and what is true at the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class World:
    """One study before anything of it is bought: A arms (the baseline first), R rungs, S seeds.

    Attributes:
        arms: [A] names; `arms[0]` is the baseline.
        kinds: [A - 1], what each idea was made to be.
        compute: [R], of the rungs, rising; all far below the target.
        price: [R], of one trial.
        target: the compute at which the truth is known.
        losses: [A, R, S], what each trial will score; NaN where it will fail.
        gaps: [A - 1, R + 1], the true gaps at the rungs and, last, at the target, in the unit of
            the loss; NaN where an idea cannot be adopted because it does not run.
        loss: the baseline's at the target.
    """

    arms: tuple[str, ...]
    kinds: tuple[str, ...]
    compute: Floats
    price: Floats
    target: float
    losses: Floats
    gaps: Floats
    loss: float

    @property
    def truth(self) -> Floats:
        """[A - 1], gaps at the target; an idea that does not run gains nothing."""
        truth: Floats = np.nan_to_num(self.gaps[:, -1], nan=0.0)
        return truth

    def regret(self, keeps: npt.NDArray[np.bool_]) -> float:
        """The share of the gain there was to win that keeping these ideas [A - 1] loses: 0 for all
        winners and nothing else, 1 for none, above 1 where wrong keeps cost more than right ones
        gain. NaN where there was nothing to win."""
        there = np.maximum(0.0, -self.truth).sum()
        return float(1 + self.truth[keeps].sum() / there) if there > 0 else np.nan


class Worlds(Protocol):
    """Where worlds come from: recorded runs, or a simulator."""

    def world(self, seed: int, ideas: int) -> World:
        """One world; the same seed gives the same."""
        ...
