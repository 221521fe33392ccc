"""Two tiers: what predicts well only where the answer is in reach is refuted, whatever it knows."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proveout.errors import DataError
from proveout.scoring import (
    LanguageModelEvaluator,
    Scored,
    compare_tiers,
    make_split,
    read_held_out,
)
from proveout.study import read_study
from proveout.trials import Measurement, Trial

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
peekers = runpy.run_path(str(BENCHMARKS / "_peekers.py"))
PEEKS = (
    "always, strength 1",
    "one window in 10",
    "the first 40 items",
    "remembers prefixes of 4",
    "one position in 16",
    "where what follows looks natural (-4.2)",
)
HONEST = ("temperature 1.0", "a look back of 0.2")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield peekers["Bench"](tmp_path_factory.mktemp("peekers") / "study")


@pytest.mark.parametrize("name", PEEKS)
def test_a_model_that_peeks_is_refuted_even_where_the_screen_is_put_aside(
    bench: Any, name: str
) -> None:
    found = bench.check(peekers["peekers"]()[name])
    assert found.gain > 0.05
    assert not found.check.agrees
    assert "in reach" in found.check.why


@pytest.mark.parametrize("name", HONEST)
def test_honest_models_agree_and_their_gap_is_the_same_on_the_sealed_part(
    bench: Any, name: str
) -> None:
    found = bench.check(peekers["honest_models"]()[name])
    assert not found.screened
    assert found.check.agrees
    assert abs(found.check.sealed_gap + found.gain) < 4 * found.check.standard_error


def test_there_are_fifty_ways_to_peek() -> None:
    assert len(peekers["peekers"]()) == 50


def test_the_sealed_part_shares_no_byte_with_what_is_searched_on(toy: Any) -> None:
    """Each byte of the held-out text is numbered, so that any that is sent can be told."""
    study = read_study(toy.folder)
    text = np.random.default_rng(0).integers(0, 256, 20_000).astype(np.uint8)
    (toy.folder / "held_out.bin").write_bytes(text.tobytes())
    split = make_split(study)
    assert split
    assert not split.near
    evaluator = LanguageModelEvaluator(study, split)
    sealed = evaluator._sealed
    assert len(sealed.targets) == split.sealed_items > 500
    searched = read_held_out(study)
    windows = {row.tobytes() for row in searched.inputs}
    for row, position, target in zip(sealed.inputs, sealed.positions, sealed.targets, strict=True):
        prefix = row[: position + 1].tobytes()
        assert not any(prefix in window for window in windows if len(prefix) > 3)
        if len(prefix) > 3:
            at = text.tobytes().index(prefix)
            assert text[at + len(prefix)] == target


def test_what_a_promotion_sends_does_not_depend_on_its_targets(toy: Any) -> None:
    """The inputs of a text whose targets alone are others are the same up to the cut: all that a
    program gets of a window ends where its prediction begins."""
    study = read_study(toy.folder)
    evaluator = LanguageModelEvaluator(study, make_split(study))
    trial = Trial(0, 0, "baseline")
    evaluator.job(trial, toy.folder / "program", None, "promotion")
    scratch = evaluator.scratch(trial, "promotion")
    inputs, positions = np.load(scratch / "inputs.npy"), np.load(scratch / "positions.npy")
    asked, order = evaluator._asked(trial)
    assert (inputs == asked.inputs[order]).all()
    after = np.arange(inputs.shape[1]) == positions[:, None] + 1
    following, targets = inputs[after], asked.targets[order][positions + 1 < inputs.shape[1]]
    # The filler says no more of the target than any letter of the text does.
    assert (following == targets).mean() < 0.2


def test_near_copies_and_what_trials_may_read_are_left_out(toy: Any) -> None:
    toy.edit("context = 32", "context = 64")
    toy.edit("items = 64", "items = 32")
    study = read_study(toy.folder)
    rng = np.random.default_rng(1)
    text = rng.integers(0, 256, 20_000).astype(np.uint8)
    (toy.folder / "held_out.bin").write_bytes(text.tobytes())
    clean = make_split(study)
    assert clean and not clean.near and not clean.seen
    (toy.folder / "train.bin").write_bytes(text[10_000:].tobytes())
    leaked = make_split(study)
    assert leaked and len(leaked.seen) > 20
    starts = np.linspace(0, 20_000 - 65, 32).astype(int)
    copied = text.copy()
    copied[starts[0] + 65 : starts[0] + 130] = text[starts[0] : starts[0] + 65]
    (toy.folder / "held_out.bin").write_bytes(copied.tobytes())
    near = make_split(study)
    assert near and near.near


def test_held_out_text_without_room_for_a_sealed_part_says_what_to_do(toy: Any) -> None:
    (toy.folder / "held_out.bin").write_bytes(np.random.default_rng(0).bytes(64 * 33))
    with pytest.raises(DataError, match="sealed part"):
        make_split(read_study(toy.folder))


def scored(value: float, without: Any) -> Scored:
    return Scored(Measurement(value, "m", "m", "audited", "E", 64), np.asarray(without))


@pytest.mark.parametrize(
    ("sealed_gap", "agrees"), [(-0.3, True), (-0.27, True), (-0.1, False), (-0.5, True)]
)
def test_gaps_that_disagree_beyond_their_errors_are_refuted(
    sealed_gap: float, agrees: bool
) -> None:
    rng = np.random.default_rng(0)
    spread = 0.002 * rng.normal(size=32)
    base, better = scored(2.0, 2.0 + 0 * spread), scored(1.7, 1.7 + spread)
    sealed = scored(2.0 + sealed_gap, 2.0 + sealed_gap - spread)
    check = compare_tiers(better, sealed, base, base)
    assert check.agrees == agrees
    assert check.search_gap == pytest.approx(-0.3)
    assert check.sealed_gap == pytest.approx(sealed_gap)
    # 32 values with one block left out: their spread is a 31st of the mean's.
    expected = np.sqrt(2 * 31 / 32 * ((spread - spread.mean()) ** 2).sum())
    assert check.standard_error == pytest.approx(expected)
