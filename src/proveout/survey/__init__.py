"""The survey: a look at a folder with a training program, and the study that would run it."""

from proveout.survey._compose import Plan, Wishes, apply_wishes, editable_of, plan_study
from proveout.survey._curves import curve_of
from proveout.survey._left import Reported, pattern_for, reported
from proveout.survey._look import survey
from proveout.survey._records import Parameter, Reach, Role, Survey
from proveout.survey._write import (
    CurveLines,
    Scored,
    budget_for,
    computes,
    score_lines,
    study_text,
)

__all__ = [
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
    "pattern_for",
    "plan_study",
    "reported",
    "score_lines",
    "study_text",
    "survey",
]
