"""The idea-maker that improves itself: improvers, tasks, models, and the gate between them."""

from proveout.improve._embedded import EmbeddedModel
from proveout.improve._model import Model, Samples
from proveout.improve._strategies import strategies
from proveout.improve._task import (
    Task,
    finite_numbers,
    library_tasks,
    read_task,
    whole_numbers,
)

__all__ = [
    "EmbeddedModel",
    "Model",
    "Samples",
    "Task",
    "finite_numbers",
    "library_tasks",
    "read_task",
    "strategies",
    "whole_numbers",
]
