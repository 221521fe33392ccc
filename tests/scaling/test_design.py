"""Which runs to buy for a scaling law."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from proveout.scaling import FORMS, Laws, Points, Purchase, first_runs, next_runs
from proveout.scaling._design import _answer, _Error, _misses
from proveout.scaling._forecast import draw_members, reading_for

Array = npt.NDArray[np.float64]
Inputs = dict[str, Array]

_FORMS = [FORMS["chinchilla"]]


def _grid(sizes: npt.ArrayLike, ratios: npt.ArrayLike) -> Inputs:
    params, ratio = (grid.ravel() for grid in np.meshgrid(sizes, ratios))
    return {"params": params, "tokens": params * ratio}


_POOL = _grid(np.geomspace(1e7, 2e9, 12), 20 * 2.0 ** np.arange(-2, 6))
_PRICES = 6 * _POOL["params"] * _POOL["tokens"]
_TARGET = {"params": np.array([3e9, 5e9, 1e10]), "tokens": np.array([6e10, 1e11, 2e11])}
_BUDGET = 0.01 * float(_PRICES.sum())


def _take(inputs: Inputs, rows: npt.NDArray[np.intp] | list[int]) -> Inputs:
    return {name: values[rows] for name, values in inputs.items()}


def _cheap_start() -> list[int]:
    return [int(row) for row in np.argsort(_PRICES, kind="stable")[:24:4]]


_EVERY = {name: np.concatenate([_POOL[name], _TARGET[name]]) for name in _POOL}


class _World:
    """A law, missed by as much as `miss_sd`; its noisy runs, and what is fitted to some."""

    def __init__(self, seed: int, miss_sd: float = 0.0) -> None:
        self.random = np.random.default_rng(seed)
        alpha, beta = self.random.uniform(0.25, 0.4, 2)
        a, b = self.random.uniform(0.4, 0.8, 2)
        floor = self.random.uniform(1.4, 2)
        params, tokens = _EVERY["params"] / 1e8, _EVERY["tokens"] / 2e9
        logs = np.log(floor + a * params**-alpha + b * tokens**-beta)
        root = np.linalg.cholesky(_misses(_EVERY, 1.0) + 1e-9 * np.eye(logs.size))
        logs += miss_sd * root @ self.random.standard_normal(logs.size)
        size = _PRICES.size
        self.truth = logs[size:]
        self.loss = np.exp(logs[:size] + 0.003 * self.random.standard_normal(size))

    def fit(self, rows: list[int]) -> Laws:
        """What plans take from `fit_laws`, whose checks by held-back runs cost four times that."""
        runs = Points.of(_take(_POOL, rows), self.loss[rows]).even().settings()
        members = tuple(draw_members(runs, _FORMS, 0, reading_for(_FORMS, curves=False)))
        noise_sd = float(np.median(members[0].draws.noise_sd))
        return Laws(
            runs, members, np.zeros(1), np.ones(1), discrepancy=None, share=1.0,
            noise_sd=noise_sd, held_back=(), for_fits=runs,
        )  # fmt: skip

    def doubt(self, rows: list[int]) -> float:
        """The mean variance of log loss at the targets after these runs."""
        logs = self.fit(rows).members[0].draws.log_losses(_TARGET)
        return float(logs.var(axis=0).mean())

    def error(self, rows: list[int]) -> float:
        """The mean squared error of log loss at the targets after these runs."""
        logs = self.fit(rows).members[0].draws.log_losses(_TARGET)
        return float(((logs.mean(axis=0) - self.truth) ** 2).mean())

    def at_random(self, start: list[int], budget: float) -> list[list[int]]:
        """Three random purchases."""
        orders = [self.random.permutation(_PRICES.size) for _ in range(3)]
        return [_in_order(order, start, budget) for order in orders]

    def doubt_at_random(self, start: list[int], budget: float) -> float:
        """The median doubt after them."""
        return float(np.median([self.doubt(rows) for rows in self.at_random(start, budget)]))

    def designed(self, miss_sd: float, budget: float = _BUDGET) -> list[int]:
        """The start, and then twice as much as before each time until the budget is spent."""
        rows, left = _cheap_start(), budget
        while (rest := np.setdiff1d(np.flatnonzero(left >= _PRICES), rows)).size:
            batch = max(2 * _PRICES[rows].sum(), _PRICES[rest].min())
            batch = left if 1.6 * batch > left else float(batch)
            plan = next_runs(
                self.fit(rows), _take(_POOL, rest), _PRICES[rest], _TARGET,
                budget=batch, miss_sd=miss_sd,
            )  # fmt: skip
            if not plan:
                break
            rows += [int(rest[one.index]) for one in plan]
            left -= sum(one.price for one in plan)
        return rows


def _in_order(order: npt.NDArray[np.intp], start: list[int], budget: float) -> list[int]:
    """The start, and each run of this order that can still be afforded."""
    rows = list(start)
    for row in order:
        if row not in start and _PRICES[row] <= budget:
            rows.append(int(row))
            budget -= float(_PRICES[row])
    return rows


_WORLDS = 6


@pytest.fixture(scope="module")
def v_optimal() -> list[list[int]]:
    return [_World(seed).designed(miss_sd=0.0) for seed in range(_WORLDS)]


def test_where_no_form_is_true_the_design_errs_less_than_random_and_than_v_optimality() -> None:
    errors = []
    for seed in range(4):
        world, budget = _World(seed, miss_sd=0.01), 5 * _BUDGET
        ways = [world.designed(sd, budget) for sd in (0.01, 0.0)]
        others = [world.error(rows) for rows in world.at_random(_cheap_start(), budget)]
        errors.append([*map(world.error, ways), float(np.mean(others))])
    ours, v_optimal, random = np.transpose(errors)
    assert ours.mean() < 0.8 * min(v_optimal.mean(), random.mean())


def test_where_no_form_is_true_a_first_purchase_errs_less_than_random_and_cheapest() -> None:
    plan = first_runs(_POOL, _PRICES, _TARGET, budget=_BUDGET, forms=_FORMS)
    cheapest = _in_order(np.argsort(_PRICES, kind="stable"), [], _BUDGET)
    errors = []
    for seed in range(16):
        world = _World(seed, miss_sd=0.01)
        random = _in_order(world.random.permutation(_PRICES.size), [], _BUDGET)
        errors.append([world.error(rows) for rows in ([x.index for x in plan], random, cheapest)])
    ours, *others = np.mean(errors, axis=0)
    assert ours < 0.7 * min(others)


def test_plain_v_optimality_leaves_less_doubt_than_random_and_than_the_cheapest_first(
    v_optimal: list[list[int]],
) -> None:
    worlds = [_World(seed) for seed in range(_WORLDS)]
    ours = [world.doubt(rows) for world, rows in zip(worlds, v_optimal, strict=True)]
    cheapest = _in_order(np.argsort(_PRICES, kind="stable"), _cheap_start(), _BUDGET)
    assert _wins(ours, [world.doubt(cheapest) for world in worlds]) >= 5
    theirs = [world.doubt_at_random(_cheap_start(), _BUDGET) for world in worlds]
    assert _wins(ours, theirs) >= 5


def test_a_first_purchase_from_the_priors_leaves_less_doubt_than_a_random_one() -> None:
    budget = _BUDGET / 5
    plan = first_runs(_POOL, _PRICES, _TARGET, budget=budget, forms=_FORMS, miss_sd=0.0)
    rows = [one.index for one in plan]
    worlds = [_World(seed) for seed in range(_WORLDS)]
    ours = [world.doubt(rows) for world in worlds]
    assert _wins(ours, [world.doubt_at_random([], budget) for world in worlds]) >= 5


def _wins(ours: list[float], theirs: list[float]) -> int:
    return sum(one < other for one, other in zip(ours, theirs, strict=True))


def test_what_a_plan_promises_comes_true_about(v_optimal: list[list[int]]) -> None:
    ratios = []
    for seed, rows in enumerate(v_optimal):
        world, rest = _World(seed), np.setdiff1d(np.arange(_PRICES.size), rows)
        plan = next_runs(
            world.fit(rows), _take(_POOL, rest), _PRICES[rest], _TARGET,
            budget=2 * _BUDGET, miss_sd=0.0,
        )  # fmt: skip
        promised = 1 - sum(one.narrows for one in plan)
        bought = [*rows, *(int(rest[one.index]) for one in plan)]
        ratios.append(world.doubt(bought) / world.doubt(rows) / promised)
    assert 0.5 < np.exp(np.log(ratios).mean()) < 2


@pytest.fixture(scope="module")
def laws() -> Laws:
    return _World(0).fit(_cheap_start())


@pytest.mark.parametrize("share", [1e-6, 1e-4, 0.003, 0.1, 2.0])
def test_a_plan_never_costs_more_than_the_budget(laws: Laws, share: float) -> None:
    budget = share * float(_PRICES.sum())
    for plan in (
        next_runs(laws, _POOL, _PRICES, _TARGET, budget=budget),
        next_runs(laws, _POOL, _PRICES, _TARGET, budget=budget, miss_sd=0.0),
        first_runs(_POOL, _PRICES, _TARGET, budget=budget),
    ):
        assert sum(one.price for one in plan) <= budget
        assert len({one.index for one in plan}) == len(plan)
        assert all(one.price == _PRICES[one.index] for one in plan)
        assert all(one.narrows > 0 for one in plan)
        assert sum(one.narrows for one in plan) < 1


def test_no_plan_is_longer_than_it_may_be(laws: Laws) -> None:
    assert len(next_runs(laws, _POOL, _PRICES, _TARGET, budget=_BUDGET, most=3)) == 3
    assert len(first_runs(_POOL, _PRICES, _TARGET, budget=_BUDGET, most=2)) == 2


def test_nothing_is_bought_where_nothing_can_be_afforded(laws: Laws) -> None:
    assert next_runs(laws, _POOL, _PRICES, _TARGET, budget=0.5 * float(_PRICES.min())) == ()


def test_the_order_of_the_candidates_does_not_matter(laws: Laws) -> None:
    order = np.random.default_rng(1).permutation(_PRICES.size)
    shuffled, prices = _take(_POOL, order), _PRICES[order]
    for plan, again in (
        (
            next_runs(laws, _POOL, _PRICES, _TARGET, budget=_BUDGET),
            next_runs(laws, shuffled, prices, _TARGET, budget=_BUDGET),
        ),
        (
            first_runs(_POOL, _PRICES, _TARGET, budget=_BUDGET),
            first_runs(shuffled, prices, _TARGET, budget=_BUDGET),
        ),
    ):
        assert [one.index for one in plan] == [int(order[one.index]) for one in again]
        assert [one.narrows for one in plan] == pytest.approx([one.narrows for one in again])


def test_units_of_the_prices_do_not_matter(laws: Laws) -> None:
    plan = next_runs(laws, _POOL, _PRICES, _TARGET, budget=_BUDGET)
    dollars = next_runs(laws, _POOL, _PRICES / 1e18, _TARGET, budget=_BUDGET / 1e18)
    assert [one.index for one in plan] == [one.index for one in dollars]


def test_a_replicate_is_bought_only_where_it_is_listed_and_tells_less(laws: Laws) -> None:
    near = {"params": [2e9, 2e9], "tokens": [4e10, 4e10]}
    first, second = next_runs(laws, near, [1.0, 1.0], _TARGET, budget=2.0, miss_sd=0.0)
    assert {first.index, second.index} == {0, 1}
    assert second.narrows < 0.5 * first.narrows


def test_a_run_at_the_target_is_preferred_at_the_same_price(laws: Laws) -> None:
    choice = {"params": [2e7, 5e9], "tokens": [4e8, 1e11]}
    target = {"params": [5e9], "tokens": [1e11]}
    assert next_runs(laws, choice, [1.0, 1.0], target, budget=1.0)[0].index == 1
    assert first_runs(choice, [1.0, 1.0], target, budget=1.0)[0].index == 1


def test_a_miss_sends_the_money_nearer_to_the_target() -> None:
    sizes = []
    for miss_sd in (0.0, 0.03):
        plan = first_runs(_POOL, _PRICES, _TARGET, budget=_BUDGET, miss_sd=miss_sd)
        sizes.append(np.log(_POOL["params"][[one.index for one in plan]]).mean())
    assert sizes[1] > sizes[0] + np.log(1.5)


def test_purchases_leave_the_error_that_a_fit_of_all_of_them_at_once_does() -> None:
    random = np.random.default_rng(0)
    root = random.standard_normal((9, 4))
    law, noise, rows = root @ root.T, 0.3, [5, 3, 8]
    miss = _misses({"compute": 10.0 ** random.uniform(0, 1, 9)}, 0.4)
    error = _Error(law.copy(), miss.copy(), noise)
    promised = 0.0
    for row in rows:
        promised += error.gains(6)[row - 3]
        error.buy(row)
    weights = np.linalg.solve(law[np.ix_(rows, rows)] + noise * np.eye(3), law[rows]).T
    crossed = weights @ miss[rows]
    left = miss - crossed - crossed.T + weights @ miss[np.ix_(rows, rows)] @ weights.T
    assert error.law == pytest.approx(law - weights @ law[rows])
    assert error.miss == pytest.approx(left)
    spent = np.trace((law + miss - error.law - error.miss)[:3, :3])
    assert promised == pytest.approx(float(spent))


def test_how_a_fit_answers_to_its_runs_is_read_off_its_posterior() -> None:
    random = np.random.default_rng(2)
    root = random.standard_normal((7, 3))
    law, noise = root @ root.T, random.uniform(0.1, 0.5, 4)
    weights = np.linalg.solve(law[:4, :4] + np.diag(noise), law[:4]).T
    assert _answer(law - weights @ law[:4], noise) == pytest.approx(weights)


def test_of_400_candidates_none_is_bought_twice_and_the_budget_is_kept(laws: Laws) -> None:
    pool = _grid(np.geomspace(1e7, 2e9, 20), np.geomspace(5, 500, 20))
    prices = 6 * pool["params"] * pool["tokens"]
    budget = 0.1 * float(prices.sum())
    plan = next_runs(laws, pool, prices, _TARGET, budget=budget)
    bought = [each.index for each in plan]
    assert plan and len(set(bought)) == len(bought)
    assert [each.price for each in plan] == pytest.approx(prices[bought].tolist())
    assert sum(each.price for each in plan) <= budget


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"budget": 0.0}, "budget must be above zero"),
        ({"budget": float("nan")}, "budget must be above zero"),
        ({"most": 0}, "most must be at least 1"),
        ({"miss_sd": -0.1}, "miss_sd must be at least zero"),
        ({"prices": [1.0]}, "prices has 1 entries where 2 are needed"),
        ({"prices": [1.0, 0.0]}, "prices must be above zero"),
        ({"candidates": {"params": [1e8, 1e9]}}, "candidates needs tokens; given were params"),
        ({"target": {}}, "target needs params, tokens; given were none"),
        ({"target": {"params": [1e9], "tokens": [-1.0]}}, "tokens must be above zero"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    laws: Laws, change: dict[str, object], said: str
) -> None:
    good: dict[str, object] = {
        "candidates": {"params": [1e8, 1e9], "tokens": [2e9, 2e10]},
        "prices": [1.0, 10.0],
        "target": {"params": [1e10], "tokens": [2e11]},
        "budget": 5.0,
    }
    with pytest.raises(ValueError, match=said):
        next_runs(laws, **{**good, **change})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=said):
        first_runs(**{**good, **change}, forms=_FORMS)  # type: ignore[arg-type]


def test_inputs_that_no_form_has_are_named() -> None:
    with pytest.raises(ValueError, match="no form for inputs experts"):
        first_runs({"experts": [1.0]}, [1.0], {"experts": [2.0]}, budget=1.0)


def test_a_purchase_says_what_it_is_worth(laws: Laws) -> None:
    one = next_runs(laws, _POOL, _PRICES, _TARGET, budget=_BUDGET)[0]
    assert isinstance(one, Purchase)
    assert 0 < one.narrows < 1
