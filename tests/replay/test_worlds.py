"""Worlds: recorded trials are drawn with the right mean, variance and pairs; the simulator is as it
says."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from proveout.errors import DataError
from proveout.replay import MIX, Simulator, read_grid

SEEDS, RUNGS = 4, (1e10, 3e10, 1e11, 1e12)


def write_grid(path: Path, ideas: int = 3) -> np.ndarray:
    """A grid of four rungs, the top of which is the target; [A, R, n]. `copy` equals the baseline
    bit by bit, `broken` always fails, and `half` lacks the upper rungs."""
    random = np.random.default_rng(0)
    shared = random.normal(0, 0.02, (1, len(RUNGS), SEEDS))
    losses = 3.0 + shared + random.normal(0, 0.02, (ideas + 1, len(RUNGS), SEEDS))
    lines = ["idea,rung,flops,replicate,seed,bits_per_byte,failure,cpu_seconds"]
    names = ["baseline", *(f"idea-{number}" for number in range(ideas))]
    for rung, flops in enumerate(RUNGS):
        for replicate in range(SEEDS if rung < 3 else 2):
            end = f"{rung},{flops:g},{replicate},7"
            for arm, name in enumerate(names):
                lines.append(end_of(name, end, losses[arm, rung, replicate]))
            lines.append(end_of("copy", end, losses[0, rung, replicate]))
            lines.append(f"broken,{end},,crashed,0.1")
            if rung < 2:
                lines.append(end_of("half", end, 2.0))
    path.write_text("\n".join(lines) + "\n")
    return losses


def end_of(name: str, middle: str, loss: float) -> str:
    return f"{name},{middle},{float(loss)!r},,1.0"


def test_a_grid_has_the_rungs_up_to_a_tenth_of_its_target(tmp_path: Path) -> None:
    losses = write_grid(tmp_path / "grid.csv")
    grid = read_grid(tmp_path / "grid.csv")
    assert grid.arms == ("baseline", "idea-0", "idea-1", "idea-2", "copy", "broken")
    assert grid.compute.tolist() == [1e10, 3e10, 1e11]
    assert grid.target == 1e12
    assert grid.loss == pytest.approx(losses[0, 3, :2].mean())
    paired = losses[1:, 3, :2] - losses[0, 3, :2]
    assert grid.gaps[:3, -1] == pytest.approx(paired.mean(axis=1))
    assert grid.gaps[3].tolist() == [0.0] * 4
    assert np.isnan(grid.gaps[4]).all()


def test_a_lower_rung_can_be_the_target(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.csv")
    grid = read_grid(tmp_path / "grid.csv", top=2)
    assert grid.compute.tolist() == [1e10]
    assert grid.target == 1e11
    with pytest.raises(DataError, match="no ladder below rung 1"):
        read_grid(tmp_path / "grid.csv", top=1)


def test_a_grid_that_is_missing_or_no_grid_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no grid can be read from .*none\.csv"):
        read_grid(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="is not a recorded grid"):
        read_grid(tmp_path / "other.csv")
    (tmp_path / "empty.csv").write_text("idea,rung,flops,replicate,bits_per_byte\n")
    with pytest.raises(DataError, match="no trial of the baseline"):
        read_grid(tmp_path / "empty.csv")


def test_drawn_trials_have_the_recorded_mean_and_the_whole_variance(tmp_path: Path) -> None:
    """Over many worlds: the mean of draws is the recorded mean, and their variance the unbiased
    estimate from the recorded seeds, of losses and of paired gaps alike."""
    recorded = write_grid(tmp_path / "grid.csv")[:, :3]
    grid = read_grid(tmp_path / "grid.csv")
    worlds = [grid.world(seed, 99) for seed in range(3000)]
    names = ("baseline", "idea-0", "idea-1", "idea-2")
    draws = np.stack([w.losses[[w.arms.index(name) for name in names]] for w in worlds])
    count = draws.shape[0] * draws.shape[3]
    for drawn, true in (
        (draws, recorded),
        (draws[:, 1:] - draws[:, :1], recorded[1:] - recorded[:1]),
    ):
        variance = true.var(axis=2, ddof=1)
        error = np.sqrt(variance / count)
        assert (np.abs(drawn.mean(axis=(0, 3)) - true.mean(axis=2)) < 4.5 * error).all()
        # A variance from n independent draws is known to within sqrt(2 / n), and somewhat worse
        # for draws with heavier tails than a Gaussian's.
        assert drawn.var(axis=(0, 3)) == pytest.approx(variance, rel=6 * math.sqrt(2 / count))


def test_draws_keep_pairs_and_failures(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.csv")
    grid = read_grid(tmp_path / "grid.csv")
    world = grid.world(1, 99)
    assert sorted(world.arms) == sorted(grid.arms)
    assert np.array_equal(world.losses[0], world.losses[world.arms.index("copy")])
    assert np.isnan(world.losses[world.arms.index("broken")]).all()
    assert world.truth[world.arms.index("broken") - 1] == 0.0
    assert len(np.unique(world.losses[0, 0])) == world.losses.shape[2]


def test_a_world_has_some_of_the_ideas(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.csv")
    grid = read_grid(tmp_path / "grid.csv")
    seen = {grid.world(seed, 2).arms for seed in range(200)}
    assert all(arms[0] == "baseline" and len(arms) == 3 for arms in seen)
    assert len(seen) == 20  # two of five, in either order


def test_the_same_seed_gives_the_same_world() -> None:
    first, again, other = (Simulator().world(seed, 5) for seed in (1, 1, 2))
    assert np.array_equal(first.losses, again.losses, equal_nan=True)
    assert np.array_equal(first.gaps, again.gaps, equal_nan=True)
    assert first.kinds == again.kinds
    assert not np.array_equal(first.losses, other.losses, equal_nan=True)


def test_simulated_noise_is_as_stated() -> None:
    """Of ideas that do nothing: their own sd, and what pairing takes away of the gap's variance."""
    sim = Simulator(mix={"nothing": 1.0}, noise_spread=0.0, pairing=(0.4, 0.4), crashes=0.0, room=8)
    worlds = [sim.world(seed, 20) for seed in range(60)]
    loss = np.array([2.4 * (c / 1e10) ** -0.1215 + 1 for c in sim.compute])
    noise = np.stack([world.losses for world in worlds]) / loss[:, None] - 1
    assert noise[:, :, 0].std() == pytest.approx(0.008, rel=0.05)
    assert noise[:, :, 1:].std() == pytest.approx(0.004, rel=0.05)
    gaps = noise[:, 1:] - noise[:, :1]
    assert gaps[:, :, 0].var() == pytest.approx(2 * 0.008**2 * (1 - 0.4), rel=0.1)


def test_simulated_ideas_are_what_they_are_called() -> None:
    world = Simulator().world(0, 4000)
    kinds = np.array(world.kinds)
    shares = {kind: (kinds == kind).mean() for kind in MIX}
    assert shares == pytest.approx(dict(MIX), abs=0.03)
    gaps = world.gaps
    for kind, sign in (("small-win", 1), ("late-bloomer", -1)):
        such = gaps[kinds == kind]
        assert (sign * such[:, -1] >= 0.01 * world.loss).all()
        assert (sign * such[:, 0] <= -0.01 * world.loss).all()
    assert (gaps[np.isin(kinds, ["nothing", "identical"])] == 0).all()
    assert np.isnan(gaps[kinds == "crash"]).all()
    assert np.array_equal(np.isnan(world.losses).all(axis=(1, 2))[1:], kinds == "crash")
    power = np.abs(gaps[kinds == "power"] / world.gaps[kinds == "power"][:, :1])
    assert 0.6 < (power[:, -1] < 1).mean() < 0.95  # most fade, though the loss falls too
