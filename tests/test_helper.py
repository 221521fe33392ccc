"""The file that people copy: alone in a folder, with a Python that has nothing installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import proveout.helper
from proveout.loop import prove_study
from proveout.runners import InlineRunner
from proveout.study import read_study

PROGRAM = """
from helper import Run

run = Run(width=4, lr=0.5, steps=10, fast=False, name="x")
spent = 0
for step in range(run.steps):
    spent += 100 * run.width
    loss = float("nan") if step == 1 and run.fast else run.lr / (step + 1)
    run.log(loss=loss, flops=spent, step=step)
    if run.is_spent(spent):
        break
run.report(score=run.seed % 1000 + run.width / 1000, bad=float("inf"))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(proveout.helper.__file__, tmp_path / "helper.py")
    (tmp_path / "train.py").write_text(PROGRAM)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    start = (
        "import sys; sys.path.insert(0, '.'); sys.argv = ['train.py', *sys.argv[1:]]; "
        "exec(open('train.py').read())"
    )
    command = [sys.executable, "-I", "-c", start, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def curve(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_by_itself_with_its_usual_values(folder: Path) -> None:
    assert run(folder).returncode == 0
    assert [line["flops"] for line in curve(folder / "out")] == [400 * n for n in range(1, 11)]
    assert json.loads((folder / "out" / "score.json").read_text()) == {"score": 0.004, "bad": None}


def test_values_from_a_file_and_the_command_line_which_wins(folder: Path) -> None:
    values = {"width": 8, "lr": 0.25, "compute": 2000, "out": "o", "other": 1}
    (folder / "c.json").write_text(json.dumps(values))
    ran = run(folder, "--config", "c.json", "--width=2", "--fast", "true", "--seed", "7")
    assert ran.returncode == 0, ran.stderr
    lines = curve(folder / "o")
    assert len(lines) == 10
    assert lines[1]["loss"] is None
    assert lines[0]["loss"] == 0.25
    assert json.loads((folder / "o" / "score.json").read_text())["score"] == 7.002


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--wdith", "3"), "known: compute"),
        (("width",), "--name VALUE"),
        (("--width", "x"), "no int"),
    ],
)
def test_mistakes_end_it_with_what_is_allowed(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    ran = run(folder, *arguments)
    assert ran.returncode != 0
    assert words in ran.stderr


def test_a_study_reads_all_that_it_writes(folder: Path) -> None:
    (folder / "study.toml").write_text(
        '[program]\ntrain = "python train.py --config {config}"\nconfig = "json"\n'
        'editable = ["train.py"]\nparameters = { lr = 0.1 }\n'
        '[score]\nkind = "reported"\nmetric = "score"\nfile = "score.json"\nkey = "score"\n'
        '[ladder]\ntarget = "4e4 flops"\ntarget_parameters = { width = 6 }\n'
        '[[ladder.rung]]\ncompute = "2e3 flops"\nparameters = { width = 5 }\n'
        '[budget]\ncompute = "1e6 flops"\n'
    )
    proof = prove_study(read_study(folder), InlineRunner())
    assert proof.ok
    assert proof.fix == ()
    assert proof.probe.curve.compute == (500.0, 1000.0, 1500.0, 2000.0)
    assert proof.probe.curve.loss[0] == 0.1
