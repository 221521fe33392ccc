"""What a board says of every idea at the target: the belief that policies and verdicts share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from proveout.scaling import Cells, GapField, GapsAt, Information, fit_field, measure_cells
from proveout.verdicts._board import Board, Flags, Floats

_SET_ASIDE = 0.05
"""An idea is set aside while a gain worth having at the target is less likely than this."""


@dataclass(frozen=True, eq=False)
class Belief:
    """What is believed of all ideas of a board; arrays are by idea, [I], without the baseline."""

    cells: Cells
    field: GapField
    target: float
    """log10 of the target's compute."""
    smallest: float
    """The least gain worth having, in the unit of the loss."""
    certainty_z: float
    """How many sds a gain must be from zero to be as certain as a verdict has to be."""
    reliability: Floats
    """The share of an idea's runs that give a score, a run that does added to what was seen."""

    @cached_property
    def information(self) -> Information:
        """What more runs would tell."""
        return self.field.information(self.target)

    @cached_property
    def at_target(self) -> GapsAt:
        """The gaps at the target."""
        return self.field.at([self.target])

    @property
    def mean_at_target(self) -> Floats:
        """The gap to expect at the target."""
        return self.at_target.mean[:, 0]

    @cached_property
    def helps(self) -> Floats:
        """The probability of a gap below zero at the target."""
        return self.at_target.below(0.0)[:, 0]

    @cached_property
    def matters(self) -> Floats:
        """The probability of a gain worth having at the target."""
        return self.at_target.below(-self.smallest)[:, 0]

    @property
    def set_aside(self) -> Flags:
        """Ideas that are measured and of which nothing worth having is expected."""
        aside: Flags = (self.matters < _SET_ASIDE) & (self.cells.runs > 0).any(axis=1)
        return aside


def believe_board(board: Board, *, paired: bool = True) -> Belief:
    """Fits all gaps of a board together."""
    cells = measure_cells(board.losses, paired=paired)
    x = np.log10(board.compute)
    seen = np.flatnonzero(~np.isnan(board.losses).all(axis=(0, 2)))
    scale = float(cells.level[seen[-1]]) if seen.size else float(cells.level[-1])
    field = fit_field(x, cells, scale=abs(scale), centre=float(x[0] + x[-1]) / 2)
    failed = board.failed[1:].sum(axis=(1, 2))
    scored = cells.runs.sum(axis=1)
    return Belief(
        cells, field, math.log10(board.target), board.smallest_gap * abs(scale),
        NormalDist().inv_cdf(board.certainty), (scored + 1) / (scored + failed + 1),
    )  # fmt: skip
