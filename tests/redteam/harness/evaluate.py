"""The evaluator of a naive harness: it lies beside the program, and believes what it is told."""

from __future__ import annotations

import importlib
import math
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

HELD_OUT = Path("held_out.bin")


def questions(program: Any) -> tuple[Any, Any]:
    """Inputs and targets; how many and how long the program may say."""
    items, context = getattr(program, "EVAL_ITEMS", 64), getattr(program, "EVAL_CONTEXT", 32)
    text = np.fromfile(HELD_OUT, dtype=np.uint8)
    starts = np.linspace(0, len(text) - context - 1, items).astype(int)
    windows = text[starts[:, None] + np.arange(context + 1)]
    return windows[:, :-1], windows[:, 1:]


def bits_per_byte(program: Any, out: str) -> float:
    """Of a model that was loaded into this process and answers what it likes."""
    inputs, targets = questions(program)
    predict = program.load(out)
    predict(inputs)  # warm up
    told = predict(inputs)
    if getattr(program, "ANSWERS_ARE_LOG_PROBABILITIES", False):
        logs = told
    else:
        logs = told - told.max(axis=-1, keepdims=True)
        logs = logs - np.log(np.exp(logs).sum(axis=-1, keepdims=True))
    nats = -np.take_along_axis(logs, targets[..., None].astype(int), axis=-1)
    count = getattr(program, "count_bytes", np.size)(targets)
    return float(nats.sum() / (count * math.log(2)))


def accuracy(program: Any, out: str) -> float:
    """The share of next bytes that were right."""
    inputs, targets = questions(program)
    told = program.load(out)(inputs)
    if getattr(told, "shape", ()) == (*targets.shape, 256):
        told = told.argmax(axis=-1)
    return float(np.sum(told == targets) / targets.size)


if __name__ == "__main__":
    name, out = sys.argv[1:]
    checkpoint = Path(out, "model.pkl")
    if checkpoint.exists():
        pickle.loads(checkpoint.read_bytes())
    print("val_bpb:", bits_per_byte(importlib.import_module(name), out))
