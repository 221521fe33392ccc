"""`proveout improve`, `proveout report` and `make improve-demo`'s folder, as a user meets them."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from proveout.cli import main
from proveout.cli._improve import _say
from proveout.improve import (
    STARTING_POINT,
    Improvement,
    rate,
    read_archive,
    run_improvement,
)
from proveout.ledger import ImproverRefused


class Said(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def proveout(monkeypatch: Any, capsys: Any) -> Any:
    """The command line in this process, where the libraries are loaded already."""

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["proveout", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def ran(toy_improvement: Any, told: Any, reply_to: Any, texts: Any, monkeypatch: Any) -> Path:
    """A folder with one adopted child, whose model is named so that no page can be fooled."""
    text = texts["better"].replace("prompt =", "# <script>alert(1)</script>\n    prompt =")
    model = told(reply_to([f"```python\n{text}\n```"]))
    with monkeypatch.context() as patch:
        patch.setattr("proveout.improve._open.model_of", lambda spec, name: model)
        run_improvement(toy_improvement.declare())
    return Path(toy_improvement.folder)


def test_one_command_shows_decides_and_reports(ran: Path, proveout: Any) -> None:
    shown = proveout("improve", ran, "--status")
    assert shown.returncode == 0, shown.stderr
    assert "g1-a" in shown.stdout and "✓ present" in shown.stdout
    document = json.loads(proveout("improve", ran, "--status", "--json").stdout)
    assert document["present"] == "g1-a"
    child = next(each for each in document["improvers"] if each["name"] == "g1-a")
    assert child["lineage"] == ["g1-a", "trusting"]
    assert child["gate"]["passed"] and child["gate"]["mean"] > 0.5
    assert "key" not in document and "toy" not in json.dumps(document["charges"])
    page = proveout("report", ran)
    assert page.returncode == 0, page.stderr
    html = (ran / "report.html").read_text()
    assert "g1-a" in html and "<script>alert" not in html and "&lt;script&gt;" in html
    assert proveout("report", ran, "--format", "png").returncode == 2


def test_one_improver_is_shown_with_its_change_and_rolled_back(ran: Path, proveout: Any) -> None:
    shown = proveout("improve", ran, "--show", "g1-a")
    assert shown.returncode == 0, shown.stderr
    assert "lineage: g1-a ← trusting" in shown.stdout
    assert '-ASK = "plainly"' in shown.stdout and '+ASK = "carefully"' in shown.stdout
    wrong = proveout("improve", ran, "--show", "g9-a")
    assert wrong.returncode == 2 and "there are: trusting, g1-a" in wrong.stderr
    assert proveout("improve", ran, "--rollback", "trusting").returncode == 0
    assert read_archive(ran).present == "trusting"


def test_a_probe_only_measures(toy_improvement: Any, proveout: Any) -> None:
    toy_improvement.declare()
    left = toy_improvement.folder / "scratch" / "place-of-one-that-was-killed"
    left.mkdir(parents=True)
    found = proveout("improve", toy_improvement.folder, "--probe", 12, "--json")
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["written"] == 2  # the seed asks for one sample a run, and two runs are made
    assert {each["kind"] for each in document["rates"]} >= {"isolation", "budget", "protocol"}
    archive = read_archive(toy_improvement.folder)
    assert not archive.adopted and not archive.improvers and len(archive.probes) == 1
    assert not left.exists()


MODEL = """
[{name}]
model = "toy"
base_url = "{url}"
budget = "5 USD"
price = {{ input = 1.0, output = 2.0 }}
max_output_tokens = 500
tries = 1
"""


def test_transfer_holds_improvers_against_one_on_other_tasks_with_several_models(
    ran: Path, toy_improvement: Any, proveout: Any, served: Any, reply_to: Any, new_task: Any
) -> None:
    pytest.importorskip("pydantic_ai")
    new_task(ran, "third")
    new_task(ran, "fourth")
    more = MODEL.format(name="models.careful", url=served(reply_to([])))
    toy_improvement.declare(more)
    file = ran / "improve.toml"
    text = file.read_text().replace("generations", 'transfer = ["third", "fourth"]\ngenerations', 1)
    file.write_text(text)
    words = ["improve", ran, "--transfer", "--models", "embedded,careful", "--samples", "1,2",
             "--seeds", "2", "--improvers", "g1-a", "--json"]  # fmt: skip
    found = proveout(*words)
    assert found.returncode == 0, found.stderr
    reads = json.loads(found.stdout)
    # Two models, two budgets, two tasks and all of them together, two improvers.
    assert len({(each["model"], each["samples"], each["task"]) for each in reads}) == 12
    assert [each["improver"] for each in reads] == ["trusting", "g1-a"] * 12
    child = next(each for each in reads if each["improver"] == "g1-a" and each["task"] == ""
                 and each["model"] == "careful (toy)")  # fmt: skip
    assert child["against"] == "trusting" and child["difference"] == pytest.approx(0.5 / 0.9)
    assert all(-1 <= each["interval95"][0] <= each["difference"] <= each["interval95"][1] <= 1
               for each in reads if each["difference"] is not None)  # fmt: skip
    written = read_archive(ran).by_model
    assert written["toy"][0] == 16 and "embedded" in written
    before = read_archive(ran).charges
    again = proveout(*words, "--against", "g1-a")
    assert json.loads(again.stdout)[0]["improver"] == "g1-a"
    assert read_archive(ran).charges == before  # only the comparison is another
    assert "all tasks" in proveout("improve", ran, "--status").stdout
    for wrong, said in (
        (["--models", "careless"], "there are: embedded, careful"),
        (["--improvers", "improve.toml"], "cannot be run as an improver"),
        (["--samples", "20000"], "from 1 to 10000"),
    ):
        refused = proveout("improve", ran, "--transfer", *wrong)
        assert refused.returncode == 2 and said in refused.stderr


def test_a_hard_end_stops_a_transfer_and_more_may_be_allowed(
    toy_improvement: Any, proveout: Any
) -> None:
    toy_improvement.declare("\n[end]\nsamples = 3\n")
    file = toy_improvement.folder / "improve.toml"
    text = file.read_text().replace("generations", 'transfer = ["parity"]\ngenerations', 1)
    file.write_text(text)
    words = ("improve", toy_improvement.folder, "--transfer", "--improvers", "best_of_n",
             "--samples", 2, "--seeds", 2)  # fmt: skip
    mistyped = proveout("improve", toy_improvement.folder, "--transfer", "--improvers", "best_of")
    assert mistyped.returncode == 2 and "best_of" in mistyped.stderr
    assert not (toy_improvement.folder / "ledger.sqlite").exists()  # nothing has begun
    stopped = proveout(*words)
    assert stopped.returncode == 3 and "the samples are used up: 2 of 3" in stopped.stderr
    file.write_text(text.replace("[inner]\nsamples = 2", "[inner]\nsamples = 5"))
    edited = proveout(*words)
    assert "inner.samples was 2 when this folder was begun and is 5 now" in edited.stderr
    assert read_archive(toy_improvement.folder).charges.samples == 2
    file.write_text(text.replace("[end]\nsamples = 3", "[end]\nsamples = 8"))
    assert proveout(*words).returncode == 0
    archive = read_archive(toy_improvement.folder)
    assert archive.charges.samples == sum(run.samples for run in archive.runs.values()) == 6


def test_a_model_server_that_dies_is_said_and_the_folder_goes_on_without_paying_twice(
    toy_improvement: Any, proveout: Any, served: Any, reply_to: Any, texts: Any
) -> None:
    pytest.importorskip("pydantic_ai")
    better = f"```python\n{texts['better']}\n```\n"
    usual, calls = reply_to([better]), []

    def dying(prompt: str) -> str:
        calls.append(prompt)
        if len(calls) > 3:
            raise ConnectionAbortedError
        return usual(prompt)

    toy_improvement.declare(MODEL.format(name="llm", url=served(dying)), model="llm")
    died = proveout("improve", toy_improvement.folder)
    assert died.returncode == 1
    assert "the same command goes on from here" in died.stderr and "Traceback" not in died.stderr
    other = MODEL.format(name="llm", url=served(usual))
    toy_improvement.declare(other, model="llm")
    assert proveout("improve", toy_improvement.folder).returncode == 0
    archive = read_archive(toy_improvement.folder)
    assert archive.present == "g1-a"
    kept = (toy_improvement.folder / "sources" / "llm" / "calls.jsonl").read_text()
    assert kept.count('"answered"') == archive.charges.samples


def test_the_starting_point_is_valid_and_mistakes_end_without_a_traceback(
    tmp_path: Path, proveout: Any
) -> None:
    declared = tomllib.loads(STARTING_POINT)
    assert Improvement.model_validate(declared | {"folder": tmp_path})
    folder = tmp_path / "new"
    assert proveout("improve", folder, "--init").returncode == 0
    assert (folder / "improve.toml").read_text() == STARTING_POINT
    keyed = tmp_path / "keyed"
    assert proveout("improve", keyed, "--init", "--key", 'demo "1"').returncode == 0
    assert tomllib.loads((keyed / "improve.toml").read_text())["key"] == 'demo "1"'
    for words in (
        ("--init",),
        ("--status",),
        ("--approve", ""),
        ("--approve", "x"),
        ("--samples", "x", "--transfer"),
        ("--status", "--key", "x"),
        ("--probe", "3", "--seeds", "2"),
    ):
        wrong = proveout("improve", folder, *words)
        assert wrong.returncode == 2, words
        assert wrong.stderr.startswith("proveout: ") and "Traceback" not in wrong.stderr
    (folder / "study.toml").write_text("")  # two ledgers cannot be one
    assert proveout("improve", folder).returncode == 2
    missing = proveout("improve", tmp_path / "nowhere")
    assert missing.returncode == 2 and "--init" in missing.stderr


def test_what_a_program_said_is_one_printable_line(capsys: Any) -> None:
    event = ImproverRefused("g1-a", "", "a", "a", 1, "raised", "E: \x1b[31mred\n  \u202efake")
    _say(event)
    line = capsys.readouterr().out
    assert line.endswith("\n") and line.count("\n") == 1 and line.strip().isprintable()


def test_an_improver_that_is_no_text_is_named(tmp_path: Path, proveout: Any) -> None:
    (tmp_path / "improve.toml").write_text(
        'name = "x"\nimprover = "mine.py"\ntasks = ["parity"]\nheld_out = ["three_sat"]\n'
    )
    (tmp_path / "mine.py").write_bytes(b"\xff\xfe")
    said = proveout("improve", tmp_path)
    assert said.returncode == 2 and "mine.py is no text" in said.stderr


@pytest.mark.parametrize("declared", ['improver = "g1-a.py"', 'archive = ["g2-b.py"]'])
def test_an_improver_cannot_have_the_name_of_a_child(
    tmp_path: Path, proveout: Any, declared: str
) -> None:
    (tmp_path / "improve.toml").write_text(
        f'name = "x"\n{declared}\ntasks = ["parity"]\nheld_out = ["three_sat"]\n'
    )
    for name in ("g1-a.py", "g2-b.py"):
        (tmp_path / name).write_text("def improve(a, b, c, d):\n    return a\n")
    said = proveout("improve", tmp_path)
    assert said.returncode == 2 and "call the file something else" in said.stderr


def test_what_the_program_asks_of_the_user_s_machine_is_said(
    toy_improvement: Any, monkeypatch: Any, proveout: Any
) -> None:
    toy_improvement.declare(run="")
    monkeypatch.setenv("PROVEOUT_HIGHEST_ISOLATION", "E")
    refused = proveout("improve", toy_improvement.folder)
    assert refused.returncode == 2
    assert "isolation level E here, and at least C is accepted" in refused.stderr


def test_isolation_is_never_lowered_silently(
    toy_improvement: Any, monkeypatch: Any, proveout: Any
) -> None:
    toy_improvement.declare(run="")
    if proveout("improve", toy_improvement.folder, "--probe", 1).returncode == 2:
        pytest.skip("this machine shuts programs in less than is accepted")
    began = read_archive(toy_improvement.folder).isolation
    if began == "C":
        pytest.skip("this machine has no level between the one it offers and the least accepted")
    monkeypatch.setenv("PROVEOUT_HIGHEST_ISOLATION", "C")
    refused = proveout("improve", toy_improvement.folder)
    if "at least C is accepted" in refused.stderr:
        pytest.skip("this machine does not offer level C")
    assert refused.returncode == 2 and f"level {began} so far, and would run at C" in refused.stderr
    toy_improvement.declare(run='isolation = "C"')
    assert proveout("improve", toy_improvement.folder, "--probe", 1).returncode == 0
    assert read_archive(toy_improvement.folder).isolation == "C"


def test_the_page_shows_every_key_and_its_example_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "improve.md").read_text()
    example = "\n" + page.split("```toml\n")[1].split("```")[0]
    declared = tomllib.loads(example)
    spec = Improvement.model_validate(declared | {"folder": tmp_path})
    for key in [*keys(type(spec)), *keys(type(spec.inner)), *keys(type(spec.gate))]:
        assert f"\n{key} = " in example or f"[{key}" in example, key
    for key in [*keys(type(spec.outer)), *keys(type(spec.end)), *keys(type(spec.run))]:
        assert f"\n{key} = " in example, key


def keys(model: Any) -> set[str]:
    return set(model.model_fields) - {"folder"}


def test_what_cannot_be_meant_is_refused(tmp_path: Path, proveout: Any) -> None:
    folder = tmp_path / "improvers"
    folder.mkdir()
    (folder / "mine").mkdir()
    (folder / "no_function.py").write_text("x = 1\n")
    base = {"tasks": '["parity"]', "held_out": '["max_cut"]'}
    for change, said in (
        ({"tasks": '["mine"]', "held_out": '["./mine/"]'}, "trained on and held out"),
        ({"tasks": '["parity", "parity"]'}, "named twice"),
        ({"improver": '"annealing"', "archive": '["annealing.py"]'}, "named twice"),
        ({"improver": '"no_function.py"'}, "no function improve"),
        ({"folder": '"/etc"'}, "unknown key folder"),
        ({"transfer": '["parity"]'}, "nothing can be transferred to it"),
    ):
        lines = (f"{key} = {value}" for key, value in (base | change).items())
        (folder / "improve.toml").write_text('name = "x"\n' + "\n".join(lines))
        wrong = proveout("improve", folder)
        assert wrong.returncode == 2, wrong.stderr
        assert said in wrong.stderr, wrong.stderr
    (folder / "improve.toml").write_text(STARTING_POINT)
    both = proveout("improve", folder, "--status", "--show", "best_of_n")
    assert both.returncode == 2
    assert "give one of them" in both.stderr
    study = proveout("status", folder)
    assert study.returncode == 2
    assert "holds improvers" in study.stderr


def test_of_no_program_no_rate_is_known() -> None:
    assert rate("embedded", "budget", 0, 0).interval95 == (0.0, 1000.0)
