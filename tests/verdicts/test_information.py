"""The information policy: what it buys, what it leaves, when it stops; and what that is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from proveout.replay import Played, Simulator, World, play
from proveout.scaling import Information
from proveout.verdicts import Board, Choice, InformationPolicy, Pick, believe_board
from proveout.verdicts._calls import call_all
from proveout.verdicts._worth import at_stake, gain_by, regret, worth_now

Array = npt.NDArray[np.float64]
COMPUTE = np.array([1e10, 3e10, 1e11, 3e11])
TARGET = 3e12
LEVEL = np.array([3.4, 3.1, 2.8, 2.6])
PLAIN = InformationPolicy(audits=False)


def world_of(*gaps: tuple[float, ...], sd: float = 0.01, seed: int = 0, room: int = 6) -> World:
    """Ideas with these gaps at the four rungs and the target; NaN is an idea that crashes."""
    table = np.array(gaps)
    rng = np.random.default_rng(seed)
    truth = LEVEL + np.vstack([np.zeros(4), table[:, :-1]])
    losses = truth[:, :, None] + rng.normal(0, sd, (*truth.shape, room))
    names = ("baseline", *(f"idea-{number}" for number in range(len(table))))
    return World(
        names, ("made",) * len(table), COMPUTE, COMPUTE, TARGET, losses, table, 2.2
    )  # fmt: skip


def line(first: float, last: float) -> tuple[float, ...]:
    """A gap that changes evenly over log compute, from the lowest rung to the target."""
    x = np.log10([*COMPUTE, TARGET])
    return tuple(first + (last - first) * (x - x[0]) / (x[-1] - x[0]))


def empty(ideas: int, *, budget: float = 1e14, seeds: tuple[int, int] = (2, 6)) -> Board:
    shape = (ideas + 1, 4, 6)
    no = [np.zeros(shape, dtype=bool) for _ in range(3)]
    names = ("baseline", *(f"idea-{number}" for number in range(ideas)))
    return Board(names, COMPUTE, COMPUTE, TARGET, np.full(shape, np.nan), *no,
                 np.zeros(ideas + 1, dtype=bool), seeds, budget, budget)  # fmt: skip


def filled(world: World, runs: dict[tuple[int, int], int], *, budget: float = 1e14) -> Board:
    """So many runs of each (arm, rung)."""
    board = empty(len(world.arms) - 1, budget=budget)
    for (arm, rung), count in runs.items():
        board.losses[arm, rung, :count] = world.losses[arm, rung, :count]
    spent = (~np.isnan(board.losses)).sum(axis=(0, 2)) @ board.price
    return replace(board, left=budget - float(spent))


def everywhere(ideas: int, rungs: int, count: int) -> dict[tuple[int, int], int]:
    return {(arm, rung): count for arm in range(ideas + 1) for rung in range(rungs)}


WELL_KNOWN = {(0, rung): 6 for rung in range(4)}
"""All runs of the baseline that a study allows, so that only ideas are bought."""


def cells(choice: Choice) -> list[tuple[int, int]]:
    return [(pick.arm, pick.rung) for pick in choice.picks]


def rungs_of(played: Played, arm: int) -> list[int]:
    return [pick.rung for pick in played.picks if pick.arm == arm]


class TestWhatItBuys:
    def test_nothing_is_adopted_on_the_word_of_one_scale(self) -> None:
        """So large a gain, so near the target, leaves no doubt; but one rung proves nothing."""
        world = world_of(line(-1.2, -1.2), sd=1e-4)
        board = replace(filled(world, {**WELL_KNOWN, (1, 3): 6}), target=4e11)
        choice = PLAIN.choose(board, 2)
        assert cells(choice) == [(1, 2)]
        assert "does its gain last" in choice.picks[0].why
        seen = replace(filled(world, {**WELL_KNOWN, (1, 3): 6, (1, 2): 1}), target=4e11)
        assert not PLAIN.choose(seen, 2).picks

    def test_nothing_is_dropped_on_the_word_of_one_scale_while_audits_have_their_share(
        self,
    ) -> None:
        """Two ideas that lost for good at the lowest rung, and a budget that nobody needs."""
        world = world_of(*[line(4.0, 4.0)] * 2, *[line(0.0, 0.0)] * 8, sd=1e-3)
        known = WELL_KNOWN | {(arm, rung): 6 for arm in range(3, 11) for rung in range(4)}
        looked = filled(world, known | {(1, 0): 2, (2, 0): 2})
        rich = replace(looked, budget=1e13, left=9e12)
        assert not PLAIN.choose(rich, 2).picks
        choice = InformationPolicy().choose(rich, 2)
        assert cells(choice) == [(1, 1), (2, 1)]
        assert all(pick.audit for pick in choice.picks)
        assert "was set aside at 1e10; a run at 3e10" in choice.picks[0].why
        poor = replace(looked, budget=float(looked.price[1]) * 19, left=float(looked.price[1]) * 16)
        assert not InformationPolicy().choose(poor, 2).picks
        seen = filled(world, known | {(1, 0): 2, (2, 0): 2, (1, 1): 1, (2, 1): 1})
        assert not InformationPolicy().choose(replace(seen, budget=1e13, left=9e12), 2).picks

    def test_it_starts_at_the_cheapest_rung_with_the_baseline(self) -> None:
        found = cells(PLAIN.choose(empty(5), 6))
        assert found[0] == (0, 0)
        assert {rung for _, rung in found} == {0}
        assert {arm for arm, _ in found} > {0}

    def test_it_spreads_over_ideas_that_nothing_is_known_of(self) -> None:
        """With room for three runs of each, none waits for another's fourth."""
        found = cells(PLAIN.choose(empty(8), 24))
        assert {arm for arm, rung in found if rung == 0} == set(range(9))

    def test_what_runs_is_reckoned_with(self) -> None:
        """Trials bought one at a time while all others run are those bought all at once."""
        board, bought = empty(6), []
        for _ in range(14):
            (pick,) = PLAIN.choose(board, 1).picks
            at = pick.arm, pick.rung, pick.replicate
            assert at not in bought
            bought.append(at)
            board.running[at] = True
            board = replace(board, left=board.left - float(board.price[pick.rung]))
        assert {arm for arm, _, _ in bought} == set(range(7))

    def test_a_trial_that_runs_makes_the_same_one_worth_less(self) -> None:
        """Two ideas of which the same is known: while one is measured, the other is bought."""
        world = world_of(line(-0.04, -0.04), line(-0.04, -0.04), sd=0.02)
        board = filled(world, everywhere(2, 2, 2) | WELL_KNOWN)
        board.losses[2] = board.losses[1] + 1e-9
        first = PLAIN.choose(board, 4).picks[0]
        assert first.arm in {1, 2}
        board.running[first.arm, first.rung, :4] = np.isnan(board.losses[first.arm, first.rung, :4])
        second = PLAIN.choose(board, 1).picks[0]
        assert (second.arm, second.rung) == (3 - first.arm, first.rung)

    def test_it_never_buys_what_is_bought_closed_or_too_dear(self) -> None:
        rng = np.random.default_rng(0)
        bought = 0
        for _ in range(40):
            board = empty(6, seeds=(1, 5))
            fate = rng.choice(4, size=board.losses.shape, p=[0.7, 0.2, 0.05, 0.05])
            noise = rng.normal(0, 0.02, fate.shape)
            gaps = np.vstack([np.zeros(4), *rng.normal(0, 0.1, (6, 1)) * np.ones(4)])
            losses = LEVEL[:, None] + gaps[:, :, None] + noise
            board.losses[:] = np.where(fate == 1, losses, np.nan)
            board.running[:], board.failed[:] = fate == 2, fate == 3
            board.closed[1:] = rng.random(6) < 0.3
            board = replace(board, left=float(10 ** rng.uniform(9.5, 12)))
            picks = InformationPolicy().choose(board, 5).picks
            for pick in picks:
                assert not board.bought[pick.arm, pick.rung, pick.replicate]
                assert not board.closed[pick.arm]
                assert pick.replicate < 5
                assert pick.why
            assert len({(p.arm, p.rung, p.replicate) for p in picks}) == len(picks) <= 5
            assert sum(board.price[pick.rung] for pick in picks) <= board.left
            bought += len(picks)
        assert bought > 60

    def test_runs_of_the_baseline_are_bought_where_many_ideas_hang_on_one(self) -> None:
        """Forty ideas with four runs each and alike in nothing are held against a single run, and
        there is money for one more at that rung: one of the baseline serves all."""
        rng = np.random.default_rng(1)
        gaps = [line(first, last) for first, last in rng.normal(0, 0.06, (40, 2))]
        board = filled(world_of(*gaps, sd=0.03), everywhere(40, 1, 4) | {(0, 0): 1})
        (pick,) = PLAIN.choose(replace(board, left=1.5e10), 4).picks
        assert (pick.arm, pick.rung) == (0, 0)
        assert "40 ideas are held against it" in pick.why

    def test_the_baseline_has_more_runs_than_most_ideas(self) -> None:
        rng = np.random.default_rng(2)
        gaps = [line(first, last) for first, last in rng.normal(0, 0.03, (20, 2))]
        played = play(world_of(*gaps, sd=0.03), PLAIN, 1e12, slots=2)
        runs = (~np.isnan(played.board.losses)).sum(axis=2)
        measured = runs[0] > 0
        assert (runs[0, measured] >= np.median(runs[1:, measured], axis=0)).all()
        assert runs[0, 0] > np.median(runs[1:, 0])

    def test_an_idea_that_looks_worse_but_grows_is_gone_back_to(self) -> None:
        """Three per cent worse at the lowest rung, and much better where it matters."""
        world = world_of(line(0.1, -0.25), *[line(0.0, 0.0)] * 9)
        played = play(world, PLAIN, 3e12, slots=2)
        first_look = rungs_of(played, 1).index(0)
        assert max(rungs_of(played, 1)[first_look:]) >= 2
        assert np.nanmean(played.board.losses[1, 0]) > np.nanmean(played.board.losses[0, 0])
        assert np.flatnonzero(PLAIN.keeps(played.board)).tolist()[0] == 0

    def test_of_ideas_that_look_as_bad_the_one_that_grows_is_bought(self) -> None:
        world = world_of(*[line(0.1, 0.1)] * 4, line(0.1, -0.25), *[line(0.1, 0.1)] * 4, sd=0.003)
        board = filled(world, everywhere(9, 2, 3) | WELL_KNOWN)
        assert not PLAIN.keeps(filled(world, everywhere(9, 1, 3) | WELL_KNOWN)).any()
        pick = PLAIN.choose(board, 1).picks[0]
        assert pick.arm == 5
        assert pick.rung >= 2

    def test_an_idea_that_is_lost_is_not_measured_further(self) -> None:
        world = world_of(line(1.0, 1.0), line(-0.03, -0.03), line(0.0, 0.0))
        played = play(world, PLAIN, 3e12, slots=1)
        assert sum(COMPUTE[rungs_of(played, 1)]) < 0.2 * sum(COMPUTE[rungs_of(played, 2)])

    def test_an_idea_that_crashes_is_not_bought_again(self) -> None:
        world = world_of((np.nan,) * 5, line(-0.1, -0.1), line(0.0, 0.0))
        played = play(world, PLAIN, 1e13, slots=1)
        assert played.board.closed.tolist() == [False, True, False, False]
        assert len(rungs_of(played, 1)) == 2, "one failure may be an accident"
        assert len(rungs_of(played, 2)) > 2
        assert not PLAIN.keeps(played.board)[0]

    def test_an_idea_whose_runs_often_fail_is_worth_less(self) -> None:
        world = world_of(line(-0.04, -0.04), line(-0.04, -0.04), sd=0.02)
        board = filled(world, everywhere(2, 2, 2) | WELL_KNOWN)
        board.losses[2] = board.losses[1] - 1e-9
        first = PLAIN.choose(board, 1).picks[0].arm
        board.failed[first, 0, 2] = True
        assert PLAIN.choose(board, 1).picks[0].arm == 3 - first


