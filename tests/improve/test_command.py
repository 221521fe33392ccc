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
    found = proveout("improve", toy_improvement.folder, "--probe", 12, "--json")
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["written"] == 2  # the seed asks for one sample a run, and two runs are made
    assert {each["kind"] for each in document["rates"]} >= {"isolation", "budget", "protocol"}
    archive = read_archive(toy_improvement.folder)
    assert not archive.adopted and not archive.improvers and len(archive.probes) == 1


def test_transfer_holds_improvers_against_the_seed_on_other_tasks(
    toy_improvement: Any, proveout: Any
) -> None:
    toy_improvement.declare()
    file = toy_improvement.folder / "improve.toml"
    file.write_text(
        file.read_text().replace("generations", 'transfer = ["parity"]\ngenerations', 1)
    )
    words = ("--transfer", "--improvers", "annealing", "--samples", "2", "--seeds", "2", "--json")
    found = proveout("improve", toy_improvement.folder, *words)
    assert found.returncode == 0, found.stderr
    reads = json.loads(found.stdout)
    assert [each["improver"] for each in reads] == ["trusting", "annealing"]
    assert [each["runs"] for each in reads] == [2, 2]
    assert reads[0]["difference"] is None
    low, high = reads[1]["interval95"]
    assert -1 <= low <= reads[1]["difference"] <= high <= 1


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
        ("--approve", "x"),
        ("--samples", "x", "--transfer"),
        ("--status", "--key", "x"),
    ):
        wrong = proveout("improve", folder, *words)
        assert wrong.returncode == 2, words
        assert wrong.stderr.startswith("proveout: ") and "Traceback" not in wrong.stderr
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
