"""`proveout ideas add, show, withdraw, retry`, as a person types them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from proveout.loop import run_study
from proveout.study import read_study


@pytest.fixture(scope="session")
def _baseline_ran(toy_in: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose budget ended with its baseline: there is nothing to prove."""
    toy = toy_in(tmp_path_factory.mktemp("baseline") / "toy")
    toy.edit('compute = "4e9 flops"', 'compute = "1e8 flops"')
    run_study(read_study(toy.folder))
    folder: Path = toy.folder
    return folder


@pytest.fixture
def toy(_baseline_ran: Path, toy_at: Any, tmp_path: Path) -> Any:
    """A copy of it for each test, in a folder as people call theirs."""
    shutil.copytree(_baseline_ran, tmp_path / "my toy's")
    return toy_at(tmp_path / "my toy's")


@pytest.fixture
def ideas(typed: Any, toy: Any) -> Any:
    def command(verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        done: subprocess.CompletedProcess[str] = typed("ideas", verb, toy.folder, *words)
        return done

    return command


def added(toy: Any, ideas: Any, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(ideas("show", name, "--json").stdout)
    return shown


def test_settings(toy: Any, ideas: Any) -> None:
    done = ideas("add", "half", "--set", "share=0.5", "--hypothesis", "less data does")
    assert (done.returncode, done.stdout) == (0, "half was added\n")
    shown = added(toy, ideas, "half")
    assert shown["parameters"] == {"share": 0.5}
    assert (shown["origin"], shown["source"]) == ("people", "a person")


def test_a_change_that_is_there_already_is_said_to_be(toy: Any, ideas: Any) -> None:
    ideas("add", "half", "--set", "share=0.5", "--hypothesis", "h")
    again = ideas("add", "again", "--set", "share=5e-1", "--hypothesis", "h")
    assert "again was added" in again.stdout
    assert "the same change as half" in again.stdout
    assert f"`proveout ideas withdraw {shlex.quote(str(toy.folder))} again`" in again.stdout
    usual = read_study(toy.folder).program.parameters["share"]
    told = ideas("add", "usual", "--set", f"share={usual}", "--hypothesis", "h", "--json")
    assert json.loads(told.stdout)["same_as"] == "baseline"
    other = ideas("add", "other", "--set", "share=0.25", "--hypothesis", "h", "--json")
    assert json.loads(other.stdout)["same_as"] is None


def test_an_edited_folder_with_new_files_and_files_without_a_line_end(
    toy: Any, ideas: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(toy.folder / "program", copy)
    (copy / "train.py").write_text(toy.train.replace("1.3", "1.0").rstrip("\n"))
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "x.pyc").write_bytes(b"\0")
    done = ideas("add", "cooler", "--folder", str(copy), "--hypothesis", "h", "--source", "me")
    assert done.returncode == 0, done.stderr
    diff = added(toy, ideas, "cooler")["diff"]
    assert "+TEMPERATURE = 1.0" in diff
    assert "\\ No newline at end of file" in diff


def test_a_branch_of_the_programs_own_repository(toy: Any, ideas: Any, tmp_path: Path) -> None:
    program = toy.folder / "program"
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null"}

    def git(*words: str) -> None:
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", program, *author, *words], check=True, env=environment,
                       capture_output=True)  # fmt: skip

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "first")
    git("checkout", "-qb", "cool")
    (program / "train.py").write_text(toy.train.replace("1.3", "1.0"))
    git("commit", "-qam", "cooler")
    git("checkout", "-q", "main")
    done = ideas("add", "cooler", "--branch", "cool", "--hypothesis", "h")
    assert done.returncode == 0, done.stderr
    assert "+TEMPERATURE = 1.0" in added(toy, ideas, "cooler")["diff"]
    assert "git knows no 'nowhere'" in ideas(
        "add", "x", "--branch", "nowhere", "--hypothesis", "h"
    ).stderr  # fmt: skip


def test_a_patch_bare_or_with_a_header(toy: Any, ideas: Any, tmp_path: Path) -> None:
    file = toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"), header="predicts: steady - flaw\n")
    own = tmp_path / "own.patch"
    shutil.move(file, own)
    assert ideas("add", "surer", "--patch", str(own)).returncode == 0
    shown = added(toy, ideas, "surer")
    assert (shown["hypothesis"], shown["predicts"]) == ("surer helps", "steady - flaw")
    bare = tmp_path / "bare.patch"
    bare.write_text(own.read_text().partition("\n---\n")[2])
    assert ideas("add", "again", "--patch", str(bare), "--hypothesis", "h").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x", "--hypothesis", "h"], "one of --patch FILE, --branch NAME, --folder DIR"),
        (["x", "--set", "share=0.5"], "--hypothesis"),
        (["x", "--set", "share", "--hypothesis", "h"], "not name=value"),
        (["x", "--set", "shere=0.5", "--hypothesis", "h"], "share"),
        (["X y", "--set", "share=0.5", "--hypothesis", "h"], "cannot name an idea"),
        (["x", "--patch", "/nowhere", "--hypothesis", "h"], "cannot be read"),
        (["x", "--folder", "/nowhere", "--hypothesis", "h"], "no folder"),
    ],
)
def test_a_mistake_is_said_with_what_to_do(ideas: Any, words: list[str], said: str) -> None:
    done = ideas("add", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_before_a_first_run_ideas_wait_and_settings_are_held_against_the_study(
    toy_in: Any, typed: Any, tmp_path: Path
) -> None:
    folder = toy_in(tmp_path / "new toy").folder
    (folder / "ideas").mkdir(exist_ok=True)
    (folder / "ideas" / "less.patch").write_text(
        "hypothesis: less data does\nsource: a test\nset: share=0.5\n---\n"
    )
    assert "less data does" in typed("ideas", "list", folder).stdout
    add = ("ideas", "add", folder, "half", "--hypothesis", "half does", "--set")
    wrong = typed(*add, "foo=1")
    assert (wrong.returncode, "program.parameters: " in wrong.stderr) == (2, True)
    assert typed(*add, "share=0.25").returncode == 0
    listed = typed("ideas", "list", folder).stdout
    assert "half does" in listed
    assert "less data does" in listed
    assert "no ideas yet" not in listed
    waiting = json.loads(typed("ideas", "list", folder, "--json").stdout)["waiting"]
    assert [each["name"] for each in waiting] == ["less", "half"]
    shown = typed("show", folder, "half")
    assert shown.returncode == 2
    assert f"`proveout run {shlex.quote(str(folder))}`" in shown.stderr
    assert "there are: less, half" in typed("show", folder, "x1").stderr


def test_withdraw_and_retry(toy: Any, ideas: Any) -> None:
    ideas("add", "half", "--set", "share=0.5", "--hypothesis", "h")
    assert ideas("withdraw", "half", "--why", "tired").stdout == "half was withdrawn\n"
    assert ideas("withdraw", "half").returncode == 2
    assert ideas("retry", "half").stdout == "half may be tried again\n"
    assert "not broken" in ideas("retry", "half").stderr
    assert "no idea 'other'" in ideas("withdraw", "other").stderr
