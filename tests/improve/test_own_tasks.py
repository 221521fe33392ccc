"""A task that a user brings: read, rehearsed, and each mistake in it named before it costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import DataError, SolutionFailed
from proveout.improve import read_task

TASK = """
def instances(rng, count):
    return [rng.random() for _ in range(count)]


def score(instance, call):
    return call(instance)
"""
TOML = """
name = "mine"
description = "Write solve(x)."
range = [-1, 3]
visible = 2
hidden = 3
seconds = 0.1
"""


def answering(answer: Any) -> Callable[..., Any]:
    return lambda *arguments: answer


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "task.toml").write_text(TOML)
    (folder / "task.py").write_text(TASK)
    (folder / "baseline.py").write_text("def solve(x):\n    return 0\n")
    return folder


def test_a_folder_of_ones_own_is_a_task(mine: Path) -> None:
    task = read_task(mine)
    assert len(task.instances("k", "visible", 0)) == 2
    assert len(task.instances("k", "hidden", 0)) == 3
    assert [task.score(0.5, answering(value)) for value in (-1, 0, 3)] == [0.0, 0.25, 1.0]


def test_the_task_of_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "improve-tasks.md").read_text()
    (declared,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    code_of = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[1]
    head = (
        "from proveout.errors import SolutionFailed\nfrom proveout.improve import whole_numbers\n"
    )
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "task.toml").write_text(declared)
    (folder / "task.py").write_text(head + code_of)
    (folder / "baseline.py").write_text("def solve(numbers):\n    return numbers\n")
    task = read_task(folder)
    instance = task.instances("k", "hidden", 0)[0]
    assert task.score(instance, sorted) == 1.0
    assert task.score(instance, list) < 0.9
    with pytest.raises(SolutionFailed, match="other numbers"):
        task.score(instance, answering([0] * 10))


@pytest.mark.parametrize("value", [3.001, -1.001, 10**400, float("inf"), float("nan"), "3", None])
def test_a_score_outside_the_range_counts_for_nothing(mine: Path, value: Any) -> None:
    with pytest.raises(SolutionFailed, match="nothing outside counts") as failed:
        read_task(mine).score(0.5, answering(value))
    assert failed.value.kind == "out of range"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("task.toml", None, "has no task.toml"),
        ("task.toml", "name = mine", "not TOML"),
        ("task.toml", TOML + "colour = 1\n", "colour"),
        ("task.toml", TOML.replace('"mine"', '"other"'), "must be the folder's"),
        ("task.toml", TOML.replace("[-1, 3]", "[3, -1]"), "the lower first"),
        ("task.toml", TOML.replace("visible = 2", "visible = 0"), "visible"),
        ("task.py", "def instances(: pass", "SyntaxError"),
        ("task.py", "import no_such_module_at_all", "no_such_module_at_all"),
        ("task.py", "def instances(rng, count): ...", "no function score"),
        ("baseline.py", "#" * 70_000, "more than 65536"),
    ],
)
def test_a_mistake_in_a_task_is_named(mine: Path, file: str, text: str | None, said: str) -> None:
    if text is None:
        (mine / file).unlink()
    else:
        (mine / file).write_text(text)
    with pytest.raises(DataError, match=said):
        read_task(mine)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("task.py", "count)]", "count - 1)]", "must give a list of 2; it gave a list of 1"),
        ("task.py", "rng.random()", "{rng.random()}", r"line \d+: score\(\) raised TypeError"),
        (
            "task.py",
            "rng.random()",
            "__import__('random').random()",
            "drew others from the same `rng`",
        ),
        ("task.py", "rng.random()", "1 / 0", r"line \d+: instances\(\) raised ZeroDivision"),
        ("task.py", "rng.random()", "exit(0)", r"instances\(\) raised SystemExit"),
        ("task.py", "rng.random()", "rng.wait()", r"instances\(\) had not ended after 0.3 s"),
        ("task.py", "return call", "return cal", r"line \d+: score\(\) raised NameError"),
        ("task.py", "return call", "return 7 + call", "7 as a score; declared are -1 to 3"),
        ("task.py", "return call", "call", "a NoneType as a score"),
        ("baseline.py", "return 0", "return 1 / 0", "fails on each visible instance.*Division"),
        ("baseline.py", "return 0", "return 3", "scores the most on each visible instance"),
    ],
)
def test_a_mistake_that_shows_when_a_task_is_used_is_named_before_it_is(
    mine: Path, shop: Any, monkeypatch: Any, file: str, old: str, new: str, said: str
) -> None:
    if "ended" in said:
        monkeypatch.setattr("proveout.improve._own_code.PATIENCE_SECONDS", 0.3)
        new = "__import__('time').sleep(2)"
    text = (mine / file).read_text()
    assert old in text
    (mine / file).write_text(text.replace(old, new))
    with pytest.raises(DataError, match=said):
        shop().rehearse(read_task(mine))


def test_a_task_that_needs_what_is_not_here_says_so(mine: Path) -> None:
    (mine / "task.toml").write_text(TOML + 'needs = ["no_such_module_at_all"]\n')
    assert "no_such_module_at_all" in read_task(mine).missing
