"""ASHA and Hyperband by Optuna's pruners (the extra `optuna`), rebuilt from the board each time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from proveout.errors import UserError
from proveout.verdicts._board import Board, Choice, Flags
from proveout.verdicts._reference import Cell, buy, mean_gaps, mean_losses, missing

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class Asha:
    """Asynchronous successive halving: who is among the best 1/eta so far climbs at once.

    Li et al. 2020 (arXiv 1810.05934) as Optuna's `SuccessiveHalvingPruner` has it: an idea is
    judged once, when its mean loss over the least seeds comes in, against the ideas before it.
    Ideas come in their order on the board. The resource is the rung, `eta` by default the ratio of
    the rungs' prices. Those at the highest rung reached that beat the baseline there are kept.
    """

    eta: int | None = None

    def choose(self, board: Board, slots: int) -> Choice:
        """What the ideas that climbed lack, high rungs first; then the next idea."""
        return _climb(board, slots, "asha", self.eta)

    def keeps(self, board: Board) -> Flags:
        """[A - 1]: those at the highest rung measured that beat the baseline."""
        return _at_the_top(board)


@dataclass(frozen=True)
class Hyperband:
    """Brackets of successive halving, of which each begins to drop ideas at another rung.

    Li et al. 2018 (arXiv 1603.06560) as Optuna's `HyperbandPruner` has it: each idea is dealt to
    one bracket, and judged there as in `Asha`. Those at the highest rung reached that beat the
    baseline there are kept.
    """

    eta: int | None = None

    def choose(self, board: Board, slots: int) -> Choice:
        """What the ideas that climbed lack, high rungs first; then the next idea."""
        return _climb(board, slots, "hyperband", self.eta)

    def keeps(self, board: Board) -> Flags:
        """[A - 1]: those at the highest rung measured that beat the baseline."""
        return _at_the_top(board)


def _at_the_top(board: Board) -> Flags:
    gaps = mean_gaps(board)
    measured = np.flatnonzero(~np.isnan(gaps).all(axis=0))
    if not measured.size:
        return np.zeros(len(gaps), dtype=bool)
    return gaps[:, measured[-1]] < 0


def _climb(board: Board, slots: int, kind: str, eta: int | None) -> Choice:
    """Buys what a pruner lets climb, and the baseline wherever an idea is."""
    factor = eta or _price_ratio(board)
    heights = np.array(_heights(kind, factor, board.compute.size, _values(board)), dtype=int)
    # What was let climb before other losses came in is not called back.
    reached = (board.bought.any(axis=2) * np.arange(board.compute.size)).max(axis=1)
    cells = _cells(board, np.maximum(heights, reached[1:]))
    return buy(board, slots, cells, "among the best of its rung so far")


def _cells(board: Board, heights: npt.NDArray[np.int_]) -> Iterator[Cell]:
    """What is lacking at the rungs that each idea [A - 1] may reach, high rungs first."""
    for rung in reversed(range(board.compute.size)):
        arms = [arm for arm in range(1, len(board.arms)) if heights[arm - 1] >= rung]
        if arms:
            yield from missing(board, rung, board.seeds[0], [0, *arms])


def _price_ratio(board: Board) -> int:
    if board.price.size < 2:
        return 2
    ratios = board.price[1:] / board.price[:-1]
    return max(2, round(math.exp(float(np.mean(np.log(ratios))))))


def _values(board: Board) -> tuple[tuple[float, ...], ...]:
    """[A - 1][rungs complete]: each idea's mean loss at the rungs that it has done with; NaN where
    all seeds failed."""
    least = board.seeds[0]
    lacks = np.zeros((len(board.arms), board.compute.size), dtype=bool)
    for rung in range(board.compute.size):
        lacks[[cell.arm for cell in missing(board, rung, least)], rung] = True
    done = np.logical_and.accumulate(~(lacks | board.running.any(axis=2)), axis=1)
    done &= board.bought.any(axis=2)
    means = mean_losses(board)
    means[board.closed] = np.nan
    return tuple(
        tuple(float(mean) for mean in means[arm, : done[arm].sum()])
        for arm in range(1, len(board.arms))
    )


@lru_cache(maxsize=256)
def _heights(
    kind: str, eta: int, rungs: int, values: tuple[tuple[float, ...], ...]
) -> tuple[int, ...]:
    """The highest rung that each idea may be bought at, as the pruner says when the values are
    reported in the order of the ideas, rung by rung."""
    optuna = _optuna()
    pruner = (
        optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=eta)
        if kind == "asha"
        else optuna.pruners.HyperbandPruner(1, eta ** (rungs - 1), eta)
    )
    study = optuna.create_study(study_name="proveout", direction="minimize", pruner=pruner)
    trials = [study.ask() for _ in values]
    heights = [0] * len(values)
    for rung in range(rungs - 1):
        for idea, trial in enumerate(trials):
            if rung < len(values[idea]):
                trial.report(values[idea][rung], eta**rung)
                climbs = not trial.should_prune() and not math.isnan(values[idea][rung])
                heights[idea] = rung + 1 if climbs else heights[idea]
    return tuple(heights)


@lru_cache(maxsize=1)
def _optuna() -> ModuleType:
    """Optuna, told not to announce its studies."""
    try:
        import optuna
    except ImportError:
        raise UserError(
            "the policies asha and hyperband need Optuna, which is not installed: "
            "pip install 'proveout[optuna]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
