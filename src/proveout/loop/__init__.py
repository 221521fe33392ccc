"""The loop: the research cycle that turns a study into verdicts."""

from proveout.loop._adopt import Adopted, adopt_program
from proveout.loop._bench import Bench
from proveout.loop._choose_score import Choose, ScoreWish
from proveout.loop._costs import Costs
from proveout.loop._desk import Sources, sources_for
from proveout.loop._evidence import Library
from proveout.loop._inbox import Request, settle, submit, to_come, waiting
from proveout.loop._isolation import hidden_patterns
from proveout.loop._ladder import (
    LadderProposal,
    ProposedRung,
    Sweep,
    Tried,
    Wanted,
    propose_ladder,
)
from proveout.loop._open import (
    check_unchanged,
    describe_machine,
    modules_to_preload,
    open_study,
    repository_of,
)
from proveout.loop._probe import Probe, Prober, prober
from proveout.loop._prove import Proof, prove_study, study_seconds
from proveout.loop._research import NEW_BASELINE, Outcome, Plan, Watcher, run_study
from proveout.loop._start import reference_program, start_reference_study
from proveout.loop._twins import twin_of
from proveout.loop._write_ladder import write_ladder

__all__ = [
    "NEW_BASELINE",
    "Adopted",
    "Bench",
    "Choose",
    "Costs",
    "LadderProposal",
    "Library",
    "Outcome",
    "Plan",
    "Probe",
    "Prober",
    "Proof",
    "ProposedRung",
    "Request",
    "ScoreWish",
    "Sources",
    "Sweep",
    "Tried",
    "Wanted",
    "Watcher",
    "adopt_program",
    "check_unchanged",
    "describe_machine",
    "hidden_patterns",
    "modules_to_preload",
    "open_study",
    "prober",
    "propose_ladder",
    "prove_study",
    "reference_program",
    "repository_of",
    "run_study",
    "settle",
    "sources_for",
    "start_reference_study",
    "study_seconds",
    "submit",
    "to_come",
    "twin_of",
    "waiting",
    "write_ladder",
]
