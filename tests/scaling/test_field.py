"""The gaps of many ideas as one belief: exact where it can be, and right as often as it says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from proveout.scaling import (
    FIELD_PRIOR,
    Cells,
    Course,
    FieldPrior,
    GapField,
    fit_field,
    measure_cells,
)

Array = npt.NDArray[np.float64]
X = np.array([10.0, 10.5, 11.0, 11.5])
TARGET, CENTRE, LOSS = 12.5, 10.75, 3.0
LINE = Course(0.1, 0.5, 0.3, 0.05)
SIZES, WEIGHTS = (0.005, 0.02, 0.08, 0.24), (0.3, 0.35, 0.25, 0.1)
LINES = FieldPrior(SIZES, (LINE,) * len(SIZES), WEIGHTS)
ONE_SIZE = FieldPrior((0.02,), (LINE,), (1.0,))


def cells_of(gap: Array, variance: Array, shared: Array, dof: float = 1e12) -> Cells:
    """Gaps [I, R] whose errors are known; an infinite variance is a gap that is not measured."""
    runs = np.where(np.isfinite(variance), 2.0, 0.0)
    ones = np.ones_like(shared)
    return Cells(
        np.where(runs > 0, gap, 0.0), variance, np.full_like(gap, dof), shared, runs, 2 * ones,
        np.where(runs > 0, 2 * variance, 1.0), 2 * shared, 1.0, LOSS * ones,
        np.zeros(len(gap), dtype=bool),
    )  # fmt: skip


def fit(cells: Cells, prior: FieldPrior = FIELD_PRIOR) -> GapField:
    return fit_field(X, cells, scale=LOSS, centre=CENTRE, prior=prior)


def draw_truths(
    rng: np.random.Generator, ideas: int, prior: FieldPrior = FIELD_PRIOR
) -> tuple[Array, Array]:
    """Gaps at the rungs [I, R] and at the target [I], as the prior has it."""
    there = np.append(X, TARGET)
    roots = [
        np.linalg.cholesky(kernel + 1e-14 * np.eye(there.size))
        for kernel in LOSS**2 * prior.kernel(there, there, CENTRE)
    ]
    weights = np.array(prior.weights) / sum(prior.weights)
    kinds = rng.choice(len(weights), size=ideas, p=weights)
    gaps = np.array([roots[kind] @ rng.normal(size=there.size) for kind in kinds])
    return gaps[:, :-1], gaps[:, -1]


def measure(
    rng: np.random.Generator, truths: Array, own_sd: float, luck_sd: float
) -> tuple[Cells, Array]:
    """Gaps as they are measured, and what the baseline was off by, [R]."""
    luck = rng.normal(0, luck_sd, X.size)
    gap = truths - luck + rng.normal(0, own_sd, truths.shape)
    variance, shared = np.full(gap.shape, own_sd**2), np.full(X.size, luck_sd**2)
    return cells_of(gap, variance, shared), luck


def few_cells(seed: int = 0, dof: float = 1e12) -> Cells:
    """Five ideas, one of them measured nowhere and two only in part."""
    rng = np.random.default_rng(seed)
    gap = rng.normal(0, 0.05, (5, 4))
    variance = np.full((5, 4), 0.01**2)
    variance[1, 2:], variance[2, 0], variance[3] = math.inf, math.inf, math.inf
    return cells_of(gap, variance, np.array([0.01, 0.02, 0.01, 0.015]) ** 2, dof)


@pytest.mark.parametrize("measured", [(0,), (0, 1), (0, 2, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("dof", [1e12, 6.0])
def test_an_idea_alone_has_the_mixture_that_is_computed_by_hand(
    measured: tuple[int, ...], dof: float
) -> None:
    """With the kinds as likely as the field has learnt that they are. What is not measured has a
    large variance and not an infinite one: to 1e-5 of itself that is the same."""
    rel = 1e-6 if len(measured) == 4 else 2e-5
    at, gap = list(measured), np.array([[-0.06, -0.05, -0.03, -0.045]])
    variance = np.full((1, 4), math.inf)
    variance[0, at] = np.array([0.02, 0.01, 0.015, 0.01])[at] ** 2
    shared = np.array([0.01, 0.005, 0.01, 0.02]) ** 2
    field = fit(cells_of(gap, variance, shared, dof))
    noise, there = variance[0, at] + shared[at], np.array([10.0, 10.75, 11.5, 12.5])
    own = LOSS**2 * FIELD_PRIOR.kernel(X[at], X[at], CENTRE)
    cross = LOSS**2 * FIELD_PRIOR.kernel(X[at], there, CENTRE)
    before = LOSS**2 * FIELD_PRIOR.kernel(there, there, CENTRE).diagonal(axis1=1, axis2=2)
    total = own + np.diag(noise)
    gain = np.linalg.solve(total, cross)
    fits = [g @ np.linalg.solve(t, g) + np.linalg.slogdet(t)[1] for g in gap[:, at] for t in total]
    logs = np.log(field.kind_weights) - np.array(fits) / 2
    weights = np.exp(logs - logs.max())
    said = field.at(there)
    variances = before - np.einsum("krm,krm->km", gain, cross)
    # Satterthwaite, the rungs' noise as if wholly dependent: they lean on one pool.
    doubt = np.einsum("r,krm->km", noise / math.sqrt(dof), gain**2)
    assert said.weights[0] == pytest.approx(weights / weights.sum(), rel=rel, abs=1e-9)
    assert said.means[0] == pytest.approx(gap[0, at] @ gain, rel=rel, abs=1e-7)
    assert said.variances[0] == pytest.approx(variances, rel=rel)
    assert said.dofs[0] == pytest.approx(np.clip(variances / doubt, 1.0, 1e4) ** 2, rel=1e-3)


def test_one_idea_moves_the_sizes_weights_by_little() -> None:
    """By hand: as one idea beside twelve."""
    field = fit(cells_of(np.full((1, 4), -3.0), np.full((1, 4), 1e-4), np.full(4, 1e-4)), LINES)
    moved = (12 * np.array(WEIGHTS) + np.array([0, 0, 0, 1])) / 13
    assert field.kind_weights == pytest.approx(moved, abs=1e-3)


def brute_force(cells: Cells, prior: FieldPrior) -> tuple[Array, Array, Array, Array]:
    """Of the one size there is, all gaps at the target and the luck at once: means [I] and
    covariance [I, I], and the luck's [R] and [R, R]."""
    ideas, rungs = cells.gap.shape
    there = np.append(X, TARGET)
    (kernel,) = LOSS**2 * prior.kernel(there, there, CENTRE)
    shared = np.diag(np.where(np.isfinite(cells.shared), cells.shared, 1e4 * LOSS**2))
    # What is unknown: gaps at rungs and target for each idea, then the luck.
    size = ideas * (rungs + 1)
    before = np.zeros((size + rungs, size + rungs))
    before[:size, :size] = np.kron(np.eye(ideas), kernel)
    before[size:, size:] = shared
    rows, measured, noise = [], [], []
    for idea, rung in np.argwhere(np.isfinite(cells.variance)):
        row = np.zeros(size + rungs)
        row[idea * (rungs + 1) + rung], row[size + rung] = 1.0, -1.0
        rows.append(row)
        measured.append(cells.gap[idea, rung])
        noise.append(cells.variance[idea, rung])
    design = np.array(rows)
    total = design @ before @ design.T + np.diag(noise)
    gain = before @ design.T @ np.linalg.inv(total)
    mean, left = gain @ np.array(measured), before - gain @ design @ before
    target = np.arange(ideas) * (rungs + 1) + rungs
    return mean[target], left[np.ix_(target, target)], mean[size:], left[size:, size:]


