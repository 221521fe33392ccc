"""Made-up worlds whose truth is known, with as many ideas as are wanted.

The gaps are power laws of compute, saturating and crossing forms with effect sizes of a heavy tail:
on purpose not the lines with Gaussian doubt that `proveout.scaling` believes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from proveout.replay._world import Floats, World

Random = np.random.Generator

MIX: Mapping[str, float] = {
    "identical": 0.04,  # changes nothing that is computed
    "nothing": 0.38,
    "tiny": 0.30,
    "power": 0.14,
    "saturating": 0.05,
    "small-win": 0.035,  # wins small, loses large
    "late-bloomer": 0.025,  # loses small, wins large
    "crash": 0.03,
}
"""How often an idea is of a kind: some three in four do nothing worth having."""


@dataclass(frozen=True)
class Simulator:
    """Draws worlds with a baseline like `byte_lm`'s: a loss of 3.4 at 1e10 FLOPs, 2.2 at 3e12.

    Attributes:
        compute: of the rungs.
        target: where the truth counts.
        mix: how often an idea is of a kind.
        noise: sd of one run as a share of the loss, at the lowest rung and at all others.
        noise_spread: sd of the natural log of an idea's own factor on the noise.
        pairing: how much of a gap's variance pairing seeds takes away, between these two by idea.
        crashes: how often a trial fails by accident.
        room: how many replicates a world has of each cell.
    """

    compute: tuple[float, ...] = (1e10, 3e10, 1e11, 3e11)
    target: float = 3e12
    mix: Mapping[str, float] = field(default_factory=lambda: MIX)
    noise: tuple[float, float] = (0.008, 0.004)
    noise_spread: float = 0.3
    pairing: tuple[float, float] = (0.2, 0.5)
    crashes: float = 0.005
    room: int = 8

    def world(self, seed: int, ideas: int) -> World:
        """One world with as many ideas; the same seed gives the same."""
        random = np.random.default_rng([seed, 2])
        names = list(self.mix)
        weights = np.array([self.mix[name] for name in names])
        kinds = tuple(random.choice(names, size=ideas, p=weights / weights.sum()).tolist())
        compute = np.array([*self.compute, self.target])
        loss = baseline_loss(compute)
        # The tenth of the target is where effect sizes are meant to hold.
        scaled = compute / (self.target / 10)
        shares = np.array([_SHAPES[kind](random, scaled) for kind in kinds])
        gaps = shares * loss
        losses = self._losses(random, kinds, loss[:-1], gaps[:, :-1])
        names = ["baseline", *(f"{kind}-{number}" for number, kind in enumerate(kinds))]
        return World(
            tuple(names), kinds, compute[:-1], compute[:-1], self.target, losses, gaps,
            float(loss[-1]),
        )  # fmt: skip

    def _losses(self, random: Random, kinds: tuple[str, ...], loss: Floats, gaps: Floats) -> Floats:
        """[A, R, S]: the baseline's noise is what ideas share with it, and noise of their own.

        An idea's noise is c times the baseline's plus its own, of the same sd in all, so that the
        gap's variance is (1 - c) times that of unpaired runs: c is what pairing takes away.
        """
        shape = (loss.size, self.room)
        sd = np.where(np.arange(loss.size) == 0, *self.noise)[:, None] * loss[:, None]
        base = sd * random.standard_normal(shape)
        count = len(kinds)
        own = sd * random.standard_normal((count, *shape))
        factor = np.exp(self.noise_spread * random.standard_normal(count))[:, None, None]
        shared = random.uniform(*self.pairing, size=count)[:, None, None]
        same = np.array([kind == "identical" for kind in kinds])[:, None, None]
        noise = np.where(same, base, factor * (shared * base + np.sqrt(1 - shared**2) * own))
        losses: Floats = loss[:, None] + np.concatenate([base[None], gaps[:, :, None] + noise])
        losses[random.random(losses.shape) < self.crashes] = np.nan
        return losses


def baseline_loss(compute: Floats) -> Floats:
    """1 + 2.4 (C / 1e10)^-.1215: about 3.4 at 1e10 FLOPs and 2.2 at 3e12."""
    loss: Floats = 1.0 + 2.4 * (compute / 1e10) ** -0.1215
    return loss


def _nothing(random: Random, scaled: Floats) -> Floats:
    return np.zeros_like(scaled)


def _tiny(random: Random, scaled: Floats) -> Floats:
    """About a tenth of a per cent, the same at every scale."""
    return np.full_like(scaled, random.laplace(0.0, 0.001))


def _power(random: Random, scaled: Floats) -> Floats:
    """a C^-b: two in three fade and one grows, by a factor of two a decade either way and more.

    So far apart are the published optimizers and the first ideas measured on `byte_lm`.
    """
    size = 0.003 + random.exponential(0.015)
    sign = random.choice([-1.0, 1.0], p=[0.5, 0.5])
    return np.asarray(sign * size * scaled ** -random.normal(0.15, 0.3))


def _saturating(random: Random, scaled: Floats) -> Floats:
    """Comes in, or goes out, around one scale of the ladder and then stays."""
    size = 0.003 + random.exponential(0.02)
    sign = random.choice([-1.0, 1.0], p=[0.6, 0.4])
    around, steep = 10.0 ** random.uniform(-1.5, 0.5), random.uniform(0.5, 1.5)
    share = 1 / (1 + (scaled / around) ** (-steep * random.choice([1.0, -1.0], p=[0.4, 0.6])))
    return np.asarray(sign * size * share)


def _small_win(random: Random, scaled: Floats) -> Floats:
    """Gains at the bottom, crosses within the ladder or above it, and loses at the target."""
    gain, harm = 0.01 + random.exponential(0.012, size=2)
    return _crossing(random, scaled, -gain, harm)


def _late_bloomer(random: Random, scaled: Floats) -> Floats:
    """Loses at the bottom and gains at the target."""
    harm, gain = 0.01 + random.exponential(0.012, size=2)
    return _crossing(random, scaled, harm, -gain)


def _crossing(random: Random, scaled: Floats, first: float, last: float) -> Floats:
    """From one gap at the lowest rung to another at the target by a power of compute between."""
    bend = random.normal(0.0, 0.25)
    powers = scaled**bend if abs(bend) > 1e-3 else np.log(scaled)
    way = (powers - powers[0]) / (powers[-1] - powers[0])
    return np.asarray(first + (last - first) * way)


def _crash(random: Random, scaled: Floats) -> Floats:
    return np.full_like(scaled, np.nan)


_SHAPES: Mapping[str, Callable[[Random, Floats], Floats]] = {
    "identical": _nothing,
    "nothing": _nothing,
    "tiny": _tiny,
    "power": _power,
    "saturating": _saturating,
    "small-win": _small_win,
    "late-bloomer": _late_bloomer,
    "crash": _crash,
}
