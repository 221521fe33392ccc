"""What a look at a folder finds: how its program is started and what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from proveout.study import Value

Reach = Literal["flag", "positional", "override", "variable", "key", "constant"]
"""How a parameter gets in: `--width 3`, `3`, `width=3`, an environment variable, a key of a
configuration file, or an assignment in a source file."""

Role = Literal["size", "steps", "compute", "seed", "out", "data"]


@dataclass(frozen=True)
class Parameter:
    """Something that a run of the program can be given."""

    name: str
    """As the program calls it: `n_layer`, `model.width`."""
    reach: Reach
    spelled: str
    """What stands on the command line, in the environment or in the file: `--n-layer`."""
    default: Value | None = None
    """None where it is not known."""
    required: bool = False
    file: str = ""
    """Where it was found, relative to the folder; with `key` and `constant`, what is rewritten."""
    style: Literal["space", "equals"] = "space"
    role: Role | None = None
    start: str = ""
    """Of a constant inside a line: an expression for what stands before it, which is `spelled`."""
    literal: str = ""
    """Of a constant: its value as the source has it."""
    begins: int = 0
    """Of a loop's bound: where the loop begins, so that it runs only if the bound lies above."""
    exact: bool = False
    """Of a constant: whether a written number alone stands there, and what comes behind it in its
    line, ` and loss > 0.1`, is no part of it."""
    given: bool = False
    """Whether the command that was found gives it, so that a run must be given it too."""
    aliases: tuple[str, ...] = ()
    """Of a flag: what else it may be called, `-o`."""
    wrap: str = ""
    """Of a constant: what is put there, with `{}` for the value; the value alone where empty."""
    least: int = 0
    """Of steps: runs of fewer report nothing."""

    @property
    def placeholder(self) -> str:
        """Its name in study.toml: letters, digits and underscores."""
        word = "".join(ch if ch.isalnum() and ch.isascii() else "_" for ch in self.name)
        return word if not word[:1].isdigit() else f"p_{word}"

    @property
    def filled(self) -> str:
        """What its place in a command is called: one with a built-in role has that role's name."""
        match self.role:
            case "seed" | "out" | "compute":
                return self.role
            case _:
                word = self.placeholder
                return f"{word}_" if word in {"seed", "out", "compute", "data", "config"} else word

    def as_role(self, role: Role | None) -> Parameter:
        """The same parameter with a role."""
        return replace(self, role=role)


@dataclass(frozen=True)
class Survey:
    """A program as it was found."""

    folder: Path
    command: str
    """How it is started, without parameters: `python train.py`."""
    entry: str
    """The file that is started, relative to the folder; empty where it is no file of its own."""
    parameters: tuple[Parameter, ...]
    data: tuple[str, ...] = ()
    """Files and folders that look like data, relative to the folder."""
    notes: tuple[str, ...] = ()
    """What was decided and why, and what could not be found out, for the person."""
    others: tuple[str, ...] = ()
    """Other commands that were found."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that it needs to be found or started, such as PYTHONPATH."""

    def of_role(self, role: Role) -> Parameter | None:
        """The parameter with a role, if there is one."""
        return next((each for each in self.parameters if each.role == role), None)