@pytest.mark.parametrize("nowhere", [(), (2,), (0, 1, 2, 3)])
def test_for_one_size_the_belief_is_exact(nowhere: tuple[int, ...]) -> None:
    """Also at rungs where the baseline is not measured, and ideas only tell of each other."""
    cells = few_cells()
    cells.shared[list(nowhere)] = math.inf
    field = fit(cells, ONE_SIZE)
    mean, covariance, luck, luck_covariance = brute_force(cells, ONE_SIZE)
    said = field.at([TARGET])
    assert said.mean[:, 0] == pytest.approx(mean, rel=1e-5, abs=1e-7)
    assert said.variances[:, 0, 0] == pytest.approx(covariance.diagonal(), rel=1e-5)
    known = np.setdiff1d(np.arange(4), nowhere)
    assert field.luck[known] == pytest.approx(luck[known], rel=1e-5, abs=1e-7)
    apart = np.ix_(known, known)
    assert field.luck_covariance[apart] == pytest.approx(luck_covariance[apart], rel=1e-4)


def test_what_is_not_measured_is_believed_as_before() -> None:
    field = fit(few_cells())
    there = field.at([TARGET])
    before = LOSS**2 * FIELD_PRIOR.kernel(np.array([TARGET]), np.array([TARGET]), CENTRE)
    assert there.mean[3] == pytest.approx(0, abs=1e-6)
    assert there.variances[3, :, 0] == pytest.approx(before[:, 0, 0], rel=1e-3)
    assert there.weights[3] == pytest.approx(field.kind_weights, rel=1e-3)


