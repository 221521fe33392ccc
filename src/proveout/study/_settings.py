"""How parameters reach a program beside its command line, and where its curve is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from proveout.errors import UserError
from proveout.study._formula import Formula
from proveout.study._part import Part

Value = bool | int | float | str
"""A program parameter: whatever a command line can carry."""

CONFIG_SUFFIXES = (".json", ".toml", ".yaml", ".yml")


class SettingsFile(Part):
    """A file of the program of which each trial gets a copy with its own values."""

    path: str
    """Relative to the program's folder."""
    set: dict[str, Value] = Field(default={})
    """Of a JSON, TOML or YAML file: dotted keys and their values, which may be placeholders."""
    replace: dict[str, str] = Field(default={})
    """Of any text: regular expressions, each found once at a line, and what goes there instead;
    where an expression has a group called `value`, in the place of that group alone."""
    optional: bool = False
    """Whether an idea may have changed what is replaced: its own value then stands."""

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{path!r} leads outside the program; name one of its files")
        return path

    @field_validator("replace")
    @classmethod
    def _compiles(cls, replace: dict[str, str]) -> dict[str, str]:
        for pattern in replace:
            compiled(pattern)
        return replace

    @model_validator(mode="after")
    def _sets_something(self) -> SettingsFile:
        if not self.set and not self.replace:
            raise ValueError("give `set` (dotted keys) or `replace` (regular expressions)")
        if self.set and not self.path.endswith(CONFIG_SUFFIXES):
            raise ValueError(
                f"keys can be set in {', '.join(CONFIG_SUFFIXES)} files and {self.path!r} is none; "
                "use `replace` with a regular expression"
            )
        return self

    def texts(self) -> Iterator[str]:
        """Every text in which a placeholder may stand."""
        yield from (value for value in self.set.values() if isinstance(value, str))
        yield from self.replace.values()


class CurveSource(Part):
    """Where the training curve of a trial is read. A hint, never a score."""

    source: Literal["jsonl", "output", "csv", "tensorboard"] = "jsonl"
    file: str | None = None
    """In the output folder; a pattern such as `**/*.csv` takes the newest match. Left out:
    metrics.jsonl, *.csv or event files anywhere below."""
    pattern: str | None = None
    """Of `output`: a regular expression with named groups, found in the lines that it prints."""
    loss: str = "loss"
    """The key, column, tag or group that holds the loss."""
    compute: str = "flops"
    """Compute spent by then: a key, or arithmetic over keys, parameters and {compute}'s value
    `compute`, such as `compute * step / steps`."""

    @field_validator("file")
    @classmethod
    def _stays_inside(cls, file: str | None) -> str | None:
        if file and (PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts):
            raise ValueError(f"{file!r} leads outside the output folder")
        return file

    @field_validator("pattern")
    @classmethod
    def _has_groups(cls, pattern: str | None) -> str | None:
        if pattern is not None and not compiled(pattern).groupindex:
            raise ValueError(
                f"{pattern!r} has no named group; write for example "
                r"'step (?P<step>\d+) loss (?P<loss>\S+)'"
            )
        return pattern

    @field_validator("compute")
    @classmethod
    def _computes(cls, compute: str) -> str:
        return as_formula(compute)

    @model_validator(mode="after")
    def _fits(self) -> CurveSource:
        if (self.source == "output") != (self.pattern is not None):
            raise ValueError('source = "output" and a `pattern` belong together')
        if self.pattern is not None and self.loss not in compiled(self.pattern).groupindex:
            raise ValueError(f"the pattern has no group named {self.loss!r}, the loss")
        return self


def as_formula(text: str) -> str:
    """`text`, if it is arithmetic. Raises `ValueError` with what is allowed."""
    try:
        Formula(text)
    except UserError as error:
        raise ValueError(str(error)) from None
    return text


def compiled(pattern: str) -> re.Pattern[str]:
    """An expression for lines of a text. Raises `ValueError` where it is none."""
    try:
        return re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None


def with_a_group(pattern: str) -> str:
    """The same expression. Raises `ValueError` where it is none, or has no group for a number."""
    if pattern and compiled(pattern).groups < 1:
        raise ValueError(f"{pattern!r} has no group; write for example 'accuracy: ([0-9.]+)'")
    return pattern
