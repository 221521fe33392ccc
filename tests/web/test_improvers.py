"""Improvers in the dashboard: what is on record, and nothing that a program wrote as HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proveout.improve import STARTING_POINT
from proveout.ledger import (
    GateRead,
    ImprovementOpened,
    ImproverAdded,
    ImproverAdopted,
    ImproverRejected,
    Ledger,
    ScreenRead,
)

SEED = "N = 1\n\n\ndef improve(solution, utility, model, budget):\n    return solution\n"
HOSTILE = SEED.replace("N = 1", "N = 2  # <script>alert(1)</script>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one child adopted and one rejected, by events alone."""
    place = tmp_path / "improvers"
    place.mkdir()
    (place / "improve.toml").write_text(STARTING_POINT)
    with Ledger(place) as ledger:
        ledger.append(ImprovementOpened("mine", "0", STARTING_POINT, "k3y", "told", "here", "A"))
        ledger.append(ImproverAdded("seed", SEED, "seed", "f0"))
        ledger.append(ImproverAdopted("seed", "the improver to start from", "seed"))
        for name, source in (("g1-a", HOSTILE), ("g1-b", SEED.replace("1", "3"))):
            ledger.append(ImproverAdded(name, source, "child", name, "seed", "seed", 1))
            ledger.append(ScreenRead(name, "seed", 0.5, 0.25, 4))
        ledger.append(
            GateRead(1, "g1-a", "seed", 1, 0.01, True, "clearly better", 5, 0.25, (0.125, 0.375),
                     5.0, ("three_sat",), (0.5,), (0.25,))
        )  # fmt: skip
        ledger.append(ImproverAdopted("g1-a", "clearly better", "gate"))
        ledger.append(ImproverRejected("g1-b", "<b>worse</b>"))
    return place


def test_a_folder_of_improvers_and_each_of_them_have_a_page(
    folder: Path, serve_folder: Any
) -> None:
    with serve_folder(folder) as site:
        front = site.ask("/")
        assert (front.status, front.headers["location"]) == (307, "/i/improvers/")
        page = site.ask("/i/improvers/")
        assert page.status == 200
        assert "+0.250 [+0.125, +0.375]" in page.text and "0.500 / 0.250" in page.text
        assert "&lt;b&gt;worse&lt;/b&gt;" in page.text and "k3y" not in page.text
        child = site.ask("/i/improvers/g1-a")
        assert "g1-a ← seed" in child.text and "clearly better" in child.text
        assert "-N = 1" in child.text and "<script>alert" not in child.text
        assert site.ask("/i/improvers/nobody").status == 404
        assert site.ask("/i/elsewhere/").status == 404
        assert site.ask("/i/improvers/", token=None).status == 401
