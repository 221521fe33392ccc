"""Trials: (idea, rung, seed) made runnable."""

from proveout.trials._job import EndedBy, Exit, Job, Limits

__all__ = ["EndedBy", "Exit", "Job", "Limits"]
