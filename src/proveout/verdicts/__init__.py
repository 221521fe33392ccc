"""Verdicts: what is believed of each idea, the rules that name it, the policy that buys."""

from proveout.verdicts._actions import (
    Action,
    Buy,
    EndLadder,
    MakeForecast,
    Merge,
    Promote,
    Purchase,
    ScoreForecast,
    Stop,
    Wait,
)
from proveout.verdicts._believe import Belief, believe_board
from proveout.verdicts._board import Board, Choice, Pick, Policy, board_of
from proveout.verdicts._compound import members_of
from proveout.verdicts._confirm import BorneOut, borne_out
from proveout.verdicts._decide import Run, decide
from proveout.verdicts._decision import Decision, IdeaDecision
from proveout.verdicts._early import Hopeless, PastTrial, Tenths, hopeless, mean_tenths, tenths
from proveout.verdicts._forecast import forecast, is_proven, score_forecast
from proveout.verdicts._information import InformationPolicy
from proveout.verdicts._named import POLICIES, policy_named
from proveout.verdicts._optuna import Asha, Hyperband
from proveout.verdicts._plan import plan
from proveout.verdicts._promote import SelectionBias, kept_trials, selection_bias
from proveout.verdicts._reference import (
    KeepIfBetter,
    SuccessiveHalving,
    UniformGrid,
    UniformWithBelief,
)
from proveout.verdicts._rules import is_broken, judge
from proveout.verdicts._yields import (
    Yield,
    origin_of,
    room_for_ideas,
    source_shares,
    sources_of,
    spent_on_sources,
    yields,
)

__all__ = [
    "POLICIES",
    "Action",
    "Asha",
    "Belief",
    "Board",
    "BorneOut",
    "Buy",
    "Choice",
    "Decision",
    "EndLadder",
    "Hopeless",
    "Hyperband",
    "IdeaDecision",
    "InformationPolicy",
    "KeepIfBetter",
    "MakeForecast",
    "Merge",
    "PastTrial",
    "Pick",
    "Policy",
    "Promote",
    "Purchase",
    "Run",
    "ScoreForecast",
    "SelectionBias",
    "Stop",
    "SuccessiveHalving",
    "Tenths",
    "UniformGrid",
    "UniformWithBelief",
    "Wait",
    "Yield",
    "believe_board",
    "board_of",
    "borne_out",
    "decide",
    "forecast",
    "hopeless",
    "is_broken",
    "is_proven",
    "judge",
    "kept_trials",
    "mean_tenths",
    "members_of",
    "origin_of",
    "plan",
    "policy_named",
    "room_for_ideas",
    "score_forecast",
    "selection_bias",
    "source_shares",
    "sources_of",
    "spent_on_sources",
    "tenths",
    "yields",
]
