"""What a decision is worth, and what it will be worth after a measurement.

An idea is adopted or not. Adopting one with a gap g at the target gains -g; it is adopted when the
gap's mean m is below zero, and its gain then counts in proportion to how sure one is that it helps:
not at all at even odds, in full when as certain as a verdict has to be. So a likely gain goes on
being measured until it can be said to hold, and a sure one is not measured any more.

Beliefs are mixtures over sizes. Most ideas that look like nothing are nothing and a few are large,
and then the mean moves little for most measurements and a lot for a few: a normal of the same
variance would think far too well of measuring. So the expectation is taken over the mixture, by
Gauss-Hermite quadrature for each size, with the sizes' weights as the measurement would leave them.
"""

from __future__ import annotations

import numpy as np

from proveout.scaling import Information
from proveout.verdicts._board import Floats

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_SHARES = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
_FOR_CERTAINTY = 0.25  # the share of a gain that counts only as far as it is certain


def worth_now(information: Information, certainty: float) -> Floats:
    """What adopting or dropping each idea is worth as things stand, [I]."""
    sd = np.sqrt(np.maximum(information.variance, 1e-300))
    return _worth(information.weights, information.mean, sd, certainty)


def worth_known(information: Information) -> Floats:
    """What it would be worth if every gap at the target were known, [I]."""
    from scipy.special import ndtr  # 0.2 s: not at import

    sd = np.sqrt(np.maximum(information.variance, 1e-300))
    z = -information.mean / sd
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    gain = -information.mean * ndtr(z) + sd * density
    worth: Floats = (information.weights * gain).sum(axis=1)
    return worth


def worth_after(information: Information, noise: Floats, certainty: float) -> Floats:
    """What it is expected to be worth when the gap at a rung has been measured.

    Args:
        information: what is believed.
        noise: [I, R, n], variances of n alternative measurements of each idea's gap at each rung.
        certainty: how sure a verdict has to be.

    Returns:
        [I, R, n].
    """
    spread = information.rung_variance.transpose(0, 2, 1)[:, :, None, :]  # [I, R, 1, K]
    total = spread + noise[..., None]  # [I, R, n, K], of what will be measured
    sd = np.sqrt(total)
    middle = information.rung_mean.transpose(0, 2, 1)[:, :, None, :]
    seen = middle[..., None] + sd[..., None] * _NODES  # [.., K, Q]: a set of nodes for each size
    off = seen[..., None] - middle[..., None, None, :]  # [.., K, Q, K]
    logs = off**2 * (-0.5 / total)[..., None, None, :]
    logs += np.log(np.maximum(information.weights[:, None, None, :], 1e-300) / sd)[
        ..., None, None, :
    ]
    weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    slope = information.covariance.transpose(0, 2, 1)[:, :, None, :] / total
    mean = information.mean[:, None, None, None, None, :] + slope[..., None, None, :] * off
    left = information.variance[:, None, None, :] - slope**2 * total
    left_sd = np.sqrt(np.maximum(left, 1e-300))[..., None, None, :]
    worth = _worth(weights, mean, left_sd, certainty)  # [I, R, n, K, Q]
    expected: Floats = np.einsum("ik,irnkq,q->irn", information.weights, worth, _SHARES)
    return expected


def _worth(weights: Floats, mean: Floats, sd: Floats, certainty: float) -> Floats:
    """Of mixtures on the last axis."""
    from scipy.special import ndtr

    gain = np.maximum(-(weights * mean).sum(axis=-1), 0.0)
    helps = (weights * ndtr(-mean / sd)).sum(axis=-1)
    sure = np.clip((helps - 0.5) / (certainty - 0.5), 0.0, 1.0)
    worth: Floats = gain * ((1 - _FOR_CERTAINTY) + _FOR_CERTAINTY * sure)
    return worth