class TestWhenItStops:
    def test_it_stops_with_budget_left_when_all_is_clear(self) -> None:
        world = world_of(line(-0.6, -0.5), line(0.5, 0.6), line(0.4, 0.4), sd=0.002)
        played = play(world, PLAIN, 1e14)
        assert "nothing more can change a decision" in played.why
        assert played.spent < 0.1 * 1e14
        assert (~played.board.bought[1:]).any()
        assert PLAIN.keeps(played.board).tolist() == [True, False, False]

    def test_it_stops_with_budget_left_when_ideas_do_nothing(self) -> None:
        """Of 144 trials that the study allows, less than half."""
        played = play(world_of(*[line(0.0, 0.0)] * 5), PLAIN, 1e14)
        assert "nothing more can change a decision" in played.why
        assert played.board.bought.mean() < 0.5
        assert played.spent < 0.05 * 1e14

    def test_ideas_that_change_nothing_to_the_last_bit_are_not_kept(self) -> None:
        world = world_of(*[line(0.0, 0.0)] * 5)
        same = replace(world, losses=np.broadcast_to(world.losses[:1], world.losses.shape).copy())
        played = play(same, PLAIN, 1e14)
        assert "nothing more can change a decision" in played.why
        assert played.spent < 0.01 * 1e14
        assert not PLAIN.keeps(played.board).any()

    def test_overwhelming_evidence_is_enough(self) -> None:
        world = world_of(line(-0.8, -0.8), line(0.8, 0.8), sd=0.002)
        board = filled(world, everywhere(2, 4, 4))
        choice = PLAIN.choose(board, 4)
        assert not choice.picks
        assert "nothing more can change a decision" in choice.why
        assert board.left > 0.9 * board.budget
        assert PLAIN.keeps(board).tolist() == [True, False]

    def test_an_empty_purse_is_said_to_be_empty(self) -> None:
        board = replace(empty(3), left=0.5e10)
        choice = PLAIN.choose(board, 4)
        assert not choice.picks
        assert "less than the cheapest trial" in choice.why

    def test_what_stays_undecided_for_want_of_seeds_is_named(self) -> None:
        """And what is decided is not, although its seeds are bought too."""
        world = world_of(line(-0.1, -0.1), line(0.1, 0.1), line(0.9, 0.9), sd=0.15)
        board = replace(filled(world, everywhere(3, 4, 2)), seeds=(1, 2))
        calls = call_all(board, believe_board(board))
        undecided = {f"idea-{idea}" for idea in range(3) if calls[idea].verdict == "undecided"}
        assert {"idea-2"}.isdisjoint(undecided)
        assert undecided
        choice = PLAIN.choose(board, 4)
        assert not choice.picks
        assert {name for name in board.arms if name in choice.why} == undecided
        assert "seeds.per_rung" in choice.why

    def test_without_ideas_there_is_nothing_to_do(self) -> None:
        assert PLAIN.choose(empty(0), 4) == Choice((), "there is no idea to prove")

    def test_without_measurements_nothing_is_kept(self) -> None:
        assert not PLAIN.keeps(empty(3)).any()


