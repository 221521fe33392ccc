"""Tasks: fresh instances, honest scores, and nothing to win by answering nonsense."""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import SolutionFailed
from proveout.improve import Task, library_tasks, strategies

CHEAP = [name for name, task in library_tasks().items() if not task.needs]
HOSTILE = [
    None, True, 0, "x", "", [], {}, {"0": 1}, [[]], [None], "A" * 10_000, float("nan"), 10**400,
    [float("nan")] * 10, [float("inf")] * 10, [10**400] * 10, [True] * 10, ["0"] * 10, [0.5] * 10,
    [0] * 10_000, [-1] * 20, [2] * 20, [1e308] * 3, {"lr_scale": "2"}, {"lr_scale": 1e9},
    {"beta1": float("nan")}, {"out": 1.0}, {"lr_scale": True},
]  # fmt: skip


def code(task: Task) -> Any:
    return task._code


def answering(answer: Any) -> Callable[..., Any]:
    return lambda *arguments: answer


def baseline_of(task: Task) -> Callable[..., Any]:
    """The baseline in this process, which trusts it: JSON goes in and comes out as ever."""
    space: dict[str, Any] = {}
    exec(task.baseline, space)

    def call(*arguments: Any) -> Any:
        return json.loads(json.dumps(space[task.function](*json.loads(json.dumps(arguments)))))

    return call


def test_the_library_has_the_eight_tasks_and_each_says_what_it_is() -> None:
    assert set(library_tasks()) == {
        "byte_lm_study", "max_cut", "noisy_optimizer", "parity", "parity_noise",
        "quadratic_assignment", "string_grid", "three_sat",
    }  # fmt: skip
    for task in library_tasks().values():
        assert f"{task.function}(" in task.description
        assert task.source
        assert "`" * 3 not in task.description  # a fence there would be taken for the program


@pytest.mark.parametrize("name", library_tasks())
def test_instances_are_fresh_by_key_part_and_seed_and_the_same_for_the_same(name: str) -> None:
    task = library_tasks()[name]

    def drawn(key: str, part: Any, seed: int) -> str:
        return repr(task.instances(key, part, seed))

    first = drawn("k", "visible", 0)
    assert first == drawn("k", "visible", 0)
    others = [drawn("j", "visible", 0), drawn("k", "hidden", 0), drawn("k", "visible", 1)]
    assert len({first, *others}) == 4
    assert not {repr(each) for each in task.instances("k", "visible", 0)} & {
        repr(each) for each in task.instances("k", "hidden", 0)
    }


@pytest.mark.parametrize("name", CHEAP)
def test_a_baseline_is_honest_and_weak(name: str) -> None:
    task = library_tasks()[name]
    call = baseline_of(task)
    scores = [
        task.score(instance, call)
        for seed in range(3)
        for instance in task.instances("k", "hidden", seed)
    ]
    assert 0.02 < statistics.fmean(scores) < 0.6


@pytest.mark.parametrize("name", CHEAP)
def test_one_dial_makes_a_baseline_better(name: str) -> None:
    dials = {
        "max_cut": ("WORSE = 2", "WORSE = 0"),
        "noisy_optimizer": ("STEP = 0.3", "STEP = 2"),
        "parity": ("POSITIONS = 4", "POSITIONS = 12"),
        "parity_noise": ("TRIES = 10", "TRIES = 300"),
        "quadratic_assignment": ("WORSE = 0.5", "WORSE = 0"),
        "string_grid": ("TRIES = 3", "TRIES = 30"),
        "three_sat": ("FLIPS = 6", "FLIPS = 60"),
    }
    task = library_tasks()[name]
    text = task.baseline.replace(*dials[name])
    assert text != task.baseline
    space: dict[str, Any] = {}
    exec(text, space)
    instances = task.instances("k", "hidden", 0)
    before = statistics.fmean(task.score(each, baseline_of(task)) for each in instances)
    after = statistics.fmean(task.score(each, space[task.function]) for each in instances)
    assert after > before + 0.03


@pytest.mark.parametrize("name", CHEAP)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: repr(answer)[:20])
def test_nonsense_scores_the_low_end(name: str, answer: Any) -> None:
    task = library_tasks()[name]
    instance = task.instances("k", "visible", 0)[0]
    try:
        score = task.score(instance, answering(answer))
    except SolutionFailed:
        return
    # A list of so many zeros and ones can be an answer; then it scores as one.
    assert isinstance(answer, list) and 0 <= score < 0.9


def test_a_list_that_only_looks_right_is_none() -> None:
    tasks = library_tasks()
    for name, bad in {
        "parity": [True] * 20,
        "parity_noise": [0.0] * 20,
        "quadratic_assignment": [0] * 10,
        "string_grid": "AB",
    }.items():
        with pytest.raises(SolutionFailed):
            tasks[name].score(tasks[name].instances("k", "visible", 0)[0], answering(bad))


@pytest.mark.parametrize("name", ["parity", "parity_noise"])
def test_the_right_parities_score_one_and_their_opposites_nothing(name: str) -> None:
    task = library_tasks()[name]
    for instance in task.instances("k", "hidden", 0):
        assert task.score(instance, answering(instance.answers)) == 1.0
        assert task.score(instance, answering([1 - bit for bit in instance.answers])) == 0.0
    noisy = [sum(row) for instance in task.instances("k", "hidden", 0) for row in instance.samples]
    assert len(set(noisy)) > 3


