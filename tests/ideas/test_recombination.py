"""Recombination: what is merged, what is varied, and when neither is worth a trial."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from proveout.ideas import Evidence, RecombinationSource, Tried
from proveout.study import Recombination, Study


def study() -> Study:
    return Study.model_validate(
        {
            "program": {
                "train": "python t.py {seed} {out} {lr}",
                "editable": ["t.py"],
                "parameters": {"lr": 1.0},
            },
            "score": {"kind": "language-model", "held_out": "x", "serve": "t.py:f"},
            "ladder": {"target": "4e6 flops", "rung": [{"compute": "1e6 flops"}]},
            "budget": {"compute": "1e9 flops"},
        }
    )


def known(name: str, gap: float, **more: Any) -> Tried:
    helps = 0.97 if gap < 0 else 0.03
    return Tried(
        name, gap=gap, interval80=(gap - 0.01, gap + 0.01), probability_helps=helps,
        measured=((1e6, gap, 0.01, 2),), **more,
    )  # fmt: skip


def propose(*tried: Tried, count: int = 9) -> dict[str, Any]:
    source = RecombinationSource(study(), Recombination())
    offer = source.propose(Evidence(study(), {}, tried=tried, smallest=0.02), count)
    return {each.name: each for each in offer.proposals}


def test_two_ideas_that_help_are_merged_the_best_pair_first() -> None:
    found = propose(
        known("a", -0.10, patch="x"), known("b", -0.06, patch="y"), known("c", -0.03, patch="z")
    )
    assert list(found) == ["a-and-b", "a-and-c"]  # b and c together are not expected to beat a
    assert found["a-and-b"].merges == found["a-and-b"].parents == ("a", "b")


def test_what_hurts_what_is_unknown_and_what_was_withdrawn_is_not_merged() -> None:
    good = known("a", -0.10, patch="x")
    assert not propose(good, known("b", 0.05, patch="y"))
    assert not propose(good, Tried("b", patch="y"))
    assert not propose(good, replace(known("b", -0.1, patch="y"), withdrawn="by a person"))
    assert not propose(good, replace(known("b", -0.1, patch="y"), verdict="broken"))


def test_a_pair_is_merged_once_and_an_idea_not_with_its_own_merge() -> None:
    a, b = known("a", -0.10, patch="x"), known("b", -0.06, patch="y")
    both = known("a-and-b", -0.14, patch="xy", members=("a", "b"), parents=("a", "b"))
    assert not propose(a, b, both)


def test_two_settings_of_one_parameter_are_not_merged() -> None:
    found = propose(known("a", -0.10, parameters={"lr": 2.0}, patch="x"),
                    known("b", -0.06, parameters={"lr": 3.0}, patch="y"))  # fmt: skip
    assert not found


def test_a_setting_that_helps_is_made_stronger_and_one_that_hurts_is_not() -> None:
    found = propose(known("double", -0.10, parameters={"lr": 2.0}))
    assert found["double-x2"].parameters == {"lr": 4.0}
    assert found["double-x2"].parents == ("double",)
    assert "double-x0-5" not in found
    assert not propose(known("worse", 0.3, parameters={"lr": 2.0}))


def test_a_line_that_is_known_to_turn_is_left_alone() -> None:
    found = propose(
        known("double", -0.10, parameters={"lr": 2.0}),
        known("quadruple", 0.20, parameters={"lr": 4.0}),
        known("half-again", -0.099, parameters={"lr": 1.5}),
    )
    assert "double-x2" not in found
    assert not any(proposal.parameters["lr"] > 4 for proposal in found.values())


def test_nothing_is_worth_a_trial_where_gains_are_small() -> None:
    assert not propose(known("a", -0.011, patch="x"), known("b", -0.0101, patch="y"))
