"""Bits per byte: right by hand, blind to tricks, and deaf to what is not logits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proveout.errors import DataError, ScoringFailed
from proveout.scoring import (
    LanguageModelEvaluator,
    bits_per_byte,
    make_probes,
    read_held_out,
)
from proveout.study import read_study
from proveout.trials import Exit, Trial

Toy = Any
TRIAL = Trial(rung=0, replicate=0, idea="baseline")
WELL = Exit("x", "itself", 0, None, 1.0, 1.0, 1, 0)


def test_a_uniform_model_needs_eight_bits_a_byte() -> None:
    targets = np.arange(64, dtype=np.uint8).reshape(4, 16)
    assert bits_per_byte(np.zeros((4, 16, 256), np.float32), targets) == pytest.approx(8.0)
    # A constant added to all logits changes nothing, however large.
    assert bits_per_byte(np.full((4, 16, 256), 1e30, np.float32), targets) == pytest.approx(8.0)


def test_a_model_that_gives_a_quarter_to_each_of_four_bytes_needs_two_bits() -> None:
    logits = np.full((1, 8, 256), -1e4, np.float32)
    logits[..., :4] = 0.0
    targets = np.array([[0, 1, 2, 3, 3, 2, 1, 0]], np.uint8)
    assert bits_per_byte(logits, targets) == pytest.approx(2.0)


def test_probabilities_cannot_sum_to_more_than_one() -> None:
    """Scaling all logits up cannot help: what one byte gains the others lose."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(8, 32, 256)).astype(np.float32)
    targets = rng.integers(0, 256, (8, 32)).astype(np.uint8)
    assert bits_per_byte(logits + 100, targets) == pytest.approx(
        bits_per_byte(logits, targets), abs=1e-5
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_fails_the_whole(bad: float) -> None:
    logits = np.zeros((2, 8, 256), np.float32)
    logits[1, 7, 255] = bad
    with pytest.raises(ScoringFailed, match="not finite"):
        bits_per_byte(logits, np.zeros((2, 8), np.uint8))


def test_windows_do_not_overlap_and_targets_follow_inputs(toy: Toy) -> None:
    study = read_study(toy.folder)
    text = np.arange(20_000) % 251
    (toy.folder / "held_out.bin").write_bytes(text.astype(np.uint8).tobytes())
    held_out = read_held_out(study)
    assert held_out.inputs.shape == held_out.targets.shape == (64, 32)
    assert (held_out.inputs[:, 1:] == held_out.targets[:, :-1]).all()
    assert ((held_out.targets[:, -1].astype(int) - held_out.inputs[:, -1]) % 251 == 1).all()


def test_too_little_held_out_data_says_how_much_is_needed(toy: Toy) -> None:
    (toy.folder / "held_out.bin").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match=r"100 bytes.*2112"):
        read_held_out(read_study(toy.folder))


@pytest.fixture
def replied(toy: Toy) -> tuple[LanguageModelEvaluator, Path]:
    """An evaluator, and where the score server of `TRIAL` would have left its reply."""
    study = read_study(toy.folder)
    evaluator = LanguageModelEvaluator(study)
    evaluator.job(TRIAL, toy.folder / "program", None)
    return evaluator, evaluator.scratch(TRIAL) / "reply"


def asked(file: Path) -> Any:
    """What a score server is asked: the windows and the probes, in an order of chance."""
    return np.load(file.with_name("inputs.npy"))


def bigram(inputs: Any) -> Any:
    """Logits that depend on the present byte alone."""
    table = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    return table[inputs]


def test_probes_are_true_up_to_their_cut_and_different_after_it(toy: Toy) -> None:
    inputs = read_held_out(read_study(toy.folder)).inputs
    probes = make_probes(inputs)
    assert len(probes.windows) == len(set(probes.windows)) == 8
    for window, cut, probe in zip(probes.windows, probes.cuts, probes.inputs, strict=True):
        assert (probe[: cut + 1] == inputs[window][: cut + 1]).all()
        assert (probe[cut + 1 :] != inputs[window][cut + 1 :]).all()
        assert cut < 31


@pytest.mark.parametrize("ahead", [1, 2, 5, 31])
def test_a_model_that_looks_ahead_is_caught_however_little(
    replied: Any, toy: Toy, ahead: int
) -> None:
    """It scores nearly nothing without the probes: the next byte stands in its input."""
    evaluator, file = replied
    inputs = asked(file)
    logits = bigram(inputs)
    peeked = np.eye(256, dtype=np.float32)[inputs[:, ahead:]]
    logits[:, : inputs.shape[1] - ahead] += 50 * peeked
    file.write_bytes(logits.tobytes())
    with pytest.raises(ScoringFailed, match="come after") as raised:
        evaluator.measure(TRIAL, WELL, WELL)
    assert raised.value.kind == "not causal"


