"""What a person says of a program, and how a study would run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proveout.study import Value
from proveout.survey._records import Role


@dataclass(frozen=True)
class Wishes:
    """What a person says of a program; all of it optional."""

    train: str | None = None
    roles: Mapping[Role, str] = field(default_factory=dict)
    """The parameter that is the size, the steps, the seed or the output folder, by its name."""
    fixed: Mapping[str, Value] = field(default_factory=dict)
    """Parameters that are not left at what the program has."""
    rungs: tuple[Mapping[str, Value], ...] = ()
    """Parameters of each rung, smallest first, and last of the target."""
    flops: str | None = None
    """FLOPs of a run as arithmetic over its parameters."""
    share: float = 1.0
    """Of what the program does by itself: how long the rungs and the target are."""
    skipped: int = 0
    """Rungs that are too short to report the score, of those that it would have otherwise."""
    interval: int = 0
    """Of steps: how many lie between two reports of the score, of which runs must be multiples."""


@dataclass(frozen=True)
class Plan:
    """How a study would run a program: what goes into `[program]` and `[ladder]`."""

    command: str
    parameters: Mapping[str, Value]
    environment: Mapping[str, str]
    sets: Mapping[str, Mapping[str, Value]]
    """By file, the keys that are set."""
    replaces: Mapping[str, Mapping[str, str]]
    """By file, the expressions that are replaced."""
    knobs: Mapping[str, Mapping[str, str]]
    """The same for settings that an idea may also change in the source itself."""
    rungs: tuple[Mapping[str, Value], ...]
    """Smallest first; the last is the target."""
    steps: str | None
    """The placeholder that counts steps."""
    size: str | None
    counts_flops: bool
    out: str | tuple[str, ...] | None
    notes: tuple[str, ...]
