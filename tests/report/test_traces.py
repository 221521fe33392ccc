"""Traces: every line is what the schema says, and says what the ledger says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from proveout.ideas import BASELINE
from proveout.ledger import VerdictsRead
from proveout.report import TRACE_VERSION, Trace, in_own_sense, write_traces
from proveout.report._traces import came_true
from proveout.trials import Trial
from tests.report.conftest import (
    EFFECTS,
    HOSTILE,
    Maker,
    make_study,
    open_study,
    tell_history,
    tell_hostile_history,
    verdict_of,
)

SCHEMA = Path(__file__).parents[2] / "docs" / "trace.schema.json"


def write(maker: Maker, path: Path, **diffs: str) -> list[dict[str, object]]:
    count = write_traces(maker.study, maker.history(), maker.entries, diffs, path)
    raw = path.read_bytes()
    assert raw.isascii()
    lines = raw.decode().splitlines()
    assert len(lines) == count == raw.count(b"\n")
    return [json.loads(line) for line in lines]


def test_the_schema_in_the_docs_is_the_schema() -> None:
    assert json.loads(SCHEMA.read_text()) == Trace.model_json_schema()
    assert Trace.model_fields["version"].default == TRACE_VERSION


def test_traces_say_what_the_ledger_says(tmp_path: Path) -> None:
    maker = tell_history()
    traces = {str(each["idea"]): each for each in write(maker, tmp_path / "t", rotary="+x = 2\n")}
    assert set(traces) == set(EFFECTS)
    schema = json.loads(SCHEMA.read_text())
    for each in traces.values():
        jsonschema.validate(each, schema)
        Trace.model_validate_json(json.dumps(each), strict=True)
    history = maker.history()
    rotary = Trace.model_validate(traces["rotary"])
    assert rotary.change.diff == "+x = 2\n" and rotary.context.changes == BASELINE
    assert len(rotary.purchases) == 8 and rotary.verified
    for bought in rotary.purchases:
        rung = maker.study.rungs[int(bought.trial.split("-r")[1][0]) - 1]
        assert bought.compute == rung.compute.amount
        trial = Trial(maker.study.rungs.index(rung), bought.replicate, "rotary")
        measured = history.trials[trial].measurement
        base = history.losses(BASELINE, trial.rung)[trial.replicate]
        assert measured and bought.value == measured.value
        assert bought.gap == pytest.approx(measured.value - base)
    assert rotary.verdict and rotary.verdict.verdict == "holds"
    stack = Trace.model_validate(traces["stack-2"])
    assert stack.forecast and stack.forecast.came_true is True
    assert stack.change.merges == ["rotary", "swiglu"]
    assert stack.context.trials_finished > 60 and len(stack.context.baseline) == 4
    typo = Trace.model_validate(traces["typo"])
    assert typo.purchases[0].failure and typo.purchases[0].value is None
    assert typo.measured == [] and not typo.verified
    assert typo.prediction.came_true is False


def test_hostile_text_stays_within_its_line(tmp_path: Path) -> None:
    maker = tell_hostile_history()
    maker.add("long", hypothesis="\ud800\u2028\n" * 10, source="s" * 10_000_000)
    traces = write(maker, tmp_path / "t", long="+\ud800\u2028\x85\n" * 100_000)
    schema = json.loads(SCHEMA.read_text())
    for each in traces:
        jsonschema.validate(each, schema)
    last = Trace.model_validate(traces[-1])
    assert last.change.diff_characters_left_out == 300_000
    assert len(last.hypothesis.source) <= 4000
    assert last.verdict is None and last.prediction.came_true is None
    assert HOSTILE.split()[0] in str(traces[0]["idea"])


def test_what_the_program_says_itself_is_not_verified(tmp_path: Path) -> None:
    maker = open_study(tell_history().study, ("a",))
    (trace,) = write(maker, tmp_path / "t")
    assert trace["verified"] is False and trace["verdict"] is None


@pytest.mark.parametrize(
    ("said", "word", "gaps", "expected"),
    [
        ("grows - with scale", "holds", (-0.05, -0.1, -0.2, -0.3), True),
        ("grows", "holds", (-0.3, -0.2, -0.2, -0.15), False),
        ("steady", "holds", (-0.2, -0.2, -0.2, -0.2), True),
        ("fades", "fades", (-0.1, -0.05, 0.0, 0.0), True),
        ("fades", "holds", (-0.1, -0.2, -0.3, -0.3), False),
        ("Nothing: a control", "no effect", (0.0, 0.0), True),
        ("breaks", "rejected", (), True),
        ("grows", "undecided", (-0.1,), None),
        ("who knows", "holds", (-0.1, -0.2), None),
    ],
)
def test_a_prediction_comes_true_or_not(
    said: str, word: str, gaps: tuple[float, ...], expected: bool | None
) -> None:
    assert came_true(said, verdict_of("x", word, gaps), more_is_better=False) is expected


def test_where_more_is_better_a_gain_is_above_zero(tmp_path: Path) -> None:
    score = {"kind": "reported", "key": "acc", "metric": "accuracy", "goal": "maximize"}
    study = make_study(score=score | {"range": [0, 1]})
    maker = open_study(study, ("a",))
    judged = VerdictsRead((verdict_of("a", "holds", (-0.1, -0.2)),), 4)
    maker.say(judged)
    maker.add("b")
    history = in_own_sense(study, maker.history())
    write_traces(study, history, maker.entries, {}, tmp_path / "t")
    first, second = (json.loads(line) for line in (tmp_path / "t").read_text().splitlines())
    gap = judged.verdicts[0].gap_at_target
    assert gap is not None and gap < 0
    assert first["verdict"]["gap_at_target"] == -gap
    assert second["context"]["best"] == [{"idea": "a", "verdict": "holds", "gap_at_target": -gap}]
    assert first["prediction"]["came_true"] is True
