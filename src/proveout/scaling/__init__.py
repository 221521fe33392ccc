"""Scaling: noise, gaps over compute, laws, intervals and extrapolation. Pure numerics."""

from proveout.scaling._cells import Cells, measure_cells, own_variance
from proveout.scaling._crossing import Crossing, crossing
from proveout.scaling._design import Purchase, first_runs, next_runs
from proveout.scaling._discrepancy import Discrepancy
from proveout.scaling._field import GapField, fit_field
from proveout.scaling._field_prior import FIELD_PRIOR, Course, FieldPrior
from proveout.scaling._fit import Bootstrap, Fit, bootstrap, fit
from proveout.scaling._forecast import Prediction
from proveout.scaling._forms import FORMS, Form, Parameter
from proveout.scaling._gap import GapLine, GapPrior, fit_gap, prior_gap
from proveout.scaling._isocompute import BestSize, PowerLine, best_size, power_line
from proveout.scaling._joint import GapJoint
from proveout.scaling._lasting import lasting_share
from proveout.scaling._laws import Laws, fit_laws
from proveout.scaling._learn import Lesson, learn_discrepancy, lessons_of
from proveout.scaling._multipliers import ComputeMultiplier, multipliers
from proveout.scaling._noise import Noise, NoiseSd, pool_noise
from proveout.scaling._outlook import GapsAt, Information
from proveout.scaling._points import Points
from proveout.scaling._predictive import Interval, Predictive
from proveout.scaling._together import GapTogether, gap_together

__all__ = [
    "FIELD_PRIOR",
    "FORMS",
    "BestSize",
    "Bootstrap",
    "Cells",
    "ComputeMultiplier",
    "Course",
    "Crossing",
    "Discrepancy",
    "FieldPrior",
    "Fit",
    "Form",
    "GapField",
    "GapJoint",
    "GapLine",
    "GapPrior",
    "GapTogether",
    "GapsAt",
    "Information",
    "Interval",
    "Laws",
    "Lesson",
    "Noise",
    "NoiseSd",
    "Parameter",
    "Points",
    "PowerLine",
    "Prediction",
    "Predictive",
    "Purchase",
    "best_size",
    "bootstrap",
    "crossing",
    "first_runs",
    "fit",
    "fit_field",
    "fit_gap",
    "fit_laws",
    "gap_together",
    "lasting_share",
    "learn_discrepancy",
    "lessons_of",
    "measure_cells",
    "multipliers",
    "next_runs",
    "own_variance",
    "pool_noise",
    "power_line",
    "prior_gap",
]
