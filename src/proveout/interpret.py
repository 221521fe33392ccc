"""Why a trial has no measurement: its failure class, and a sentence for the report."""

from __future__ import annotations

import re

from proveout.trials import Curve, Exit, Failure, clean
from proveout.units import duration

OVERRUN = 1.02
"""How many times its grant a program may claim: the last step may be rounded up, no more."""

_TOO_MUCH = (
    "its folder, the program's own files among it, came to more {} than limits.{} allows, "
    "and it was ended"
)


def classify(ended: Exit, curve: Curve, log_tail: str, granted: float) -> Failure | None:
    """The failure of a trial whose process has ended; None if it may be scored.

    `granted` is the compute it was given, in the unit that its curve counts in.
    """
    if breach := _breach(ended):
        return breach
    if curve.diverged:
        return Failure("diverged", "its training loss stopped being a finite number")
    claimed = curve.claimed_compute
    if claimed is not None and claimed > OVERRUN * granted:
        return Failure(
            "over budget",
            f"it trained {claimed / granted:.1f} times the compute that it was given",
        )
    if ended.code == 0:
        return None
    if "MemoryError" in log_tail or "can't allocate memory" in log_tail:
        return Failure(
            "out of memory", f"it asked for more memory than it may{_last_words(log_tail)}"
        )
    if ended.signal is not None:
        return Failure("crashed", f"it was ended by signal {ended.signal}{_last_words(log_tail)}")
    return Failure("crashed", f"it exited with code {ended.code}{_last_words(log_tail)}")


def _breach(ended: Exit) -> Failure | None:
    match ended.ended_by:
        case "wall-time":
            ran = duration(ended.wall_seconds)
            return Failure("timed out", f"it was still running after {ran} and was ended")
        case "memory":
            peak = f"{ended.peak_memory_bytes / 1e9:.1f} GB"
            return Failure("out of memory", f"it used {peak} of memory and was ended")
        case "cpu-time":
            used = duration(ended.cpu_seconds)
            return Failure("timed out", f"it used {used} of processor time and was ended")
        case "processes":
            return Failure(
                "too many processes", "it started more processes and threads than it may"
            )
        case "files":
            return Failure("wrote too much", _TOO_MUCH.format("files", "files"))
        case "disk":
            return Failure("wrote too much", _TOO_MUCH.format("bytes", "disk"))
        case _:
            return None


_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt)(?::|$)")
_TOLD = re.compile(r"\b(?:fatal )?error: |what\(\): ")


def _last_words(log_tail: str) -> str:
    """What it died of, as its log says: the error that was raised last, the first that a compiler
    tells, or its last line. What a program printed before may come to the log after them."""
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    raised = [line for line in lines if _RAISED.match(line)]
    told = [line for line in lines if _TOLD.search(line)]
    said = [*raised[-1:], *told[:1], *lines[-1:]][:1]
    return f": {clean(said[0], 200)}" if said else ""
