"""The figure and the table of a decision hold what was measured and what is believed."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib import image
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from rich.console import Console

from proveout.errors import UserError
from proveout.report import decide_figure, decision_table, save_decide_figure
from proveout.verdicts import Decision, IdeaDecision

SCALES = (1e10, 1e11, 1e12)
TARGET = 1e13


def idea(name: str, gap: float, verdict: str = "undecided", best: float = 0.0) -> IdeaDecision:
    measured = tuple((scale, gap * (1 + 0.1 * i), 0.01, 3) for i, scale in enumerate(SCALES))
    line = tuple((scale, gap, gap - 0.03, gap + 0.03) for scale in (*SCALES, TARGET))
    return IdeaDecision(
        name, gap, (gap - 0.03, gap + 0.03), 1.5, (1.2, None), 0.9, best, verdict,
        f"because of {name}", measured, line,
    )  # fmt: skip


def decision(*ideas: IdeaDecision, unit: str = "flops") -> Decision:
    return Decision(TARGET, unit, "baseline", ideas)


def panels(figure: Figure) -> dict[str, Axes]:
    titles = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    return {title.split("\n")[0]: axes for title, axes in titles.items()}


def drawn(axes: Axes) -> set[tuple[float, float]]:
    return {(float(x), float(y)) for line in axes.get_lines() for x, y in line.get_xydata()}


def test_each_idea_has_a_panel_with_its_points_its_line_and_the_target() -> None:
    made = decision(idea("good", -0.2, "holds"), idea("bad", 0.3, "hurts"))
    found = panels(decide_figure(made, "bits per byte"))
    assert list(found) == ["good", "bad"]
    for each in made.ideas:
        axes = found[each.idea]
        assert {(scale, gap) for scale, gap, *_ in each.measured} <= drawn(axes)
        assert each.interval80
        assert {(TARGET, end) for end in each.interval80} <= drawn(axes)
        assert any(isinstance(part, PolyCollection) for part in axes.collections)
        assert axes.get_xscale() == "log"
        assert each.verdict in axes.get_title()
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert left < SCALES[0] < TARGET < right
        assert all(bottom < gap < top for _, gap, *_ in each.measured)


def test_verdicts_can_be_told_apart_without_colour() -> None:
    made = decision(*(idea(word, 0.1, word) for word in ("holds", "fades", "hurts", "no effect")))
    markers = {
        next(m for line in axes.get_lines() if (m := line.get_marker()) not in {"None", "", "_"})
        for axes in panels(decide_figure(made)).values()
    }
    assert len(markers) == 4


def test_of_many_ideas_those_that_matter_are_drawn_and_the_others_named() -> None:
    dull = [idea(f"dull-{i}", 0.01 * i) for i in range(20)]
    made = decision(idea("best", -0.001, best=0.3), *dull, idea("winner", 0.0, "holds"))
    figure = decide_figure(made)
    found = panels(figure)
    assert len(found) == 12
    assert {"best", "winner", "dull-19"} <= set(found)
    assert "dull-1" not in found
    texts = [each.get_text() for each in figure.texts] + [figure.get_supxlabel()]
    assert any("12 of 22 ideas; not drawn: dull-0" in text for text in texts)


def test_ideas_of_which_nothing_is_known_have_no_panel() -> None:
    unknown = IdeaDecision("new", None, None, None, None, None, None, "undecided", "no runs")
    assert list(panels(decide_figure(decision(idea("good", -0.2), unknown)))) == ["good"]
    assert decide_figure(decision(unknown)).axes


def test_without_gaps_over_scale_the_intervals_at_the_target_are_drawn() -> None:
    ideas = [
        replace(idea(name, gap), measured=(), line=()) for name, gap in (("a", -0.1), ("b", 0.2))
    ]
    (axes,) = decide_figure(Decision(TARGET, "flops", None, tuple(ideas))).axes
    for place, each in enumerate(ideas):
        assert each.interval80
        assert each.gap_at_target is not None
        ends = {(end, float(place)) for end in (*each.interval80, each.gap_at_target)}
        assert ends <= drawn(axes)
    assert "average of all ideas" in axes.get_xlabel()


@pytest.mark.parametrize("unit", ["flops", "params", "tokens", "seconds"])
@pytest.mark.parametrize("scales", [(1.3e8, 5.2e8), (1e9, 1e9), (1e3, 3e13)])
def test_every_axis_has_ticks_in_words_that_people_use(
    unit: str, scales: tuple[float, float]
) -> None:
    low, high = scales
    each = idea("a", -0.1)
    line = tuple((scale, -0.1, -0.2, 0.0) for scale in (low, high * 1.000001))
    each = replace(each, measured=((low, -0.1, 0.01, 2),), line=line)
    made = Decision(high, unit, "baseline", (each,))
    figure = decide_figure(made)
    figure.draw_without_rendering()
    axes = panels(figure)["a"]
    left, right = axes.get_xlim()
    places = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    ticks = [text.get_text() for place, text in places if left <= place <= right]
    assert 1 <= len(ticks) <= 7
    assert all(ticks)
    assert len(set(ticks)) == len(ticks)


@pytest.mark.parametrize("name", ["gaps.png", "gaps.svg"])
def test_the_file_opens_and_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    made = decision(
        idea("<b>$\\frac$</b>\x1b[31m" * 9, -0.2, "holds"), idea("损失", 0.1, "new word")
    )
    first, second = tmp_path / name, tmp_path / f"again-{name}"
    for path in (first, second):
        save_decide_figure(made, path, "loss\n$x$")
    assert first.read_bytes() == second.read_bytes()
    if first.suffix == ".png":
        assert min(image.imread(first).shape[:2]) > 300
    else:
        assert "\x1b" not in "".join(ElementTree.parse(first).getroot().itertext())
    with pytest.raises(UserError, match=r"\.png or \.svg"):
        save_decide_figure(made, tmp_path / "gaps.pdf")


def printed(made: Decision, width: int) -> list[str]:
    target = io.StringIO()
    Console(file=target, width=width, color_system=None).print(decision_table(made, width))
    return [line.rstrip() for line in target.getvalue().splitlines()]


def test_the_table_keeps_what_matters_at_every_width() -> None:
    made = decision(idea("good", -0.2, "holds", best=0.8), idea("bad", 0.3, "hurts"))
    wide = printed(made, 160)
    assert "✓ holds" in wide[1]
    assert "-0.200 [-0.230, -0.170]" in wide[1]
    assert "1.50× [1.20, ∞]" in wide[1]
    assert "because of good" in wide[1]
    for width in (40, 60, 80, 120):
        lines = printed(made, width)
        assert max(map(len, lines)) <= width
        assert "holds" in "".join(lines)
        assert "because of good" in " ".join(lines)


def test_a_table_without_multipliers_has_no_column_for_them() -> None:
    bare = replace(idea("a", -0.1), compute_multiplier=None, multiplier_interval80=None)
    assert "compute" not in printed(decision(bare), 160)[0]
    unknown = IdeaDecision("b", None, None, None, None, None, None, "broken", "all failed")
    assert "! broken" in printed(decision(bare, unknown), 160)[2]


def test_gaps_too_small_for_decimals_are_still_shown() -> None:
    tiny = replace(idea("a", -0.1), gap_at_target=-8e-8, interval80=(-1.2e-7, -5e-8))
    assert "-8e-08 [-1.2e-07, -5e-08]" in printed(decision(tiny), 160)[1]
