"""Tables that are not what they seem: what decisions make of them, and what they ask."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from proveout.verdicts import Decision, Run, decide

SCALES = (1e17, 3e17, 1e18, 3e18)
TARGET = 1e20
SURE = {"holds", "hurts", "reverses"}


def level(scale: float) -> float:
    return float(1.8 + 1.6 * (scale / 1e17) ** -0.12)


def table(
    loss: Callable[[int, int, int], float],
    *,
    ideas: int = 8,
    seeds: int = 1,
    scales: tuple[float, ...] = SCALES,
    named: bool = True,
) -> list[Run]:
    """Runs of a baseline, idea 0, and others, of a loss by idea, rung and seed."""
    return [
        Run(f"idea-{idea}", scale, loss(idea, rung, seed), str(seed) if named else None)
        for idea in range(ideas + 1)
        for rung, scale in enumerate(scales)
        for seed in range(seeds)
    ]


def said(runs: list[Run], unit: str = "flops") -> Decision:
    return decide(runs, TARGET, unit=unit, baseline="idea-0")


def asked(decision: Decision, words: str) -> bool:
    return any(words in each for each in decision.warnings)


@pytest.mark.parametrize(("seeds", "unit"), [(3, "flops"), (1, "tokens")])
def test_checkpoints_are_no_runs_of_their_own(seeds: int, unit: str) -> None:
    """Ideas that do nothing, each run read at eight scales, with the luck of the run in each: as
    eight runs half of them would be called good or bad."""
    scales, rng, sure = tuple(np.geomspace(1e17, 3e18, 8).tolist()), np.random.default_rng(0), 0
    for _ in range(6):
        luck = rng.normal(0, 0.004, (9, seeds))
        noise = rng.normal(0, 0.0005, (9, 8, seeds))
        decision = said(
            table(
                lambda i, r, s: level(scales[r]) * (1 + luck[i, s] + noise[i, r, s]),  # noqa: B023
                seeds=seeds, scales=scales,
            ),
            unit,
        )  # fmt: skip
        sure += sum(each.verdict in SURE for each in decision.ideas)
        assert asked(decision, "checkpoints of one run")
    assert sure <= 2  # of 48; 19 and 25 when checkpoints are read as runs


def test_noise_of_a_tenth_is_seen_without_repeats() -> None:
    """Returns of which half is luck: no idea does anything, and none is said to."""
    rng, sure, told = np.random.default_rng(0), 0, []
    for _ in range(6):
        noise = rng.normal(0, 0.1, (9, 4))
        runs = table(lambda i, r, s: -100 * (1 + noise[i, r]), ideas=8)  # noqa: B023
        decision = said(runs)
        sure += sum(each.verdict in SURE for each in decision.ideas)
        (warning,) = (each for each in decision.warnings if "hardly any run" in each)
        told.append(float(warning.split("about ")[1].split(",")[0]))
    assert sure == 0
    assert 4 < np.median(told) < 20


def test_ties_of_rounded_losses_are_not_the_same_program() -> None:
    """An idea that is better by a third of the last digit that was written down."""
    decision = said(table(lambda i, r, s: round(level(SCALES[r]) - 0.03 * (i == 1), 1)))
    found = {each.idea: each for each in decision.ideas}
    for idea in found.values():
        assert "identical" not in idea.why
        assert idea.interval80 is not None
        assert idea.interval80[0] < idea.interval80[1]
    fine = said(table(lambda i, r, s: round(level(SCALES[r]), 4)))
    assert all("identical" in each.why for each in fine.ideas)


class TestOneRunMayBeBroken:
    def broken(self, arm: int, *, before: float = 0.0) -> Decision:
        noise = np.random.default_rng(0).normal(0, 0.002, (9, 4))
        off = {3: 0.5, 2: before}
        return said(
            table(
                lambda i, r, s: level(SCALES[r]) * (1 + noise[i, r] + off.get(r, 0.0) * (i == arm))
            )
        )

    def test_no_word_rests_on_it(self) -> None:
        (idea,) = (each for each in self.broken(1).ideas if each.idea == "idea-1")
        assert idea.verdict == "undecided"
        assert "rests on one run of idea-1" in idea.why

    def test_nor_on_the_baseline_s(self) -> None:
        assert not [each for each in self.broken(0).ideas if each.verdict in SURE]

    def test_what_was_foretold_is_no_slip(self) -> None:
        (idea,) = (each for each in self.broken(1, before=0.25).ideas if each.idea == "idea-1")
        assert idea.verdict == "hurts"


class TestQuestions:
    def noisy(self, score: Callable[[float], float], sd: float) -> Decision:
        noise = np.random.default_rng(0).normal(0, sd, (9, 4, 2))
        return said(table(lambda i, r, s: -score(SCALES[r]) + noise[i, r, s], seeds=2))

    def test_scores_near_their_end(self) -> None:
        near = self.noisy(lambda c: 1 - 0.15 * (c / 1e17) ** -0.2, 0.002)
        far = self.noisy(lambda c: 0.5 - 0.15 * (c / 1e17) ** -0.2, 0.002)
        assert asked(near, "scores end at 1")
        assert not asked(far, "scores end at 1")

    def test_scores_that_grow_by_factors(self) -> None:
        assert asked(self.noisy(lambda c: 100 * (c / 1e17) ** 0.25, 1.0), "the score grows")
        assert not asked(self.noisy(lambda c: 1000 + (c / 1e17) ** 0.25, 1.0), "the score grows")

    def test_nothing_is_asked_of_a_plain_table(self) -> None:
        noise = np.random.default_rng(0).normal(0, 0.01, (9, 4, 2))
        plain = said(table(lambda i, r, s: level(SCALES[r]) + noise[i, r, s], seeds=2))
        assert plain.warnings == ()