def test_ideas_that_do_nothing_tell_how_lucky_the_baseline_was() -> None:
    """A baseline whose losses came out too low makes all ideas look bad at once: 200 of them know
    better. Its luck is known to a tenth of what its own runs say, and no better than it is."""
    rng = np.random.default_rng(1)
    own_sd, luck_sd = 0.02, 0.02
    off, said = [], []
    for _ in range(25):
        cells, luck = measure(rng, np.zeros((200, 4)), own_sd, luck_sd)
        field = fit(cells)
        off.append(field.luck - luck)
        said.append(field.luck_covariance.diagonal())
        gaps = field.at([11.0])
        assert math.sqrt(np.mean(gaps.mean**2)) < luck_sd / 4
    rms, doubt = math.sqrt(np.mean(np.square(off))), math.sqrt(np.mean(said))
    assert rms < luck_sd / 8
    # The ideas do exactly nothing, and are only believed to do little: no less doubt, some more.
    assert 0.8 * rms < doubt < 2 * rms


def test_the_doubt_of_the_baselines_luck_is_right() -> None:
    """In worlds as the prior has them, squares over variances average 1: of 100 studies' 4 rungs,
    within three times sqrt(2 / 400)."""
    rng = np.random.default_rng(2)
    ratios = []
    for _ in range(100):
        cells, luck = measure(rng, draw_truths(rng, 30)[0], 0.02, 0.03)
        field = fit(cells)
        off = field.luck - luck
        ratios.append(off @ np.linalg.solve(field.luck_covariance, off) / 4)
    assert np.mean(ratios) == pytest.approx(1, abs=3 * math.sqrt(2 / 400))


@pytest.mark.parametrize(("own_sd", "luck_sd"), [(0.005, 0.005), (0.03, 0.02)])
def test_intervals_hold_what_they_say(own_sd: float, luck_sd: float) -> None:
    """900 ideas as the prior has them, in 30 studies: within three sds of a binomial. Luck is
    shared by the 30 of a study and mostly known, so that they count as apart."""
    rng = np.random.default_rng(3)
    ranks = []
    for _ in range(30):
        rungs, target = draw_truths(rng, 30)
        field = fit(measure(rng, rungs, own_sd, luck_sd)[0])
        there = field.at([TARGET])
        ranks += [there.of(idea).probability_below(truth) for idea, truth in enumerate(target)]
    for level in (0.5, 0.8, 0.95):
        inside = np.mean(np.abs(np.array(ranks) - 0.5) < level / 2)
        assert inside == pytest.approx(level, abs=3 * math.sqrt(level * (1 - level) / len(ranks)))


def test_where_most_ideas_do_nothing_the_next_is_believed_to_do_nothing() -> None:
    rng = np.random.default_rng(4)
    few, many = np.zeros((100, 4)), draw_truths(rng, 100)[0]
    few[:5] = -0.3
    quiet, loud = (fit(measure(rng, truths, 0.01, 0.005)[0]) for truths in (few, many))
    small = np.array(FIELD_PRIOR.levels) < 0.01
    before = sum(FIELD_PRIOR.weights[kind] for kind in np.flatnonzero(small))
    assert quiet.kind_weights[small].sum() > before + 0.3
    assert loud.kind_weights[small].sum() == pytest.approx(before, abs=0.15)
    assert quiet.kind_weights.sum() == pytest.approx(1)
    assert quiet.weights.sum(axis=1) == pytest.approx(np.ones(100))
    # One more idea with one poor measurement is believed by the company it keeps.
    assert quiet.weights[5:, small].sum(axis=1).min() > 0.8
    assert quiet.weights[:5, small].max() < 0.01


