"""Whether more of a column is better: by its name, unless a person says."""

from __future__ import annotations

from pathlib import Path

import pytest

from proveout.points import read_idea_runs
from proveout.points._direction import more_is_better


@pytest.mark.parametrize(
    ("names", "more"),
    [
        ("accuracy, Test acc (%), psnr, mAP, mAP@50, win_rate, top-1, exact_match, reward_mean, "
         "log_likelihood, F1 score, neg_mean_squared_error, negative_loss", True),
        ("val_loss, L, acc_error, accuracy_error, 1-accuracy, 1 - accuracy, 100 - acc, "
         "top1_error, error (%), neg_log_likelihood, val_ppl_c4, wer", False),
        ("quality, delta, width", None),
    ],
)  # fmt: skip
def test_a_name_tells_the_direction_and_error_wins(names: str, more: bool | None) -> None:
    assert {name: more_is_better(name) for name in names.split(", ")} == dict.fromkeys(
        names.split(", "), more
    )


@pytest.mark.parametrize("column", ["accuracy", "psnr", "mAP", "win_rate"])
def test_a_column_that_is_named_keeps_its_direction_unless_a_flag_says(
    column: str, tmp_path: Path
) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(f"idea,flops,{column}\na,1e18,.7\nb,1e18,.8\n")
    assert read_idea_runs(path, {"loss": column}).higher_is_better
    assert not read_idea_runs(path, {"loss": column}, higher_is_better=False).higher_is_better
    assert not read_idea_runs(path, higher_is_better=False).higher_is_better


@pytest.mark.parametrize("column", ["acc_error", "accuracy error", "1-accuracy"])
def test_an_error_of_an_accuracy_is_found_and_less_is_better(column: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(f"idea,flops,{column},{column} std\na,1e18,.3,.1\nb,1e18,.2,.1\n")
    runs = read_idea_runs(path)
    assert (runs.columns["loss"], runs.higher_is_better, runs.warnings) == (column, False, ())
