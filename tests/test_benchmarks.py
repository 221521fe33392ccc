"""Every benchmark runs, at a tiny size; what it measures is nobody's assertion."""

from __future__ import annotations

import json
import random
import re
import runpy
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import proveout.loop

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
STAND_IN = Path(__file__).parent / "programs" / "stand_in.py"
TINY = {
    "command_line.py": ["--trials", "200", "--runs", "1"],
    "decisions.py": ["--tiny"],
    "evaluation.py": ["--tiny"],
    "false_alarms.py": ["--tiny"],
    "fuzz.py": ["--cases", "2"],
    "gaps.py": ["--what", "default"],
    "grid/record.py": [
        "--folder",
        "grid",
        "--grid",
        "x.csv",
        "--rungs",
        "0",
        "--seeds",
        "1",
        "--only",
        "rotary",
    ],
    "improve.py": [
        "strategies",
        "adoptions",
        "--tasks",
        "parity",
        "--seeds",
        "1",
        "--samples",
        "2",
        "--generations",
        "1",
        "--rounds",
        "1",
    ],
    "kills.py": ["--kills", "1", "--tiny"],
    "isolation.py": ["--jobs", "1", "--nasty", "5", "--preload", "numpy"],
    "launch.py": ["--jobs", "2", "--preload", "numpy"],
    "no_change.py": ["--repeats", "1", "--budget", "7e8 flops"],
    "overhead.py": ["--ideas", "1"],
    "policies.py": ["--tiny"],
    "scaling.py": ["--tiny"],
    "redteam.py": ["test_clocks.py"],
    "sources.py": ["--tiny", "--arms", "all"],
    "stacks.py": ["--studies", "4"],
    "withheld.py": ["--tiny"],
    "report.py": ["--trials", "100", "--ideas", "10"],
    "dashboard.py": [
        "--trials",
        "300",
        "--ideas",
        "20",
        "--viewers",
        "2",
        "--pairs",
        "1",
        "--seconds",
        "0.2",
    ],
}


def test_each_benchmark_has_a_tiny_size() -> None:
    """Modules whose names begin with an underscore only help those that are run."""
    found = {path.relative_to(BENCHMARKS).as_posix() for path in BENCHMARKS.rglob("[!_]*.py")}
    assert found == set(TINY)


IDEAS = ("control-comment", "deeper", "double-lr", "label-smoothing", "rotary")


@pytest.fixture(scope="session")
def _reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference study with five ideas and a corpus of three hundred thousand bytes. Its ideas
    change the program that they were written for; what runs is a stand-in without torch."""
    corpus, folder = tmp_path_factory.mktemp("texts"), tmp_path_factory.mktemp("reference")
    rng = random.Random(0)
    for number in range(20):
        words = " ".join(f"word{rng.randrange(10_000)}" for _ in range(2000))
        (corpus / f"{number}.txt").write_text(words)
    file = proveout.loop.start_reference_study(folder / "study", corpus)
    for idea in (folder / "study" / "ideas").iterdir():
        if idea.stem not in IDEAS:
            idea.unlink()
    text, found = re.subn(r"only = \[.*?\]\n", f"only = {json.dumps(IDEAS)}\n", file.read_text(),
                          flags=re.DOTALL)  # fmt: skip
    assert found == 1
    assert text.count('compute = "1e10 flops"') == 1
    text = text.replace('compute = "1e10 flops"', 'compute = "3e8 flops"')
    for words in ("python train.py", "train.py:load"):
        assert text.count(words) == 1
        text = text.replace(words, words.replace("train.py", "stand_in.py"))
    file.write_text(text.replace("[run]\n", '[run]\npreload = ["numpy"]\n'))
    shutil.copy(STAND_IN, folder / "study" / "program")
    return folder / "study"


@pytest.fixture
def benchmark_here(_reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, where a reference study is a small one that need not be made anew."""

    def start(folder: Path) -> Path:
        shutil.copytree(_reference, folder, dirs_exist_ok=True)
        return folder / "study.toml"

    monkeypatch.setattr(proveout.loop, "start_reference_study", start)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("benchmark_here")
@pytest.mark.parametrize("name", sorted(TINY))
def test_a_benchmark_runs_and_prints(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: most of what a process of its own would do is to import."""
    if name == "grid/record.py" and find_spec("torch") is None:
        pytest.skip("it writes down which torch the grid was recorded with")
    monkeypatch.setattr(sys, "argv", [name, *TINY[name]])
    monkeypatch.syspath_prepend((BENCHMARKS / name).parent)
    try:
        runpy.run_path(str(BENCHMARKS / name), run_name="__main__")
    except SystemExit as ended:
        assert not ended.code, ended.code
    assert capsys.readouterr().out.strip()
