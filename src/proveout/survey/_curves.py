"""Finds the training curve in what a trial left, and what its compute is by then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from proveout.study import CurveSource
from proveout.survey._scores import Reported
from proveout.survey._write import CurveLines
from proveout.trials import Row, newest, read_text, rows

_STEP_KEYS = ("step", "iter", "iteration", "global_step", "epoch", "generation", "i")
_STEP = re.compile(r"\b(step|iter(?:ation)?|epoch|generation|gen|evaluation)s?\b\W{0,3}(\d+)", re.I)


_SOME_STEPS = 8


class Counted(NamedTuple):
    """What counts the steps of a run."""

    placeholder: str
    of_run: float
    """How many the trial had."""


def is_of_the_start(found: Reported, count: float, log: Path) -> bool:
    """Whether the only report of a number, in the output of a run of `count` steps, is that of its
    first step."""
    lines = read_text(log).splitlines()
    if found.source != "output" or found.times != 1 or found.line >= len(lines):
        return False
    counts = list(_STEP.finditer(lines[found.line]))
    within = [each for each in counts if each[1].lower() in ("step", "iter", "iteration")]
    if any(int(each[2]) == 0 for each in within):  # `Epoch [1/1], Step [0/85]`
        return True
    return count >= _SOME_STEPS and bool(counts) and int(counts[0][2]) <= 1


def curve_of(
    found: Sequence[Reported], steps: Counted | None, counts_flops: bool, out: Path, log: Path
) -> CurveLines | None:
    """The `[curve]` of a trial; None where it reports none whose compute can be told."""
    series = [e for e in found if e.times >= 2 and _is_loss(e)]
    order = {"jsonl": 0, "output": 1, "csv": 2, "tensorboard": 3, "json": 4}
    for each in sorted(series, key=lambda e: (order[e.source], "train" not in e.name.lower())):
        lines = _lines(each, steps, counts_flops, out, log)
        if lines is not None:
            return lines
    return None


def _is_loss(found: Reported) -> bool:
    return found.rank is not None and found.goal == "minimize"


def _lines(
    found: Reported, steps: Counted | None, counts_flops: bool, out: Path, log: Path
) -> CurveLines | None:
    if found.source == "output":
        return _of_output(found, steps, log)
    if found.source == "json":
        return None
    source = CurveSource(source=found.source, file=found.file or None)
    row: Row = {}
    for each in rows(source, out, log):
        row = each if found.name in each else row
    compute = "flops" if counts_flops and "flops" in row else None
    if compute is None and steps is not None:
        key = next((key for key in _STEP_KEYS if _counts(row.get(key), steps)), None)
        compute = f"compute * {key} / {steps.placeholder}" if key else None
    if compute is None:
        return None
    file = found.file if newest(out, found.file) and found.file != "metrics.jsonl" else ""
    return CurveLines(found.source, found.name, compute, file)


def _counts(last: object, steps: Counted) -> bool:
    """Whether a number at the last point is one of the run's steps, and not of smaller ones."""
    return isinstance(last, int | float) and 0 < last <= 1.01 * steps.of_run + 1


def _of_output(found: Reported, steps: Counted | None, log: Path) -> CurveLines | None:
    """A pattern with the groups `step` and `loss`, if both stand in one line."""
    if steps is None or not found.pattern.startswith(r"\b"):  # its name stands elsewhere
        return None
    number = re.compile(found.pattern)
    for line in reversed(read_text(log).splitlines()):
        step, loss = _STEP.search(line), number.search(line)
        if step and loss and step.end() <= loss.start() and _counts(int(step[2]), steps):
            word = rf"{re.escape(step[1])}s?"
            name = found.pattern[: found.pattern.index("(")]
            pattern = rf"\b{word}\W*(?P<step>\d+).*?{name}(?P<loss>[^\s,;|}}\]]+)"
            if re.search(pattern, line):
                return CurveLines(
                    "output", "loss", f"compute * step / {steps.placeholder}", pattern=pattern
                )
    return None
