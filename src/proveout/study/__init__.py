"""The study: one research question, declared in study.toml."""

from proveout.study._read import STUDY_FILE, read_study
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
    Value,
)

__all__ = [
    "BUILT_IN",
    "PLACEHOLDER",
    "STUDY_FILE",
    "Budget",
    "Execution",
    "Ideas",
    "Ladder",
    "Limits",
    "Policy",
    "Program",
    "Rung",
    "Score",
    "Seeds",
    "Study",
    "Value",
    "read_study",
]
