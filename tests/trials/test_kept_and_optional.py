"""Settings that an idea may change in the source, and files that a program leaves beside itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proveout.study import SettingsFile, Study, read_study
from proveout.trials import TrialFolder
from proveout.trials._apply import SettingsFailure, apply_settings, link_output

STUDY = """
[program]
path = "p"
train = "python train.py {seed} {width}"
editable = ["*.py"]
out = OUT
parameters = { lr = 0.1 }

[[program.file]]
path = "train.py"
replace = { 'lr = 0\\.1\\b' = "lr = {lr}" }
optional = true

[score]
kind = "reported"
metric = "loss"
key = "loss"

[ladder]
target = "9 device-seconds"
target_parameters = { width = 2 }
[[ladder.rung]]
compute = "1 device-seconds"
parameters = { width = 1 }

[budget]
compute = "100 device-seconds"
"""


def study_in(folder: Path, out: str = '"out"') -> Study:
    (folder / "p").mkdir()
    (folder / "p" / "train.py").write_text("lr = 0.1\n")
    (folder / "study.toml").write_text(STUDY.replace("OUT", out))
    return read_study(folder)


def applied(study: Study, work: Path, source: str, lr: float) -> str:
    (work / "train.py").write_text(source)
    apply_settings(study, work, {"lr": lr, "width": 1, "seed": 1})
    return (work / "train.py").read_text()


def test_an_idea_may_set_a_value_or_write_another_but_not_both(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    assert applied(study, tmp_path, "lr = 0.1\n", 0.3) == "lr = 0.3\n"
    assert applied(study, tmp_path, "lr = 0.7\n", 0.1) == "lr = 0.7\n"
    with pytest.raises(SettingsFailure, match="0 places"):
        applied(study, tmp_path, "lr = 0.7\n", 0.3)
    strict = study.program.file[0].model_copy(update={"optional": False})
    assert isinstance(strict, SettingsFile)
    program: Any = study.program.model_copy(update={"file": (strict,)})
    with pytest.raises(SettingsFailure, match="0 places"):
        applied(study.model_copy(update={"program": program}), tmp_path, "lr = 0.7\n", 0.1)


def test_files_and_folders_beside_the_program_end_in_its_output(tmp_path: Path) -> None:
    study = study_in(tmp_path, '["results.csv", "logs/run.txt", "checkpoints/"]')
    folder = TrialFolder(tmp_path / "t")
    folder.work.mkdir(parents=True)
    folder.out.mkdir()
    link_output(study, folder.work, folder.out)
    (folder.work / "results.csv").write_text("a\n")
    (folder.work / "logs" / "run.txt").write_text("b\n")
    (folder.work / "checkpoints" / "last").mkdir()
    assert sorted(each.name for each in folder.out.iterdir()) == [
        "checkpoints", "results.csv", "run.txt"
    ]  # fmt: skip
    assert (folder.out / "checkpoints" / "last").is_dir()
