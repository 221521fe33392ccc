"""A study is read whole, or every mistake is named with its line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proveout.errors import StudyError
from proveout.study import read_study
from proveout.units import Compute

Toy = Any


def line_of(toy: Toy, text: str) -> int:
    lines = toy.file.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_reads_amounts_with_units(toy: Toy) -> None:
    study = read_study(toy.folder)
    assert [rung.compute.amount for rung in study.rungs] == [2e6, 6e6, 2e7]
    assert study.ladder.target == Compute(6e7, "flops")
    assert study.limits.memory == 10**9
    assert study.limits.wall_time == 20.0
    assert study.rung(3).compute == study.ladder.target
    assert study.folder == toy.folder.resolve()


def test_the_file_itself_may_be_named(toy: Toy) -> None:
    assert read_study(toy.file) == read_study(toy.folder)


def test_a_study_cannot_be_changed(toy: Toy) -> None:
    with pytest.raises(Exception, match="frozen"):
        read_study(toy.folder).budget.compute = Compute(1.0)  # type: ignore[misc]


MISTAKES = [
    # what is written instead of what; which line is to be named; words that must be said
    ('name = "bigram"', 'nmae = "bigram"', "nmae", ["unknown key", "did you mean 'name'"]),
    ("items = 64", "itmes = 64", "itmes", ["unknown key", "'items'", "held_out"]),
    ('target = "6e7 flops"', 'target = "6e7"', "target", ["no unit", "1e10 flops"]),
    ('target = "6e7 flops"', "target = 6e7", "target", ["no unit", "quotes"]),
    ('target = "6e7 flops"', 'target = "6e7 parsecs"', "target", ["parsecs", "flops"]),
    ('target = "6e7 flops"', 'target = "-6e7 flops"', "target", ["more than zero"]),
    ('target = "6e7 flops"', 'target = "1e7 flops"', "target", ["above the top rung", "2e7"]),
    ('compute = "6e6 flops"', 'compute = "2e6 flops"', "2e6 flops", ["must increase", "2e6"]),
    ('compute = "6e6 flops"', 'compute = "6 device-hours"', "6 device-hours", ["one unit"]),
    ('compute = "4e9 flops"', 'compute = "4 device-hours"', "4 device-hours", ["flops"]),
    ("{ share = 1.0 }", "{ share = 1.0, width = 3 }", "width", ["does not name {width}"]),
    ("{ share = 1.0 }", "{ share = 1.0, seed = 3 }", "seed = 3", ["filled in by proveout"]),
    ("parameters = { share = 1.0 }", "", "train = ", ["{share} has no value"]),
    (" --seed {seed}", "", "train = ", ["{seed}", "every trial"]),
    (" --out {out}", " --out {out} x{", "train = ", ["x{", "brace"]),
    ('path = "program"', 'path = "porgram"', "path = ", ["no folder"]),
    ('data = ["train.bin"]', 'data = ["tarin.bin"]', "data = ", ["there is no", "tarin.bin"]),
    ('data = ["train.bin"]', 'data = ["."]', "data = ", ["held-out", "no trial may see"]),
    ('held_out = "held_out.bin"', 'held_out = "no.bin"', "held_out", ["no file"]),
    ('serve = "train.py:load"', 'serve = "train.py"', "serve", ["file.py:function"]),
    ('serve = "train.py:load"', 'serve = "trian.py:load"', "serve", ["no file", "trian.py"]),
    ('editable = ["train.py"]', 'editable = ["model.py"]', "editable", ["nothing", "model.py"]),
    ('editable = ["train.py"]', 'editable = ["../x"]', "editable", ["outside the program"]),
    ("per_rung = [2, 3]", "per_rung = [1, 3]", "per_rung", ["2 <= least <= most"]),
    ("per_rung = [2, 3]", "per_rung = [4, 3]", "per_rung", ["least <= most"]),
    ('catalog = "ideas"', 'catalog = "idaes"', "catalog", ["no folder"]),
    ('kind = "language-model"', 'kind = "vibes"', "kind", ["vibes", "language-model"]),
    ('memory = "1 GB"', 'memory = "1 flops"', "memory", ["flops", "gb"]),
    ("slots = 2", "slots = 0", "slots", ["greater than or equal to 1"]),
    ("slots = 2", 'slots = "two"', "slots", ["two", "integer"]),
]


@pytest.mark.parametrize(("old", "new", "at", "words"), MISTAKES)
def test_each_mistake_is_one_message_with_its_line(
    toy: Toy, old: str, new: str, at: str, words: list[str]
) -> None:
    toy.edit(old, new)
    with pytest.raises(StudyError) as raised:
        read_study(toy.folder)
    message = str(raised.value)
    assert len([line for line in message.splitlines() if "study.toml" in line]) == 1
    number = int(message.split(", line ")[1].split(":")[0])
    assert at in toy.file.read_text().splitlines()[number - 1]
    for word in words:
        assert word in message


def test_a_policy_that_is_not_there_names_those_that_are(toy: Toy) -> None:
    from proveout.verdicts import POLICIES

    assert read_study(toy.folder).policy.name == "information"
    text = toy.file.read_text()
    for name in POLICIES:
        toy.file.write_text(f'{text}\n[policy]\nname = "{name}"\n')
        assert read_study(toy.folder).policy.name == name
    toy.file.write_text(f'{text}\n[policy]\nname = "ladder"\n')
    with pytest.raises(StudyError, match="'ladder' is not one of the allowed") as raised:
        read_study(toy.folder)
    assert all(repr(name) in str(raised.value) for name in POLICIES)
    assert f"line {line_of(toy, 'ladder' + chr(34))}" in str(raised.value)


def test_every_mistake_is_named_at_once(toy: Toy) -> None:
    toy.edit("items = 64", "itmes = 64")
    toy.edit('target = "6e7 flops"', 'target = "6e7"')
    with pytest.raises(StudyError) as raised:
        read_study(toy.folder)
    assert f"line {line_of(toy, 'itmes')}" in str(raised.value)
    assert f"line {line_of(toy, 'target')}" in str(raised.value)


def test_a_line_in_the_second_of_several_rungs_is_found(toy: Toy) -> None:
    toy.edit('compute = "6e6 flops"', 'compute = "6e6 flops"\nparameters = { depth = 2 }')
    with pytest.raises(StudyError, match=f"line {line_of(toy, 'depth')}"):
        read_study(toy.folder)


def test_parameters_that_only_some_rungs_have_are_named(toy: Toy) -> None:
    toy.edit("--share {share}", "--share {share} --d {d}")
    toy.edit('compute = "6e6 flops"', 'compute = "6e6 flops"\nparameters = { d = 2 }')
    with pytest.raises(StudyError, match="'d' is given at other rungs and missing at this one"):
        read_study(toy.folder)


def test_text_that_is_not_toml(toy: Toy) -> None:
    toy.edit("slots = 2", "slots = = 2")
    with pytest.raises(StudyError, match=r"not valid TOML.*line"):
        read_study(toy.folder)


def test_bytes_that_are_not_text(toy: Toy) -> None:
    toy.file.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(StudyError, match="not a UTF-8 text file"):
        read_study(toy.folder)


def test_a_folder_without_a_study_says_how_to_get_one(make_toy: Callable[..., Toy]) -> None:
    toy = make_toy("other")
    toy.file.unlink()
    with pytest.raises(StudyError, match="proveout init"):
        read_study(toy.folder)
