"""Scoring: the trusted side that turns artifacts into measurements."""

from proveout.scoring._language_model import (
    HeldOut,
    LanguageModelEvaluator,
    Probes,
    bits_per_byte,
    make_probes,
    read_held_out,
)

__all__ = [
    "HeldOut",
    "LanguageModelEvaluator",
    "Probes",
    "bits_per_byte",
    "make_probes",
    "read_held_out",
]
