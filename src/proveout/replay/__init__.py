"""Replay: whole studies in a moment, of recorded trials or in worlds whose truth is known."""

from proveout.replay._play import Look, Played, play
from proveout.replay._recorded import Grid, read_grid
from proveout.replay._simulated import MIX, Simulator
from proveout.replay._world import World, Worlds

__all__ = [
    "MIX",
    "Grid",
    "Look",
    "Played",
    "Simulator",
    "World",
    "Worlds",
    "play",
    "read_grid",
]
