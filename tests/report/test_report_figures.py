"""Figures hold what the records hold: as many points, at the same places."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from matplotlib import image
from matplotlib.axes import Axes

from proveout.ideas import BASELINE
from proveout.ledger import History
from proveout.report import (
    budget_figure,
    forecast_figure,
    gap_figure,
    loss_figure,
    save_figures,
)
from proveout.study import Study
from tests.report.conftest import EFFECTS, TARGET


def points(axes: Axes, label: str) -> list[tuple[float, float]]:
    """Points of the one line with this label."""
    (line,) = [each for each in axes.get_lines() if each.get_label() == label]
    return [(float(x), float(y)) for x, y in line.get_xydata()]


def test_each_measured_idea_has_a_panel_with_its_points(study: Study, history: History) -> None:
    drawn = [v for v in history.verdicts.verdicts if v.measured]  # type: ignore[union-attr]
    panels = [axes for axes in gap_figure(study, history).axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == [
        f"{v.idea if len(v.idea) <= 22 else 'long-context-with-a-l...'}\n{EFFECTS[v.idea][0]}"
        for v in drawn
    ]
    for axes, verdict in zip(panels, drawn, strict=True):
        (bars,) = axes.containers
        assert [tuple(map(float, each)) for each in bars.lines[0].get_xydata()] == [
            (compute, gap) for compute, gap, *_ in verdict.measured
        ]
        curves = [line for line in axes.get_lines() if len(line.get_xdata()) == len(verdict.line)]
        assert [float(y) for y in curves[0].get_ydata()] == [mean for _, mean, *_ in verdict.line]
        assert any(list(line.get_xdata()) == [TARGET, TARGET] for line in axes.get_lines())
        assert axes.get_xscale() == "log"


def test_losses_are_drawn_seed_by_seed(study: Study, history: History) -> None:
    axes = loss_figure(study, history).axes[0]
    for name, label in ((BASELINE, "baseline, each seed"), ("stack-2", "stack-2, each seed")):
        losses = [loss for rung in range(5) for loss in history.losses(name, rung).values()]
        assert [y for _, y in points(axes, label)] == losses
    made = history.forecasts["stack-2"]
    assert [y for _, y in points(axes, "forecast, 80% interval")] == list(
        made.baseline_interval80 or ()
    )


def test_the_budget_adds_up_to_what_was_charged(study: Study, history: History) -> None:
    axes = budget_figure(study, history).axes[0]
    widths = sum(bar.get_width() for bars in axes.containers for bar in bars.patches)
    assert widths == pytest.approx(history.account.charged)


def test_the_forecast_stands_beside_its_measurement(study: Study, history: History) -> None:
    axes = forecast_figure(study, history).axes[0]
    made, scored = history.forecasts["stack-2"], history.forecasts_scored["stack-2"]
    assert [x for x, _ in points(axes, "80% interval")] == list(made.interval80)
    (bars,) = axes.containers
    assert list(bars.lines[0].get_xdata()) == [scored.measured_gap]


def test_figures_open_as_files_and_are_the_same_each_time(
    study: Study, history: History, tmp_path: Path
) -> None:
    for path in save_figures(study, history, tmp_path / "new", "png"):
        assert image.imread(path).shape[2] == 4
    first = [path.read_bytes() for path in save_figures(study, history, tmp_path / "a", "svg")]
    second = [path.read_bytes() for path in save_figures(study, history, tmp_path / "b", "svg")]
    assert first == second


def test_figures_of_nothing_and_of_hostile_names(
    study: Study, hostile: History, tmp_path: Path
) -> None:
    for each in (History(), hostile):
        for path in save_figures(study, each, tmp_path, "svg"):
            ElementTree.parse(path)
            assert "<script" not in path.read_text(encoding="utf-8")
