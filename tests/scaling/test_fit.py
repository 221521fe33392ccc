"""Fits of every form: truths found again, robustness, invariance, and what is said of bad runs."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from proveout.scaling import FORMS, Fit, Form, Parameter, Points, bootstrap, fit

N, M = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e9, 6), 20.0 * 2 ** np.arange(4)))
PLANE = {"params": N, "tokens": N * M}
LINE = {"compute": np.geomspace(1e16, 1e20, 12)}
UNIQUE = {**PLANE, "unique_tokens": np.minimum(PLANE["tokens"], 2e9)}


def chinchilla(inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Hoffmann et al. 2022 as corrected by Besiroglu et al. 2024: E 1.82, A 482, B 2085."""
    return 1.82 + 482.0 * inputs["params"] ** -0.348 + 2085.4 * inputs["tokens"] ** -0.366


TRUTHS: dict[str, tuple[dict[str, np.ndarray], dict[str, float]]] = {
    "power": (LINE, {"E": 1.7, "A": 240.0, "alpha": 0.13}),
    "floorless": (LINE, {"A": 40.0, "alpha": 0.06}),
    "chinchilla": (PLANE, {"E": 1.82, "A": 482.0, "B": 2085.4, "alpha": 0.348, "beta": 0.366}),
    "tied": (PLANE, {"E": 1.5, "A": 120.0, "B": 300.0, "alpha": 0.28}),
    "interaction": (
        PLANE,
        {"E": 1.2, "A": 60.0, "B": 900.0, "alpha": 0.31, "beta": 0.35, "gamma": -0.04},
    ),
    "kaplan": (PLANE, {"S": 2.9, "alpha": 0.076, "beta": 0.103, "balance": 0.6}),
    "m4": (LINE, {"E": 0.2, "S": 0.8, "gamma": 0.4, "bend": 0.7, "middle": 2e17}),
    "broken": (
        LINE,
        {"E": 0.5, "A": 2.0, "before": 0.05, "after": 0.3, "at": 1e18, "width": 0.4},
    ),
    "data-constrained": (
        UNIQUE,
        {
            "E": 1.87,
            "A": 521.0,
            "B": 1488.0,
            "alpha": 0.353,
            "beta": 0.353,
            "tokens_kept": 15.4,
            "params_kept": 5.3,
        },
    ),
}


def law(form: Form, inputs: dict[str, np.ndarray], values: dict[str, float]) -> np.ndarray:
    """Losses by a form's own definition, term by term."""
    exponents = [np.array([[values[p.name]]]) for p in form.parameters]
    total = np.zeros_like(next(iter(inputs.values())))
    if form.relative:
        inputs = {name: values / np.exp(np.log(values).mean()) for name, values in inputs.items()}
    for name, term in zip(form.terms, form.basis(inputs, *exponents), strict=True):
        total = total + values[name] * np.ravel(term)
    return total


def fitted(name: str, noise: float = 0.0) -> tuple[Fit, np.ndarray]:
    """A form fitted to its own truth."""
    inputs, values = TRUTHS[name]
    loss = law(FORMS[name], inputs, values)
    rng = np.random.default_rng(0)
    return fit(
        Points.of(inputs, loss * np.exp(noise * rng.standard_normal(loss.size))), FORMS[name]
    ), loss


def test_every_form_has_a_truth_here() -> None:
    assert set(TRUTHS) == set(FORMS)


@pytest.mark.parametrize("name", list(TRUTHS))
def test_a_law_without_noise_is_found_again(name: str) -> None:
    found, loss = fitted(name)
    assert found.at(TRUTHS[name][0]) == pytest.approx(loss, rel=2e-4)
    assert found.residuals == pytest.approx(0, abs=2e-4)


@pytest.mark.parametrize(
    "name", ["power", "floorless", "chinchilla", "tied", "interaction", "kaplan"]
)
def test_the_parameters_of_identified_forms_are_found_again(name: str) -> None:
    found, _ = fitted(name)
    values = TRUTHS[name][1]
    assert list(found.parameters) == list(values)
    for key, value in values.items():
        assert found.parameters[key] == pytest.approx(value, rel=0.02, abs=2e-3), key


def test_the_data_constrained_form_is_the_paper_s() -> None:
    # Muennighoff et al. 2023, eq. 5: D' = U + U R* (1 - exp(-R / R*)), R repeats beyond the first.
    form = FORMS["data-constrained"]
    at = {"params": np.array([1e9]), "tokens": np.array([5e10]), "unique_tokens": np.array([1e10])}
    one = np.array([[1.0]])
    _, params, tokens = form.basis(at, one, one, 15.4 * one, 5.3 * one)
    assert 1 / float(np.ravel(tokens)[0]) == pytest.approx(
        1e10 * (1 + 15.4 * -math.expm1(-4 / 15.4))
    )
    used = 1e10 / 20
    worth = used * (1 + 5.3 * -math.expm1(-(1e9 / used - 1) / 5.3))
    assert 1 / float(np.ravel(params)[0]) == pytest.approx(worth)


