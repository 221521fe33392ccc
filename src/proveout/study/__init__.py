"""The study: one research question, declared in study.toml."""

from proveout.study._read import STUDY_FILE, read_study
from proveout.study._sources import (
    AgentCommand,
    LanguageModel,
    Range,
    Recombination,
    Sampler,
    TokenPrice,
)
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
    "AgentCommand",
    "Budget",
    "Execution",
    "Ideas",
    "Ladder",
    "LanguageModel",
    "Limits",
    "Policy",
    "Program",
    "Range",
    "Recombination",
    "Rung",
    "Sampler",
    "Score",
    "Seeds",
    "Study",
    "TokenPrice",
    "Value",
    "read_study",
]
