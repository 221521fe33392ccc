"""Trials: (idea, rung, seed) made runnable, and the records of what they come to."""

from proveout.trials._curve import Curve, read_curve, tail
from proveout.trials._files import folder_bytes, open_regular, read_regular, remove
from proveout.trials._job import EndedBy, Exit, Job, Limits
from proveout.trials._quote import clean, clean_lines, quote, quote_numbers
from proveout.trials._trial import (
    AUDITS,
    Audit,
    Failure,
    FailureKind,
    Isolation,
    Measurement,
    Trial,
    Trust,
    Usage,
    trial_seed,
    worse_isolation,
)
from proveout.trials._workspace import (
    TrialFolder,
    check_disk,
    clean_environment,
    copy_program,
    prepare_trial,
    trial_command,
    trial_folder,
)

__all__ = [
    "AUDITS",
    "Audit",
    "Curve",
    "EndedBy",
    "Exit",
    "Failure",
    "FailureKind",
    "Isolation",
    "Job",
    "Limits",
    "Measurement",
    "Trial",
    "TrialFolder",
    "Trust",
    "Usage",
    "check_disk",
    "clean",
    "clean_environment",
    "clean_lines",
    "copy_program",
    "folder_bytes",
    "open_regular",
    "prepare_trial",
    "quote",
    "quote_numbers",
    "read_curve",
    "read_regular",
    "remove",
    "tail",
    "trial_command",
    "trial_folder",
    "trial_seed",
    "worse_isolation",
]