def test_labels_with_noise_are_flipped_about_one_time_in_twenty() -> None:
    task = library_tasks()["parity_noise"]
    flipped = []
    for seed in range(6):
        for instance in task.instances("k", "hidden", seed):
            # The subset is found by elimination over the questions, whose answers have no noise.
            subset = solved(instance.questions, instance.answers)
            flipped += [
                sum(row[i] for i in subset) % 2 != label
                for row, label in zip(instance.samples, instance.labels, strict=True)
            ]
    share, error = statistics.fmean(flipped), math.sqrt(0.05 * 0.95 / len(flipped))
    assert abs(share - 0.05) < 4 * error


def solved(rows: list[list[int]], answers: list[int]) -> list[int]:
    """The subset by trying all of them, in bits."""
    masks = [sum(bit << i for i, bit in enumerate(row)) for row in rows]
    fits = [
        subset
        for subset in range(1 << len(rows[0]))
        if all(
            (mask & subset).bit_count() % 2 == answer
            for mask, answer in zip(masks, answers, strict=True)
        )
    ]
    return [i for i in range(len(rows[0])) if fits[0] >> i & 1]


def test_grid_distance_counts_three_kinds_of_places() -> None:
    task = library_tasks()["string_grid"]
    distance = code(task).grid_distance
    assert distance("AAAA", "AAAA") == 0
    assert distance("AAAA", "BBBB") == 4
    assert distance("ABAB", "AAAA") == 2 + 3
    hit = code(task).Instance("AAAA", 4)
    assert task.score(hit, answering("BBBB")) == 1.0
    assert task.score(hit, answering("AAAA")) == pytest.approx(0.5 * (1 - 4 / 12))


def test_no_assignment_is_cheaper_than_the_bound_and_the_cost_is_as_described() -> None:
    task = library_tasks()["quadratic_assignment"]
    luck = random.Random(0)
    for instance in task.instances("k", "visible", 0):
        costs = []
        for _ in range(200):
            places = luck.sample(range(10), 10)
            costs.append(code(task).cost(instance, places))
        assert min(costs) > instance.bound
        flow, way, liked = instance.flow, instance.distance, instance.preference
        by_hand = (
            sum(flow[i][j] * way[places[i]][places[j]] for i in range(10) for j in range(10))
            - sum(liked[i][places[i]] for i in range(10)) / 2
        )
        assert costs[-1] == pytest.approx(by_hand)
        assert statistics.fmean(costs) == pytest.approx(instance.mean, abs=0.5)


def test_all_clauses_satisfied_score_one_and_a_clause_reads_as_described() -> None:
    task = library_tasks()["three_sat"]
    instance = code(task).Instance(3, [[1, -2, 3], [-1, -2, -3], [1, 2, -3], [1, 2, 3]])
    assert task.score(instance, answering([1, 0, 0])) == 1.0
    assert task.score(instance, answering([0, 1, 0])) == 0.0  # 3 of 4 is less than 7 of 8


def test_a_graph_with_two_sides_is_cut_whole() -> None:
    task = library_tasks()["max_cut"]
    edges = [[a, b] for a in range(5) for b in range(5, 10)]
    instance = code(task).Instance(10, edges, code(task).most_cut(10, edges))
    assert task.score(instance, answering([0] * 5 + [1] * 5)) == pytest.approx(1.0)
    assert task.score(instance, answering([0] * 10)) == 0.0


def test_the_least_value_scores_one_and_the_middle_nothing() -> None:
    task = library_tasks()["noisy_optimizer"]
    asked: list[tuple[int, int]] = []
    instance = task.instances("k", "visible", 0)[0]

    def oracle(history: Any, left: int, low: float, high: float) -> Any:
        asked.append((len(history), left))
        return instance.centre

    assert task.score(instance, oracle) == 1.0
    assert asked == [(step, 20 - step) for step in range(21)]
    assert task.score(instance, answering([0.0, 0.0, 0.0])) == 0.0


def test_a_study_in_small_pays_for_ideas_that_help_at_the_target_alone() -> None:
    pytest.importorskip("torch")
    task = library_tasks()["byte_lm_study"]
    instance = task.instances("k", "visible", 0)[0]
    seen: list[Any] = []

    def faster(parameters: Any, history: Any, left: int) -> Any:
        seen.append((json.loads(json.dumps(history)), left))
        return {"lr_scale": 2 * parameters["lr_scale"]}

    assert task.score(instance, answering({})) == 0.0
    assert task.score(instance, faster) > 0.01
    assert [left for _, left in seen] == [2, 1]
    idea, small, large, target = seen[1][0][0]
    assert idea == {"lr_scale": 2 * instance.parameters["lr_scale"]} and max(small, large) < 0
    assert abs(target) < abs(small) + abs(large)
    for answer in HOSTILE:
        if answer != {}:
            with pytest.raises(SolutionFailed):
                task.score(instance, answering(answer))


def test_a_study_in_small_is_the_same_in_two_threads_at_once() -> None:
    pytest.importorskip("torch")
    task = library_tasks()["byte_lm_study"]
    losses = code(task)._losses.__wrapped__
    settings = [tuple(each.parameters.items()) for each in task.instances("k", "hidden", 3)]
    alone = [losses(each, 7) for each in settings]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda each: losses(each, 7), settings)) == alone


def test_the_documentation_has_every_task_and_strategy() -> None:
    page = (Path(__file__).parents[2] / "docs" / "improve-tasks.md").read_text()
    for name, task in library_tasks().items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"{task.visible}, {task.hidden} |" in row
    for name in strategies():
        assert f"| `{name}` |" in page
