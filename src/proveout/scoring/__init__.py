"""Scoring: the trusted side that turns artifacts into measurements, and the audits."""

from proveout.scoring._audits import Reference, audit, curve_end, is_notable
from proveout.scoring._command import CommandEvaluator
from proveout.scoring._copies import Copy, find_copies
from proveout.scoring._evaluator import (
    Evaluator,
    Scored,
    Tier,
)
from proveout.scoring._items import items_file, keep_items, kept_items
from proveout.scoring._kinds import evaluator_of, make_split
from proveout.scoring._language_model import (
    HeldOut,
    LanguageModelEvaluator,
    Probes,
    bits_per_byte,
    make_probes,
    read_held_out,
)
from proveout.scoring._predictions import PredictionsEvaluator
from proveout.scoring._reported import ReportedEvaluator
from proveout.scoring._split import Split
from proveout.scoring._tiers import TierCheck, compare_tiers

__all__ = [
    "CommandEvaluator",
    "Copy",
    "Evaluator",
    "HeldOut",
    "LanguageModelEvaluator",
    "PredictionsEvaluator",
    "Probes",
    "Reference",
    "ReportedEvaluator",
    "Scored",
    "Split",
    "Tier",
    "TierCheck",
    "audit",
    "bits_per_byte",
    "compare_tiers",
    "curve_end",
    "evaluator_of",
    "find_copies",
    "is_notable",
    "items_file",
    "keep_items",
    "kept_items",
    "make_probes",
    "make_split",
    "read_held_out",
]
