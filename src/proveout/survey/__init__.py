"""The survey: a look at a folder with a training program, and the study that would run it."""

from proveout.survey._compose import apply_wishes, editable_of, plan_study
from proveout.survey._curves import Counted, curve_of, is_of_the_start
from proveout.survey._left import reported
from proveout.survey._look import has_accelerator, survey
from proveout.survey._plan import Plan, Wishes
from proveout.survey._printed import name_in, pattern_for
from proveout.survey._records import Parameter, Reach, Role, Survey
from proveout.survey._roles import is_knob
from proveout.survey._rungs import less_work
from proveout.survey._scores import Reported
from proveout.survey._write import (
    CurveLines,
    Scored,
    budget_for,
    computes,
    score_lines,
    study_text,
)

__all__ = [
    "Counted",
    "CurveLines",
    "Parameter",
    "Plan",
    "Reach",
    "Reported",
    "Role",
    "Scored",
    "Survey",
    "Wishes",
    "apply_wishes",
    "budget_for",
    "computes",
    "curve_of",
    "editable_of",
    "has_accelerator",
    "is_knob",
    "is_of_the_start",
    "less_work",
    "name_in",
    "pattern_for",
    "plan_study",
    "reported",
    "score_lines",
    "study_text",
    "survey",
]
