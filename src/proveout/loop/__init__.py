"""The loop: the research cycle that turns a study into verdicts."""

from proveout.loop._bench import Bench
from proveout.loop._desk import Sources, sources_for
from proveout.loop._evidence import Library
from proveout.loop._inbox import Request, settle, submit, waiting
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
    "Library",
    "Outcome",
    "Plan",
    "Request",
    "Sources",
    "Watcher",
    "check_unchanged",
    "describe_machine",
    "modules_to_preload",
    "open_study",
    "reference_program",
    "repository_of",
    "run_study",
    "settle",
    "sources_for",
    "start_reference_study",
    "submit",
    "waiting",
]
