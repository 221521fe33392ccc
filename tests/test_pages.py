"""The pages for people who bring a program: their commands are pasted into a shell, one by one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proveout.ledger import History, read_history
from proveout.study import read_study

ROOT = Path(__file__).parents[1]
LEFT = shutil.ignore_patterns(
    "program.git", "trials", "ledger*", "lock", "*.html", "*.npy", "*.npz", "*.bin", "__pycache__"
)


def paste(page: str, folder: Path) -> str:
    """Runs every command of a page in a folder; returns what they print."""
    tools = folder / ".tools"
    tools.mkdir()
    for name, words in (("python", ""), ("proveout", "-m proveout ")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        (tools / name).chmod(0o755)
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S))
    assert commands
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path]),
    }
    ran = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=folder, capture_output=True, text=True, env=environment,
        stdin=subprocess.DEVNULL, timeout=200, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def example(name: str, folder: Path) -> dict[str, str]:
    """Runs an example as its page says; returns its verdicts."""
    shutil.copytree(ROOT / "examples" / name, folder / "examples" / name, ignore=LEFT)
    paste(f"example-{name}.md", folder)
    return verdicts(history_of(folder / "examples" / name))


def history_of(study: Path) -> History:
    return read_history(read_study(study).folder)


def verdicts(history: History) -> dict[str, str]:
    assert history.verdicts is not None
    return {each.idea: each.verdict for each in history.verdicts.verdicts}


def test_your_program_from_nothing_to_verdicts(tmp_path: Path) -> None:
    said = paste("your-program.md", tmp_path)
    assert "nothing to put right" in said
    assert "written into wave-study/study.toml" in said
    study = read_study(tmp_path / "wave-study")
    assert study.score.metric == "val_loss"
    assert len(study.rungs) >= 2
    found = verdicts(history_of(tmp_path / "wave-study"))
    assert found.keys() == {"double-lr", "half-lr", "small-steps", "faster"}
    assert set(found.values()) & {"broken", "rejected"} == set()


def test_digits(tmp_path: Path) -> None:
    found = example("digits", tmp_path)
    assert found["more-epochs"] == "rejected"
    assert "holds" in {found["faster"], found["contrast"]}
    assert set(found.values()) & {"broken"} == set()


def test_images(tmp_path: Path) -> None:
    found = example("images", tmp_path)
    assert found["relu"] == "holds"
    assert found["crash"] == "broken"
    history = history_of(tmp_path / "examples" / "images")
    scored = [r for r in history.trials.values() if r.measurement is not None]
    assert {r.measurement.trust for r in scored if r.measurement} == {"re-evaluated"}
    for record in scored:
        curve = tmp_path / "examples" / "images" / "trials" / record.trial.id / "curve.jsonl"
        assert '"flops"' in curve.read_text()


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_anneal(tmp_path: Path) -> None:
    found = example("anneal", tmp_path)
    assert found["does-not-compile"] == "broken"
    assert found["geometric"] != "broken"
    history = history_of(tmp_path / "examples" / "anneal")
    broken = history.failures("does-not-compile")
    assert all("anneal.c" in failure.sentence for failure in broken)


def test_repository(tmp_path: Path) -> None:
    found = example("repository", tmp_path)
    assert found.keys() >= {"odd", "momentum"}
    assert "broken" not in found.values()
    study = tmp_path / "examples" / "repository"
    assert (study / "program" / "external" / "basis" / ".git").is_file()
