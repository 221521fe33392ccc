"""What ideas have in common, and which of them were scaled up: what tables show of either."""

from __future__ import annotations

import numpy as np
import pytest

from proveout.verdicts import Run
from proveout.verdicts._decide import believe_table, board_of_table
from proveout.verdicts._slips import questions
from proveout.verdicts._table import tabulate

SCALES = (1e17, 3e17, 1e18, 3e18)
TARGET = 1e20
IDEAS = 10


def level(scale: float) -> float:
    return float(1.8 + 1.6 * (scale / 1e17) ** -0.12)


def losses(seed: int, worse: float = 0.0) -> np.ndarray:
    """[idea, scale, seed], idea 0 the baseline: noise of half a per cent, ideas worse."""
    noise = np.random.default_rng(seed).normal(0, 0.005, (IDEAS + 1, len(SCALES), 2))
    noise[1:] += worse
    told: np.ndarray = np.array([level(scale) for scale in SCALES])[:, None] * (1 + noise)
    return told


def runs_of(table: np.ndarray) -> list[Run]:
    """Of what is not NaN."""
    return [
        Run(f"idea-{i}", SCALES[r], float(loss), str(s))
        for (i, r, s), loss in np.ndenumerate(table)
        if not np.isnan(loss)
    ]


def believed(runs: list[Run]) -> tuple[np.ndarray, np.ndarray, bool]:
    """The ends of the 80% intervals at the target, and whether something in common is named."""
    table = tabulate(runs, "idea-0", 1.0)
    belief, warnings = believe_table(board_of_table(table, TARGET, 1.0), table, named=True)
    low, high = (belief.at_target.quantiles(p)[:, 0] for p in (0.1, 0.9))
    return low, high, any("not luck but theirs" in each for each in warnings)


def test_what_all_variants_of_one_change_lose_is_not_only_luck() -> None:
    truth, held, named = 0.01 * level(TARGET), [], 0
    for seed in range(20):
        low, high, said = believed(runs_of(losses(seed, worse=0.01)))
        held += list((low <= truth) & (truth <= high))
        named += said
    assert np.mean(held) > 0.7  # .31 where it is taken for the baseline's luck
    assert named > 10


def test_a_baseline_with_luck_raises_no_alarm() -> None:
    assert sum(believed(runs_of(losses(seed)))[2] for seed in range(40)) <= 2


def asks(on: np.ndarray, table: np.ndarray) -> bool:
    """Whether it is asked who was scaled up, where only ideas `on` went beyond the first scale."""
    table = table.copy()
    table[np.setdiff1d(np.arange(1, IDEAS + 1), on), 1:] = np.nan
    board = board_of_table(tabulate(runs_of(table), "idea-0", 1.0), TARGET, 1.0)
    said = questions(board, "flops", 1.0, ())
    return any("only ideas that looked good at 1e+17 were run beyond it" in each for each in said)


@pytest.mark.parametrize("count", [3, 6])
def test_ideas_that_were_scaled_up_for_looking_good_are_told_from_any(count: int) -> None:
    rng, wrong = np.random.default_rng(0), 0
    for seed in range(60):
        table = losses(seed)
        order = np.argsort(table[1:, 0].mean(axis=1)) + 1
        assert asks(order[:count], table)
        wrong += asks(rng.permutation(order)[:count], table)
    assert wrong <= 4  # 60 x 2% and three sds
