"""The idea-maker that improves itself: improvers, tasks, models, and the gate between them."""

from proveout.improve._model import Model, Samples

__all__ = [
    "Model",
    "Samples",
]
