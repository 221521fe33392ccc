"""A study runs at the isolation that it accepts, says which, and never quietly at less."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import NotIsolated, StudyError
from proveout.ledger import read_history
from proveout.loop import run_study
from proveout.report import trust_lines
from proveout.runners import LocalRunner
from proveout.study import read_study

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="isolation is Linux's")

_VARIABLE = "PROVEOUT_HIGHEST_ISOLATION"


@pytest.fixture
def small(toy: Any) -> Any:
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    return toy


def levels(folder: Path) -> set[str]:
    trials = read_history(folder).trials.values()
    return {past.measurement.isolation for past in trials if past.measurement}


def accept(toy: Any, level: str) -> None:
    toy.edit("[run]", f'[run]\nisolation = "{level}"')


def test_measurements_carry_the_level_that_they_were_made_at(surer_ran: Any) -> None:
    with LocalRunner(slots=1, preload=("numpy",)) as runner:
        level = runner.isolation
    assert levels(surer_ran.folder) == {level}


def test_without_isolation_nothing_runs(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_VARIABLE, "E")
    with pytest.raises(NotIsolated, match='isolation = "E" into'):
        run_study(read_study(small.folder))
    assert not read_history(small.folder).trials


def test_what_is_measured_without_isolation_never_holds(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(_VARIABLE, "E")
    accept(small, "E")
    history = run_study(read_study(small.folder)).history
    assert levels(small.folder) == {"E"}
    assert history.verdicts
    (verdict,) = history.verdicts.verdicts
    assert verdict.verdict == "undecided"
    assert "measured without isolation (level E)" in verdict.why
    assert not history.forecasts_scored


def test_a_study_does_not_go_on_at_a_lower_level_unasked(
    surer_ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalRunner(slots=1, preload=()) as runner:
        if runner.isolation not in "AB":
            pytest.skip("there is only one level here")
    surer_ran.idea("cooler", ("TEMPERATURE = 1.3", "TEMPERATURE = 1.0"))
    monkeypatch.setenv(_VARIABLE, "C")
    with pytest.raises(NotIsolated, match=r"ran at isolation level [AB] so far"):
        run_study(read_study(surer_ran.folder))
    accept(surer_ran, "C")
    run_study(read_study(surer_ran.folder))
    assert levels(surer_ran.folder) > {"C"}


def test_a_study_where_every_trial_could_read_it(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = small.folder.parent
    monkeypatch.setattr(
        "proveout.sandbox._launcher.Launcher.shown", property(lambda self: (str(shown),))
    )
    with pytest.raises(NotIsolated, match="Move the study"):
        run_study(read_study(small.folder))


def test_what_the_held_out_data_was_copied_from_is_hidden_or_nothing_runs(small: Any) -> None:
    small.edit("[run]", '[run]\nhidden = "copies.txt"')
    with pytest.raises(StudyError, match=r"run\.hidden: there is no file"):
        read_study(small.folder)
    (small.folder / "copies.txt").write_text("# nothing\n")
    with pytest.raises(StudyError, match="lists nothing"):
        run_study(read_study(small.folder))
    (small.folder / "copies.txt").write_text("# a module\npython3.*/this.py\n")
    small.edit('compute = "4e9 flops"', 'compute = "2e7 flops"')  # a few trials
    study = read_study(small.folder)
    with LocalRunner(slots=1, preload=("numpy",)) as open_to_all:
        if open_to_all.isolation == "E":
            pytest.skip("level E hides nothing")
        with pytest.raises(NotIsolated, match=r"python3\.\*/this\.py"):
            run_study(study, runner=open_to_all)
    history = run_study(study).history
    assert any("was hidden from all trials" in line for line in trust_lines(study, history))
