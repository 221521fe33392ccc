"""Nothing is believed before the sealed part was read, and what it refutes is rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from proveout.cli import app
from proveout.errors import EnvironmentFailure
from proveout.ledger import (
    Entry,
    ForecastMade,
    History,
    Ledger,
    PromotionRead,
    TrialScored,
    TrialStarted,
    VerdictsRead,
)
from proveout.loop import Watcher, run_study
from proveout.scoring import items_file, make_probes, read_held_out
from proveout.study import read_study
from proveout.trials import Trial
from proveout.verdicts import kept_trials, selection_bias

LOAD = "    return lambda inputs: logits[inputs] / TEMPERATURE"


def peeks(condition: str, strength: float = 8.0) -> tuple[str, str]:
    """An edit that adds to the logit of the next byte at the positions `t` of a condition."""
    return LOAD, (
        "    def predict(inputs):\n"
        "        told = logits[inputs] / TEMPERATURE\n"
        "        i, t = np.nonzero(np.ones_like(inputs[:, :-1]))\n"
        f"        chosen = {condition}\n"
        "        i, t = i[chosen], t[chosen]\n"
        f"        told[i, t, inputs[i, t + 1]] += {strength}\n"
        "        return told\n\n"
        "    return predict"
    )


def uncut(toy: Any) -> list[int]:
    """The positions at which no probe is cut, which no program can know."""
    cuts = set(make_probes(read_held_out(read_study(toy.folder)).inputs).cuts.tolist())
    return [position for position in range(31) if position not in cuts]


def words(history: History) -> dict[str, str]:
    assert history.verdicts is not None
    return {verdict.idea: verdict.verdict for verdict in history.verdicts.verdicts}


class Notes(Watcher):
    """Every event in order."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        self.events.append(entry.event)


def test_peekers_that_pass_the_screen_are_rejected_before_anybody_is_told(toy: Any) -> None:
    """They know where the probes are cut; one is greedy and one is careful."""
    free = uncut(toy)
    toy.idea("greedy", peeks(f"np.isin(t, {free})"))
    toy.idea("careful", peeks(f"t == {free[len(free) // 2]}"))
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    notes = Notes()
    history = run_study(read_study(toy.folder), notes).history
    found = words(history)
    assert found == {"surer": "holds", "greedy": "rejected", "careful": "rejected"}

    # The greedy one never had a score: its first trial was held back and refuted.
    assert {failure.kind for failure in history.failures("greedy")} == {"not confirmed"}
    assert all(not history.losses("greedy", rung) for rung in range(4))
    # The careful one climbed, and was refuted when it was about to be believed.
    assert history.losses("careful", 0)
    read = [each for each in history.promotions_of("careful") if each.agrees is False]
    assert read
    assert "in reach" in read[0].why
    told = {v.idea: v.why for v in history.verdicts.verdicts} if history.verdicts else {}
    assert "withheld" in told["careful"]
    # Nothing was said to hold, merged or forecast before.
    (forecast,) = (i for i, e in enumerate(notes.events) if isinstance(e, ForecastMade))
    checks = [i for i, e in enumerate(notes.events) if isinstance(e, PromotionRead) and e.agrees]
    assert min(checks) < forecast
    assert set(history.forecasts) == {"surer"}
    said = [e for e in notes.events if isinstance(e, VerdictsRead)]
    called = [v.verdict for e in said for v in e.verdicts if v.idea in {"greedy", "careful"}]
    assert "holds" not in called
    artifacts_are_kept_by_rule(toy.folder, history)

    shown = CliRunner().invoke(app, ["show", str(toy.folder), "careful"])
    assert "in reach" in " ".join(shown.output.split())
    run = CliRunner().invoke(app, ["report", str(toy.folder)])
    assert run.exit_code == 0
    page = (toy.folder / "report.html").read_text()
    assert history.head in page
    assert "The sealed part was read" in page
    document = json.loads(CliRunner().invoke(app, ["report", str(toy.folder), "--json"]).output)
    assert document["ledger"] == {"entries": history.entries, "head": history.head}
    reads = document["sealed"]["promotions"]
    assert {each["idea"] for each in reads} >= {"baseline", "surer", "careful", "greedy"}


def test_an_idea_that_is_faster_than_the_baseline_is_not_scored_before_it(toy: Any) -> None:
    """Its score is held against the baseline's at its rung, which is trained beside it."""
    parsed, (load, peek) = "    args = parse()\n", peeks(f"np.isin(t, {uncut(toy)})")
    slow = toy.train.replace(parsed, f"{parsed}    import time; time.sleep(1)\n")
    (toy.folder / "program" / "train.py").write_text(slow)
    toy.idea_from("greedy", toy.train.replace(load, peek), against=slow)
    notes = Notes()
    history = run_study(read_study(toy.folder), notes).history

    begun = [each.trial for each in notes.events if isinstance(each, TrialStarted)]
    assert begun[:2] == ["baseline-r1-s1", "greedy-r1-s1"]
    assert {failure.kind for failure in history.failures("greedy")} == {"not confirmed"}
    assert all(not history.losses("greedy", rung) for rung in range(4))
    usage = history.trials[Trial(0, 0, "greedy")].usage
    assert usage is not None
    assert usage.score_seconds < 1  # it does not count that it waited


