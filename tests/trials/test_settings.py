"""Every way by which a trial's values reach its program, as the program would read them."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from proveout.errors import StudyError
from proveout.ideas import Idea
from proveout.study import read_study
from proveout.trials import Job, Trial, prepare_trial, trial_seed

Toy = Any
TRIAL = Trial(rung=1, replicate=0, idea="one")


def job_of(toy: Toy, program_lines: str, **overrides: Any) -> Job:
    """The job of a trial in a study whose [program] has more lines."""
    toy.edit("parameters = { share = 1.0 }", f"parameters = {{ share = 1.0 }}\n{program_lines}")
    idea = Idea("one", "idea", "c1", "c0", parameters=overrides)
    return prepare_trial(read_study(toy.folder), TRIAL, idea, toy.folder / "program", None)


def test_environment_variables(toy: Toy) -> None:
    job = job_of(toy, 'environment = { SHARE = "{share}", RUN = "at {compute} in {out}" }')
    assert job.environment["SHARE"] == "1.0"
    assert job.environment["RUN"] == f"at 6000000 in {job.writes / 'out'}"


@pytest.mark.parametrize(
    ("name", "before", "read"),
    [
        ("c.json", '{"model": {"share": 0, "layers": [1, 2]}, "kept": "yes"}', json.loads),
        ("c.toml", 'kept = "yes"\n[model]\nshare = 0  # why\nlayers = [1, 2]\n', tomllib.loads),
        ("c.yaml", "model:\n  share: 0\n  layers: [1, 2]\nkept: 'yes'\n", yaml.safe_load),
    ],
)
def test_keys_of_configuration_files_keep_the_type_of_their_value(
    toy: Toy, name: str, before: str, read: Any
) -> None:
    (toy.folder / "program" / name).write_text(before)
    keys = (
        '"model.share" = "{share}", "model.layers.1" = 7, "run.seed" = "{seed}", "at" = "x-{seed}"'
    )
    job = job_of(toy, f'[[program.file]]\npath = "{name}"\nset = {{ {keys} }}', share=0.25)
    seed = trial_seed(read_study(toy.folder), TRIAL)
    assert read((job.directory / name).read_text()) == {
        "model": {"share": 0.25, "layers": [1, 7]},
        "kept": "yes",
        "run": {"seed": seed},
        "at": f"x-{seed}",
    }
    assert (toy.folder / "program" / name).read_text() == before


def test_expressions_replace_lines_of_source(toy: Toy) -> None:
    file = toy.folder / "program" / "settings.py"
    file.write_text("width = 32  # wide\nwidths = [1]\nname = 'x'\n")
    job = job_of(
        toy,
        "[[program.file]]\npath = 'settings.py'\nreplace = { '^width = .*' = 'width = {share}' }",
    )
    assert (job.directory / "settings.py").read_text() == "width = 1.0\nwidths = [1]\nname = 'x'\n"


def test_a_fresh_file_with_every_value(toy: Toy) -> None:
    toy.edit("--share {share}", "--config {config}")
    job = job_of(toy, 'config = "json"')
    file = Path(job.argv[-1])
    document = json.loads(file.read_text())
    assert document["share"] == 1.0
    assert document["compute"] == 6_000_000
    assert document["out"] == str(job.writes / "out")
    assert not file.is_relative_to(job.directory)


def test_a_folder_that_the_program_writes_to_by_itself_is_its_output_folder(toy: Toy) -> None:
    toy.edit(" --out {out}", "")
    job = job_of(toy, 'out = "runs/now"')
    (job.directory / "runs" / "now" / "model").write_text("kept")
    assert (job.writes / "out" / "model").read_text() == "kept"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("height = 3\n", "0 places that match"),
        ("width = 3\nwidth = 4\n", "2 places that match"),
        (None, "not a file of this program any more"),
    ],
)
def test_an_idea_that_takes_the_place_away_fails_as_a_trial_and_says_why(
    toy: Toy, tmp_path: Path, content: str | None, words: str
) -> None:
    (toy.folder / "program" / "settings.py").write_text("width = 32\n")
    toy.edit(
        "parameters = { share = 1.0 }",
        "parameters = { share = 1.0 }\n[[program.file]]\npath = 'settings.py'\n"
        "replace = { '^width = .*' = 'width = {share}' }",
    )
    tree = tmp_path / "tree"
    tree.mkdir()
    if content is not None:
        (tree / "settings.py").write_text(content)
    idea = Idea("one", "idea", "c1", "c0")
    job = prepare_trial(read_study(toy.folder), TRIAL, idea, tree, None)
    ran = subprocess.run(list(job.argv), capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert words in ran.stderr


def test_a_link_out_of_the_work_dir_is_not_written_through(toy: Toy, tmp_path: Path) -> None:
    (toy.folder / "program" / "settings.py").write_text("width = 32\n")
    toy.edit(
        "parameters = { share = 1.0 }",
        "parameters = { share = 1.0 }\n[[program.file]]\npath = 'settings.py'\n"
        "replace = { '^width = .*' = 'width = {share}' }",
    )
    precious, tree = tmp_path / "precious.py", tmp_path / "tree"
    precious.write_text("width = 1\n")
    tree.mkdir()
    (tree / "settings.py").symlink_to(precious)
    job = prepare_trial(read_study(toy.folder), TRIAL, Idea("one", "idea", "c", "b"), tree, None)
    assert job.argv[0] == sys.executable
    assert precious.read_text() == "width = 1\n"


MISTAKES = [
    ('out = "../elsewhere"', ["out", "below the program"]),
    ('out = "."', ["below the program"]),
    ('config = "json"', ["does not name {config}"]),
    ('flops = "share * tokens"', ["'tokens'", "no value"]),
    ('flops = "share"', ["says 2e6 flops", "makes 1 flops"]),
    ('flops = "open(1)"', ["not arithmetic"]),
    ('[[program.file]]\npath = "notes.md"\nset = { a = 1 }', ["use `replace`"]),
    ('[[program.file]]\npath = "no.yaml"\nset = { a = 1 }', ["there is no no.yaml"]),
    ('[[program.file]]\npath = "/etc/passwd"\nreplace = { a = "b" }', ["leads outside"]),
    ("[[program.file]]\npath = 'train.py'\nreplace = { '(' = 'b' }", ["not a regular expression"]),
    ('[[program.file]]\npath = "train.py"', ["give `set`"]),
    (
        "[[program.file]]\npath = 'train.py'\nreplace = { 'a' = '{width}' }",
        ["{width} has no value"],
    ),
    ('[curve]\nsource = "output"', ["belong together"]),
    ("[curve]\nsource = 'output'\npattern = 'loss \\S+'", ["no named group"]),
    ("[curve]\nsource = 'output'\npattern = '(?P<step>\\d)'", ["no group named 'loss'"]),
    ('[curve]\ncompute = "step; step"', ["not arithmetic"]),
    ('[curve]\nfile = "../x"', ["leads outside"]),
]


@pytest.mark.parametrize(("lines", "words"), MISTAKES, ids=lambda value: str(value)[:40])
def test_mistakes_are_named(toy: Toy, lines: str, words: list[str]) -> None:
    toy.edit("parameters = { share = 1.0 }", f"parameters = {{ share = 1.0 }}\n{lines}")
    with pytest.raises(StudyError) as raised:
        read_study(toy.folder)
    for word in words:
        assert word in str(raised.value)


def test_data_in_the_programs_folder_lies_where_the_program_looks_for_it(
    toy: Toy, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (toy.folder / "program").rename(elsewhere)
    (elsewhere / "sets").mkdir()
    (toy.folder / "train.bin").rename(elsewhere / "sets" / "train.bin")
    toy.edit('path = "program"', 'path = "../elsewhere"')
    toy.edit('data = ["train.bin"]', 'data = ["../elsewhere/sets"]')
    tree = tmp_path / "tree"
    tree.mkdir()
    idea = Idea("one", "idea", "c1", "c0")
    job = prepare_trial(read_study(toy.folder), TRIAL, idea, tree, None)
    assert (job.directory / "sets" / "train.bin").is_file()
