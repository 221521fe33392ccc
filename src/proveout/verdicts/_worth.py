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

import numpy as np
import numpy.typing as npt

from proveout.scaling import Information
from proveout.verdicts._board import Floats

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_SHARES = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
_KINDS = 4  # that an idea's worth is taken over: those with the most at stake
_LEAST = 1e-200
_AT_ONCE = 128  # measurements: more do not stay in the processor's cache

Places = npt.NDArray[np.intp]


def worth_now(information: Information) -> Floats:
    """What adopting or dropping each idea is worth as things stand, [I]."""
    worth: Floats = np.maximum(-(information.weights * information.mean).sum(axis=1), 0.0)
    return worth


def regret(information: Information, smallest: float = 0.0) -> Floats:
    """What knowing every gap at the target would add to the decisions' worth, [I].

    With a `smallest` gain worth having, gains count only as far as they exceed it.
    """
    from scipy.special import ndtr  # 0.2 s: not at import

    sd = np.sqrt(np.maximum(information.variance, _LEAST))
    z = -(information.mean + smallest) / sd
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    known = (information.weights * sd * (z * ndtr(z) + density)).sum(axis=1)
    mean = (information.weights * information.mean).sum(axis=1)
    lost: Floats = np.maximum(known - np.maximum(-mean - smallest, 0.0), 0.0)
    return lost


def gain_by(information: Information, noise: Floats) -> Floats:
    """By how much the worth of each idea's decision is expected to rise with a measurement.

    Args:
        information: what is believed.
        noise: [I, R, n], variances of n alternative measurements of each idea's gap at each rung;
            infinite is no measurement.

    Returns:
        [I, R, n], never below zero.
    """
    most = _at_stake(information)
    gain = np.zeros_like(noise)
    idea, rung, which = np.nonzero(np.isfinite(noise))
    now = worth_now(most)
    for start in range(0, idea.size, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        place = idea[some], rung[some], which[some]
        after = _worth_after(most, idea[some], rung[some], noise[place])
        gain[place] = np.maximum(after - now[idea[some]], 0.0)
    return gain


def _at_stake(information: Information) -> Information:
    """The kinds that matter to each idea's decision: likely ones, and large ones that may be."""
    if information.weights.shape[1] <= _KINDS:
        return information
    stake = information.weights * np.sqrt(information.variance + information.mean**2)
    chosen = np.argpartition(-stake, _KINDS, axis=1)[:, :_KINDS]
    weights = np.take_along_axis(information.weights, chosen, axis=1)
    rows = np.arange(len(chosen))[:, None]
    return Information(
        weights / weights.sum(axis=1, keepdims=True),
        information.mean[rows, chosen], information.variance[rows, chosen],
        information.rung_mean[rows, chosen], information.rungs[rows, chosen],
        information.covariance[rows, chosen],
    )  # fmt: skip


def _worth_after(information: Information, idea: Places, rung: Places, noise: Floats) -> Floats:
    """What m decisions [m] are expected to be worth after a measurement each: of the gap of `idea`
    [m] at `rung` [m] with a noise variance [m].

    Kinds and nodes are the first axes here, in memory too: sums over them are then sums of long
    rows, which takes a third of the time.
    """
    spread, middle, toward, mean, known = map(np.ascontiguousarray, (
        information.rung_variance[idea, :, rung].T, information.rung_mean[idea, :, rung].T,
        information.covariance[idea, :, rung].T, information.mean[idea].T,
        information.weights[idea].T,
    ))  # fmt: skip  # [K, m]
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
    told = np.einsum("kjqm,kjqm->jqm", weights, off) / weights.sum(axis=0)
    worth: Floats = np.einsum("jqm,q,jm->m", np.maximum(-told, 0.0), _SHARES, known)
    return worth
