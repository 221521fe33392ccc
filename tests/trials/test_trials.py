"""A trial is a clean folder, a command whose words cannot be split, and a curve that is a hint."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proveout.errors import EnvironmentFailure
from proveout.ideas import Idea
from proveout.interpret import classify
from proveout.study import read_study
from proveout.trials import (
    Curve,
    Exit,
    Trial,
    check_disk,
    prepare_trial,
    read_curve,
    trial_seed,
)

Toy = Any
TRIAL = Trial(rung=1, replicate=0, idea="one")


def idea(**parameters: Any) -> Idea:
    return Idea("one", "idea", "c1", "c0", parameters=parameters)


@pytest.fixture
def tree(toy: Toy) -> Path:
    return toy.folder / "program"


def test_the_work_dir_holds_the_program_and_the_data_and_no_held_out_bytes(
    toy: Toy, tree: Path
) -> None:
    job = prepare_trial(read_study(toy.folder), TRIAL, idea(), tree, None)
    assert sorted(p.name for p in job.directory.iterdir()) == ["notes.md", "train.bin", "train.py"]
    assert (job.directory / "train.bin").resolve() == (toy.folder / "train.bin").resolve()
    assert not [p for p in job.directory.rglob("*") if "held_out" in p.name]
    assert "held_out" not in " ".join(job.argv)


def test_values_with_spaces_and_braces_stay_one_word(toy: Toy, tree: Path) -> None:
    study = read_study(toy.folder)
    job = prepare_trial(study, TRIAL, idea(share="a b; rm -rf {seed} $(x)"), tree, None)
    assert job.argv[-2:] == ("--share", "a b; rm -rf {seed} $(x)")
    assert job.argv[job.argv.index("--flops") + 1] == "6000000"


def test_the_environment_holds_no_key(
    toy: Toy, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    job = prepare_trial(read_study(toy.folder), TRIAL, idea(), tree, "3")
    assert "secret" not in job.environment.values()
    assert "PYTHONPATH" not in job.environment
    assert job.environment["OMP_NUM_THREADS"] == "1"
    assert job.environment["CUDA_VISIBLE_DEVICES"] == "3"


def test_where_compute_is_time_a_trial_cannot_take_much_more_than_it_was_given(
    toy: Toy, tree: Path
) -> None:
    text = toy.file.read_text()
    toy.file.write_text(text.replace(" flops", " device-seconds").replace('"20 s"', '"30 days"'))
    with pytest.raises(Exception, match="days"):
        read_study(toy.folder)
    toy.edit('"30 days"', '"100000 h"')
    job = prepare_trial(read_study(toy.folder), TRIAL, idea(), tree, None)
    assert job.limits.wall_seconds == pytest.approx(10 + 1.25 * 6e6)


def test_what_an_interrupted_trial_left_is_cleared(toy: Toy, tree: Path) -> None:
    study = read_study(toy.folder)
    job = prepare_trial(study, TRIAL, idea(), tree, None)
    (job.writes / "out" / "stale").write_text("old")
    prepare_trial(study, TRIAL, idea(), tree, None)
    assert not (job.writes / "out" / "stale").exists()
    assert json.loads((job.writes / "spec.json").read_text())["trial"] == "one-r2-s1"


def test_seeds_differ_by_rung_replicate_and_key_and_not_by_idea(toy: Toy) -> None:
    study = read_study(toy.folder)
    toy.edit("per_rung = [2, 3]", 'per_rung = [2, 3]\nkey = "other"')
    other = read_study(toy.folder)
    seeds = {
        trial_seed(which, Trial(rung, replicate, "one"))
        for which in (study, other)
        for rung in range(4)
        for replicate in range(4)
    }
    assert len(seeds) == 32
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert trial_seed(study, Trial(1, 1, "one")) == trial_seed(study, Trial(1, 1, "two"))


def test_a_nearly_full_disk_stops_before_the_trial(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Usage)
    with pytest.raises(EnvironmentFailure, match=r"full.*nothing is lost"):
        check_disk(toy.folder)


class _Usage:
    free = 1000


def curve_of(tmp_path: Path, text: str) -> Curve:
    file = tmp_path / "metrics.jsonl"
    file.write_text(text)
    return read_curve(file)


def test_a_curve_is_read_and_what_is_not_a_point_is_passed_over(tmp_path: Path) -> None:
    curve = curve_of(
        tmp_path,
        '{"flops": 10, "loss": 3.5}\nnot json\n[1, 2]\n{"flops": "10", "loss": 1}\n'
        '{"flops": 20, "loss": 3.0}\n{"flops": true, "loss": 1}\n{"loss": 2}\n',
    )
    assert curve == Curve((10.0, 20.0), (3.5, 3.0))
    assert curve.claimed_compute == 20.0
    assert not curve.diverged


@pytest.mark.parametrize("loss", ["null", "NaN", "Infinity", '"nan"'])
def test_a_loss_that_is_not_a_number_is_missing_and_not_zero(tmp_path: Path, loss: str) -> None:
    curve = curve_of(tmp_path, f'{{"flops": 10, "loss": {loss}}}\n')
    assert curve.loss == (None,)
    assert curve.diverged


def test_a_curve_behind_a_link_or_a_pipe_is_empty(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text('{"flops": 1, "loss": 1}\n')
    (tmp_path / "link").symlink_to(real)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "nothing", "."):
        assert read_curve(tmp_path / name) == Curve()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_no_bytes_make_reading_a_curve_fail(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.jsonl"
    file.write_bytes(content)
    curve = read_curve(file)
    assert len(curve.compute) == len(curve.loss)


GOOD = Curve((1e6,), (2.0,))


@pytest.mark.parametrize(
    ("ended", "curve", "log", "kind"),
    [
        (Exit("x", "itself", 0, None, 1, 1, 1, 0), GOOD, "", None),
        (Exit("x", "itself", 3, None, 1, 1, 1, 0), GOOD, "a\nboom\n", "crashed"),
        (Exit("x", "itself", None, 11, 1, 1, 1, 0), GOOD, "", "crashed"),
        (Exit("x", "itself", 1, None, 1, 1, 1, 0), GOOD, "MemoryError\n", "out of memory"),
        (Exit("x", "wall-time", None, 9, 1, 1, 1, 0), GOOD, "", "timed out"),
        (Exit("x", "memory", None, 9, 1, 1, 1, 0), GOOD, "", "out of memory"),
        (Exit("x", "disk", None, 9, 1, 1, 1, 0), GOOD, "", "wrote too much"),
        (Exit("x", "itself", 1, None, 1, 1, 1, 0), Curve((1.0,), (None,)), "", "diverged"),
        (Exit("x", "itself", 0, None, 1, 1, 1, 0), Curve((1.1e6,), (2.0,)), "", "over budget"),
        (Exit("x", "itself", 0, None, 1, 1, 1, 0), Curve((1.01e6,), (2.0,)), "", None),
    ],
)
def test_each_end_has_its_class(ended: Exit, curve: Curve, log: str, kind: str | None) -> None:
    failure = classify(ended, curve, log, granted=1e6)
    assert (failure.kind if failure else None) == kind
    if kind == "crashed" and log:
        assert failure
        assert "boom" in failure.sentence
