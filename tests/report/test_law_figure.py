"""The figure of a law holds its runs, its doubt and its forecasts, and opens as a file."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib import image
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from proveout.errors import UserError
from proveout.report import (
    LawLine,
    LawPicture,
    RunPoint,
    TargetPoint,
    check_figure_path,
    law_figure,
    save_law_figure,
)
from proveout.report._law_figure import plain_ticks

SCALES = (1e18, 1e19, 1e20, 1e21)


def make_picture(*, ratios: bool = True) -> LawPicture:
    runs = [
        RunPoint(compute * m, 3 - 0.1 * i, 0.004 * (-1) ** i, m if ratios else None)
        for i, compute in enumerate(SCALES)
        for m in (5.0, 20.0, 80.0)
    ]
    compute = [1e18, 1e20, 1e23]
    mean = [3.0, 2.8, 2.5]
    low, high = [m * 0.97 for m in mean], [m * 1.03 for m in mean]
    lines = [
        LawLine("at 20 tokens/param", compute, mean, (low, high), (low, high)),
        LawLine("at 200 tokens/param", compute, [m + 0.05 for m in mean]),
    ]
    targets = [TargetPoint(1e23, 2.5, (2.4, 2.6), (2.45, 2.55))]
    return LawPicture("L = E + A C^-alpha", "compute (FLOPs)", "loss", runs, lines, targets, 0.005)


def drawn(axes: Axes) -> set[tuple[float, float]]:
    return {(float(x), float(y)) for line in axes.get_lines() for x, y in line.get_xydata()}


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for each in figure.legends for text in each.get_texts()]


def test_every_run_is_drawn_at_its_loss_and_at_its_residual() -> None:
    for picture in (make_picture(), make_picture(ratios=False)):
        upper, lower = law_figure(picture).axes
        assert {(run.compute, run.loss) for run in picture.runs} <= drawn(upper)
        assert {(run.compute, run.residual) for run in picture.runs} <= drawn(lower)


def test_all_that_is_drawn_lies_within_the_axes() -> None:
    picture = make_picture()
    upper, lower = law_figure(picture).axes
    for axes in (upper, lower):
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        for x, y in drawn(axes) - {(0.0, 0.0), (1.0, 0.0)}:  # the line at zero spans the axes
            assert left <= x <= right
            assert bottom <= y <= top
    assert upper.get_xscale() == upper.get_yscale() == "log"
    assert upper.get_xlim() == lower.get_xlim()


def test_bands_lines_and_targets_are_where_the_numbers_are() -> None:
    picture = make_picture()
    upper, _ = law_figure(picture).axes
    bands = [each for each in upper.collections if isinstance(each, PolyCollection)]
    assert len(bands) == 2
    corners = bands[0].get_paths()[0].vertices.tolist()  # type: ignore[attr-defined]
    assert [1e23, pytest.approx(2.5 * 1.03)] in corners
    (target,) = picture.targets
    assert {(target.compute, y) for y in (*target.interval80, *target.interval50)} <= drawn(upper)


def test_tokens_a_parameter_are_told_by_marker_and_by_word() -> None:
    figure = law_figure(make_picture())
    groups = [name for name in legend(figure) if name.startswith("runs")]
    assert len(groups) == 3
    assert all("tokens/param" in name for name in groups)
    markers = {line.get_marker() for line in figure.axes[0].get_lines() if
               str(line.get_label()).startswith("runs")}  # fmt: skip
    assert len(markers) == 3
    assert "runs" in legend(law_figure(make_picture(ratios=False)))


def test_lines_can_be_told_apart_without_colour_and_the_legend_is_outside() -> None:
    figure = law_figure(make_picture())
    lines = [line for line in figure.axes[0].get_lines() if "at " in str(line.get_label())]
    assert len({line.get_linestyle() for line in lines}) == len(lines) == 2
    assert not any(axes.get_legend() for axes in figure.axes)
    assert len(legend(figure)) == len(set(legend(figure))) == 9


@pytest.mark.parametrize("name", ["law.png", "law.svg", "LAW.PNG"])
def test_the_file_opens_and_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    first, second = tmp_path / name, tmp_path / f"again-{name}"
    for path in (first, second):
        save_law_figure(make_picture(), path)
    assert first.read_bytes() == second.read_bytes()
    if first.suffix.lower() == ".png":
        assert min(image.imread(first).shape[:2]) > 500
    else:
        assert "tokens/param" in "".join(ElementTree.parse(first).getroot().itertext())


@pytest.mark.parametrize("name", ["law.pdf", "law", "law.png.txt", "nowhere/law.png"])
def test_another_name_is_refused_before_anything_is_drawn(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.png or \.svg|no folder"):
        check_figure_path(tmp_path / name)
    (tmp_path / "is.png").mkdir()
    with pytest.raises(UserError, match="folder"):
        save_law_figure(make_picture(), tmp_path / "is.png")


def test_a_law_without_noise_and_hostile_names_still_draw(tmp_path: Path) -> None:
    runs = [run._replace(residual=0.0) for run in make_picture().runs]
    picture = replace(make_picture(), runs=runs, noise80=0.0, title="<b>$\\frac$</b>\x1b[31m" * 40,
                      loss_name="loss\n$x$ 损失")  # fmt: skip
    save_law_figure(picture, tmp_path / "law.svg")
    assert "\x1b" not in (tmp_path / "law.svg").read_text()


@pytest.mark.parametrize(
    ("low", "high"),
    [(2.5, 2.6), (1.99, 2.01), (1.6, 2.3), (2, 5.5), (0.8, 11), (0.01, 1e3), (2.61803, 2.61804)],
)
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    ticks = plain_ticks(low, high)
    assert 3 <= len(ticks) <= 10
    assert all(low <= tick <= high for tick in ticks)
    assert all(math.isclose(tick, float(f"{tick:.9g}"), rel_tol=1e-12) for tick in ticks)