def test_ideas_that_may_not_teach_are_read_and_teach_nothing() -> None:
    rng = np.random.default_rng(5)
    truths = np.vstack([draw_truths(rng, 12)[0], np.full((6, 4), -0.8)])
    cells, _ = measure(rng, truths, 0.02, 0.02)
    teach = np.arange(18) < 12
    taught = fit_field(X, cells, scale=LOSS, centre=CENTRE, teach=teach)
    alone = fit(cells_of(cells.gap[:12], cells.variance[:12], cells.shared))
    assert taught.kind_weights == pytest.approx(alone.kind_weights)
    assert taught.luck == pytest.approx(alone.luck)
    assert taught.at([TARGET]).mean[:12] == pytest.approx(alone.at([TARGET]).mean)
    assert fit(cells).kind_weights != pytest.approx(alone.kind_weights, abs=0.05)
    assert (taught.at([11.0]).mean[12:] < -0.6).all(), "they are still read"


def test_a_luck_that_no_idea_may_teach_is_what_the_runs_say() -> None:
    cells = few_cells()
    field = fit_field(X, cells, scale=LOSS, centre=CENTRE, teach=np.zeros(5, dtype=bool))
    assert field.luck == pytest.approx(np.zeros(4))
    assert field.luck_covariance == pytest.approx(np.diag(cells.shared))
    assert field.kind_weights == pytest.approx(
        np.array(FIELD_PRIOR.weights) / sum(FIELD_PRIOR.weights)
    )


@pytest.mark.parametrize("dof", [1e12, 3.0])
def test_quantiles_are_those_of_each_ideas_distribution(dof: float) -> None:
    there = fit(few_cells(dof=dof)).at([10.0, 11.2, TARGET])
    for p in (0.001, 0.1, 0.5, 0.9, 0.99):
        found = there.quantiles(p)
        assert found.shape == (5, 3)
        for idea in range(5):
            for place in range(3):
                of = there.of(idea, place)
                assert found[idea, place] == pytest.approx(of.quantile(p), abs=1e-6 * of.sd)
                assert there.below(found[idea, place])[idea, place] == pytest.approx(p, abs=1e-6)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        there.quantiles(1.0)


def test_what_is_drawn_is_what_is_believed() -> None:
    """Means and ranks of quantiles of 20,000 draws, within four sds; five ideas tested at once."""
    field = fit(few_cells(dof=8.0))
    count = 20_000
    together, apart = field.draws(TARGET, count, seed=1), field.at([TARGET]).draws(count, seed=2)
    for drawn in (together, apart):
        assert drawn.shape == (count, 5)
        for idea in range(5):
            of = field.at([TARGET]).of(idea)
            own = drawn[:, idea]
            assert own.mean() == pytest.approx(of.mean, abs=4 * own.std() / math.sqrt(count))
            for p in (0.1, 0.25, 0.5, 0.75, 0.9):
                rank = of.probability_below(float(np.quantile(own, p)))
                assert rank == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / count))
    assert (field.draws(TARGET, 50, seed=1) == field.draws(TARGET, 50, seed=1)).all()
    assert (field.draws(TARGET, 50, seed=1) != field.draws(TARGET, 50, seed=3)).all()


def test_the_variance_of_draws_is_that_of_the_belief() -> None:
    field = fit(few_cells(), ONE_SIZE)
    drawn, said = field.draws(TARGET, 20_000, seed=1), field.at([TARGET]).variances[:, 0, 0]
    # Five sds of a normal's variance.
    assert drawn.var(axis=0) == pytest.approx(said, rel=5 * math.sqrt(2 / 20_000))


def test_where_luck_is_known_two_ideas_differ_by_what_is_their_own() -> None:
    """A hundred ideas know what their common baseline was off by."""
    many = cells_of(np.full((100, 4), -0.1), np.full((100, 4), 1e-4), np.full(4, 0.05**2))
    drawn = fit(many, ONE_SIZE).draws(TARGET, 5_000, seed=0)
    assert (drawn[:, 0] - drawn[:, 1]).var() == pytest.approx(2 * drawn[:, 0].var(), rel=0.15)


