"""Verdicts: what is believed of each idea, the rules that name it, the policy that buys."""

from proveout.verdicts._belief import Belief, Beliefs, believe, paired_gaps
from proveout.verdicts._board import Board, Choice, Pick, Policy, board_of
from proveout.verdicts._forecast import forecast, score_forecast
from proveout.verdicts._information import InformationPolicy
from proveout.verdicts._named import POLICIES, policy_named
from proveout.verdicts._optuna import Asha, Hyperband
from proveout.verdicts._policy import (
    Action,
    Buy,
    MakeForecast,
    Merge,
    ScoreForecast,
    Stop,
    members_of,
    plan,
)
from proveout.verdicts._reference import (
    KeepIfBetter,
    SuccessiveHalving,
    UniformGrid,
    UniformWithBelief,
)
from proveout.verdicts._rules import is_broken, judge

__all__ = [
    "POLICIES",
    "Action",
    "Asha",
    "Belief",
    "Beliefs",
    "Board",
    "Buy",
    "Choice",
    "Hyperband",
    "InformationPolicy",
    "KeepIfBetter",
    "MakeForecast",
    "Merge",
    "Pick",
    "Policy",
    "ScoreForecast",
    "Stop",
    "SuccessiveHalving",
    "UniformGrid",
    "UniformWithBelief",
    "believe",
    "board_of",
    "forecast",
    "is_broken",
    "judge",
    "members_of",
    "paired_gaps",
    "plan",
    "policy_named",
    "score_forecast",
]
