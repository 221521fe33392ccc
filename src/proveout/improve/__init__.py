"""The idea-maker that improves itself: improvers, tasks, models, and the gate between them."""

from proveout.improve._archive import Archive, Charges
from proveout.improve._attempts import KINDS, Rate, rate
from proveout.improve._book import Book, Ended, Ends
from proveout.improve._chat import ChatModel
from proveout.improve._check import fingerprint, problem_with
from proveout.improve._crew import Crew
from proveout.improve._embedded import EmbeddedModel
from proveout.improve._gate import Standing, alpha_of, stand
from proveout.improve._meter import Budget
from proveout.improve._model import Model, Most, Samples
from proveout.improve._open import (
    approve,
    decline,
    is_improvement,
    probe,
    read_archive,
    roll_back,
    run_improvement,
)
from proveout.improve._place import Place
from proveout.improve._source import ImproverSource
from proveout.improve._spec import IMPROVE_FILE, STARTING_POINT, Improvement, read_improvement
from proveout.improve._strategies import strategies
from proveout.improve._task import (
    Task,
    finite_numbers,
    library_tasks,
    read_task,
    whole_numbers,
)
from proveout.improve._transfer import Transfer, transfer
from proveout.improve._work import Meta, Workshop

__all__ = [
    "IMPROVE_FILE",
    "KINDS",
    "STARTING_POINT",
    "Archive",
    "Book",
    "Budget",
    "Charges",
    "ChatModel",
    "Crew",
    "EmbeddedModel",
    "Ended",
    "Ends",
    "Improvement",
    "ImproverSource",
    "Meta",
    "Model",
    "Most",
    "Place",
    "Rate",
    "Samples",
    "Standing",
    "Task",
    "Transfer",
    "Workshop",
    "alpha_of",
    "approve",
    "decline",
    "fingerprint",
    "finite_numbers",
    "is_improvement",
    "library_tasks",
    "probe",
    "problem_with",
    "rate",
    "read_archive",
    "read_improvement",
    "read_task",
    "roll_back",
    "run_improvement",
    "stand",
    "strategies",
    "transfer",
    "whole_numbers",
]
