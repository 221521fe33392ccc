"""The numeric sampler: what it is told, what it learns, and that it remembers nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from proveout.errors import StudyError
from proveout.ideas import Evidence, SamplerSource, Tried
from proveout.study import Range, Sampler, Study, read_study

RANGES = {
    "lr": Range(low=1e-4, high=1.0, log=True),
    "share": Range(low=0.0, high=1.0),
}


def study_of(**parameters: Any) -> Study:
    return Study.model_validate(
        {
            "program": {
                "train": "python t.py {seed} {out} {lr} {share} {depth} {kind}",
                "editable": ["t.py"],
                "parameters": {"lr": 0.9, "share": 0.9, "depth": 2, "kind": "a"} | parameters,
            },
            "score": {"kind": "language-model", "held_out": "x", "serve": "t.py:f"},
            "ladder": {"target": "4e6 flops", "rung": [{"compute": "1e6 flops"}]},
            "budget": {"compute": "1e9 flops"},
        }
    )


def loss(values: dict[str, Any]) -> float:
    return (math.log10(values["lr"]) + 2) ** 2 / 4 + (values["share"] - 0.3) ** 2


def search(method: Any, asks: int, fails: Any = lambda values: False) -> list[Tried]:
    study = study_of()
    sampler = SamplerSource(study, Sampler(method=method, parameters=RANGES))
    usual = study.program.parameters
    evidence = Evidence(study, {})
    for ask in range(1, asks + 1):
        offer = sampler.propose(replace(evidence, ask=ask), 2)
        for proposal in offer.proposals:
            values = {**usual, **proposal.parameters}
            bad = fails(values)
            told = Tried(
                proposal.name,
                "sampler",
                parameters=proposal.parameters,
                gap=None if bad else loss(values) - loss(dict(usual)),
                measured=() if bad else ((1e6, 0.0, 0.0, 1),),
                failures=("crashed: no",) if bad else (),
            )
            evidence = replace(evidence, tried=(*evidence.tried, told))
    return list(evidence.tried)


def best_after(tried: list[Tried], start: int) -> float:
    return min(each.gap for each in tried[start:] if each.gap is not None)


@pytest.mark.parametrize("method", ["tpe", "cmaes", "sobol"])
def test_it_proposes_settings_within_their_ranges_and_never_one_twice(method: str) -> None:
    pytest.importorskip("optuna")
    tried = search(method, 8)
    assert len(tried) == 16
    assert len({tuple(sorted(each.parameters.items())) for each in tried}) == 16
    for each in tried:
        assert 1e-4 <= each.parameters["lr"] <= 1.0
        assert 0.0 <= each.parameters["share"] <= 1.0


@pytest.mark.parametrize("method", ["tpe", "cmaes"])
def test_it_searches_where_settings_did_well(method: str) -> None:
    pytest.importorskip("optuna")
    tried = search(method, 16)
    plain = search("sobol", 16)
    late = sorted(each.gap for each in tried[16:] if each.gap is not None)
    same = sorted(each.gap for each in plain[16:] if each.gap is not None)
    assert late[len(late) // 2] < same[len(same) // 2]


@pytest.mark.parametrize("method", ["tpe", "cmaes", "sobol"])
def test_it_learns_where_runs_fail(method: str) -> None:
    pytest.importorskip("optuna")
    tried = search(method, 20, fails=lambda values: values["lr"] > 0.03)
    early, late = tried[:12], tried[-16:]
    assert any(each.failures for each in early)
    share = sum(bool(each.failures) for each in late) / len(late)
    assert share < 0.375  # the range's own share, by chance


def test_it_goes_on_from_the_records_alone() -> None:
    study = study_of()
    declared = Sampler(method="sobol", parameters=RANGES)
    tried = tuple(search("sobol", 3))
    evidence = Evidence(study, {}, tried=tried, ask=4)
    first = SamplerSource(study, declared).propose(evidence, 2)
    second = SamplerSource(study, declared).propose(evidence, 2)
    assert first == second
    assert {each.name for each in first.proposals} == {"sampler-7", "sampler-8"}


def test_choices_and_whole_numbers_stay_what_they_are() -> None:
    pytest.importorskip("optuna")
    ranges = {"depth": Range(low=1, high=8, whole=True), "kind": Range(choices=("a", "b", "c"))}
    study = study_of()
    sampler = SamplerSource(study, Sampler(method="tpe", parameters=ranges))
    evidence = Evidence(study, {})
    for ask in range(1, 7):
        for proposal in sampler.propose(replace(evidence, ask=ask), 2).proposals:
            values = {"depth": 2, "kind": "a"} | dict(proposal.parameters)
            assert isinstance(values["depth"], int)
            assert values["kind"] in {"a", "b", "c"}
            told = Tried(proposal.name, "sampler", parameters=proposal.parameters,
                         gap=float(values["depth"]), measured=((1e6, 0, 0, 1),))  # fmt: skip
            evidence = replace(evidence, tried=(*evidence.tried, told))


def test_what_others_tried_in_its_space_is_told_to_it_and_what_they_tried_outside_is_not() -> None:
    study = study_of()
    sampler = SamplerSource(study, Sampler(method="sobol", parameters=RANGES))
    (first,) = sampler.propose(Evidence(study, {}), 1).proposals
    same = Tried("by-hand", "people", parameters=first.parameters, gap=0.1)
    (other,) = sampler.propose(Evidence(study, {}, tried=(same,)), 1).proposals
    assert other.parameters != first.parameters
    patched = replace(same, patch="diff")
    (again,) = sampler.propose(Evidence(study, {}, tried=(patched,)), 1).proposals
    assert again.parameters == first.parameters


def test_a_range_of_a_parameter_that_is_not_declared_is_the_users_mistake(toy: Any) -> None:
    text = "\n[ideas.sampler]\nparameters.lr = { low = 1, high = 2 }\n"
    toy.file.write_text(toy.file.read_text() + text)
    with pytest.raises(StudyError, match="'lr' is not among program"):
        read_study(toy.folder)
    toy.file.write_text(toy.file.read_text().replace("low = 1, high = 2", "low = 3, high = 2"))
    with pytest.raises(StudyError, match="low must be below high"):
        read_study(toy.folder)
