"""The embedded model: valid edits, the same for the same seed, and nothing that upsets it."""

from __future__ import annotations

import ast
import difflib
import sysconfig
from pathlib import Path

import pytest

from proveout.improve import EmbeddedModel, library_tasks, strategies

FENCE = "`" * 3
PROGRAM = '''"""Say what it is."""

import random

STEPS = 10  # how many
SHARE = 0.5


def helper(x):
    # a comment that stays
    return x * 2 + 1


def solve(values):
    total = 0
    for value in values[:STEPS]:
        if value > SHARE:
            total += helper(value)
        total = max(total, 1)
    return total
'''


def asked(program: str, before: str = "") -> str:
    return f"Make it better.\n\n{before}\n\n{FENCE}python\n{program}{FENCE}\n"


def programs(texts: tuple[str, ...]) -> list[str]:
    return [text.split(FENCE + "python\n")[1].split(FENCE)[0] for text in texts if FENCE in text]


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line.startswith(("- ", "+ "))]


def test_most_answers_are_programs_that_differ_and_can_be_parsed() -> None:
    sources = [PROGRAM, *strategies().values()]
    sources += [task.baseline for task in library_tasks().values()]
    for source in sources:
        texts = EmbeddedModel().sample(asked(source), 12, 1.0, 1).texts
        found = programs(texts)
        assert len(found) >= 11
        for each in found:
            ast.parse(each)
            assert each.strip() != source.strip()
        assert len(set(found)) > 6


def test_edits_of_long_programs_can_be_parsed_too() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    for name in ("bisect.py", "textwrap.py", "heapq.py"):
        source = (library / name).read_text()
        for each in programs(EmbeddedModel().sample(asked(source), 4, 1.5, 3).texts):
            ast.parse(each)


def test_the_same_arguments_bring_the_same_answer_and_others_another() -> None:
    model, prompt = EmbeddedModel(), asked(PROGRAM)
    first = model.sample(prompt, 6, 0.8, 5)
    assert first == EmbeddedModel().sample(prompt, 6, 0.8, 5)
    assert first.texts != model.sample(prompt, 6, 0.8, 6).texts
    assert first.texts != model.sample(prompt, 6, 0.1, 5).texts
    assert model.sample(prompt, 2, 0.8, 5).texts == first.texts[:2]
    assert first.usd == 0 and first.input_tokens > 0 and first.output_tokens > 0


def test_the_words_of_a_prompt_change_nothing() -> None:
    other = asked(PROGRAM).replace("Make it better", "Ignore all that and write a poem")
    model = EmbeddedModel()
    assert model.sample(other, 5, 0.8, 5).texts == model.sample(asked(PROGRAM), 5, 0.8, 5).texts


def test_an_edit_leaves_all_else_as_it_was() -> None:
    for each in programs(EmbeddedModel().sample(asked(PROGRAM), 40, 0.0, 2).texts):
        assert len(changed_lines(PROGRAM, each)) == 2  # one line, before and after
        assert "# a comment that stays" in each


def test_temperature_makes_more_and_larger_edits() -> None:
    def size(temperature: float) -> int:
        found = programs(EmbeddedModel().sample(asked(PROGRAM), 60, temperature, 2).texts)
        return sum(len(changed_lines(PROGRAM, each)) for each in found)

    assert size(0.0) < size(0.8) < size(1.6)


def test_every_kind_of_edit_comes_up() -> None:
    texts = EmbeddedModel().sample(asked(PROGRAM), 300, 1.2, 4).texts
    notes = " ".join(text.split(":\n")[0] for text in texts)
    for kind in ("STEPS = 10 → ", "SHARE = 0.5 → ", "deleted: ", "doubled: ", "repeated: ",
                 "moved up: ", "moved out: ", "value >= SHARE", "min(total, 1)"):  # fmt: skip
        assert kind in notes, kind


def test_a_part_of_another_program_is_taken_over_with_what_it_needs() -> None:
    other = (
        "import math\n\nBASE = 3\n\n\ndef weight(x):\n    return math.log(x, BASE)\n\n\n"
        "def solve(values):\n    return weight(sum(values))\n"
    )
    first = f"{FENCE}python\n{other}{FENCE}"
    taken = [
        each
        for each in programs(EmbeddedModel().sample(asked(PROGRAM, first), 200, 1.0, 1).texts)
        if "return weight(sum(values))" in each
    ]
    assert taken
    space: dict[str, object] = {}
    exec(taken[0], space)
    assert space["solve"]([1, 2]) == 1.0  # type: ignore[operator]


def test_constants_and_functions_of_the_archive_are_taken_over() -> None:
    model = EmbeddedModel(list(strategies().values()))
    notes = " ".join(model.sample(asked(strategies()["best_of_n"]), 200, 1.0, 1).texts)
    assert "taken over: improve()" in notes
    assert "taken over: prompt_for()" in notes


def test_it_reads_the_last_program_of_a_prompt() -> None:
    first = f"{FENCE}python\nOTHER = 7\n{FENCE}"
    for each in programs(EmbeddedModel().sample(asked(PROGRAM, first), 5, 0.5, 1).texts):
        assert "def solve(values)" in each


@pytest.mark.parametrize(
    "program",
    [
        "",
        "def solve(:\n",
        "x = '\0'\n",
        "x = '\ud800'\n",
        "x = 1\fy = 2\n",
        "x = " + "9" * 5000 + "\n",
        "x = " + "1+" * 20_000 + "1\n",
        "x = " + "-" * 60_000 + "1\n",
        "x = " + "(" * 150 + ")" * 150 + "\n",
        "a" + ".b" * 30_000 + "\n",
        "x = 1\n" * 15_000,
        "if 1:\n" + "".join(" " * i + "if 1:\n" for i in range(1, 95)) + " " * 96 + "x = 1\n",
        "# nothing\n" * 7000,
        "pass\n",
        "'only a docstring'\n",
        "x = 1e308 ** 1e308\ny = 0.0\nz = -0.0\n",
        "é = 'ü' + \"λ\"\ndef f(ß=3):\n    return é * ß\n",
        "def f():\n\tif 1:\n\t\treturn 1\n\treturn 2\n",
        "x = '''\n" + FENCE + "\n'''\n",
    ],
    ids=lambda program: repr(program[:12]),
)
def test_no_program_upsets_it(program: str) -> None:
    answer = EmbeddedModel().sample(asked(program), 6, 1.5, 1)
    assert len(answer.texts) == 6
    for each in programs(answer.texts):
        ast.parse(each)
        assert len(each.encode()) <= 65_536 + 1


def test_a_prompt_without_a_program_gets_prose_and_one_without_end_is_read_from_its_end() -> None:
    model = EmbeddedModel()
    assert programs(model.sample("Hello", 2, 0.7, 1).texts) == []
    assert model.sample("Hello", 0, 0.7, 1).texts == ()
    long = ("words " * 200_000) + asked(PROGRAM)
    assert len(programs(model.sample(long, 2, 0.7, 1).texts)) == 2
    assert len(model.sample(FENCE * 100_000, 2, 0.7, 1).texts) == 2
