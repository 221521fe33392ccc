"""Trackers in study.toml and on the command line: mistakes are named, keys are not shown."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from proveout.cli import app
from proveout.errors import StudyError, UserError
from proveout.ledger import Ledger
from proveout.loop import open_study
from proveout.study import read_study

MISTAKES = [
    ('kind = "tensorbord"', "'tensorboard', 'mlflow', 'wandb' or 'trackio'"),
    ('kind = "mlflow"\nadress = "http://x"', "did you mean 'address'"),
    ('kind = "tensorboard"\naddress = "http://x"', "give a `folder`"),
    ('kind = "mlflow"\naddress = "http://x"\nfolder = "y"', "not both"),
    ('kind = "mlflow"\noffline = true', 'belongs to kind = "wandb"'),
    ('kind = "wandb"\noffline = true\naddress = "http://x"', "what is offline has no address"),
    ('kind = "mlflow"\nfolder = ""', "leave the key out"),
    ('kind = "mlflow"\nwait = 3', "no unit"),
]


def declared(toy: Any, table: str) -> None:
    toy.file.write_text(f"{toy.file.read_text()}\n[[tracker]]\n{table}\n")


@pytest.mark.parametrize(("table", "words"), MISTAKES)
def test_a_mistake_in_a_tracker_is_named(toy: Any, table: str, words: str) -> None:
    declared(toy, table)
    with pytest.raises(StudyError) as told:
        read_study(toy.folder)
    assert "tracker[1]" in str(told.value)
    assert words in str(told.value)


@pytest.mark.parametrize(
    "table",
    [
        'kind = "mlflow"\naddress = "http://me:hunter22@127.0.0.1:5000"',
        'kind = "trackio"\naddress = "http://127.0.0.1:7860/?write_token=hunter22"',
        'kind = "wandb"\napi_key = "hunter22"',
    ],
)
def test_a_key_in_study_toml_is_refused_without_being_shown(toy: Any, table: str) -> None:
    declared(toy, table)
    with pytest.raises(StudyError) as told:
        read_study(toy.folder)
    assert "tracker[1]" in str(told.value)
    assert "hunter22" not in str(told.value)


def test_what_trackers_write_beside_a_program_is_no_change_of_it(toy: Any) -> None:
    toy.edit('path = "program"', 'path = "."')
    (toy.folder / "program" / "train.py").rename(toy.folder / "train.py")
    declared(toy, 'kind = "tensorboard"\nfolder = "runs"')
    for _ in range(2):
        with Ledger(toy.folder) as ledger:
            open_study(read_study(toy.folder), ledger, ledger.append)
        for name in ("runs/a/events", "trackers/mlflow/mlflow.db", "trackers/x.jsonl"):
            file = toy.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("what a tracker wrote\n")


def test_trackers_may_be_added_on_the_way(known: Any) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    declared(known, 'kind = "tensorboard"')
    said = CliRunner().invoke(app, ["status", str(known.folder)])
    assert said.exit_code == 0
    assert "tensorboard: 0 of 3 trials written to trackers/tensorboard" in said.output
    assert f"proveout report {known.folder} --to tensorboard" in said.output.replace("\n", "")
    sent = CliRunner().invoke(app, ["report", str(known.folder), "--to", "tensorboard"])
    assert sent.exit_code == 0
    assert "tensorboard: 3 trials written to" in sent.output
    assert list((known.folder / "trackers" / "tensorboard").glob("*/cooler-r1-s1/*tfevents*"))
    said = CliRunner().invoke(app, ["status", str(known.folder), "--json"])
    assert '"waiting": 0' in said.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "comet"], "allowed: tensorboard, mlflow, wandb, trackio"),
        (["--to", "tensorboard", "--address", "http://x"], "give a `folder`"),
        (["--address", "http://x"], "give --to KIND"),
    ],
)
def test_where_to_send_is_checked(known: Any, options: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["report", str(known.folder), *options])
    assert isinstance(done.exception, UserError)
    assert words in str(done.exception)
