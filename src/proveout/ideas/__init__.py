"""Ideas: hypotheses with a change, kept as commits."""

from proveout.ideas._catalog import parse_value, read_catalog, read_proposal
from proveout.ideas._idea import BASELINE, STACK_PREFIX, Idea, Kind, Proposal, check_name
from proveout.ideas._repository import ProgramRepository

__all__ = [
    "BASELINE",
    "STACK_PREFIX",
    "Idea",
    "Kind",
    "ProgramRepository",
    "Proposal",
    "check_name",
    "parse_value",
    "read_catalog",
    "read_proposal",
]
