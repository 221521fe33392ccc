"""Trials that can no longer matter are ended: real processes, curves on a real disk."""

from __future__ import annotations

from typing import Any

import pytest

from proveout.ideas import BASELINE
from proveout.ledger import History, TrialRecord
from proveout.loop import run_study
from proveout.study import Study, read_study
from proveout.trials import Trial
from proveout.verdicts import Buy, Purchase, Stop, Wait, board_of, judge

CURVE = """
PACE = 0.0


def report(flops, part):
    return 6 - 0.3 * part


def write_curve(args, flops):
    import time

    with (args.out / "metrics.jsonl").open("w") as metrics:
        for part in range(1, 11):
            time.sleep(PACE)
            point = {"step": part, "flops": flops * part / 10, "loss": report(flops, part)}
            metrics.write(json.dumps(point) + "\\n")
            metrics.flush()


def main() -> None:
"""
ONE_POINT = """    with (args.out / "metrics.jsonl").open("w") as metrics:
        metrics.write(json.dumps({"step": 1, "flops": flops, "loss": 1.0}) + "\\n")
"""
LOSS = "6 - 0.3 * part"
SLOW = ("PACE = 0.0", "PACE = 0.3")


@pytest.fixture
def slow_toy(toy: Any) -> Any:
    """A toy study whose program reports a curve of ten points, and ideas that take their time."""
    program = toy.train.replace("def main() -> None:\n", CURVE.lstrip("\n"))
    program = program.replace(ONE_POINT, "    write_curve(args, flops)\n")
    (toy.folder / "program" / "train.py").write_text(program)

    def idea(name: str, *edits: tuple[str, str]) -> None:
        changed = program
        for old, new in edits:
            assert changed.count(old) == 1, old
            changed = changed.replace(old, new)
        toy.idea_from(name, changed, against=program)

    idea("diverges", SLOW, (LOSS, "5 + part"))
    idea("good", SLOW, (LOSS, "5.9 - 0.31 * part"), ("FORGET = 0.2", "FORGET = 0.001"))
    idea(
        "silent",
        SLOW,
        ("            metrics.write(json.dumps(point)", "            print(str(point)"),
    )
    idea("smoothed", SLOW, (LOSS, "9 - 0.3 * part"))
    idea("worse", SLOW, (LOSS, "7.5 - 0.3 * part"), ("TEMPERATURE = 1.3", "TEMPERATURE = 4.0"))
    return toy


def buy(toy: Any, *wanted: Trial, audits: bool = False, side_by_side: bool = False) -> History:
    """Runs these trials, one after another, the baseline's at both rungs before them."""
    trials = [Trial(0, 0, BASELINE), Trial(1, 0, BASELINE), *wanted]

    def plan(study: Study, history: History, slots: int) -> Buy | Wait | Stop:
        done = {t for t, r in history.trials.items() if r.state in {"scored", "failed"}}
        if left := [trial for trial in trials if trial not in done]:
            running = {t for t, r in history.trials.items() if r.state == "running"}
            audit = audits and left[0] in wanted
            if side_by_side and left[0] in wanted:
                new = [trial for trial in left if trial not in running][:slots]
            else:
                new = [] if running else left[:1]
            return Buy(tuple(Purchase(each, "a test", audit) for each in new)) if new else Wait("")
        return Stop("all done")

    return run_study(read_study(toy.folder), policy=plan).history


def failure_kind(record: TrialRecord) -> str | None:
    return record.failure.kind if record.failure else None


def test_a_trial_that_diverges_slowly_is_ended_and_charged_for_what_it_did(slow_toy: Any) -> None:
    trial = Trial(0, 0, "diverges")
    history = buy(slow_toy, trial)
    record = history.trials[trial]
    assert record.failure is not None
    assert record.failure.kind == "ended early"
    assert "% above the baseline's" in record.failure.sentence
    assert record.failure.gap is not None
    assert record.failure.gap > 0
    assert record.measurement is None
    assert 0.3 * record.reserved <= record.charged < record.reserved
    assert record.usage is not None
    assert record.usage.wall_seconds < 2.9

    study = read_study(slow_toy.folder)
    board = board_of(study, history)
    arm = board.arms.index("diverges")
    assert board.losses[arm, 0, 0] == history.losses(BASELINE, 0)[0] + record.failure.gap
    assert not board.closed[arm]
    (verdict,) = [each for each in judge(study, history).verdicts if each.idea == "diverges"]
    assert verdict.verdict != "broken"


def test_others_run_to_their_end(slow_toy: Any) -> None:
    """A good one, one without a curve, one of which nobody knows yet what its curve means."""
    trials = [Trial(0, 0, name) for name in ("good", "silent", "smoothed", "worse")]
    history = buy(slow_toy, *trials, side_by_side=True)
    assert all(history.trials[trial].measurement for trial in trials)


def test_an_idea_is_judged_by_how_it_ended_before(slow_toy: Any) -> None:
    """Two look bad at the second rung; one of them looked as bad at the first and was not."""
    trials = [Trial(rung, 0, name) for rung in (0, 1) for name in ("smoothed", "worse")]
    history = buy(slow_toy, *trials)
    assert failure_kind(history.trials[Trial(1, 0, "worse")]) == "ended early"
    assert history.trials[Trial(1, 0, "smoothed")].measurement is not None


def test_audits_are_never_ended_and_a_study_may_end_none(slow_toy: Any) -> None:
    """It runs to its end, where its score contradicts the curve that it reported."""
    trial = Trial(0, 0, "diverges")
    assert failure_kind(buy(slow_toy, trial, audits=True).trials[trial]) == "implausible"
    slow_toy.file.write_text(slow_toy.file.read_text() + "\n[policy]\nend_early = false\n")
    other = Trial(0, 1, "diverges")
    assert failure_kind(buy(slow_toy, trial, other).trials[other]) == "implausible"
