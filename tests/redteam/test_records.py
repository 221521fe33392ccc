"""Attacks on the controller's own handling of what a trial left: its records, its removal."""

from __future__ import annotations

from typing import Any

import pytest
from redteam import Attack, Here

RESULT = """put("results.json", '{"mine": 0.01}')\n"""


def nothing_is_left_of_it(here: Here, name: str) -> None:
    folder = here.folder / "trials" / f"{name}-r1-s1"
    assert not (folder / "work").exists()
    assert not (folder / "tmp").exists()


def its_curve_is_a_file(here: Here, name: str) -> None:
    curve = here.folder / "trials" / f"{name}-r1-s1" / "curve.jsonl"
    assert not curve.is_symlink()
    assert curve.is_file()


ATTACKS = (
    Attack(
        "record-that-is-a-link", 17, "our own",
        "what writes a record into the program's folder follows a link that it made there",
        believes="best result",
        end=RESULT + """
if not Path("evaluate.py").exists():
    (out.parent / "curve.jsonl").symlink_to(Path.cwd().parents[2] / "study.toml")
""",
        check=its_curve_is_a_file,
    ),
    Attack(
        "folders-without-end", 0, "our own",
        "folders are nested deeper than what measures and removes them can go",
        believes="best result",
        end=RESULT + """
depth = 50 if Path("evaluate.py").exists() else 1200
here = Path.cwd()
for place in (out.resolve(), Path.cwd(), Path(os.environ.get("TMPDIR", out))):
    if not (place / "evaluate.py").exists():
        os.chdir(place)
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
os.chdir(here)
""",
        check=nothing_is_left_of_it,
    ),
)  # fmt: skip

STUDY = {"more": '\n[curve]\nsource = "csv"\nfile = "*.csv"\n'}


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_a_naive_harness_falls_for_it(attack: Attack, naive: Any) -> None:
    naive.falls_for(attack)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_it_wins_nothing_here(attack: Attack, here: Any) -> None:
    here.check(attack)
