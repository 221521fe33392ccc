"""Which runs to buy for a scaling law: those that bring its forecasts nearest to the targets.

A forecast errs for two reasons. The law is in doubt: the covariance of log losses over the laws'
draws, which form is right included. And no law is true: there is a miss, smooth in the logs of the
inputs, that the fit takes no notice of, so that many cheap runs far from the targets pull it away
from them. With both jointly normal, a noisy run at c changes the forecast at x by

    g(x) = law(x, c) / (law(c, c) + noise^2)

per unit of surprise. It leaves law(x, y) - g(x) law(c, y) of the doubt, and of the miss r (the
truth less what the fit makes of it) r(x) - g(x) r(c). Both are rank-one steps, and the squared
error of the targets after any purchase follows exactly. Without the miss this is V-optimality:
least variance of the forecasts (Fedorov 1972); with it, Box and Draper's (1959) integrated squared
error. Plans are greedy in what a run takes off that error per price^p, each run after those
before it, for p of 0, 1/2 and 1, and the best of the three is kept: under a budget either end
alone can be arbitrarily bad (Leskovec et al. 2007, CELF). That a sequential design of this kind
needs about a tenth of the price of all runs: arXiv 2604.22753.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from proveout.scaling._checks import Floats, Numbers, positive
from proveout.scaling._forms import Form, forms_for
from proveout.scaling._laws import Laws
from proveout.scaling._points import Points, check_inputs
from proveout.scaling._posterior import Draws
from proveout.scaling._projection import Problem

_MISS_SD = 0.01  # of log loss
_MISS_DECADES = 0.5  # of the inputs, over which misses are alike
_POWERS = (0.0, 0.5, 1.0)  # of the price
_TAIL = 0.02  # of the draws at each end, brought to the rest: few wild laws are to decide nothing
_PRIOR_DRAWS = 500  # of each form
_PRIOR_NOISE_SD = 0.006  # relative, of one run
_PRIOR_LEVEL_SD = 1.0  # of log loss in the middle of the candidates
_LEAST = 1e-9  # of the squared error: what is not worth a purchase


@dataclass(frozen=True)
class Purchase:
    """One run to buy.

    Attributes:
        index: which of the candidates, from 0.
        price: in the unit of the prices.
        narrows: the share, of the targets' mean squared error of log loss before any purchase,
            that this run is expected to take away after the purchases before it.
    """

    index: int
    price: float
    narrows: float


def next_runs(
    laws: Laws,
    candidates: Mapping[str, Numbers],
    prices: Numbers,
    target: Mapping[str, Numbers],
    *,
    budget: float,
    most: int | None = None,
    miss_sd: float = _MISS_SD,
) -> tuple[Purchase, ...]:
    """The runs that bring the forecasts of the targets nearest to the truth, in buying order.

    Buy little at a time and fit again: spending as much as all before it each time does well.

    Args:
        laws: what is believed, from the runs so far.
        candidates: settings of c runs that can be had, [c] each, by the names of the laws' inputs.
            Each can be bought once; list a setting twice to allow a replicate.
        prices: [c], above zero, in any unit.
        target: settings of the m forecasts that matter, [m] each, all alike.
        budget: what may be spent, in the unit of the prices.
        most: how many runs at most.
        miss_sd: sd of log loss that no law follows, over about half a decade; 0 for plain
            V-optimality.

    Returns:
        Purchases whose prices add up to the budget at most; none where nothing that can be
        afforded helps.

    Raises:
        ValueError: an input missing or not above zero, lengths that differ, a price, budget or
            `most` not above zero, `miss_sd` below zero.
    """
    shop = _Shop.of(tuple(laws.points.inputs), candidates, prices, target, budget, most)
    runs = laws.points.inputs
    every = {name: np.concatenate([runs[name], at]) for name, at in shop.settings.items()}
    noise = laws.noise_sd**2
    law = _doubt([member.draws for member in laws.members], laws.weights, every)
    miss = _misses(every, miss_sd)
    answer = _answer(law, noise / laws.points.weight)
    count = laws.points.loss.size
    crossed = answer @ miss[:count]
    miss = miss - crossed - crossed.T + answer @ miss[:count, :count] @ answer.T
    return _best_plan(shop, _Error(law[count:, count:], miss[count:, count:], noise))


def first_runs(
    candidates: Mapping[str, Numbers],
    prices: Numbers,
    target: Mapping[str, Numbers],
    *,
    budget: float,
    most: int | None = None,
    forms: Sequence[Form] | None = None,
    miss_sd: float = _MISS_SD,
    seed: int = 0,
) -> tuple[Purchase, ...]:
    """As `next_runs`, before anything has been measured: from the forms' priors.

    The level of the loss is then nearly unknown and the terms share it evenly (Dirichlet, in the
    middle of the candidates). Spend little on it, but enough for a fit: as many runs as the forms
    have numbers to be found, or some more.

    Args:
        candidates, prices, target, budget, most, miss_sd: as for `next_runs`.
        forms: the package's forms for the candidates' inputs by default.
        seed: of the draws from the priors.

    Raises:
        ValueError: as `next_runs`; inputs that no form fits, or a form's input missing.
    """
    chosen = forms_for(candidates) if forms is None else tuple(forms)
    if not chosen:
        raise ValueError(f"no form for inputs {', '.join(candidates) or 'none'}; give forms")
    needed = tuple(dict.fromkeys(name for form in chosen for name in form.inputs))
    shop = _Shop.of(needed, candidates, prices, target, budget, most)
    random = np.random.default_rng(seed)
    draws = [_prior_draws(form, shop.candidates(), random) for form in chosen]
    prior = np.array([form.prior for form in chosen])
    law = _doubt(draws, prior / prior.sum(), shop.settings)
    return _best_plan(shop, _Error(law, _misses(shop.settings, miss_sd), _PRIOR_NOISE_SD**2))


class _Shop(NamedTuple):
    """What can be bought, and for what; settings hold the m targets, then the c candidates."""

    settings: dict[str, Floats]
    prices: Floats
    budget: float
    most: int

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        candidates: Mapping[str, Numbers],
        prices: Numbers,
        target: Mapping[str, Numbers],
        budget: float,
        most: int | None,
    ) -> _Shop:
        """Check all arguments."""
        if not budget > 0:
            raise ValueError(f"budget must be above zero, got {budget}")
        if most is not None and most < 1:
            raise ValueError(f"most must be at least 1, got {most}")
        have = _only(names, candidates, "candidates")
        size = next(iter(have.values())).size
        wanted = _only(names, target, "target")
        settings = {name: np.concatenate([wanted[name], have[name]]) for name in names}
        limit = size if most is None else most
        return cls(settings, positive("prices", prices, size=size), budget, limit)

    def candidates(self) -> dict[str, Floats]:
        return {name: at[-self.prices.size :] for name, at in self.settings.items()}


def _only(names: Sequence[str], given: Mapping[str, Numbers], what: str) -> dict[str, Floats]:
    missing = [name for name in names if name not in given]
    if missing:
        have = ", ".join(given) or "none"
        raise ValueError(f"{what} needs {', '.join(missing)}; given were {have}")
    return check_inputs({name: given[name] for name in names})


def _prior_draws(
    form: Form, candidates: Mapping[str, Floats], random: np.random.Generator
) -> Draws:
    """Laws of one form as they are believed before any run."""
    inputs = {name: candidates[name] for name in form.inputs}
    size = next(iter(inputs.values())).size
    problem = Problem.of(form, Points.of(inputs, np.ones(size)))
    reach = np.array([p.reach for p in form.parameters])
    z = np.clip(random.standard_normal((_PRIOR_DRAWS, reach.size)), -reach, reach)
    shares = random.dirichlet(np.ones(len(form.terms)), _PRIOR_DRAWS)
    level = np.exp(_PRIOR_LEVEL_SD * random.standard_normal((_PRIOR_DRAWS, 1)))
    noise = np.full(_PRIOR_DRAWS, _PRIOR_NOISE_SD)
    return Draws(problem, z, shares * level, noise, 0.0, float(_PRIOR_DRAWS))


def _doubt(draws: Sequence[Draws], weights: Floats, at: Mapping[str, Floats]) -> Floats:
    """The covariance [s, s] of log losses at s settings over the laws of all forms."""
    rows = []
    for weight, one in zip(weights, draws, strict=True):
        logs = one.log_losses(at)
        low, high = np.quantile(logs, [_TAIL, 1 - _TAIL], axis=0)
        rows.append((weight / len(logs), np.clip(logs, low, high)))
    mean = np.sum([weight * logs.sum(axis=0) for weight, logs in rows], axis=0)
    off = np.concatenate([np.sqrt(weight) * (logs - mean) for weight, logs in rows])
    covariance: Floats = off.T @ off
    return covariance


def _misses(at: Mapping[str, Floats], sd: float) -> Floats:
    """The covariance [s, s] of what no law follows: Gaussian in the logs of the inputs."""
    if not sd >= 0:
        raise ValueError(f"miss_sd must be at least zero, got {sd}")
    logs = [np.log10(values) for values in at.values()]
    apart = np.sum([(log[:, None] - log) ** 2 for log in logs], axis=0)
    covariance: Floats = sd**2 * np.exp(-apart / (2 * _MISS_DECADES**2))
    return covariance


def _answer(law: Floats, noise: Floats) -> Floats:
    """How the fit at s settings answers to each of the n runs behind it (the first n), [s, n].

    It is the posterior's covariance with the run over the run's noise [n]; directions that the
    draws leave wider than a run's noise, which linear answers cannot, count as that wide.
    """
    sd = np.sqrt(noise)
    across = law[:, : sd.size] / sd
    values, vectors = np.linalg.eigh(across[: sd.size] / sd[:, None])
    answer: Floats = (across @ vectors / np.maximum(values, 1.0)) @ vectors.T / sd
    return answer


class _Error(NamedTuple):
    """Covariances [m + c, m + c] of the doubt and of the miss; the variance of a run's noise."""

    law: Floats
    miss: Floats
    noise: float

    def gains(self, count: int) -> Floats:
        """What each candidate takes off the sum of the m targets' squared errors, [c]."""
        m = len(self.law) - count
        across = self.law[:m, m:]
        pull = across / (np.diag(self.law)[m:] + self.noise)
        own = np.diag(self.miss)[m:]
        gains: Floats = (pull * (across + 2 * self.miss[:m, m:] - pull * own)).sum(axis=0)
        return gains

    def buy(self, j: int) -> None:
        """Take in the run at row j, in place."""
        law, off = self.law[:, j].copy(), self.miss[:, j].copy()
        pull = law / (law[j] + self.noise)
        half = off - pull * (off[j] / 2)
        self.law[...] -= np.outer(pull, law)
        self.miss[...] -= np.outer(pull, half)
        self.miss[...] -= np.outer(half, pull)


def _best_plan(shop: _Shop, error: _Error) -> tuple[Purchase, ...]:
    plans = [_greedy(shop, error, power) for power in _POWERS]
    return max(plans, key=lambda plan: sum(one.narrows for one in plan))


def _greedy(shop: _Shop, error: _Error, power: float) -> tuple[Purchase, ...]:
    """Buy what takes most off the error per price^power until nothing affordable helps."""
    error = error._replace(law=error.law.copy(), miss=error.miss.copy())
    m = len(error.law) - shop.prices.size
    before = float(np.trace(error.law[:m, :m]) + np.trace(error.miss[:m, :m]))
    free, left = np.ones(shop.prices.size, dtype=np.bool_), shop.budget
    found: list[Purchase] = []
    while len(found) < shop.most:
        gains = error.gains(shop.prices.size)
        helps = free & (shop.prices <= left) & (gains > _LEAST * before)
        if not helps.any():
            break
        best = int(np.where(helps, gains / shop.prices**power, -np.inf).argmax())
        error.buy(m + best)
        free[best] = False
        left -= float(shop.prices[best])
        found.append(Purchase(best, float(shop.prices[best]), float(gains[best]) / before))
    return tuple(found)
