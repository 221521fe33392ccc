"""An idea: a hypothesis, where it comes from, what it predicts, and a change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from proveout.errors import IdeaError
from proveout.study import Value

Kind = Literal["baseline", "idea", "stack"]

BASELINE = "baseline"
STACK_PREFIX = "stack-"
"""Merges are named so by the policy; no idea of a catalog may be."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


@dataclass(frozen=True)
class Proposal:
    """An idea before it is a commit: what a person or a source hands in."""

    name: str
    hypothesis: str
    source: str
    predicts: str = ""
    """What the gap should do across scale: grows, steady, fades, reverses, nothing or breaks."""
    category: str = "idea"
    patch: str = ""
    """A unified diff with paths relative to the program's folder."""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    """Overrides of the program's parameters."""
    reason: str = ""
    """Why it should work, in the words of who hands it in."""
    origin: str = "catalog"
    """Which source handed it in: a name of `SOURCES`."""
    parents: tuple[str, ...] = ()
    """The ideas that it was made from."""
    merges: tuple[str, ...] = ()
    """Ideas whose commits are merged to make it; it then has no patch and no overrides."""
    repairs: int = 0
    """How many times it was mended before."""

    def __post_init__(self) -> None:
        """Raises `IdeaError` where the name could not serve as a folder or a git reference, or a
        text not as a commit's message or a program's argument."""
        check_name(self.name)
        for what in ("hypothesis", "source", "predicts", "reason", "patch"):
            _check_text(what, getattr(self, what))
        for name, value in self.parameters.items():
            if isinstance(value, str):
                _check_text(f"value of {name}", value)


@dataclass(frozen=True)
class Idea:
    """A change that is a commit in the study's repository."""

    name: str
    kind: Kind
    commit: str
    parent: str | None
    hypothesis: str = ""
    source: str = ""
    predicts: str = ""
    category: str = ""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    """Every override in force at this commit, its ancestors' included."""
    members: tuple[str, ...] = ()
    """For a stack or a merge, the ideas merged into it, in order."""
    reason: str = ""
    """Why it should work, in the words of who handed it in."""
    origin: str = ""
    """Which source handed it in; empty in ledgers that knew the catalog alone."""
    parents: tuple[str, ...] = ()
    """The ideas that it was made from: its lineage beyond the commit."""
    repairs: int = 0
    """How many times it was mended before."""


def _check_text(what: str, text: str) -> None:
    if "\0" in text:
        raise IdeaError(f"its {what} has a NUL character in it; leave that out")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise IdeaError(f"its {what} is no Unicode text: {text[:60]!a}; write UTF-8") from None


def check_name(name: str) -> None:
    """Raises `IdeaError` unless `name` is lower-case letters, digits and dashes."""
    if not _NAME.fullmatch(name):
        raise IdeaError(
            f"{name!r} cannot name an idea; use at most 60 lower-case letters, digits and dashes, "
            "beginning with a letter or digit"
        )
    if name == BASELINE or name.startswith(STACK_PREFIX):
        raise IdeaError(f"{name!r} is a name that proveout gives itself; call the idea otherwise")