class TestAudits:
    def test_their_share_is_counted(self) -> None:
        """Each audit, when it is bought, brings all of them to a twentieth of what was spent at
        most; and they are of ideas that were set aside, each once."""
        audits: list[Pick] = []
        for seed in range(4):
            world = Simulator(noise=(0.004, 0.002), room=4).world(seed, 15)
            played = play(world, InformationPolicy(), 3e12, slots=1, seed=seed)
            spent = audited = 0.0
            for pick in played.picks:
                price = float(world.price[pick.rung])
                if pick.audit:
                    audited += price
                    assert audited <= 0.05 * spent
                    assert pick.arm > 0
                    assert pick.why.startswith("audit: ")
                    audits.append(pick)
                failed = np.isnan(world.losses[pick.arm, pick.rung, pick.replicate])
                spent += price * (0.1 if failed else 1.0)
            checked = [pick.arm for pick in played.picks if pick.audit]
            assert len(checked) == len(set(checked))
        assert audits

    def test_there_are_none_if_none_are_wanted(self) -> None:
        world = Simulator(noise=(0.004, 0.002), room=4).world(0, 15)
        played = play(world, PLAIN, 3e12, slots=1)
        assert not any(pick.audit for pick in played.picks)


def random_information(rng: np.random.Generator, ideas: int, kinds: int, rungs: int) -> Information:
    """Any joint belief in the gaps at the rungs and at the target, by kind."""
    size = np.geomspace(0.01, 0.3, kinds)[:, None, None] ** 2
    roots = rng.normal(size=(ideas, kinds, rungs + 1, rungs + 1))
    joint = size * (roots @ roots.transpose(0, 1, 3, 2) / (rungs + 1))
    means = rng.normal(size=(ideas, kinds, rungs + 1)) * np.sqrt(size[:, :, 0]) / 2
    return Information(
        rng.dirichlet(np.ones(kinds), size=ideas), means[:, :, -1], joint[:, :, -1, -1],
        means[:, :, :-1], joint[:, :, :-1, :-1], joint[:, :, :-1, -1],
    )  # fmt: skip


