"""The study: one research question, declared in study.toml."""

from proveout.study._formula import Formula
from proveout.study._metrics import METRICS
from proveout.study._read import STUDY_FILE, read_study
from proveout.study._score import (
    CommandScore,
    LanguageModelScore,
    PredictionsScore,
    ReportedScore,
    Score,
    split_function,
)
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
    Seeds,
    Study,
)

__all__ = [
    "BUILT_IN",
    "METRICS",
    "PLACEHOLDER",
    "STUDY_FILE",
    "Budget",
    "CommandScore",
    "CurveSource",
    "Execution",
    "Formula",
    "Ideas",
    "Ladder",
    "LanguageModelScore",
    "Limits",
    "Policy",
    "PredictionsScore",
    "Program",
    "ReportedScore",
    "Rung",
    "Score",
    "Seeds",
    "SettingsFile",
    "Study",
    "Value",
    "read_study",
    "split_function",
]
