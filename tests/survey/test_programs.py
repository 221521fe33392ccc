"""Six programs that know nothing of proveout: for each a person does `init` and `run`."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import UserError
from proveout.loop import run_study
from proveout.study import read_study
from proveout.survey import Wishes, apply_wishes, plan_study, survey

PROGRAMS = Path(__file__).parent / "programs"
Init = Callable[..., dict[str, Any]]

# How it is started; score; where the curve is; what varies; what is said of it.
EXPECTED: dict[str, tuple[str, str, str, set[str]]] = {
    "subcommands": ("python cli.py train --hidden {hidden}", "val_loss", "output",
                    {"hidden", "max_steps"}),
    "yaml_config": ("python train.py", "final loss", "csv", {"model_dim", "trainer_max_steps"}),
    "click_cli": ("python main.py --output {out}", "fitness", "jsonl", {"width", "generations"}),
    "constants": ("python train.py", "val_loss", "output", {"n_hidden", "max_iters"}),
    "shell_binary": ("sh train.sh", "objective", "output", {"DIM", "STEPS"}),
    "package": ("python -m quadratic.train --config {config_}", "test_loss", "output",
                {"model_features", "epochs"}),
}  # fmt: skip


@pytest.fixture
def init(typed: Any) -> Init:
    """`proveout init` where nobody is there to ask, as its JSON."""

    def call(*arguments: object, code: int = 0) -> dict[str, Any]:
        ran = typed("init", *arguments, "--json")
        assert ran.returncode == code, ran.stderr
        document: dict[str, Any] = json.loads(ran.stdout)
        return document

    return call


@pytest.mark.parametrize("name", EXPECTED)
def test_init_alone_makes_a_study_that_is_proven(name: str, tmp_path: Path, init: Init) -> None:
    program = tmp_path / name
    shutil.copytree(PROGRAMS / name, program)
    before = {p: p.read_bytes() for p in program.rglob("*") if p.is_file()}
    document = init(program)
    assert document["ok"]
    assert document["fix"] == []
    assert document["curve_points"] > 0
    study = read_study(tmp_path / f"{name}-study")
    command, metric, source, varied = EXPECTED[name]
    assert study.program.train.startswith(command)
    assert (study.score.kind, study.score.metric) == ("reported", metric)
    assert study.score.maximized == (metric == "fitness")
    assert study.curve.source == source
    assert set(study.rungs[0].parameters) == varied
    assert len(document["ideas"]) == 2
    after = {p: p.read_bytes() for p in program.rglob("*") if p.is_file()}
    assert after == before, "the program's own folder is left as it was"
    assert not (study.folder / "trials").exists()


def test_from_there_to_a_verdict_nothing_has_to_be_written(tmp_path: Path, init: Init) -> None:
    name = "constants"
    shutil.copytree(PROGRAMS / name, tmp_path / name)
    init(tmp_path / name)
    history = run_study(read_study(tmp_path / f"{name}-study")).history
    assert history.verdicts is not None
    assert len(history.verdicts.verdicts) == 2
    scored = [r for r in history.trials.values() if r.measurement is not None]
    assert scored
    assert not [r for r in history.trials.values() if r.failure is not None]
    account = history.account
    assert account.reserved == 0
    assert account.charged == pytest.approx(
        sum(r.usage.wall_seconds for r in history.trials.values() if r.usage), abs=1e-9
    )


def test_what_a_person_says_comes_before_what_was_found(tmp_path: Path, init: Init) -> None:
    program = tmp_path / "p"
    shutil.copytree(PROGRAMS / "subcommands", program)
    document = init(
        program, "--study", tmp_path / "s", "--set", "batch_size=4",
        "--rung", "hidden=4,max_steps=10", "--rung", "hidden=4,max_steps=20",
        "--flops", "6 * hidden * max_steps * batch_size",
        "--score", "train loss", "--goal", "minimize",
    )  # fmt: skip
    assert document["score"]["metric"] == "train loss"
    study = read_study(tmp_path / "s")
    assert [rung.compute.amount for rung in study.rungs] == [6 * 4 * 10 * 4]
    assert study.ladder.target.amount == 6 * 4 * 20 * 4
    assert study.program.parameters["batch_size"] == 4


def test_a_program_that_fails_is_told_why_and_can_be_checked_again(
    tmp_path: Path, init: Init
) -> None:
    program = tmp_path / "p"
    program.mkdir()
    text = (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--steps', default=100)\n"
        "p.add_argument('--seed')\np.add_argument('--out')\na = p.parse_args()\n"
        "import no_such_module\nprint('loss:', 1.5 / float(a.steps))\n"
    )
    (program / "train.py").write_text(text)
    document = init(program, code=1)
    assert not document["ok"]
    assert document["failure"]["kind"] == "crashed"
    assert any("install what the program imports" in line for line in document["fix"])
    (program / "train.py").write_text(text.replace("import no_such_module\n", ""))
    study = tmp_path / "p-study" / "study.toml"
    study.write_text(study.read_text().replace('key = "unknown"', "pattern = 'loss: (\\S+)'"))
    again = init("--check", tmp_path / "p-study")
    assert again["ok"]
    assert any("the seed does not reach the program" in line for line in again["fix"])


def test_the_smallest_rung_is_long_enough_to_report_the_likeliest_score(
    tmp_path: Path, init: Init
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--max-steps', type=int, default=-1)\n"
        "p.add_argument('--seed', type=int, default=1)\np.add_argument('--work-dir', default='o')\n"
        "a = p.parse_args()\nfor step in range(a.max_steps):\n"
        "    print(f'step {step} | loss {a.seed % 7 / (step + 1):.4f} | step time 3.2ms')\n"
        "    if step and step % 300 == 0: print(f'step {step} test loss: {1 / step}')\n"
    )
    document = init(tmp_path / "p")
    assert document["score"]["metric"] == "test loss"
    assert any("as long as a run must be" in note for note in document["notes"])
    told = init(tmp_path / "p", "--score", "loss", "--study", tmp_path / "told")
    assert told["score"]["metric"] == "loss"


def test_a_seed_in_the_source_is_replaced_and_a_missing_one_is_said(tmp_path: Path) -> None:
    for text, words in (
        (
            "import torch\ntorch.manual_seed(1337)\nsteps = 100\nfor s in range(steps): pass\n",
            "replaced",
        ),
        ("steps = 100\nfor s in range(steps): pass\n", "no seed was found"),
    ):
        (tmp_path / "train.py").write_text(text)
        plan = plan_study(survey(tmp_path), Wishes())
        assert any(words in note for note in plan.notes)
    assert plan.environment == {"SEED": "{seed}"}


def test_what_cannot_be_found_out_is_asked_for_by_its_flag(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no training program.*--train"):
        survey(tmp_path)
    (tmp_path / "train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--mode', required=True)\n"
        "p.add_argument('--steps', default=8)\np.parse_args()\n"
    )
    found = survey(tmp_path)
    with pytest.raises(UserError, match="--set mode=VALUE"):
        plan_study(found, Wishes())
    assert plan_study(found, Wishes(fixed={"mode": "x"})).parameters == {"mode": "x"}
    with pytest.raises(UserError, match=r"no parameter 'depth'; it has: mode, steps"):
        apply_wishes(found, Wishes(roles={"size": "depth"}))
    (tmp_path / "train.py").write_text("import sys\nprint(sys.argv)\n")
    with pytest.raises(UserError, match=r"--steps NAME.*--rung"):
        plan_study(survey(tmp_path), Wishes())


def test_at_a_terminal_it_asks_for_what_it_cannot_find_out(tmp_path: Path) -> None:
    program = tmp_path / "p"
    program.mkdir()
    (program / "train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--mode', required=True)\n"
        "p.add_argument('--patience', type=int, default=16)\n"
        "p.add_argument('--seed', type=int, default=1)\n"
        "p.add_argument('--out')\na = p.parse_args()\n"
        "for i in range(a.patience):\n    print(f'{a.mode} cost: {a.seed % 5 + 1 / (i + 1):.4f}')\n"
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "proveout", "init", str(program)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "dumb"}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    os.write(ours, b"patience\nfast\n1\n")
    said = b""
    with contextlib.suppress(OSError):  # its end of the terminal closes with it
        while chunk := os.read(ours, 4096):
            said += chunk
    os.close(ours)
    assert process.wait(60) == 0, said.decode()
    assert b"Which of" in said
    assert b"A value for --mode" in said
    study = read_study(tmp_path / "p-study")
    assert study.program.parameters == {"mode": "fast"}
    assert set(study.rungs[0].parameters) == {"patience"}