def test_kaplan_is_the_paper_s() -> None:
    # Kaplan et al. 2020, eq. 1.5, with the constants of their section 4.
    alpha, beta, critical_params, critical_tokens = 0.076, 0.103, 6.4e13, 1.8e13
    of_params = (critical_params / PLANE["params"]) ** (alpha / beta)
    loss = (of_params + critical_tokens / PLANE["tokens"]) ** beta
    found = fit(Points.of(PLANE, loss), FORMS["kaplan"])
    assert found.residuals == pytest.approx(0, abs=2e-4)
    assert found.parameters["alpha"] == pytest.approx(alpha, rel=0.02)
    assert found.parameters["beta"] == pytest.approx(beta, rel=0.02)
    units = {"params": N / 1e6, "tokens": PLANE["tokens"] / 1e9}
    other = fit(Points.of(units, loss), FORMS["kaplan"])
    assert other.parameters == pytest.approx(found.parameters, rel=1e-3)


def test_m4_is_the_paper_s() -> None:
    # Alabdulmohsin et al. 2022: (L - E) / (E0 - L)^a = b C^-c, with E0 = E + S.
    compute = np.geomspace(1e16, 1e20, 9)
    gamma, bend, middle, floor, top = 0.4, 0.7, 2e17, 0.2, 1.0
    values = {"E": floor, "S": top - floor, "gamma": gamma, "bend": bend, "middle": middle}
    loss = law(FORMS["m4"], {"compute": compute}, values)
    ratio = (loss - floor) / (top - loss) ** bend
    expected = (top - floor) ** (1 - bend) * (compute / middle) ** -gamma
    assert ratio == pytest.approx(expected, rel=1e-9)


def test_the_fit_reaches_the_objective_of_a_grid_of_lbfgs_starts() -> None:
    rng = np.random.default_rng(3)
    loss = chinchilla(PLANE) * np.exp(0.01 * rng.standard_normal(N.size))
    logs, y = (np.log(PLANE["params"]), np.log(PLANE["tokens"])), np.log(loss)

    def objective(t: np.ndarray) -> float:
        terms = np.stack([np.full(N.size, t[0]), t[1] - t[3] * logs[0], t[2] - t[4] * logs[1]])
        size = abs(np.logaddexp.reduce(terms, axis=0) - y)
        inside = np.minimum(size, 1e-3)
        return float((inside * (size - inside / 2)).sum() * 1e3)

    starts = [
        (e, a, b, p, q)
        for e in (0, 0.7)
        for a in (2, 7)
        for b in (2, 7)
        for p in (0.2, 0.5)
        for q in (0.2, 0.5)
    ]
    best = min(minimize(objective, s, method="L-BFGS-B").fun for s in starts) / 1e3
    assert fit(Points.of(PLANE, loss), FORMS["chinchilla"]).objective <= best * 1.0001


def test_runs_that_went_wrong_do_not_move_the_law() -> None:
    rng = np.random.default_rng(4)
    loss = chinchilla(PLANE) * np.exp(0.003 * rng.standard_normal(N.size))
    wrong = loss.copy()
    wrong[[3, 11, 17]] *= 1.4
    far = {"params": [1e10], "tokens": [2e11]}
    clean, dirty = (fit(Points.of(PLANE, y), FORMS["chinchilla"]).at(far)[0] for y in (loss, wrong))
    assert dirty == pytest.approx(clean, rel=0.02)


def test_the_unit_of_the_loss_and_of_the_inputs_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    loss = chinchilla(PLANE) * np.exp(0.01 * rng.standard_normal(N.size))
    one = fit(Points.of(PLANE, loss), FORMS["chinchilla"])
    other = fit(
        Points.of({"params": N / 1e6, "tokens": PLANE["tokens"] / 1e9}, loss / math.log(2)),
        FORMS["chinchilla"],
    )
    at = one.at({"params": [1e10], "tokens": [2e11]})[0]
    same = other.at({"params": [1e4], "tokens": [200.0]})[0] * math.log(2)
    assert same == pytest.approx(at, rel=1e-3)
    assert other.parameters["alpha"] == pytest.approx(one.parameters["alpha"], rel=1e-2)


def test_a_weight_of_two_is_the_run_twice() -> None:
    rng = np.random.default_rng(6)
    loss = chinchilla(PLANE) * np.exp(0.01 * rng.standard_normal(N.size))
    weight = np.ones(N.size)
    weight[5] = 2
    twice = {name: np.append(values, values[5]) for name, values in PLANE.items()}
    weighted = fit(Points.of(PLANE, loss, weight=weight), FORMS["tied"])
    repeated = fit(Points.of(twice, np.append(loss, loss[5])), FORMS["tied"])
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-6)


def test_standard_errors_and_bootstraps_tell_the_spread_of_estimates() -> None:
    rng = np.random.default_rng(7)
    estimates, errors = [], []
    for _ in range(60):
        loss = law(FORMS["tied"], PLANE, TRUTHS["tied"][1]) * np.exp(
            0.01 * rng.standard_normal(N.size)
        )
        found = fit(Points.of(PLANE, loss), FORMS["tied"], huber=1.0)
        estimates.append(found.parameters["alpha"])
        errors.append(found.standard_errors["alpha"])
    spread = float(np.std(estimates))
    assert np.median(np.array(errors, dtype=float)) == pytest.approx(spread, rel=0.35)
    far = {"params": [1e10], "tokens": [2e11]}
    resampled = bootstrap(found, count=300, seed=1).losses(far)
    assert resampled.shape == (300, 1)
    assert 0.3 * spread < resampled.std() / found.at(far)[0] < 3 * spread