@pytest.mark.parametrize("luck_sd", [0.002, 0.01, 0.02])
def test_two_ideas_are_compared_without_the_luck_they_share(luck_sd: float) -> None:
    """Their difference is as doubtful as the joint belief has it."""
    cells = replace(few_cells(), shared=np.full(4, luck_sd**2))
    _, covariance, _, _ = brute_force(cells, ONE_SIZE)
    drawn = fit(cells, ONE_SIZE).draws(TARGET, 20_000, seed=0)
    for one, other in ((0, 1), (0, 4), (1, 2)):
        exact = covariance[one, one] + covariance[other, other] - 2 * covariance[one, other]
        assert (drawn[:, one] - drawn[:, other]).var() == pytest.approx(exact, rel=0.15)


@pytest.mark.parametrize("rung", [0, 2, 3])
@pytest.mark.parametrize("noise", [1e-6, 1e-4, 1e-2])
def test_information_foresees_the_doubt_after_a_measurement(rung: int, noise: float) -> None:
    """As a fit with that measurement comes to have, whatever the measurement says."""
    own, shared = np.array([[4e-4, 1e-4, math.inf, 2e-4]]), np.full(4, 1e-4)
    gap = np.array([[-0.02, 0.05, 0.0, 0.01]])
    before = fit(cells_of(gap, own, shared)).information(TARGET)
    # What the baseline's luck adds is part of a gap's error; independent measurements add up.
    total = own[0, rung] + shared[rung] if np.isfinite(own[0, rung]) else math.inf
    own[0, rung] = 1 / (1 / total + 1 / noise)
    shared[rung] = 1e-12
    gap[0, rung] = 0.123
    refitted = fit(cells_of(gap, own, shared)).information(TARGET)
    foreseen = before.after(rung, np.array([noise]))
    assert foreseen.variance == pytest.approx(refitted.variance, rel=1e-4)
    assert foreseen.rungs == pytest.approx(refitted.rungs, rel=1e-4, abs=1e-9)
    assert foreseen.covariance == pytest.approx(refitted.covariance, rel=1e-4, abs=1e-9)
    assert foreseen.mean == pytest.approx(before.mean), "what it will say is not known"
    assert (foreseen.variance <= before.variance).all()


def test_information_is_what_is_believed() -> None:
    field = fit(few_cells())
    information, there = field.information(TARGET), field.at([TARGET, *X])
    assert information.mean == pytest.approx(there.means[:, :, 0])
    assert information.variance == pytest.approx(there.variances[:, :, 0])
    assert information.rung_mean == pytest.approx(there.means[:, :, 1:])
    assert information.rung_variance == pytest.approx(there.variances[:, :, 1:])
    nothing = information.after(1, np.full(5, math.inf))
    assert nothing.variance == pytest.approx(information.variance)
    assert nothing.rungs == pytest.approx(information.rungs)


def test_the_unit_of_the_loss_and_the_place_of_the_ladder_do_not_matter() -> None:
    cells = few_cells()
    thousand = cells_of(1e3 * cells.gap, 1e6 * cells.variance, 1e6 * cells.shared)
    moved = fit_field(X + 7, thousand, scale=1e3 * LOSS, centre=CENTRE + 7).at([TARGET + 7])
    here = fit(cells).at([TARGET])
    assert moved.quantiles(0.1) == pytest.approx(1e3 * here.quantiles(0.1), rel=1e-6)
    assert moved.weights == pytest.approx(here.weights, rel=1e-6)


def test_a_harm_is_believed_like_a_gain_turned_round() -> None:
    cells = few_cells()
    turned = replace(cells, gap=-cells.gap)
    assert fit(turned).at([TARGET]).mean == pytest.approx(-fit(cells).at([TARGET]).mean)


def test_better_foreseen_gaps_have_more_evidence() -> None:
    """By hand for one size: the log density of the gaps, up to a constant of their number."""
    cells = few_cells()
    alone = [replace(cells_of(cells.gap[[i]], cells.variance[[i]], cells.shared)) for i in (0, 4)]
    one, other = (float(fit(each, ONE_SIZE).log_evidence[0]) for each in alone)
    (kernel,) = LOSS**2 * ONE_SIZE.kernel(X, X, CENTRE)
    total = kernel + np.diag(cells.variance[0] + cells.shared)
    fits = [float(cells.gap[i] @ np.linalg.solve(total, cells.gap[i])) for i in (0, 4)]
    assert one - other == pytest.approx((fits[1] - fits[0]) / 2)