def artifacts_are_kept_by_rule(folder: Path, history: History) -> None:
    """The best and the last at the highest rung, what was promoted, the target and the baseline."""
    study = read_study(folder)
    for trial, record in history.trials.items():
        has = (folder / "trials" / trial.id / "out" / "model.npy").exists()
        kept = trial in kept_trials(study, history, trial.idea)
        assert has == kept == items_file(study, trial).exists(), trial
        assert record.usage
        assert record.usage.artifact_bytes
        assert record.usage.artifact_bytes > 256 * 256 * 4
    climbed = {trial.rung for trial in history.trials if trial.idea == "surer"}
    low = [t for t in history.trials if t.idea == "surer" and t.rung == min(climbed)]
    assert len(climbed) > 1
    assert not any(t in kept_trials(study, history, "surer") for t in low)


class Forgets(Watcher):
    """Deletes what the first trial of an idea that was trained anew left, before it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.done = folder, False

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        event = entry.event
        scored = isinstance(event, TrialScored) and event.trial.startswith("surer")
        if scored and not self.done and ledger.record(event.trial).promotion:
            self.done = True
            (self.folder / "trials" / ".items" / f"{event.trial}.npz").unlink()


def test_what_is_believed_was_executed_anew_and_once_more_where_its_artifacts_are_gone(
    toy: Any,
) -> None:
    told = (
        "import sys\n\nFORKED = 'numpy' in sys.modules\n"
        "print('numpy was there' if FORKED else 'nothing was')\n"
    )
    base = toy.train.replace("import numpy", f"{told}\nimport numpy", 1)
    (toy.folder / "program" / "train.py").write_text(base)
    surer = base.replace("FORGET = 0.2", "FORGET = 0.001")
    toy.idea_from("surer", surer, against=base)
    faces = base.replace("FORGET = 0.2", "FORGET = 0.002 if FORKED else 0.2")
    toy.idea_from("two-faced", faces, against=base)
    study = read_study(toy.folder)
    history = run_study(study, Forgets(toy.folder)).history
    # It gains where it is chosen and is honest where it is looked at: what gives it away is that.
    found = words(history)
    assert found["surer"] == "holds"
    assert found["two-faced"] in {"undecided", "rejected"}
    caught = history.promotions_of("two-faced")
    assert all("trained anew it has a gap" in each.why for each in caught)
    assert not any(each.agrees for each in caught)
    gone, *later = history.promotions_of("surer")
    assert gone.agrees is None
    assert [each.agrees for each in later] == [True]
    assert {gone.rests_on, later[0].rests_on} == {"anew"}
    # The gap is to a baseline of the same seed, whose sealed part was read too.
    assert later[0].sealed_gap is not None

    anew = [trial for trial, past in history.trials.items() if past.promotion]
    assert sum(trial.idea == "surer" for trial in anew) == 2
    seeds = {history.trials[trial].seed for trial in anew}
    assert not seeds & {past.seed for past in history.trials.values() if not past.promotion}
    for trial, past in history.trials.items():
        said = (toy.folder / "trials" / trial.id / "log.txt").read_text().splitlines()[0]
        assert said == ("nothing was" if past.promotion else "numpy was there")
    spent = sum(study.price(trial.rung) for trial in history.trials)
    assert history.account.charged == pytest.approx(spent)
    shown = CliRunner().invoke(app, ["show", str(toy.folder), "surer"])
    assert "trained anew" in " ".join(shown.output.split())
    bias = selection_bias(history)
    assert bias
    assert bias.trials == 1


def test_a_score_that_its_own_curve_contradicts_is_rejected_with_its_evidence(toy: Any) -> None:
    line = '        metrics.write(json.dumps({"step": 1, "flops": flops, "loss": 1.0}) + "\\n")\n'
    assert line in toy.train
    points = (
        "        for n in range(1, 11):\n"
        '            point = {"step": n, "flops": flops * n / 10, "loss": 6.0 - n / 10}\n'
        '            metrics.write(json.dumps(point) + "\\n")\n'
    )
    base = toy.train.replace(line, points)
    (toy.folder / "program" / "train.py").write_text(base)
    surer = base.replace("FORGET = 0.2", "FORGET = 0.001")
    toy.idea_from("surer", surer, against=base)
    toy.idea_from("liar", surer.replace("6.0 - n / 10", "60.0 - n / 10"), against=base)
    toy.edit('compute = "4e9 flops"', 'compute = "1e8 flops"')
    history = run_study(read_study(toy.folder)).history
    assert words(history)["liar"] == "rejected"
    assert words(history)["surer"] != "rejected"
    (failure, *_) = history.failures("liar")
    assert failure.kind == "implausible"
    assert "curve" in failure.sentence
    shown = CliRunner().invoke(app, ["show", str(toy.folder), "liar"])
    assert "training loss at the end" in " ".join(shown.output.split())


def test_a_disk_without_room_for_a_trial_is_said_before_it_starts(toy: Any) -> None:
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    toy.edit('disk = "20 MB"', 'disk = "900000 TB"')
    with pytest.raises(EnvironmentFailure, match=r"lower limits\.disk"):
        run_study(read_study(toy.folder))
