"""What a belief in many gaps says: of the gaps at some computes, and of what runs would tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proveout.scaling._checks import Floats
from proveout.scaling._predictive import Predictive

_HALVINGS = 30
_NEGLIGIBLE = 1e-8  # kinds less likely add nothing to a probability


@dataclass(frozen=True, eq=False)
class GapsAt:
    """Gaps of I ideas at m computes: mixtures over K sizes of Student's t.

    Attributes:
        weights: [I, K].
        means: [I, K, m].
        variances: [I, K, m].
        dofs: [I, K, m].
    """

    weights: Floats
    means: Floats
    variances: Floats
    dofs: Floats

    @classmethod
    def mixed(cls, parts: Sequence[tuple[float, GapsAt]]) -> GapsAt:
        """Several beliefs as one, each as likely as its weight says."""
        total = sum(weight for weight, _ in parts)
        return cls(
            np.concatenate([weight / total * part.weights for weight, part in parts], axis=1),
            np.concatenate([part.means for _, part in parts], axis=1),
            np.concatenate([part.variances for _, part in parts], axis=1),
            np.concatenate([part.dofs for _, part in parts], axis=1),
        )

    def with_normal(self, idea: int, means: Sequence[float], variances: Sequence[float]) -> GapsAt:
        """With one idea's gaps [m] a normal each."""
        told = (self.means.copy(), self.variances.copy(), self.dofs.copy())
        told[0][idea], told[1][idea], told[2][idea] = np.array(means), np.array(variances), 1e8
        return GapsAt(self.weights, *told)

    @property
    def mean(self) -> Floats:
        """[I, m]."""
        mean: Floats = np.einsum("ik,ikm->im", self.weights, self.means)
        return mean

    def below(self, bound: float) -> Floats:
        """The probability of gaps below a number, [I, m]."""
        from scipy.special import stdtr  # 0.2 s: not at import

        z = (bound - self.means) / np.sqrt(self.variances)
        likely = self.weights[:, :, None] > _NEGLIGIBLE
        each = stdtr(self.dofs, z, out=np.zeros_like(z), where=likely)
        below: Floats = np.einsum("ik,ikm->im", self.weights, each)
        return below

    def quantiles(self, probability: float) -> Floats:
        """The gaps with this probability below them, [I, m], to a billionth of their spread.

        Raises:
            ValueError: a probability outside (0, 1).
        """
        from scipy.special import stdtr, stdtrit  # 0.2 s: not at import

        if not 0 < probability < 1:
            raise ValueError(f"probability must lie strictly between 0 and 1, got {probability}")
        scales = np.sqrt(self.variances)
        each = self.means + scales * stdtrit(self.dofs, probability)
        low, high = each.min(axis=1), each.max(axis=1)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            z = (middle[:, None, :] - self.means) / scales
            short = np.einsum("ik,ikm->im", self.weights, stdtr(self.dofs, z)) < probability
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        found: Floats = (low + high) / 2
        return found

    def some(self, ideas: npt.NDArray[np.intp]) -> GapsAt:
        """Those of some ideas."""
        return GapsAt(
            self.weights[ideas], self.means[ideas], self.variances[ideas], self.dofs[ideas]
        )

    def draws(self, count: int, seed: int) -> Floats:
        """Each idea's gap at the first compute, each drawn by itself, [count, I]."""
        random = np.random.default_rng(seed)
        ideas = np.arange(len(self.weights))
        place = random.uniform(size=(count, ideas.size, 1))
        part = (place > self.weights.cumsum(axis=1)[:, :-1]).sum(axis=2)
        dof = np.minimum(self.dofs[ideas, part, 0], 1e6)
        student = random.standard_normal(part.shape) * np.sqrt(dof / random.chisquare(dof))
        scales = np.sqrt(self.variances[ideas, part, 0])
        drawn: Floats = self.means[ideas, part, 0] + scales * student
        return drawn

    def of(self, idea: int, place: int = 0) -> Predictive:
        """One idea's gap at one of the computes."""
        return Predictive.mixture(
            self.means[idea, :, place], np.sqrt(self.variances[idea, :, place]),
            self.dofs[idea, :, place], np.maximum(self.weights[idea], 1e-12),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Information:
    """Gaps at a target and at the rungs together, by size: what runs there would tell of it.

    Attributes:
        weights: [I, K].
        mean: [I, K], of the gap at the target, given each size.
        variance: [I, K], of it.
        rung_mean: [I, K, R], of the gaps at the rungs.
        rungs: [I, K, R, R], their covariance.
        covariance: [I, K, R], of those with the gap at the target.
    """

    weights: Floats
    mean: Floats
    variance: Floats
    rung_mean: Floats
    rungs: Floats
    covariance: Floats

    @property
    def rung_variance(self) -> Floats:
        """[I, K, R]."""
        diagonal: Floats = self.rungs.diagonal(axis1=2, axis2=3)
        return diagonal

    def after(self, rung: int, noise: Floats) -> Information:
        """As it will be when each idea's gap at a rung is measured with a noise variance [I].

        An infinite one is no measurement. Means and sizes stay what they are: that is what is
        expected of them.
        """
        ideas = np.flatnonzero(np.isfinite(noise))
        told = self.rungs[ideas, :, rung]  # [n, K, R]
        toward = self.covariance[ideas, :, rung]
        per = 1 / (told[:, :, rung] + noise[ideas, None])
        share = told * per[:, :, None]
        variance, rungs, covariance = (
            self.variance.copy(), self.rungs.copy(), self.covariance.copy()
        )  # fmt: skip
        variance[ideas] -= toward**2 * per
        rungs[ideas] -= told[..., :, None] * share[..., None, :]
        covariance[ideas] -= toward[:, :, None] * share
        return Information(self.weights, self.mean, variance, self.rung_mean, rungs, covariance)