def test_a_gap_fades_as_its_course_says() -> None:
    """Given one idea that gains at the lowest rung, exactly known."""
    variance = np.array([[1e-10, math.inf, math.inf, math.inf]])
    cells = cells_of(np.full((1, 4), -0.1), variance, np.full(4, 1e-12))
    fades, stays = (
        fit(cells, FieldPrior((0.05,), (Course(fade, 1e-9, 1.0, 1e-9),), (1.0,)))
        .at([11.0, 13.0])
        .mean[0]
        for fade in (0.35, 0.0)
    )
    # By hand: 10^(-.35) a decade, and none.
    assert fades == pytest.approx([-0.1 * 10**-0.35, -0.1 * 10 ** (-0.35 * 3)], rel=1e-3)
    assert stays == pytest.approx([-0.1, -0.1], rel=1e-3)


def test_a_trend_goes_on_for_a_while_and_levels_off() -> None:
    """By hand: of a slope known at the last rung, exp(-turn distance) is left, so that it adds up
    to (1 - exp(-turn distance)) / turn; near zero that is a straight line."""
    gap, variance = np.array([[0.0, 0.0, -0.1, -0.1005]]), np.full((1, 4), 1e-16)
    variance[0, :2] = math.inf
    ladder = np.array([10.0, 10.5, 11.0, 11.005])
    cells = cells_of(gap, variance, np.full(4, 1e-18))
    for turn in (1e-3, 0.5, 4.0):
        prior = FieldPrior((10.0,), (Course(0.0, 1.0, turn, 1e-9),), (1.0,))
        field = fit_field(ladder, cells, scale=1.0, centre=11.0, prior=prior)
        for distance in (0.5, 2.0):
            added = -0.1 * (1 - math.exp(-turn * distance)) / turn
            said = field.at([11.0025 + distance]).mean[0, 0] + 0.10025
            assert said == pytest.approx(added, rel=0.05)


@pytest.mark.parametrize("turn", [0.01, 0.3, 3.0])
@pytest.mark.parametrize("fade", [-0.1, 0.0, 0.5])
def test_a_courses_kernel_is_the_covariance_of_what_it_describes(turn: float, fade: float) -> None:
    """By summing an Ornstein-Uhlenbeck slope over small steps; symmetric, and positive."""
    course, step = Course(fade, 0.7, turn, 0.2), 0.005
    x = np.array([-1.0, -0.3, 0.4, 1.2])
    places = np.arange(-1.2 + step / 2, 1.2, step)
    signs = np.array([np.sign(to) * ((places - to) * places < 0) * step for to in x])
    slope = 0.7**2 * np.exp(-turn * abs(places[:, None] - places[None, :]))
    walked = 1 + signs @ slope @ signs.T
    expected = 10 ** (-fade * (x[:, None] + x[None, :])) * walked + 0.2**2 * np.eye(4)
    kernel = course.kernel(x + 11.0, x + 11.0, 11.0)
    assert kernel == pytest.approx(expected, rel=0.02, abs=0.005)
    assert np.linalg.eigvalsh(kernel).min() > 0


def test_it_works_on_what_is_measured_of_losses() -> None:
    rng = np.random.default_rng(6)
    losses = 3.0 + rng.normal(0, 0.02, (41, 4, 2))
    losses[1] -= 0.3
    losses[2] += 0.3
    there = fit(measure_cells(losses)).at([TARGET])
    helps = there.below(0.0)[:, 0]
    assert helps[0] > 0.99
    assert helps[1] < 0.01
    assert np.median(abs(helps[2:] - 0.5)) < 0.3


def test_impossible_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="scale must be above zero"):
        fit_field(X, few_cells(), scale=0.0, centre=CENTRE)
    with pytest.raises(ValueError, match="has 3 entries where 4 are needed"):
        fit_field(X[:3], few_cells(), scale=LOSS, centre=CENTRE)
    with pytest.raises(ValueError, match="nan"):
        fit(few_cells()).at([math.nan])
    with pytest.raises(ValueError, match="slope_sd must be above zero, got 0"):
        Course(0.1, 0.0, 1.0, 0.1)
    with pytest.raises(ValueError, match="fade_per_decade must be finite"):
        Course(math.inf, 0.1, 1.0, 0.1)
    with pytest.raises(ValueError, match="as many"):
        FieldPrior((0.1,), (LINE, LINE), (1.0,))
    with pytest.raises(ValueError, match="levels and weights must be above zero"):
        FieldPrior((0.0,), (LINE,), (1.0,))
