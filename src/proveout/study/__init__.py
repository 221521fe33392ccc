"""The study: one research question, declared in study.toml."""

from proveout.study._formula import Formula
from proveout.study._locate import locate
from proveout.study._metrics import METRICS
from proveout.study._part import Part, Seconds
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
from proveout.study._sources import (
    AgentCommand,
    Improver,
    LanguageModel,
    Range,
    Recombination,
    Sampler,
    TokenPrice,
    Usd,
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
    Seeds,
    Study,
)
from proveout.study._trackers import Destination, TrackerKind

__all__ = [
    "BUILT_IN",
    "METRICS",
    "PLACEHOLDER",
    "STUDY_FILE",
    "AgentCommand",
    "Budget",
    "CommandScore",
    "CurveSource",
    "Destination",
    "Execution",
    "Formula",
    "Ideas",
    "Improver",
    "Ladder",
    "LanguageModel",
    "LanguageModelScore",
    "Limits",
    "Part",
    "Policy",
    "PredictionsScore",
    "Program",
    "Range",
    "Recombination",
    "ReportedScore",
    "Rung",
    "Sampler",
    "Score",
    "Seconds",
    "Seeds",
    "SettingsFile",
    "Study",
    "TokenPrice",
    "TrackerKind",
    "Usd",
    "Value",
    "locate",
    "read_study",
    "split_function",
]