def worth(information: Information) -> npt.NDArray[np.float64]:
    return worth_now(information.weights, information.mean)


def simulated_worth(
    information: Information, idea: int, rung: int, noise: float, draws: int = 50_000
) -> float:
    """What deciding after a measurement gains on average, as drawn."""
    rng = np.random.default_rng([idea, rung])
    weights, mean = information.weights[idea], information.mean[idea]
    middle, spread = information.rung_mean[idea, :, rung], information.rung_variance[idea, :, rung]
    toward, total = information.covariance[idea, :, rung], spread + noise
    kind = rng.choice(len(weights), size=draws, p=weights)
    seen = middle[kind] + np.sqrt(total[kind]) * rng.normal(size=draws)
    slope = toward / total
    left = information.variance[idea] - slope * toward
    told = mean + slope * (seen[:, None] - middle)  # [draws, kinds]
    own = told[np.arange(draws), kind]
    gap = own + np.sqrt(left[kind]) * rng.normal(size=draws)
    density = weights * np.exp(-((seen[:, None] - middle) ** 2) / (2 * total)) / np.sqrt(total)
    expected = (density * told).sum(axis=1) / density.sum(axis=1)
    return float(np.where(expected < 0, -gap, 0.0).mean())


class TestWorth:
    def test_it_is_what_deciding_later_gains_on_average(self) -> None:
        """Five nodes for each kind miss the corner at which a decision turns: by a twentieth of
        what there is to be decided, and up as often as down."""
        rng = np.random.default_rng(2)
        information = random_information(rng, 20, 3, 2)
        noise = 10 ** rng.uniform(-4, -1, (20, 2, 1))
        gain, now = (
            gain_by(at_stake(information), noise),
            worth(information),
        )
        known = now + regret(information)[0]
        off, gains = [], []
        for idea in range(20):
            for rung in range(2):
                drawn = simulated_worth(information, idea, rung, float(noise[idea, rung, 0]))
                off.append((now[idea] + gain[idea, rung, 0] - drawn) / known[idea])
                gains.append((drawn - now[idea]) / known[idea])
        assert np.sqrt(np.mean(np.square(off))) < 0.08
        assert abs(np.mean(off)) < 0.02
        assert np.corrcoef(gains, np.add(gains, off))[0, 1] > 0.9

    @pytest.mark.parametrize("smallest", [0.0, 0.02])
    def test_regret_is_what_perfect_decisions_would_add(self, smallest: float) -> None:
        """Gains count as far as they exceed the least that is worth having."""
        rng = np.random.default_rng(3)
        information = random_information(rng, 4, 3, 1)
        for idea, lost in enumerate(regret(information, (smallest,))[0]):
            kind = rng.choice(3, size=100_000, p=information.weights[idea])
            sd = np.sqrt(information.variance[idea, kind])
            gaps = information.mean[idea, kind] + sd * rng.normal(size=kind.size)
            perfect = np.maximum(-gaps - smallest, 0.0)
            blind = max(-float(information.weights[idea] @ information.mean[idea]) - smallest, 0.0)
            near = 4 * perfect.std() / np.sqrt(kind.size)
            assert lost == pytest.approx(perfect.mean() - blind, abs=near)

    def test_information_never_hurts_and_never_helps_more_than_knowing_all(self) -> None:
        rng = np.random.default_rng(4)
        information = random_information(rng, 60, 7, 4)
        noise = 10 ** rng.uniform(-8, 2, (60, 4, 3))
        gain, now = (
            gain_by(at_stake(information), noise),
            worth(information),
        )
        ceiling = regret(information)[0]
        assert (gain >= 0).all()
        assert (ceiling >= 0).all()
        most = 1.1 * ceiling + 0.05 * (now + ceiling)
        assert (gain <= most[:, None, None]).all()

    def test_less_noise_is_worth_more_and_noise_without_end_nothing(self) -> None:
        rng = np.random.default_rng(5)
        information = random_information(rng, 40, 3, 2)
        grid = np.broadcast_to(10.0 ** np.array([-6, -3, -2, -1, 12]), (40, 2, 5))
        gain = gain_by(at_stake(information), grid)
        assert (np.diff(gain.mean(axis=(0, 1))) < 0).all()
        # One by one, as far as five nodes tell.
        scale = (worth(information) + regret(information)[0])[:, None, None]
        assert (np.diff(gain, axis=2) < 0.2 * scale).all()
        assert gain[:, :, -1] == pytest.approx(np.zeros((40, 2)), abs=1e-6)

    def test_for_one_kind_it_is_the_knowledge_gradient(self) -> None:
        """By hand: the mean moves with sd s, so that at even odds s / sqrt(2 pi) is gained."""
        information = Information(
            np.ones((1, 1)), np.zeros((1, 1)), np.full((1, 1), 0.04), np.zeros((1, 1, 1)),
            np.full((1, 1, 1, 1), 0.09), np.full((1, 1, 1), 0.05),
        )  # fmt: skip
        moves = 0.05 / np.sqrt(0.09 + 0.01)
        (gain,) = gain_by(at_stake(information), np.full((1, 1, 1), 0.01)).ravel()
        assert gain == pytest.approx(moves / np.sqrt(2 * np.pi), rel=0.2)
        assert regret(information)[0] == pytest.approx([0.2 / np.sqrt(2 * np.pi)])
        assert worth(information).tolist() == [0.0]
