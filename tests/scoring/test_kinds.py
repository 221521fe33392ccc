"""Every kind of score through the whole loop, and more being better where it is said to be."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from proveout.cli import app
from proveout.errors import DataError, ScoringFailed, StudyError, UserError
from proveout.ledger import History
from proveout.loop import run_study
from proveout.report import as_json, in_own_sense
from proveout.scoring import evaluator_of, make_split
from proveout.study import Study, read_study
from proveout.trials import Exit, Trial

SHARED = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
SCORES, write_classifier = SHARED["SCORES"], SHARED["write_classifier"]

Make = Callable[..., Study]
WELL = Exit("x", "itself", 0, None, 1.0, 1.0, 1, 0)


def words(history: History) -> dict[str, str]:
    assert history.verdicts is not None
    return {verdict.idea: verdict.verdict for verdict in history.verdicts.verdicts}


def true_accuracy(folder: Path, offset: float) -> float:
    """Of the best centroids, by the whole held-out data."""
    x, y = np.load(folder / "held_out" / "x.npy"), np.load(folder / "held_out" / "y.npy")
    train = np.load(folder / "train.npz")
    centroids = np.stack([train["x"][train["y"] == each].mean(axis=0) for each in range(3)])
    logits = -((x[:, None] - centroids) ** 2).sum(axis=2) / 2
    logits[:, 0] += offset
    return float((logits.argmax(axis=1) == y).mean())


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, History]:
    """A study of accuracy at its end, to be looked at."""
    study = write_classifier(tmp_path_factory.mktemp("predicted") / "study", "predictions")
    return study, run_study(study).history


def test_accuracy_is_maximized_from_trial_to_report(predicted: tuple[Study, History]) -> None:
    study, history = predicted
    assert words(history)["fair"] == "holds"
    assert words(history)["worse"] == "hurts"
    measured = history.trials[next(t for t in history.trials if t.idea == "baseline")].measurement
    assert measured
    assert (measured.trust, measured.metric) == ("audited", "accuracy")
    assert measured.loss == pytest.approx(1 - measured.value)
    # What is selected was held against items that no trial was searched on.
    (read, *_) = history.promotions_of("fair")
    assert read.agrees
    assert read.measurement
    assert history.split
    assert read.items == history.split.sealed_items == 1500
    assert abs(read.measurement.value - true_accuracy(study.folder, 0.0)) < 0.06
    # Shown as declared: a gain is above zero, and the values are accuracies.
    document = as_json(study, in_own_sense(study, history))
    (fair,) = (each for each in document["verdicts"] if each["idea"] == "fair")
    gain = true_accuracy(study.folder, 0.0) - true_accuracy(study.folder, 1.5)
    assert gain > 0.03
    assert fair["gap_at_target"] == pytest.approx(gain, abs=0.03)
    assert fair["interval80"][0] < fair["gap_at_target"] < fair["interval80"][1]
    assert fair["compute_multiplier"] is None or fair["compute_multiplier"] > 1
    assert document["study"]["goal"] == "maximize"
    for forecast in document["forecasts"]:
        assert forecast["mean_gap"] > 0
        assert forecast["baseline_loss"] is None or 0.3 < forecast["baseline_loss"] < 1


def test_a_command_is_run_from_its_own_files_and_believed_as_far_as_that(classifier: Make) -> None:
    study = classifier("command", budget="2e6 flops")
    history = run_study(study).history
    measured = [r.measurement for r in history.trials.values() if r.measurement]
    assert {each.trust for each in measured} == {"re-evaluated"}
    assert not any(r.failure for r in history.trials.values())
    assert words(history)["fair"] == "holds"
    assert history.split is None
    fair = [m.value for t, r in history.trials.items() if t.idea == "fair" and (m := r.measurement)]
    assert abs(fair[0] - true_accuracy(study.folder, 0.0)) < 0.1


@pytest.mark.parametrize(
    ("where", "believed"),
    [
        ('key = "own"', False),
        ('file = "result.json"\nkey = "eval.own"', True),
        ("pattern = 'accuracy: ([0-9.]+)'", True),
    ],
)
def test_a_reported_number_makes_nothing_hold_unless_the_user_says_so(
    classifier: Make, where: str, believed: bool
) -> None:
    declared = 'kind = "reported"\nmetric = "accuracy"\ngoal = "maximize"\nrange = [0, 1]\n'
    more = "believe_reported = true\n" * believed
    study = classifier("reported", score=f"{declared}{where}\n{more}", budget="2e6 flops")
    history = run_study(study).history
    measured = [r.measurement for r in history.trials.values() if r.measurement]
    assert {each.trust for each in measured} == {"reported"}
    assert words(history)["fair"] == ("holds" if believed else "undecided")
    if not believed:
        assert not history.forecasts
        assert history.verdicts
        assert "reports itself" in history.verdicts.verdicts[0].why


def test_an_own_metric_must_be_there(classifier: Make) -> None:
    score = SCORES["predictions"].replace('"accuracy"', '"metric.py:right"')
    with pytest.raises(StudyError, match=r"score\.metric: there is no file"):
        classifier("predictions", score=score)


def test_an_own_metric_is_what_is_measured(classifier: Make, tmp_path: Path) -> None:
    study = classifier("predictions", budget="1e5 flops")
    metric = study.folder / "metric.py"
    metric.write_text(
        "def right(predictions, targets):\n"
        "    return float((predictions.argmax(axis=1) == targets).mean())\n"
    )
    file = study.folder / "study.toml"
    text = file.read_text().replace('metric = "accuracy"', 'metric = "metric.py:right"\n'
                                    'goal = "maximize"\nrange = [0, 1]')  # fmt: skip
    file.write_text(text.replace('returns = "logits"', 'returns = "values"'))
    own = run_study(read_study(study.folder)).history
    values = {t: r.measurement.value for t, r in own.trials.items() if r.measurement}
    assert values
    assert all(0.3 < value < 1 for value in values.values())
    metric.write_text("def right(predictions, targets):\n    return 1.0\n")
    with pytest.raises(StudyError, match=r"metric\.py has changed"):
        run_study(read_study(study.folder))


def test_an_own_metric_that_fails_is_the_users_mistake(classifier: Make) -> None:
    study = classifier("predictions")
    (study.folder / "metric.py").write_text("def right(p, t):\n    raise ValueError('no luck')\n")
    file = study.folder / "study.toml"
    text = file.read_text().replace('metric = "accuracy"', 'metric = "metric.py:right"')
    file.write_text(text.replace('returns = "logits"', 'returns = "values"'))
    with pytest.raises(UserError, match="no luck"):
        run_study(read_study(study.folder))


def test_an_own_metric_that_fails_on_what_an_idea_returned_stops_no_study(
    classifier: Make,
) -> None:
    study = classifier("predictions")
    (study.folder / "metric.py").write_text(
        "def right(p, t):\n    return 1 / float((p != 7).sum())\n"
    )
    file = study.folder / "study.toml"
    text = file.read_text().replace('metric = "accuracy"', 'metric = "metric.py:right"')
    file.write_text(text.replace('returns = "logits"', 'returns = "values"'))
    evaluator = evaluator_of(read_study(study.folder))
    for idea, said in (("odd", ScoringFailed), ("baseline", UserError)):
        trial = Trial(0, 0, idea)
        evaluator.scratch(trial).mkdir(parents=True)
        sevens = np.full((1500, 3), 7, np.float32)
        (evaluator.scratch(trial) / "reply").write_bytes(sevens.tobytes())
        with pytest.raises(said, match=r"right\(predictions, targets\) failed: ZeroDivisionError"):
            evaluator.measure(trial, WELL, WELL)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('returns = "logits"', 'returns = "values"', "accuracy is computed from"),
        ("shape = [3]", "shape = []", "needs shape"),
        ('metric = "accuracy"', 'metric = "f1"', "neither built in"),
        ('metric = "accuracy"', 'metric = "accuracy"\ngoal = "minimize"', "goal must be"),
        ('metric = "accuracy"', 'metric = "accuracy"\ndtype = "object"', "not a type of numbers"),
        ('metric = "accuracy"', 'metric = "accuracy"\nrange = [1, 0]', "least < most"),
        ('targets = "held_out/y.npy"', 'targets = "held_out/z.npy"', "there is no file"),
        ('kind = "predictions"', 'kind = "prediction"', "the kind must be one of"),
        ("shape = [3]", "shape = [3]\nhold_out = 1", "unknown key"),
        ('data = ["train.npz"]', 'data = ["held_out"]', "no trial may see"),
    ],
)
def test_a_mistake_in_the_score_names_its_line(
    classifier: Make, old: str, new: str, says: str
) -> None:
    study = classifier("predictions")
    file = study.folder / "study.toml"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    with pytest.raises(StudyError, match=says) as raised:
        read_study(study.folder)
    assert ", line " in str(raised.value)


def test_protected_files_may_not_be_editable(classifier: Make) -> None:
    study = classifier("command")
    file = study.folder / "study.toml"
    text = file.read_text().replace('files = "evaluate"', 'files = "program"')
    file.write_text(text)
    with pytest.raises(StudyError, match=r"program\.editable"):
        read_study(study.folder)


def test_targets_that_do_not_fit_are_named(classifier: Make) -> None:
    study = classifier("predictions")
    np.save(study.folder / "held_out" / "y.npy", np.full(3000, 3))
    with pytest.raises(DataError, match="room for 0 to 2"):
        make_split(study)
    np.save(study.folder / "held_out" / "y.npy", np.zeros(7, int))
    with pytest.raises(DataError, match="as many items"):
        make_split(study)


def test_copies_of_searched_items_are_not_sealed(classifier: Make) -> None:
    study = classifier("predictions")
    x = np.load(study.folder / "held_out" / "x.npy")
    x[1::2] = x[::2]
    np.save(study.folder / "held_out" / "x.npy", x)
    split = make_split(study)
    assert split
    assert split.search_items == 1500
    assert 400 < split.sealed_items < 1100
    assert split.sealed_items + len(split.near) == 1500


def test_show_prints_the_evidence_and_the_own_sense(predicted: tuple[Study, History]) -> None:
    study, _ = predicted
    shown = CliRunner().invoke(app, ["show", str(study.folder), "fair"])
    assert shown.exit_code == 0, shown.output
    assert "evidence" in shown.output
    assert "withheld" in shown.output
    assert "audits" in shown.output
    listed = CliRunner().invoke(app, ["verdicts", str(study.folder), "--json"])
    (fair,) = (v for v in json.loads(listed.output)["verdicts"] if v["idea"] == "fair")
    assert fair["gap_at_target"] > 0
