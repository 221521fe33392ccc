"""The loop: the research cycle that turns a study into verdicts."""

from proveout.loop._bench import Bench
from proveout.loop._open import (
    check_unchanged,
    describe_machine,
    modules_to_preload,
    open_study,
    repository_of,
)
from proveout.loop._research import NEW_BASELINE, Outcome, Plan, Watcher, run_study
from proveout.loop._start import reference_program, start_reference_study

__all__ = [
    "NEW_BASELINE",
    "Bench",
    "Outcome",
    "Plan",
    "Watcher",
    "check_unchanged",
    "describe_machine",
    "modules_to_preload",
    "open_study",
    "reference_program",
    "repository_of",
    "run_study",
    "start_reference_study",
]
