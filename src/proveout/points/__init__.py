"""Runs that somebody else trained, read from a CSV file; each mistake is named by its line."""

from proveout.points._amounts import UNITS
from proveout.points._columns import FLOPS_PER_PARAM_TOKEN
from proveout.points._figures import scale_in, scale_label
from proveout.points._idea_runs import IdeaRun, IdeaRuns, read_idea_runs
from proveout.points._numbers import parse_scale
from proveout.points._runs import Runs, read_runs, role_of

__all__ = [
    "FLOPS_PER_PARAM_TOKEN",
    "UNITS",
    "IdeaRun",
    "IdeaRuns",
    "Runs",
    "parse_scale",
    "read_idea_runs",
    "read_runs",
    "role_of",
    "scale_in",
    "scale_label",
]
