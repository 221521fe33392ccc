"""The catalogue in docs/redteam.md and the attacks here are the same, and every row is attacked."""

from __future__ import annotations

import importlib.util
import re
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "redteam.md"
ROWS = 36


def attacks_by_row() -> dict[str, set[str]]:
    """The names of all attacks by their row; `-` are our own."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in sorted(HERE.glob("test_*.py")):
        if file.stem == "test_catalogue":
            continue
        spec = importlib.util.spec_from_file_location(f"redteam_{file.stem}", file)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for attack in module.ATTACKS:
            row = str(attack.row or "-")
            assert attack.name not in found[row]
            assert attack.seen
            assert attack.fools
            found[row].add(attack.name)
    return dict(found)


def test_the_page_has_every_attack_in_its_row_and_every_row_has_one() -> None:
    lines = re.findall(r"^\| (\d+|-) \|.*\| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    page = {row: set(re.findall(r"`([a-z0-9-]+)`", attacks)) for row, attacks in lines}
    assert page == attacks_by_row()
    assert list(page) == [*map(str, range(1, ROWS + 1)), "-"]
    assert sum(map(len, page.values())) >= 45
