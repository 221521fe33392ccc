"""Verdicts: what is believed of each idea, the rules that name it, the policy that buys."""

from proveout.verdicts._belief import Belief, Beliefs, believe, paired_gaps
from proveout.verdicts._board import Board, Choice, Pick, Policy, board_of
from proveout.verdicts._forecast import forecast, score_forecast
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
from proveout.verdicts._rules import is_broken, judge

__all__ = [
    "Action",
    "Belief",
    "Beliefs",
    "Board",
    "Buy",
    "Choice",
    "MakeForecast",
    "Merge",
    "Pick",
    "Policy",
    "ScoreForecast",
    "Stop",
    "believe",
    "board_of",
    "forecast",
    "is_broken",
    "judge",
    "members_of",
    "paired_gaps",
    "plan",
    "score_forecast",
]
