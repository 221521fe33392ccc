"""Tables with a column for each idea: which columns are ideas, of what, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from proveout.errors import DataError
from proveout.points import IdeaRuns, read_idea_runs


def read(path: Path, header: str, *rows: str, columns: dict[str, str] | None = None) -> IdeaRuns:
    file = path / "runs.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return read_idea_runs(file, columns)


@pytest.mark.parametrize(
    ("header", "metric", "more"),
    [
        ("flops,baseline accuracy,new accuracy", "accuracy", True),
        ("params,baseline acc (%),new acc (%)", "acc", True),
        ("params,baseline_win_rate,new_win_rate", "win_rate", True),
        ("params,baseline_loss,new_loss", "loss", False),
        ("params,val_loss (baseline),val_loss (new)", "val_loss", False),
        ("params,test_acc_baseline,test_acc_new", "test_acc", True),
        ("params,baseline 1-accuracy,new 1-accuracy", "1-accuracy", False),
        ("params,baseline acc error,new acc error", "acc error", False),
        ("params,baseline,new", "loss", False),
        ("params,baseline loss ± std,new loss ± std", "loss", False),
    ],
)
def test_a_metric_in_all_names_is_taken_off_and_tells_the_direction(
    header: str, metric: str, more: bool, tmp_path: Path
) -> None:
    runs = read(tmp_path, header, "1e8,50,55", "1e9,60,65")
    assert runs.ideas == ("baseline", "new")
    assert (runs.columns["loss"], runs.higher_is_better) == (metric, more)
    assert [run.loss for run in runs.runs] == [50, 55, 60, 65]


def test_training_losses_are_no_ideas(tmp_path: Path) -> None:
    header = "params,base_val_loss,new_val_loss,base_train_loss,new_train_loss"
    runs = read(tmp_path, header, "1e8,3,2.9,2.8,2.6", "1e9,2.8,2.7,2.5,2.4")
    assert [(run.idea, run.loss) for run in runs.runs][:2] == [("base", 3.0), ("new", 2.9)]
    assert set(runs.ideas) == {"base", "new"}
    assert "of train_loss nothing is taken" in runs.warnings[0]


def test_of_two_metrics_one_must_be_named(tmp_path: Path) -> None:
    table = "params,base acc,new acc,base loss,new loss", "1e8,50,55,3,2.9", "1e9,60,65,2.5,2.4"
    with pytest.raises(DataError, match=r"several metrics, acc and loss: say .* --loss 'loss'"):
        read(tmp_path, *table)
    runs = read(tmp_path, *table, columns={"loss": "acc"})
    assert (runs.ideas, runs.higher_is_better) == (("base", "new"), True)
    assert [run.loss for run in runs.runs] == [50, 55, 60, 65]


@pytest.mark.parametrize(
    "asides",
    [
        "baseline_std,new_std", "baseline (std),new stderr", "delta,diff", "improvement (%),lr",
        "new - baseline gap,n_baseline", "baseline_time,new_time", "new ci low,new ci high",
        "batch_size,avg", "baseline_lr,new_lr", "p-value,notes",
    ],
)  # fmt: skip
def test_numbers_about_ideas_are_no_ideas_and_that_is_told(asides: str, tmp_path: Path) -> None:
    first, second = asides.split(",")
    cells = "-" if second == "notes" else ".01"
    header = f"params,baseline,{first},new,{second}"
    runs = read(tmp_path, header, f"1e8,3,.01,2.9,{cells}", f"1e9,2.8,.01,2.7,{cells}")
    assert runs.ideas == ("baseline", "new")
    assert runs.ignored == (first, second)
    assert first in runs.warnings[0].split("no ideas: ")[1]


def test_ideas_that_are_called_like_settings_are_ideas(tmp_path: Path) -> None:
    header = "params,baseline,lr_warmup,high_lr,min_snr,focal_loss"
    runs = read(tmp_path, header, "1e8,3,2.9,3.1,3,3", "1e9,2.8,2.7,2.9,2.8,2.9")
    assert runs.ideas == ("baseline", "lr_warmup", "high_lr", "min_snr", "focal_loss")


def test_a_column_that_may_be_an_idea_or_not_is_asked_about(tmp_path: Path) -> None:
    table = "params,adamw,muon,dropout", "1e8,3,2.9,.1", "1e9,2.8,2.7,.2"
    with pytest.raises(DataError, match=r"'dropout' .*idea=adamw\|muon\|dropout"):
        read(tmp_path, *table)
    assert read(tmp_path, *table, columns={"idea": "adamw|muon"}).ideas == ("adamw", "muon")
    every = read(tmp_path, *table, columns={"idea": "adamw|muon|dropout"})
    assert every.ideas == ("adamw", "muon", "dropout")


def test_whatever_is_beside_a_metric_of_the_same_ideas_is_none(tmp_path: Path) -> None:
    header = "params,base_val_loss,new_val_loss,base_foo,new_foo,base_step_time,new_step_time"
    runs = read(tmp_path, header, "1e8,3,2.9,3,3,3,4", "1e9,2.8,2.7,3,3,3,4")
    assert (runs.ideas, runs.columns["loss"]) == (("base", "new"), "val_loss")
    assert len(runs.ignored) == 4


def test_an_idea_that_always_diverged_is_an_idea(tmp_path: Path) -> None:
    runs = read(tmp_path, "flops,baseline,hot,new", "1e18,3,diverged,2.9", "1e19,2.8,nan,2.7")
    assert runs.ideas == ("baseline", "hot", "new")
    assert [run.failed for run in runs.runs] == [False, True, False] * 2