@pytest.mark.parametrize("hide", ["all bytes", "one that never occurs"])
def test_a_constant_hides_no_look_ahead(replied: Any, toy: Toy, hide: str) -> None:
    """It changes no prediction, and would make a difference look small beside it."""
    evaluator, file = replied
    inputs = asked(file)
    logits = bigram(inputs)
    logits[:, :-1] += 8 * np.eye(256, dtype=np.float32)[inputs[:, 1:]]
    if hide == "all bytes":
        logits += 3e4
    else:
        logits[:, :, 255] = -1e6
    file.write_bytes(logits.tobytes())
    with pytest.raises(ScoringFailed, match="come after") as raised:
        evaluator.measure(TRIAL, WELL, WELL)
    assert raised.value.kind == "not causal"


def test_logits_too_large_for_their_type_accuse_nobody(replied: Any, toy: Toy) -> None:
    evaluator, file = replied
    logits = bigram(asked(file)) + 1e7
    noise = np.random.default_rng(1).integers(-1, 2, size=logits.shape)
    file.write_bytes((logits + noise).astype(np.float32).tobytes())
    with pytest.raises(ScoringFailed, match="cannot tell") as raised:
        evaluator.measure(TRIAL, WELL, WELL)
    assert raised.value.kind == "unscorable"


def test_rounding_between_batches_is_not_taken_for_looking_ahead(replied: Any, toy: Toy) -> None:
    evaluator, file = replied
    logits = bigram(asked(file))
    noise = np.random.default_rng(1).normal(size=logits.shape)
    file.write_bytes((logits + 1e-5 * noise).astype(np.float32).tobytes())
    assert 8 < evaluator.measure(TRIAL, WELL, WELL).measurement.value < 10


def test_a_model_far_worse_than_a_guess_has_diverged(replied: Any, toy: Toy) -> None:
    evaluator, file = replied
    file.write_bytes((40 * bigram(asked(file))).tobytes())
    with pytest.raises(ScoringFailed, match="uniform guess") as raised:
        evaluator.measure(TRIAL, WELL, WELL)
    assert raised.value.kind == "diverged"


def test_a_reply_gives_what_its_logits_give(replied: Any, toy: Toy) -> None:
    evaluator, file = replied
    held_out = read_held_out(read_study(toy.folder))
    file.write_bytes(bigram(asked(file)).tobytes())
    logits = bigram(held_out.inputs)
    measured = evaluator.measure(TRIAL, WELL, WELL).measurement
    assert measured.value == pytest.approx(bits_per_byte(logits, held_out.targets))
    assert (measured.unit, measured.trust, measured.items) == ("bits per byte", "audited", 64 * 32)
    assert not file.parent.exists()


def test_a_link_a_pipe_and_a_folder_are_not_read(replied: Any, tmp_path: Path) -> None:
    evaluator, file = replied
    logits = tmp_path / "elsewhere"
    logits.write_bytes(bytes(72 * 32 * 256 * 4))
    for make in (
        lambda: file.symlink_to(logits),
        lambda: os.mkfifo(file),
        lambda: file.mkdir(),
    ):
        file.parent.mkdir(exist_ok=True)
        make()
        with pytest.raises(ScoringFailed):
            evaluator.measure(TRIAL, WELL, WELL)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=4096))
def test_no_reply_of_another_size_is_accepted(
    tmp_path_factory: pytest.TempPathFactory, make_study: Any, content: bytes
) -> None:
    evaluator, file = make_study
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    with pytest.raises(ScoringFailed, match="are needed"):
        evaluator.measure(TRIAL, WELL, WELL)


@pytest.fixture(scope="module")
def make_study(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import runpy
    import shutil

    example = Path(__file__).parents[2] / "examples" / "bigram"
    folder = tmp_path_factory.mktemp("fuzzed")
    shutil.copytree(example / "program", folder / "program")
    (folder / "ideas").mkdir()
    shutil.copy(example / "study.toml", folder)
    runpy.run_path(str(example / "corpus.py"))["write_corpus"](folder)
    evaluator = LanguageModelEvaluator(read_study(folder))
    return evaluator, evaluator.scratch(TRIAL) / "reply"


@pytest.mark.parametrize(
    "ended",
    [
        Exit("x", "itself", 1, None, 1.0, 1.0, 1, 0),
        Exit("x", "itself", None, 9, 1.0, 1.0, 1, 0),
        Exit("x", "wall-time", None, 9, 1.0, 1.0, 1, 0),
    ],
)
def test_a_server_that_failed_is_no_measurement_even_with_a_reply(
    replied: Any, ended: Exit
) -> None:
    evaluator, file = replied
    file.write_bytes(bytes(72 * 32 * 256 * 4))
    with pytest.raises(ScoringFailed, match="score server"):
        evaluator.measure(TRIAL, WELL, ended)
