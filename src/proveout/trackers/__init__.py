"""Trackers: a study in TensorBoard, MLflow, Weights & Biases or trackio, as it runs or after."""

from proveout.trackers._follow import Followers
from proveout.trackers._kinds import TRACKERS, tracker_of
from proveout.trackers._once import Delivery, send_study
from proveout.trackers._sent import TrackerState, tracker_states
from proveout.trackers._tracker import Run, StudyCard, Summary, Tracker

__all__ = [
    "TRACKERS",
    "Delivery",
    "Followers",
    "Run",
    "StudyCard",
    "Summary",
    "Tracker",
    "TrackerState",
    "send_study",
    "tracker_of",
    "tracker_states",
]
