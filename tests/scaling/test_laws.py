"""Forecasts from averaged laws: coverage on known truths, what widens them, what is said."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from proveout.scaling import FORMS, Discrepancy, Laws, Points, fit_laws
from proveout.scaling._forecast import overshoot

TABLE = Discrepancy(bias=0.0, per_fall=0.1, per_decade=0.005, dof=5.0, own_runs=4.0)
LADDER = np.repeat(np.geomspace(1e17, 1e20, 7), 2)


def ladder_laws(count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random power laws with a floor: noisy losses at LADDER and true ones 10 and 100 times on."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        floor, middle = rng.uniform(0, 2), rng.uniform(1, 3)
        exponent = 0.15 * math.exp(0.6 * rng.standard_normal())
        truth = floor + middle * (np.append(LADDER, [1e21, 1e22]) / 3e18) ** -exponent
        noise = math.exp(rng.uniform(math.log(0.002), math.log(0.02)))
        made.append((truth[:-2] * np.exp(noise * rng.standard_normal(LADDER.size)), truth[-2:]))
    return made


def coverage(
    discrepancy: Discrepancy | None, level: float, truths: list[Laws], known: np.ndarray
) -> float:
    held = [
        truth in prediction.interval(level)
        for laws, row in zip(truths, known, strict=True)
        for prediction, truth in zip(
            laws.with_discrepancy(discrepancy).predict({"compute": [1e21, 1e22]}, noise=False),
            row,
            strict=True,
        )
    ]
    return float(np.mean(held))


@pytest.fixture(scope="module")
def fitted() -> tuple[list[Laws], np.ndarray]:
    """Ninety power laws, fitted as power laws."""
    made = ladder_laws(90, seed=1)
    points = [Points.of({"compute": LADDER}, loss) for loss, _ in made]
    laws = [fit_laws(p, [FORMS["power"]], discrepancy=None) for p in points]
    return laws, np.array([truth for _, truth in made])


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_without_the_discrepancy_intervals_hold_what_they_promise(
    fitted: tuple[list[Laws], np.ndarray], level: float
) -> None:
    # 90 laws, two targets each that share a law: three binomial sds of 90 draws.
    sampling = 3 * math.sqrt(level * (1 - level) / 90)
    assert coverage(None, level, *fitted) == pytest.approx(level, abs=sampling)


def test_with_the_discrepancy_true_laws_are_covered_more_often(
    fitted: tuple[list[Laws], np.ndarray],
) -> None:
    assert coverage(TABLE, 0.8, *fitted) > coverage(None, 0.8, *fitted)
    assert coverage(TABLE, 0.8, *fitted) >= 0.8


def test_a_form_not_among_ours_widens_the_intervals() -> None:
    rng = np.random.default_rng(2)
    compute = np.geomspace(1e17, 1e20, 13)
    straight = 1.5 + 2 * (compute / 3e18) ** -0.15
    wavy = straight * np.exp(0.02 * np.sin(2.2 * np.log(compute)))
    noise = np.exp(0.001 * rng.standard_normal(13))
    widths = []
    for loss in (straight * noise, wavy * noise):
        laws = fit_laws(Points.of({"compute": compute}, loss), discrepancy=TABLE)
        low, high = laws.predict({"compute": [1e21]})[0].interval(0.8)
        widths.append(math.log(high / low))
    assert widths[1] > 2 * widths[0]


def test_the_form_that_forecasts_its_own_largest_runs_gets_the_weight() -> None:
    compute = np.geomspace(1e16, 1e21, 26)
    relative = compute / 1e18
    broken = 0.3 + relative**-0.02 * (1 + relative**2.5) ** (-0.33 / 2.5)
    noise = np.exp(0.002 * np.random.default_rng(3).standard_normal(26))
    laws = fit_laws(Points.of({"compute": compute}, broken * noise), discrepancy=TABLE)
    weight = {m.form.name: w for m, w in zip(laws.members, laws.weights, strict=True)}
    assert weight["power"] < 0.1
    assert laws.best.form.name != "power"
    assert sum(weight.values()) == pytest.approx(1)


def test_doubt_grows_with_distance_and_the_discrepancy_adds_to_it() -> None:
    loss, _ = ladder_laws(1, seed=4)[0]
    laws = fit_laws(Points.of({"compute": LADDER}, loss), discrepancy=TABLE)
    at = {"compute": [1e20, 1e21, 1e22, 1e23]}
    on, off = (
        [math.log(p.interval(0.8).high / p.interval(0.8).low) for p in one.predict(at)]
        for one in (laws, laws.with_discrepancy(None))
    )
    assert on == sorted(on)
    assert all(a > b for a, b in zip(on[1:], off[1:], strict=True))
    assert on[0] == pytest.approx(off[0], rel=0.05), "nothing is extrapolated at the largest run"


def test_a_bias_moves_forecasts_its_way() -> None:
    loss, _ = ladder_laws(1, seed=5)[0]
    points = Points.of({"compute": LADDER}, loss)
    laws = fit_laws(points, discrepancy=TABLE)
    up = laws.with_discrepancy(dataclasses.replace(TABLE, bias=0.3))
    at = {"compute": [1e22]}
    assert up.predict(at)[0].mean > laws.predict(at)[0].mean


def test_own_misses_scale_the_discrepancy() -> None:
    compute = np.geomspace(1e16, 1e21, 16)
    smooth = 1.5 + 2 * (compute / 1e19) ** -0.15
    kinked = smooth * (1 + compute / 3e19) ** 0.08
    shares = [
        fit_laws(Points.of({"compute": compute}, loss), discrepancy=TABLE).share
        for loss in (smooth, kinked)
    ]
    assert shares[0] < 1 < shares[1]


def test_draws_agree_with_predictions_and_keep_their_sign_along_a_course() -> None:
    loss, _ = ladder_laws(1, seed=6)[0]
    laws = fit_laws(Points.of({"compute": LADDER}, loss), discrepancy=TABLE)
    at = {"compute": [1e21, 1e22]}
    draws = laws.draws(at, count=20_000, seed=1)
    assert draws.shape == (20_000, 2)
    for column, prediction in zip(draws.T, laws.predict(at, noise=False), strict=True):
        assert np.quantile(column, [0.1, 0.5, 0.9]) == pytest.approx(
            prediction.quantiles([0.1, 0.5, 0.9]), rel=0.01
        )
    assert np.corrcoef(np.log(draws.T))[0, 1] > 0.9


def test_the_same_seed_gives_the_same_forecast() -> None:
    loss, _ = ladder_laws(1, seed=7)[0]
    points = Points.of({"compute": LADDER}, loss)
    one, other = (fit_laws(points).predict({"compute": [1e21]})[0].interval(0.8) for _ in range(2))
    assert one == other


def test_the_unit_of_compute_and_of_loss_does_not_matter() -> None:
    loss, _ = ladder_laws(1, seed=8)[0]
    one = fit_laws(Points.of({"compute": LADDER}, loss)).predict({"compute": [1e21]})[0]
    other = fit_laws(Points.of({"compute": LADDER / 1e15}, loss * 8)).predict({"compute": [1e6]})[0]
    assert other.interval(0.8).low == pytest.approx(8 * one.interval(0.8).low, rel=5e-3)
    assert other.interval(0.8).high == pytest.approx(8 * one.interval(0.8).high, rel=5e-3)


def test_a_prediction_is_one_distribution() -> None:
    loss, _ = ladder_laws(1, seed=9)[0]
    prediction = fit_laws(Points.of({"compute": LADDER}, loss)).predict({"compute": [1e21]})[0]
    low, high = prediction.interval(0.8)
    assert low < prediction.mean < high
    assert prediction.probability_below(low) == pytest.approx(0.1, abs=1e-6)
    assert prediction.quantiles([0.1, 0.9]) == pytest.approx([low, high])


def test_how_far_beyond_the_runs_a_setting_lies() -> None:
    runs = {"params": np.array([1e8, 1e9]), "tokens": np.array([1e10, 2e9])}
    at = {"params": np.array([1e9, 1e10, 1e8]), "tokens": np.array([1e10, 1e11, 2e9])}
    # Compute is at most 12e18 in the runs: 60e18 is further though neither axis is; and the last
    # setting lies below the smallest, 6e18.
    expected = [math.log10(60 / 12), math.log10(6000 / 12), math.log10(6 / 1.2)]
    assert overshoot(runs, at) == pytest.approx(expected, abs=1e-4)
    assert overshoot(runs, runs) == pytest.approx([0, 0])


def test_what_is_wrong_with_runs_is_said() -> None:
    compute = np.array([1e18, 2e18, 4e18])
    laws = fit_laws(Points.of({"compute": compute}, [3.0, 2.9, 2.8]))
    assert any("3 distinct compute" in said for said in laws.warnings)
    near = np.geomspace(1e18, 5e18, 6)
    laws = fit_laws(Points.of({"compute": near}, 3 * near**-0.01))
    assert any("less than a decade" in said for said in laws.warnings)
    rising = fit_laws(Points.of({"compute": near}, 3 * near**0.01))
    assert any("not below" in said for said in rising.warnings)
    flat = fit_laws(Points.of({"compute": near}, np.full(6, 2.5)))
    assert any("all losses are the same" in said for said in flat.warnings)


def test_a_run_that_decides_everything_is_named() -> None:
    compute = np.append(np.geomspace(1e17, 3e17, 8), 1e21)
    loss = 1.5 + 2 * (compute / 1e18) ** -0.15
    loss *= np.exp(0.002 * np.random.default_rng(10).standard_normal(9))
    laws = fit_laws(Points.of({"compute": compute}, loss), [FORMS["power"]])
    assert any("compute=1e+21" in said and "repeat it" in said for said in laws.warnings)


def test_a_run_far_off_the_law_is_named_and_let_go() -> None:
    compute = np.geomspace(1e17, 1e20, 13)
    noise = np.exp(0.005 * np.random.default_rng(11).standard_normal(13))
    loss = (1.6 + 1.5 * (compute / 3e18) ** -0.2) * noise
    slip = loss.copy()
    slip[6] *= 2
    clean, dirty = (fit_laws(Points.of({"compute": compute}, y)) for y in (loss, slip))
    assert any("lies +" in said and "check it" in said for said in dirty.warnings)
    assert not any("check it" in said for said in clean.warnings)
    far = {"compute": [1e21]}
    assert dirty.predict(far)[0].mean == pytest.approx(clean.predict(far)[0].mean, rel=0.02)


def test_the_largest_runs_are_named_where_they_came_out_too_high() -> None:
    compute = np.geomspace(1e17, 1e20, 13)
    noise = np.exp(0.003 * np.random.default_rng(17).standard_normal(13))
    loss = (1.6 + 1.5 * (compute / 3e18) ** -0.2) * noise
    short = loss * np.where(compute > 5e19, 1.08, 1)
    clean, dirty = (fit_laws(Points.of({"compute": compute}, y)) for y in (loss, short))
    assert any("2 scales (compute 5.62e+19 and up)" in said for said in dirty.warnings)
    assert not any("came out" in said for said in clean.warnings)


def test_runs_of_a_law_without_a_floor_are_not_forecast_far_too_high() -> None:
    params, ratio = (g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e8, 6), [10, 20, 40, 80]))

    def truth(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        return ((8.8e13 / n) ** (0.076 / 0.095) + 5.4e13 / d) ** 0.095

    inputs = {"params": params, "tokens": params * ratio}
    noise = np.exp(0.002 * np.random.default_rng(18).standard_normal(params.size))
    laws = fit_laws(Points.of(inputs, truth(**_short(inputs)) * noise))
    far = {"params": np.array([5e8]), "tokens": np.array([2e10])}
    assert truth(**_short(far))[0] in laws.predict(far)[0].interval(0.95)


def _short(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"n": inputs["params"], "d": inputs["tokens"]}


def test_terms_that_are_alike_at_all_runs_do_not_spoil_the_forecast() -> None:
    # Hundreds of epochs: every run but the first has the same effective parameters and tokens.
    params = 1e7 * 3.0 ** np.arange(8)
    inputs = {"params": params, "tokens": 20 * params, "unique_tokens": np.full(8, 1e6)}
    loss = 1.7 + 400 * params**-0.34
    laws = fit_laws(Points.of(inputs, loss))
    for prediction in laws.predict(inputs):
        assert loss.min() < prediction.mean < loss.max()


def test_only_relative_weights_matter() -> None:
    loss, _ = ladder_laws(1, seed=12)[0]
    at = {"compute": [1e21]}
    intervals = [
        fit_laws(Points.of({"compute": LADDER}, loss, weight=np.full(14, w)), [FORMS["power"]])
        .predict(at)[0]
        .interval()
        for w in (1e-6, 1.0, 4e4)
    ]
    assert intervals[0] == pytest.approx(intervals[1], rel=1e-6)
    assert intervals[2] == pytest.approx(intervals[1], rel=1e-6)


def test_below_the_runs_doubt_grows_too() -> None:
    loss, _ = ladder_laws(1, seed=13)[0]
    laws = fit_laws(Points.of({"compute": LADDER}, loss), discrepancy=TABLE)
    below = {"compute": [1e14]}
    on, off = (one.predict(below)[0].interval() for one in (laws, laws.with_discrepancy(None)))
    assert on.high / on.low > 1.1 * off.high / off.low


def test_places_far_from_the_runs_are_named() -> None:
    loss, _ = ladder_laws(1, seed=15)[0]
    laws = fit_laws(Points.of({"compute": LADDER}, loss))
    below, far = laws.cautions({"compute": [1e15, 1e21, 1e26]})  # 1e21 is what laws are for
    assert "compute=1e+15 lies 2.0 decades below the smallest run" in below
    assert "compute=1e+26 lies 6.0 decades beyond the runs" in far


def test_thousands_of_rows_along_a_curve_say_what_their_course_says() -> None:
    compute = np.geomspace(1e17, 1e20, 3000)
    noise = np.exp(0.01 * np.random.default_rng(16).standard_normal(3000))
    loss = (1.6 + 1.5 * (compute / 3e18) ** -0.2) * noise
    laws = fit_laws(Points.of({"compute": compute}, loss), [FORMS["power"]])
    assert laws.points.loss.size <= 256
    truth = 1.6 + 1.5 * (1e21 / 3e18) ** -0.2
    assert truth in laws.predict({"compute": [1e21]})[0].interval(0.95)


def test_standard_errors_hold_the_truth_as_often_as_they_promise() -> None:
    rng = np.random.default_rng(14)
    compute = np.geomspace(1e17, 1e20, 9)
    within = []
    for _ in range(40):
        loss = (1.6 + 1.5 * (compute / 3e18) ** -0.2) * np.exp(0.005 * rng.standard_normal(9))
        best = fit_laws(Points.of({"compute": compute}, loss), [FORMS["power"]]).best
        error = best.standard_errors["alpha"]
        assert error is not None
        within.append(abs(best.parameters["alpha"] - 0.2) < 2 * error)
    assert np.mean(within) > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 40) - 0.05


def test_what_cannot_be_fitted_is_named() -> None:
    with pytest.raises(
        ValueError, match="no form for inputs width; the package's forms have compute"
    ):
        fit_laws(Points.of({"width": [1.0, 2.0]}, [3.0, 2.0]))
    with pytest.raises(ValueError, match="all runs share one"):
        fit_laws(Points.of({"compute": [1e18, 1e18]}, [3.0, 3.1]))
    laws = fit_laws(Points.of({"compute": [1e18, 1e19, 1e20]}, [3.0, 2.5, 2.2]))
    with pytest.raises(ValueError, match="needs compute; given were params"):
        laws.predict({"params": [1e9]})
    with pytest.raises(ValueError, match="per_fall must be above zero"):
        dataclasses.replace(TABLE, per_fall=0.0)
