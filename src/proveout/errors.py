"""Everything that proveout raises on purpose.

    ProveoutError
    +-- UserError              the user's mistake: exit code 2, no traceback
    |   +-- StudyError         study.toml says something that cannot be
    |   +-- IdeaError          an idea that cannot become a commit
    |   |   +-- MergeConflict  two ideas change the same lines
    |   +-- DataError          a file to be read is missing or malformed
    |   +-- NotIsolated        trials would be shut in less than the study accepts
    |   +-- StudyBusy          another controller is at work on this study
    |   +-- LedgerTooNew       written by a later version of proveout
    +-- EnvironmentFailure     the machine's: disk full, git missing, folder read-only; exit code 1
    |   +-- LauncherDied       the process that starts trials has gone
    +-- BudgetExceeded         a bug of ours: something tried to spend what was not reserved
    +-- ScoringFailed          a trial's artifacts cannot be turned into a measurement
    +-- SolutionFailed         a solution, run shut in, gave no answer to one call

A message says what was got, what is allowed and what to do about it.
"""

from __future__ import annotations

from typing import Literal


class ProveoutError(Exception):
    """Base of every error that proveout raises on purpose."""


class UserError(ProveoutError):
    """Something the user can put right; the command line prints it without a traceback."""


class StudyError(UserError):
    """The study's declaration is wrong; names the file and, where it is known, the line."""


class IdeaError(UserError):
    """An idea cannot become a commit: it does not apply, or changes what it may not."""


class MergeConflict(IdeaError):
    """Two ideas change the same lines; `paths` are the files in conflict."""

    def __init__(self, message: str, paths: tuple[str, ...]) -> None:
        super().__init__(message)
        self.paths = paths


class DataError(UserError):
    """A file that proveout was pointed at is missing, unreadable or malformed."""


class NotIsolated(UserError):
    """Trials would run at a lower isolation level than the study accepts."""


class StudyBusy(UserError):
    """Another controller holds this study's lock."""


class LedgerTooNew(UserError):
    """The ledger was written by a later version of proveout than this one."""


class EnvironmentFailure(ProveoutError):
    """The machine does not let us go on: disk full, no git, a folder that cannot be written."""


class LauncherDied(EnvironmentFailure):
    """The process that starts trials has gone; the trials that it ran are lost and rerun."""


class BudgetExceeded(ProveoutError):
    """A reservation would overspend the budget. Policies ask first, so this is a bug."""


class ScoringFailed(ProveoutError):
    """A trial's artifacts cannot be turned into a measurement; `kind` is the failure class."""

    def __init__(self, kind: Literal["unscorable", "diverged", "not causal"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


class SolutionFailed(ProveoutError):
    """A solution, run shut in, gave no answer: it raised, took too long, or answered no JSON.

    `kind` is the failure class.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
