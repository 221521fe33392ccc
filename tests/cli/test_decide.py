"""`proveout decide` as a person types it: a table of runs in, verdicts at the target out."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from matplotlib import image

from proveout.cli import main

DONE, _, USER_MISTAKE, _ = range(4)

SCALES = (1e10, 3e10, 1e11, 3e11, 1e12)
GAPS = {"wider": -0.12, "renamed": 0.0, "narrower": 0.12}
KEYS = [
    "idea", "gap_at_target", "interval80", "compute_multiplier", "multiplier_interval80",
    "probability_helps", "probability_best", "verdict", "why",
]  # fmt: skip


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == DONE, self.err
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))

    @property
    def ideas(self) -> dict[str, Any]:
        return {each["idea"]: each for each in self.json["ideas"]}


Decide = Callable[..., Done]


@pytest.fixture
def decide(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Decide:
    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["proveout", "decide", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(int(ended.value.code or 0), printed.out, printed.err)

    return call


def loss_of(compute: float) -> float:
    return 1.5 + 60 * compute**-0.13


def rows(
    baseline: str = "baseline", seeds: int = 3, scales: tuple[float, ...] = SCALES
) -> list[tuple[str, float, int, float]]:
    """Runs whose seeds are noise that ideas share in part."""
    random = Random(1)
    shared = {(scale, seed): random.gauss(0, 0.01) for scale in scales for seed in range(seeds)}
    return [
        (idea, scale, seed, loss_of(scale) + gap + shared[scale, seed] + random.gauss(0, 0.004))
        for idea, gap in {baseline: 0.0, **GAPS}.items()
        for scale in scales
        for seed in range(seeds)
    ]


def write(path: Path, lines: list[tuple[str, float, int, float]], header: str = "") -> Path:
    text = [f"{idea},{scale:g},{seed},{loss:.6f}" for idea, scale, seed, loss in lines]
    path.write_text("\n".join([header or "idea,scale,seed,loss", *text]) + "\n")
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return write(tmp_path / "runs.csv", rows())


def test_each_idea_has_the_promised_keys_and_the_truth_within_reach(
    runs: Path, decide: Decide
) -> None:
    done = decide(runs, "--target", "1e13", "--json")
    found = done.json
    assert (found["target"], found["unit"], found["baseline"]) == (1e13, "flops", "baseline")
    assert found["warnings"] == []
    assert [each["idea"] for each in found["ideas"]] == ["wider", "renamed", "narrower"]
    for each in found["ideas"]:
        assert list(each) == KEYS
        low, high = each["interval80"]
        assert low < each["gap_at_target"] < high
        assert low < GAPS[each["idea"]] < high
        assert 0 <= each["probability_helps"] <= 1
        assert each["why"]
    assert done.ideas["wider"]["verdict"] == "holds"
    assert (
        done.ideas["wider"]["compute_multiplier"] > 1 > done.ideas["narrower"]["compute_multiplier"]
    )
    assert done.ideas["narrower"]["verdict"] == "hurts"
    assert sum(each["probability_best"] for each in found["ideas"]) <= 1 + 1e-9


def test_a_person_sees_the_best_first_with_gaps_chances_and_reasons(
    runs: Path, decide: Decide
) -> None:
    found = decide(runs, "--target", "1e13", "--json").json
    shown = decide(runs, "--target", "1e13").out
    assert shown.splitlines()[0] == found["answer"]
    assert found["answer"].startswith("wider is better than baseline at 1e13 flops by 0.1")
    assert "60 runs of 4 ideas; loss over scale, 1e10 to 1e12 flops" in shown
    assert "gaps are to baseline, the baseline by its name" in shown
    table = shown[shown.index("idea ") :]
    places = [table.index(f"\n{each['idea']} ") for each in found["ideas"]]
    assert places == sorted(places)
    for title in ("verdict", "gap at 1e13 [80%]", "P(helps)", "P(best)", "compute", "why"):
        assert title in table.splitlines()[0]
    assert "✓ holds" in table
    assert found["ideas"][0]["why"].split("probability")[0] in " ".join(table.split())


@pytest.mark.parametrize("name", ["Baseline", "base", "control", "default", "REFERENCE"])
def test_a_baseline_is_known_by_its_name(name: str, tmp_path: Path, decide: Decide) -> None:
    path = write(tmp_path / "runs.csv", rows(name, 2, SCALES[:3]))
    assert decide(path, "--target", "1e12", "--json").json["baseline"] == name


def test_the_baseline_can_be_named(runs: Path, decide: Decide) -> None:
    done = decide(runs, "--target", "1e13", "--baseline", "Narrower", "--json")
    assert done.json["baseline"] == "narrower"
    assert set(done.ideas) == {"baseline", "wider", "renamed"}
    assert done.ideas["wider"]["gap_at_target"] == pytest.approx(-0.24, abs=0.06)
    assert "by its name" not in decide(runs, "--target", "1e13", "--baseline", "narrower").out


def test_without_a_baseline_ideas_are_held_against_all_of_them(
    tmp_path: Path, decide: Decide
) -> None:
    path = write(tmp_path / "runs.csv", rows("plain"))
    done = decide(path, "--target", "1e13", "--json")
    assert done.json["baseline"] is None
    assert set(done.ideas) == {"plain", *GAPS}
    assert done.ideas["wider"]["gap_at_target"] < 0 < done.ideas["narrower"]["gap_at_target"]
    assert done.ideas["wider"]["compute_multiplier"] is None
    shown = decide(path, "--target", "1e13", "--plot", tmp_path / "gaps.svg").out
    assert "gaps are to the average of all ideas" in shown
    assert "--baseline" in shown


def test_units_are_told_by_the_column_and_by_the_option(tmp_path: Path, decide: Decide) -> None:
    lines = rows(seeds=2, scales=(1e8, 3e8, 1e9))
    path = write(tmp_path / "runs.csv", lines, "optimizer,params,seed,val_loss")
    done = decide(path, "--target", "7B", "--json").json
    assert (done["unit"], done["target"]) == ("params", 7e9)
    assert decide(path, "--target", "7B", "--json", "--unit", "tokens").json["unit"] == "tokens"
    hours = write(tmp_path / "hours.csv", lines, "optimizer,gpu_hours,seed,val_loss")
    done = decide(hours, "--target", "2e9", "--json").json
    assert (done["unit"], done["target"]) == ("seconds", 7.2e12)
    assert "at 2e9 gpu_hours" in done["answer"]
    assert "gap at 2e9 [80%]" in decide(hours, "--target", "2e9").out


def test_columns_can_be_named(runs: Path, decide: Decide) -> None:
    plain = decide(runs, "--target", "1e13", "--json")
    runs.write_text(runs.read_text().replace("idea,scale,seed,loss", "what,spent,try,L_c4"))
    assert decide(runs, "--target", "1e13").code == USER_MISTAKE
    named = decide(runs, "--target", "1e13", "--json", "--loss", "L_c4", "--unit", "flops",
                   "--columns", "idea=what, scale=spent,seed=try")  # fmt: skip
    assert named.out == plain.out


def test_where_more_is_better_gaps_have_the_sign_of_the_score(runs: Path, decide: Decide) -> None:
    plain = decide(runs, "--target", "1e13", "--json").ideas
    turned = [(idea, scale, seed, 10 - loss) for idea, scale, seed, loss in rows()]
    write(runs, turned, "idea,scale,seed,accuracy")
    scored = decide(runs, "--target", "1e13", "--json", "--higher-is-better").ideas
    for idea, gap in GAPS.items():
        low, high = scored[idea]["interval80"]
        assert low < -gap < high
        assert low < scored[idea]["gap_at_target"] < high
        assert (scored[idea]["gap_at_target"] > 0) == (plain[idea]["gap_at_target"] < 0)
    assert scored["wider"]["verdict"] == "holds"
    assert next(iter(scored)) == "wider"
    known_by_name = decide(runs, "--target", "1e13", "--json").json
    assert {each["idea"]: each for each in known_by_name["ideas"]} == scored
    assert known_by_name["answer"].startswith("wider is better than baseline")
    named = decide(runs, "--target", "1e13", "--json", "--loss", "accuracy")
    assert named.json == known_by_name
    lower = decide(runs, "--target", "1e13", "--json", "--lower-is-better").ideas
    assert lower["wider"]["verdict"] == "hurts"
    both = decide(runs, "--target", "1e13", "--lower-is-better", "--higher-is-better")
    assert both.code == USER_MISTAKE


def test_failed_and_missing_runs_are_passed_over_and_told(runs: Path, decide: Decide) -> None:
    more = ["wider,1e12,3,diverged", "hot,1e10,0,diverged", "hot,1e11,0,crashed", "late,1e12,0,",
            "shaky,1e10,0,3.2", "shaky,1e12,0,diverged", "shaky,1e12,1,diverged"]  # fmt: skip
    runs.write_text(runs.read_text() + "\n".join(more))
    done = decide(runs, "--target", "1e13", "--json")
    told = {idea: done.ideas[idea]["verdict"] for idea in ("wider", "hot", "late", "shaky")}
    assert told == {"wider": "holds", "hot": "broken", "late": "undecided", "shaky": "broken"}
    assert done.ideas["hot"]["gap_at_target"] is done.ideas["hot"]["interval80"] is None
    assert "no loss from its 2 runs, of which 2 failed" in done.ideas["hot"]["why"]
    assert "2 of its 2 runs at 1e12 failed" in done.ideas["shaky"]["why"]
    assert any("wider: 1 run failed at 1e12 (line 62)" in each for each in done.json["warnings"])
    shown = decide(runs, "--target", "1e13").out
    assert "! late: 1 run without a loss at 1e12 (line 65), passed over" in shown


def test_a_loss_out_of_all_proportion_is_a_run_that_failed(tmp_path: Path, decide: Decide) -> None:
    runs = write(tmp_path / "runs.csv", rows(seeds=2, scales=SCALES[:2]))
    plain = decide(runs, "--target", "1e13", "--json").ideas
    runs.write_text(runs.read_text() + "wider,3e10,3,8e9\n")
    done = decide(runs, "--target", "1e13", "--json")
    assert done.ideas["wider"]["gap_at_target"] == plain["wider"]["gap_at_target"]
    assert any("line 18: a loss of 8e+09" in each for each in done.json["warnings"])


def test_gains_that_end_at_zero_are_warned_of(tmp_path: Path, decide: Decide) -> None:
    lines = [(idea, scale, seed, max(loss - 3.3, 0.0)) for idea, scale, seed, loss in rows()]
    path = write(tmp_path / "runs.csv", lines, "idea,flops,seed,error_rate")
    warnings = decide(path, "--target", "1e13", "--json").json["warnings"]
    assert [each for each in warnings if "losses are zero, where no gap can show" in each]


def test_the_answer_where_nothing_holds() -> None:
    from proveout.cli._decide_answer import answer
    from proveout.verdicts import Decision, IdeaDecision

    def idea(name: str, verdict: str, helps: float, best: float) -> IdeaDecision:
        return IdeaDecision(name, -0.1, (-0.2, 0.1), None, None, helps, best, verdict, "")

    worse, hope = idea("worse", "hurts", 0.01, 0.001), idea("hope", "undecided", 0.9, 0.4)
    open_one = idea("open", "undecided", 0.4, 0.1)

    def told(baseline: str | None, *ideas: IdeaDecision) -> str:
        return answer(Decision(7e9, "params", baseline, ideas))

    assert told("adamw", worse) == "keep adamw: no idea is likely to be better at 7B params"
    assert told("adamw", worse, open_one).endswith("at 7B params; more runs would tell")
    fading, even = idea("new", "fades", 0.63, 0.6), idea("even", "no effect", 0.5, 0.5)
    assert told("adamw", worse, fading) == (
        "keep adamw: new is a little likelier than not to be better at 7B params (63%), which is "
        "not enough"
    )
    assert "no idea is likely to be better" in told("adamw", worse, even)
    tiny, shaky = idea("tiny", "no effect", 0.8, 0.6), idea("shaky", "broken", 0.95, 0.6)
    assert "tiny is likelier than not to be better at 7B params (80%), but hardly" in told(
        "adamw", tiny
    )
    assert "shaky is likely to be better at 7B params (95%), but its runs fail" in told(
        "adamw", tiny, shaky
    )
    assert "the likeliest best is hope, which helps with probability 90%" in told(
        "adamw", worse, open_one, hope
    )
    assert "the likeliest best is hope, with probability 40%" in told(None, worse, hope)
    unknown = IdeaDecision("late", None, None, None, None, None, None, "undecided", "no run")
    assert told("adamw", unknown) == "nothing is known of any gap at 7B params"


def test_a_run_more_or_less_leaves_the_others_verdicts(runs: Path, decide: Decide) -> None:
    lines = runs.read_text().splitlines()
    runs.write_text("\n".join(line for i, line in enumerate(lines) if i % 7 != 3))
    ideas = decide(runs, "--target", "1e13", "--json").ideas
    assert ideas["wider"]["verdict"] == "holds"


@pytest.mark.parametrize("header", ["idea,scale,seed,loss", "idea,scale,x,loss"])
def test_one_scale_says_nothing_about_another(header: str, tmp_path: Path, decide: Decide) -> None:
    path = write(tmp_path / "runs.csv", rows(scales=(1e11,)), header)
    ideas = decide(path, "--target", "1e14", "--json").ideas
    assert {each["verdict"] for each in ideas.values()} == {"undecided"}
    near, far = (decide(path, "--target", at, "--json").ideas["wider"] for at in ("1e11", "1e14"))
    assert near["verdict"] == "holds"
    assert width(far) > 3 * width(near)


def width(idea: Any) -> float:
    low, high = idea["interval80"]
    return float(high - low)


def test_options_of_the_decision_reach_it(runs: Path, decide: Decide) -> None:
    ideas = decide(runs, "--target", "1e13", "--json", "--smallest-gap", "0.5").ideas
    assert ideas["wider"]["verdict"] != "holds"
    unsure = decide(runs, "--target", "1e13", "--json", "--certainty", "0.99999999").ideas
    assert unsure["wider"]["verdict"] != "holds"


@pytest.mark.parametrize("name", ["gaps.png", "gaps.svg"])
def test_the_figure_is_written_and_named(
    name: str, runs: Path, tmp_path: Path, decide: Decide
) -> None:
    done = decide(runs, "--target", "1e13", "--plot", tmp_path / name)
    assert f"figure: {tmp_path / name}" in done.out
    if name.endswith("png"):
        assert image.imread(tmp_path / name).ndim == 3
    else:
        drawn = "".join(ElementTree.parse(tmp_path / name).getroot().itertext())
        assert all(idea in drawn for idea in GAPS)
    assert decide(runs, "--target", "1e13", "--json", "--plot", tmp_path / name).json["ideas"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "--target"),
        (["--target", "lots"], "--target is 'lots', not a number"),
        (["--target", "0"], "--target is '0'; it must be above zero"),
        (["--target", "7B params"], "the runs' scales are flops"),
        (["--target", "1e13", "--baseline", "muon"], "there are: baseline, wider, renamed"),
        (["--target", "1e13", "--unit", "epochs"], "examples, steps, seconds"),
        (["--target", "1e13", "--certainty", "95"], "--certainty is 95"),
        (["--target", "1e13", "--smallest-gap", "-1"], "--smallest-gap is -1"),
        (["--target", "1e13", "--loss", "bpb"], "no column 'bpb' for loss"),
        (["--target", "1e13", "--columns", "idea"], "write --columns idea=I,scale=S"),
        (["--target", "1e13", "--plot", "gaps.pdf"], ".png or .svg"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_is_allowed(
    options: list[str], told: str, runs: Path, decide: Decide
) -> None:
    done = decide(runs, *options)
    assert done.code == USER_MISTAKE
    assert told in " ".join(re.sub("[│╭╮╰╯─]", "", done.err).split())
    assert done.out == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("idea,scale,loss\na,1e9,3\nb,1e9,oops\n", "line 3, column loss"),
        ("idea,scale,loss\nbase,1e9,\nb,1e9,2\n", "no run of the baseline 'base' has a loss"),
        ("idea,scale,loss\na,1e9,2\nb,1e9,diverged\n", "two must have a loss"),
    ],
)
def test_a_bad_file_is_named(text: str, told: str, tmp_path: Path, decide: Decide) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(text)
    done = decide(path, "--target", "1e13")
    assert done.code == USER_MISTAKE
    assert str(path) in done.err
    assert told in done.err
    assert decide(tmp_path / "nowhere.csv", "--target", "1e13").code == USER_MISTAKE


def test_numbers_that_cannot_be_fitted_are_told_without_the_words_of_linear_algebra(
    runs: Path, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    from proveout import verdicts

    def fails(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(verdicts, "decide", fails)
    done = decide(runs, "--target", "1e13")
    assert done.code == USER_MISTAKE
    assert "at scales of 1e10 to 1e12; they are too much alike or too far apart" in done.err
    assert "atrix" not in done.err


def test_many_ideas_are_decided_at_once(tmp_path: Path, decide: Decide) -> None:
    random = Random(2)
    lines = [("baseline" if i == 0 else f"idea-{i}", scale, seed,
              loss_of(scale) + random.gauss(0, 0.01))
             for i in range(25) for scale in SCALES for seed in range(4)]  # fmt: skip
    path = write(tmp_path / "runs.csv", lines)
    ideas = decide(path, "--target", "1e13", "--json").ideas
    assert len(ideas) == 24  # all but the baseline
    assert "holds" not in {each["verdict"] for each in ideas.values()}


def test_what_is_not_finite_is_null() -> None:
    from proveout.cli._decide_show import document
    from proveout.verdicts import Decision, IdeaDecision

    idea = IdeaDecision("a", math.nan, (-math.inf, 1.0), None, (0.5, math.inf), 0.5, None, "x", "y")
    (shown,) = document(Decision(1e13, "flops", None, (idea,)))["ideas"]  # type: ignore[misc]
    assert shown["gap_at_target"] is None
    assert shown["interval80"] == [None, 1.0]
    assert shown["multiplier_interval80"] == [0.5, None]


def test_it_works_as_an_installed_command_and_the_docs_show_its_keys(
    runs: Path, proveout: Path
) -> None:
    done = subprocess.run(
        [proveout, "decide", runs, "--target", "1e13", "--json"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == DONE, done.stderr
    page = (Path(__file__).parents[2] / "docs" / "decide.md").read_text()
    example = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert example
    shown, found = json.loads(example[1]), json.loads(done.stdout)
    assert list(shown) == list(found)
    assert list(shown["ideas"][0]) == list(found["ideas"][0]) == KEYS


def test_the_example_of_the_docs_comes_out_as_they_say(decide: Decide) -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "decide.md").read_text()
    shown = re.findall(r"^(\S+) +[✓↘⇄?=✗⊘!] (.+?)  ", page, re.MULTILINE)
    runs = root / "examples" / "decide" / "runs.csv"
    found = decide(runs, "--target", "3e12", "--json").ideas
    assert [name for name, _ in shown] == list(found)
    assert dict(shown) == {name: each["verdict"] for name, each in found.items()}
    for title in ("verdict", "gap at 3e12 [80%]", "P(helps)", "P(best)", "compute"):
        assert title in page


def test_help_tells_the_options(proveout: Path) -> None:
    done = subprocess.run([proveout, "decide", "--help"], capture_output=True, text=True)
    for option in ("--target", "--baseline", "--unit", "--higher-is-better", "--plot"):
        assert option in done.stdout
