"""Scoring: the trusted side that turns artifacts into measurements."""

from proveout.scoring._language_model import (
    HeldOut,
    LanguageModelEvaluator,
    bits_per_byte,
    read_held_out,
)

__all__ = ["HeldOut", "LanguageModelEvaluator", "bits_per_byte", "read_held_out"]
