"""Trials: (idea, rung, seed) made runnable, and the records of what they come to."""

from proveout.trials._curve import Curve, read_curve, read_source, rows, tail
from proveout.trials._files import open_regular, remove
from proveout.trials._job import EndedBy, Exit, Job, Limits
from proveout.trials._trial import (
    AUDITS,
    Failure,
    FailureKind,
    Isolation,
    Measurement,
    Trial,
    Trust,
    Usage,
    trial_seed,
)
from proveout.trials._workspace import (
    TrialFolder,
    check_disk,
    clean_environment,
    copy_program,
    keep_curve,
    prepare_trial,
    trial_command,
    trial_curve,
    trial_environment,
    trial_folder,
    trial_values,
)

__all__ = [
    "AUDITS",
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
    "clean_environment",
    "copy_program",
    "keep_curve",
    "open_regular",
    "prepare_trial",
    "read_curve",
    "read_source",
    "remove",
    "rows",
    "tail",
    "trial_command",
    "trial_curve",
    "trial_environment",
    "trial_folder",
    "trial_seed",
    "trial_values",
]
