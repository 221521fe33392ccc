"""What a decision is worth, and what it will be worth after a measurement.

An idea is adopted or not. Adopting one with a gap g at the target gains -g, so it is adopted when
the gap's mean is below zero, and the decision is worth what is then expected: max(0, -mean). A
measurement moves the mean; what that is expected to add to the worth is what it is worth itself.

Beliefs are mixtures over kinds. Most ideas that look like nothing are nothing and a few are large,
so for most measurements the mean moves little and for a few a lot: a normal of the same variance
would think far too well of measuring. The expectation is therefore taken over the mixture, by
Gauss-Hermite quadrature for each kind, with the kinds' weights as the measurement would leave them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from proveout.scaling import Information
from proveout.verdicts._board import Floats

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_SHARES = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
_ROOT_TWO_PI = math.sqrt(2 * math.pi)
_KINDS = 4  # that an idea's worth is taken over: those with the most at stake
_LEAST = 1e-200
_AT_ONCE = 256  # measurements: more do not stay in the processor's cache


def worth_now(weights: Floats, mean: Floats) -> Floats:
    """What adopting or dropping each idea is worth as things stand, [I], from how likely its kinds
    are and the gaps to expect at the target, both [I, K]."""
    worth: Floats = np.maximum(-np.einsum("ik,ik->i", weights, mean), 0.0)
    return worth


def regret(information: Information, smallest: Sequence[float] = (0.0,)) -> Floats:
    """What knowing every gap at the target would add to the decisions' worth, [n, I].

    With a `smallest` gain worth having, n of them, gains count only as far as they exceed it.
    """
    from scipy.special import ndtr  # 0.2 s: not at import

    least = np.array(smallest)[:, None]
    sd = np.sqrt(np.maximum(information.variance, _LEAST))
    z = (information.mean + least[:, :, None]) / -sd
    density = np.exp(z**2 / -2) / _ROOT_TWO_PI
    known = np.einsum("ik,nik->ni", information.weights, sd * (z * ndtr(z) + density))
    mean = np.einsum("ik,ik->i", information.weights, information.mean) + least
    lost: Floats = np.maximum(known - np.maximum(-mean, 0.0), 0.0)
    return lost


def gain_by(kinds: Floats, noise: Floats) -> Floats:
    """By how much the worth of each idea's decision is expected to rise with a measurement.

    Args:
        kinds: [5, K, I, R], what is believed (`at_stake`).
        noise: [I, R, n], variances of n alternative measurements of each idea's gap at each rung;
            infinite is no measurement.

    Returns:
        [I, R, n], never below zero.
    """
    ideas, rungs = noise.shape[:2]
    gain = np.zeros(noise.shape)
    flat, places = gain.reshape(-1), np.flatnonzero(np.isfinite(noise))
    cells = places // noise.shape[2]
    now = worth_now(kinds[0, :, :, 0].T, kinds[1, :, :, 0].T).repeat(rungs)
    told = kinds.reshape(*kinds.shape[:2], ideas * rungs)
    for start in range(0, places.size, _AT_ONCE):
        some, cell = places[start : start + _AT_ONCE], cells[start : start + _AT_ONCE]
        after = _worth_after(told.take(cell, axis=2), noise.reshape(-1)[some])
        flat[some] = np.maximum(after - now[cell], 0.0)
    return gain


def at_stake(information: Information) -> Floats:
    """Of the kinds that matter to each idea's decision, likely ones and large ones that may be:
    their weights, the mean at the target, and at each rung mean, variance and covariance with the
    target, [5, K, I, R]."""
    weights = information.weights
    stake = weights * np.sqrt(information.variance + information.mean**2)
    chosen = np.argpartition(-stake, min(_KINDS, stake.shape[1]) - 1, axis=1)[:, :_KINDS].T
    ideas = np.arange(len(weights))
    weights = weights[ideas, chosen]
    kinds = np.empty((5, *chosen.shape, information.rung_mean.shape[2]))
    kinds[0] = (weights / weights.sum(axis=0))[:, :, None]
    kinds[1] = information.mean[ideas, chosen][:, :, None]
    kinds[2] = information.rung_mean[ideas, chosen]
    kinds[3] = information.rung_variance[ideas, chosen]
    kinds[4] = information.covariance[ideas, chosen]
    return kinds


def _worth_after(kinds: Floats, noise: Floats) -> Floats:
    """What m decisions [m] are expected to be worth after a measurement each, of the gap at a rung
    with a noise variance [m]; `kinds` [5, K, m] are of the idea and the rung (`at_stake`).

    Kinds and nodes are the first axes here, in memory too: sums over them are then sums of long
    rows, which takes a third of the time.
    """
    known, mean, middle, spread, toward = kinds  # [K, m]
    total = spread + noise  # of what will be measured
    sd = np.sqrt(total)
    # A set of nodes for each kind that may be true, [K, Q, m], seen by each kind, [K, K, Q, m].
    seen = middle[:, None] + sd[:, None] * _NODES[:, None]
    off = seen - middle[:, None, None]
    logs = off**2
    logs *= (-0.5 / total)[:, None, None]
    weights = np.exp(logs, out=logs)
    # The kind that is true sees its own node well: no sum over kinds is near zero.
    weights *= (np.maximum(known, _LEAST) / sd)[:, None, None]
    off *= (toward / total)[:, None, None]
    off += mean[:, None, None]
    off *= weights
    told = off.sum(axis=0) / weights.sum(axis=0)  # [K, Q, m]
    worth: Floats = (np.maximum(-told, 0.0) * (known[:, None] * _SHARES[:, None])).sum(axis=(0, 1))
    return worth
