"""Holds an idea's parameters to the FLOPs of its rung, where the study has a formula."""

from __future__ import annotations

from proveout.errors import UserError
from proveout.ideas import Idea
from proveout.interpret import OVERRUN
from proveout.study import Study
from proveout.trials import Failure, Trial


def over_formula(study: Study, trial: Trial, idea: Idea) -> Failure | None:
    """The failure of a trial whose parameters make more FLOPs than its rung has."""
    try:
        flops = study.declared_flops(trial.rung, dict(idea.parameters))
    except UserError as error:
        return Failure("over budget", f"program.flops cannot be told of its parameters: {error}")
    granted = study.rung(trial.rung).compute.amount
    if flops is None or flops <= OVERRUN * granted:
        return None
    times = f"{flops / granted:.2f}"
    return Failure("over budget", f"its parameters make {times} times the compute of its rung")
