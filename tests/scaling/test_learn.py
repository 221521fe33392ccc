"""Learning the discrepancy: a known miss is found again, and a table that knows it covers."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from proveout.scaling import FORMS, Discrepancy, Lesson, Points, learn_discrepancy, lessons_of
from proveout.scaling._discrepancy import learnt
from proveout.scaling._learn import log_score
from proveout.scaling._weights import HeldBack

PACKAGE = Path(__file__).parents[2] / "src/proveout/scaling"


def made_up(count: int, *, bias: float, per_fall: float, seed: int) -> list[Lesson]:
    """Lessons whose misses are drawn from the discrepancy's own model, 0.3 to 2.5 decades on."""
    rng = np.random.default_rng(seed)
    lessons = []
    for _ in range(count):
        beyond = rng.uniform(0.3, 2.5, 4)
        fall, sd = 0.1 * beyond, np.full(4, 0.004)
        off = rng.standard_t(6) * per_fall * fall * np.sqrt(beyond)
        miss = bias * fall + off + sd * rng.standard_normal(4)
        doubt = 0.0 * sd
        outer = HeldBack(miss[None], doubt[None], sd[None], fall[None], beyond, np.full(4, 0.25))
        lessons.append(Lesson("made up", 1.0, outer, (), np.zeros(1)))
    return lessons


def test_a_known_miss_is_learnt() -> None:
    found = learn_discrepancy(made_up(200, bias=0.12, per_fall=0.2, seed=0), bias_sd=1.0)
    assert found.bias == pytest.approx(0.12, abs=0.03)
    assert found.per_fall == pytest.approx(0.2, rel=0.2)
    assert found.per_decade < 0.01


def test_what_is_learnt_forecasts_fresh_suites_better_than_another_table() -> None:
    found = learn_discrepancy(made_up(100, bias=0.12, per_fall=0.2, seed=1))
    fresh = made_up(200, bias=0.12, per_fall=0.2, seed=2)
    other = Discrepancy(bias=0.0, per_fall=0.05, per_decade=0.002, dof=6.0, own_runs=4.0)
    ours, theirs = (np.mean([log_score(one, t) for one in fresh]) for t in (found, other))
    assert ours > theirs + 0.1


def test_lessons_are_splits_of_real_runs() -> None:
    compute = np.geomspace(1e17, 1e21, 17)
    loss = 1.7 + 2 * (compute / 1e19) ** -0.15
    lessons = lessons_of("here", [Points.of({"compute": compute}, loss)])
    assert len(lessons) == 8, "from 2.2 to 460 times below the largest, with 6 runs or more left"
    assert sum(one.weight for one in lessons) == pytest.approx(math.sqrt(8))
    count = sum(form.inputs == ("compute",) for form in FORMS.values())
    for one in lessons:
        assert one.outer.miss.shape == one.outer.doubt.shape == (count, one.outer.weight.size)
        assert one.outer.weight.sum() == pytest.approx(1)
        assert (one.outer.beyond > 0).all()
    assert abs(lessons[0].outer.miss[0]).max() < 0.01


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(ValueError, match="nothing to learn from"):
        learn_discrepancy([])


def test_the_table_in_the_package_is_whole() -> None:
    text = (PACKAGE / "discrepancy.toml").read_text("utf-8")
    assert "--relearn" in text, "the table says how it is made"
    tables = tomllib.loads(text)
    assert set(tables) == {"models", "frontier", "curves"}
    for kind, table in tables.items():
        assert set(table) == {"bias", "per_fall", "per_decade", "dof", "own_runs", "doubt"}
        assert learnt(kind).per_fall == table["per_fall"]
    with pytest.raises(ValueError, match="models, frontier or curves; got 'none'"):
        learnt("none")
