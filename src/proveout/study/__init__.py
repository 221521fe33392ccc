"""The study: one research question, declared in study.toml."""

from proveout.study._formula import Formula
from proveout.study._read import STUDY_FILE, read_study
from proveout.study._settings import CurveSource, SettingsFile, Value
from proveout.study._spec import (
    BUILT_IN,
    PLACEHOLDER,
    Budget,
    Execution,
    Ideas,
    Ladder,
    Limits,
    Policy,
    Program,
    Rung,
    Score,
    Seeds,
    Study,
)

__all__ = [
    "BUILT_IN",
    "PLACEHOLDER",
    "STUDY_FILE",
    "Budget",
    "CurveSource",
    "Execution",
    "Formula",
    "Ideas",
    "Ladder",
    "Limits",
    "Policy",
    "Program",
    "Rung",
    "Score",
    "Seeds",
    "SettingsFile",
    "Study",
    "Value",
    "read_study",
]