def test_a_reader_s_own_form_is_fitted_like_ours() -> None:
    form = Form(
        name="log",
        formula="L = A - B log C, as A + B (40 - log C)",
        source="this test",
        inputs=("compute",),
        terms=("A",),
        parameters=(Parameter("slope", 0.02, 1.0),),
        basis=lambda x, slope: (1 - slope * (np.log(x["compute"]) - 40),),
        floor=None,
    )
    loss = 3.0 * (1 - 0.03 * (np.log(LINE["compute"]) - 40))
    found = fit(Points.of(LINE, loss), form)
    assert found.parameters == pytest.approx({"A": 3.0, "slope": 0.03}, rel=1e-3)


def test_a_floor_that_could_be_zero_is_said() -> None:
    rng = np.random.default_rng(8)
    loss = 30 * LINE["compute"][:5] ** -0.05 * np.exp(0.01 * rng.standard_normal(5))
    found = fit(Points.of({"compute": LINE["compute"][:5]}, loss), FORMS["power"])
    assert any("cannot tell the floor E from zero" in said for said in found.warnings)
    sure, _ = fitted("power", noise=1e-4)
    assert not any("floor" in said for said in sure.warnings)


def test_fewer_runs_than_parameters_are_said() -> None:
    four = {name: values[:4] for name, values in PLANE.items()}
    found = fit(Points.of(four, chinchilla(four)), FORMS["chinchilla"])
    assert any("4 runs for 5 parameters" in said for said in found.warnings)
    assert set(found.standard_errors.values()) == {None}


def test_what_cannot_be_fitted_is_named() -> None:
    with pytest.raises(
        ValueError, match="form chinchilla needs params, tokens; the runs have compute"
    ):
        fit(Points.of(LINE, np.ones(12)), FORMS["chinchilla"])
    with pytest.raises(ValueError, match="huber must be above zero"):
        fit(Points.of(LINE, np.ones(12)), FORMS["power"], huber=0)
    found, _ = fitted("power")
    with pytest.raises(ValueError, match="count must be at least 1"):
        bootstrap(found, count=0)


def test_forms_are_documented() -> None:
    for form in FORMS.values():
        assert form.formula and form.source and form.limits
        assert all(p.spread > 0 for p in form.parameters)
        assert dataclasses.is_dataclass(form)


@pytest.mark.parametrize(
    ("inputs", "loss", "message"),
    [
        ({}, [1.0], "inputs must name at least one"),
        ({"compute": [1.0, 2.0]}, [1.0], "compute has 2 entries where 1 are needed"),
        ({"compute": [1.0, -2.0]}, [1.0, 1.0], "compute must be above zero"),
        ({"compute": [1.0, 2.0]}, [1.0, math.nan], r"loss\[1\] is nan"),
        ({"compute": [1.0, 2.0]}, [1.0, 0.0], "loss must be above zero"),
    ],
)
def test_points_that_cannot_be_are_named(
    inputs: dict[str, list[float]], loss: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Points.of(inputs, loss)


def test_bringing_replicates_together_twice_changes_nothing() -> None:
    rng = np.random.default_rng(11)
    compute = np.repeat(np.geomspace(1e17, 1e20, 7), 3)
    once = Points.of({"compute": compute}, np.exp(rng.standard_normal(21))).settings()
    twice = once.settings()
    assert twice.loss == pytest.approx(once.loss)
    assert twice.weight == pytest.approx(once.weight)
    assert twice.replicates == once.replicates
    assert once.replicates.dof == 14


def test_scales_that_differ_by_rounding_are_one() -> None:
    points = Points.of({"compute": [1e18, 1e18 * (1 + 1e-15), 1e19]}, [3.0, 3.1, 2.5])
    assert points.settings().loss.size == 2


def test_replicates_and_checkpoints_weigh_what_they_tell() -> None:
    compute = [1e18, 1e18, 1e18, 1e19]
    together = Points.of({"compute": compute}, [3.0, 3.03, 2.97, 2.5]).settings()
    assert together.loss.size == 2
    assert together.loss[0] == pytest.approx((3.0 * 3.03 * 2.97) ** (1 / 3))
    assert 1 < together.weight[0] < 3
    run = ["a"] * 3 + ["b"]
    points = Points.of({"compute": [1e18, 2e18, 3e18, 1e19]}, [3.0, 2.9, 2.8, 2.5], run=run)
    weight = points.settings().weight
    assert weight[3] == 1
    assert 1 < weight[:3].sum() < 3
    with pytest.raises(ValueError, match="run has 2 entries where 4 are needed"):
        Points.of({"compute": compute}, [3.0] * 4, run=["a", "b"])
