"""Processes started fast, limited from outside and ended with all that they leave behind."""

from proveout.sandbox._advice import advice
from proveout.sandbox._examine import Examination, examine
from proveout.sandbox._job import not_found, with_this_python
from proveout.sandbox._launcher import Launcher
from proveout.sandbox._records import LEVELS, Attack, Attempt, EndedBy, Level, ProcessExit

__all__ = [
    "LEVELS",
    "Attack",
    "Attempt",
    "EndedBy",
    "Examination",
    "Launcher",
    "Level",
    "ProcessExit",
    "advice",
    "examine",
    "not_found",
    "with_this_python",
]
