"""Which evaluator belongs to which kind of `[score]`."""

from __future__ import annotations

from typing import assert_never

from proveout.scoring._command import CommandEvaluator
from proveout.scoring._evaluator import Evaluator
from proveout.scoring._language_model import LanguageModelEvaluator, split_held_out
from proveout.scoring._predictions import PredictionsEvaluator, split_items
from proveout.scoring._reported import ReportedEvaluator
from proveout.scoring._split import Split
from proveout.study import (
    CommandScore,
    LanguageModelScore,
    PredictionsScore,
    ReportedScore,
    Study,
)


def evaluator_of(study: Study, split: Split | None = None) -> Evaluator:
    """The evaluator of a study; `split` is how its held-out data was divided when it began.

    Raises:
        DataError: the held-out data cannot be read, or is too little.
    """
    match study.score:
        case LanguageModelScore():
            return LanguageModelEvaluator(study, split)
        case PredictionsScore():
            return PredictionsEvaluator(study, split)
        case CommandScore():
            return CommandEvaluator(study)
        case ReportedScore():
            return ReportedEvaluator(study)
        case _:
            assert_never(study.score)


def make_split(study: Study) -> Split | None:
    """Divides the held-out data, once; None for a kind that has no sealed part.

    Raises:
        DataError: the held-out data cannot be read, or is too little.
    """
    match study.score:
        case LanguageModelScore():
            return split_held_out(study)
        case PredictionsScore():
            return split_items(study)
        case _:
            return None
