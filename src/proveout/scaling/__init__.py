"""Scaling: noise, gaps over compute, laws, intervals and extrapolation. Pure numerics."""

from proveout.scaling._crossing import Crossing, crossing
from proveout.scaling._gap import GapLine, GapPrior, fit_gap, prior_gap
from proveout.scaling._joint import GapJoint
from proveout.scaling._law import PowerLaw, fit_power_law
from proveout.scaling._multiplier import ComputeMultiplier, compute_multiplier
from proveout.scaling._multipliers import multipliers
from proveout.scaling._noise import Noise, NoiseSd, pool_noise
from proveout.scaling._predictive import Interval, Predictive

__all__ = [
    "ComputeMultiplier",
    "Crossing",
    "GapJoint",
    "GapLine",
    "GapPrior",
    "Interval",
    "Noise",
    "NoiseSd",
    "PowerLaw",
    "Predictive",
    "compute_multiplier",
    "crossing",
    "fit_gap",
    "fit_power_law",
    "multipliers",
    "pool_noise",
    "prior_gap",
]
