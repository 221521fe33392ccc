"""The terminal: every idea and verdict in words, no line too long, hostile text made harmless."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from proveout.ideas import BASELINE
from proveout.ledger import Decided, History, Verdict
from proveout.report import (
    answer,
    checkout_command,
    forecast_lines,
    idea_page,
    ideas_table,
    overview,
    status_text,
    trial_line,
    verdict_table,
)
from proveout.report._terminal_plot import gap_plot, gap_spark
from proveout.study import Study
from proveout.trials import Trial
from tests.report.conftest import EFFECTS, HOSTILE, START, make_study, make_verdicts, open_study

SIZES = [(80, 24), (120, 50)]


def plain(view: RenderableType, width: int, height: int) -> list[str]:
    """Lines as a terminal of this size without colours shows them."""
    console = Console(
        file=io.StringIO(), width=width, height=height, color_system=None, record=True
    )
    console.print(view)
    return console.export_text(styles=False).rstrip("\n").split("\n")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_table_has_every_idea_and_verdict(
    study: Study, history: History, width: int, height: int
) -> None:
    lines = plain(verdict_table(study, None, history, width), width, height)
    assert all(len(line) <= width for line in lines)
    for name, (word, _) in EFFECTS.items():
        (line,) = [each for each in lines if each.startswith(f"{name[:14]}") and word in each]
        verdict = next(v for v in history.verdicts.verdicts if v.idea == name)  # type: ignore[union-attr]
        if verdict.gap_at_target is None:
            assert "—" in line
            assert "0.00" not in line
        else:
            assert f"{abs(verdict.gap_at_target):.2f}" in line
            assert f"{verdict.compute_multiplier:.2f}×" in line
        assert any(verdict.why.split()[0] in each for each in lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_live_view_fits_the_terminal(
    study: Study, history: History, hostile: History, width: int, height: int
) -> None:
    for each in (history, hostile, History()):
        lines = plain(overview(study, each, None, START + 400, 90.0), width, height)
        assert len(lines) <= height
        assert all(len(line) <= width for line in lines)
    lines = plain(overview(study, history, None, START + 400, 90.0), width, height)
    assert "trials done" in "\n".join(lines)
    assert any("ended: stack-2" in line for line in lines)


def test_the_live_view_of_a_long_ladder_keeps_the_rungs_in_use() -> None:
    study = make_study(rungs=tuple(10 ** (8 + number / 10) for number in range(25)))
    maker = open_study(study, ("a",))
    maker.start(Trial(20, 0, "a"))
    lines = plain(overview(study, maker.history(), None, maker.at + 12.5), 80, 24)
    assert any("a-r21-s1 12 s" in line for line in lines)
    (head,) = [line for line in lines if "(* target)" in line]
    assert study.rungs[20].label in head
    assert all(len(line) <= 80 for line in lines)


def test_running_trials_and_time_left_are_shown(study: Study) -> None:
    maker = open_study(study, ("rotary",))
    maker.start(Trial(0, 0, BASELINE))
    maker.start(Trial(0, 0, "rotary"))
    text = status_text(study, maker.history(), maker.at + 30.0)
    assert "running rotary-r1-s1 30 s" in text
    assert "        baseline-r1-s1 30 s" in text
    assert "· not judged" in text
    view = overview(study, maker.history(), None, maker.at, seconds_left=75.0)
    assert any("about 1 min 15 s left" in line for line in plain(view, 80, 24))


def test_an_empty_study_says_so(study: Study) -> None:
    assert "No idea has been tried yet." in status_text(study, History(), START)
    assert plain(verdict_table(study, None, History(), 80), 80, 24) == [
        "No idea has been tried yet."
    ]
    assert answer(study, History()) == ("No idea has been tried yet.", "The study has not started.")
    assert checkout_command(History()) is None
    assert forecast_lines(History()) == ()


def test_the_page_of_an_idea(study: Study, history: History, diffs: dict[str, str]) -> None:
    verdict = next(v for v in history.verdicts.verdicts if v.idea == "rotary")  # type: ignore[union-attr]
    lines = plain(idea_page(study, history, verdict, diffs["rotary"]), 80, 24)
    text = "\n".join(lines)
    assert all(len(line) <= 80 for line in lines)
    for expected in (
        "✓ holds", "rotary trains better", "arXiv 2104.09864", "+x = 2 if a < b else 3",
        "-0.1100 ± 0.0150", "1e12 (target)",
    ):  # fmt: skip
        assert expected in text
    base = "\n".join(plain(idea_page(study, history, None, "", BASELINE), 80, 24))
    assert f"{history.losses(BASELINE, 0)[0]:.4f}" in base
    broken = "\n".join(plain(idea_page(study, history, None, "", "typo"), 80, 24))
    assert "crashed: it exited with code 1" in broken


def test_a_long_change_is_cut(study: Study, history: History) -> None:
    lines = plain(idea_page(study, history, None, "+x\n" * 1000, "rotary"), 80, 24)
    assert any("and 880 more lines" in line for line in lines)


def test_hostile_text_cannot_paint_or_hide(
    study: Study, hostile: History, diffs: dict[str, str]
) -> None:
    views = [
        verdict_table(study, None, hostile, 80),
        overview(study, hostile, None, START),
        idea_page(study, hostile, None, diffs[HOSTILE], HOSTILE),
        ideas_table(study, hostile),
    ]
    for view in views:
        text = "\n".join(plain(view, 80, 200))
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
        assert "[red]" in text  # shown as it is, not obeyed
    for record in hostile.trials.values():
        assert trial_line(record).isprintable()
    assert all(line.isprintable() for line in (*answer(study, hostile), *forecast_lines(hostile)))


def test_forecasts_read_as_sentences(history: History) -> None:
    assert forecast_lines(history) == (
        "Forecast for stack-2 at 1e12 flops: gap -0.43 [-0.50, -0.36]; measured -0.41: "
        "inside the 80% interval.",
    )
    unscored = replace(history, forecasts_scored={})
    assert forecast_lines(unscored)[0].endswith("not measured.")


def test_a_line_for_each_finished_trial(history: History) -> None:
    scored = trial_line(history.trials[Trial(0, 0, "rotary")])
    assert scored.startswith("✓ rotary-r1-s1  ")
    assert f"{history.losses('rotary', 0)[0]:.4f} bits/byte" in scored
    failed = trial_line(history.trials[Trial(0, 0, "typo")])
    assert failed.startswith("✗ typo-r1-s1  crashed: it exited with code 1: NameError")


def test_the_list_of_ideas_has_those_refused(study: Study, history: History) -> None:
    text = "\n".join(plain(ideas_table(study, history), 120, 50))
    assert "bad-patch: the patch does not apply" in text
    assert "rotary trains better" in text


@pytest.mark.parametrize("width", [40, 80, 110, 200])
def test_small_pictures_of_gaps_stand_where_there_is_room(
    study: Study, history: History, width: int
) -> None:
    lines = plain(verdict_table(study, None, history, width, plots=True), width, 50)
    assert all(len(line) <= width for line in lines)
    drawn = [line for line in lines if any("\u2800" < sign <= "\u28ff" for sign in line)]
    measured = [v for v in history.verdicts.verdicts if v.line]  # type: ignore[union-attr]
    assert len(drawn) == (len(measured) if width >= 110 else 0)
    assert not [each for each in plain(verdict_table(study, None, history, 200), 200, 50)
                if any(sign > "\u2800" for sign in each)]  # fmt: skip


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [20, 40, 80, 300])
def test_the_picture_of_an_idea_has_its_means_where_they_are(
    study: Study, history: History, width: int, unicode: bool
) -> None:
    for verdict in history.verdicts.verdicts:  # type: ignore[union-attr]
        lines = [each.plain for each in gap_plot(study, verdict, width, unicode)]
        if not verdict.measured or width < 30:
            assert lines == []
            continue
        assert all(len(line) <= width for line in lines)
        assert lines[-1].split()[0] == "1e10" and lines[-1].endswith("1e12 flops (target)")
        assert unicode or all(line.isascii() for line in lines)
        dots = [(column, row) for row, line in enumerate(lines[:-1])
                for column, sign in enumerate(line) if sign in "●o"]  # fmt: skip
        rows = [row for _, row in sorted(dots)]
        gaps = [mean for _, mean, *_ in verdict.measured]
        assert len(rows) == len(gaps)
        for (above, one), (below, other) in itertools.permutations(zip(rows, gaps, strict=True), 2):
            assert above <= below or one <= other
        assert any(line.lstrip().startswith(("0.0", "+0.0", "-0.0")) for line in lines)


def test_a_fit_of_one_point_is_drawn_too(study: Study) -> None:
    flat = Verdict("x", "no effect", 0.0, None, None, None, None, 1, "", (), ((1e10, 0.0, 0.1, 1),))
    assert any("●" in each.plain for each in gap_plot(study, flat, 80, unicode=True))
    assert gap_spark(study, flat) == "" and gap_plot(study, None, 80, unicode=True) == []


def test_what_only_waits_for_its_check_is_in_the_answer(study: Study, history: History) -> None:
    """Somebody who reads the first lines alone must not take it for an idea that does nothing."""
    read = make_verdicts()
    waiting = tuple(
        replace(each, verdict="undecided", probability_helps=0.99, why="it waits for its check")
        if each.idea == "rotary"
        else replace(each, verdict="undecided", probability_helps=0.9)
        if each.verdict in {"holds", "undecided"}
        else each
        for each in read.verdicts
    )
    told = answer(study, history, replace(read, verdicts=waiting))
    assert told[0].startswith("None of ")
    assert told[1] == "By its runs rotary would hold; it waits for what its verdict says."


def test_what_was_merely_bought_is_no_decision(study: Study, history: History) -> None:
    bought = replace(history, decisions=(Decided("Merge", "does it add?"), Decided("Buy", "noise")))
    lines = plain(overview(study, bought, None, START), 80, 24)
    assert any("does it add?" in line for line in lines)
    assert not any("noise" in line for line in lines)
