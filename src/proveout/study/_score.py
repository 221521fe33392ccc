"""The kinds of `[score]`: how a trial is measured, and how far the number can be trusted.

Everything is decided on a loss, which is minimized; a metric that is maximized has the top of its
range minus its value as its loss, or the value with its sign turned where the range has no top.
"""

from __future__ import annotations

import math
import re
import shlex
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from proveout.study._metrics import METRICS, PROPER, Goal, Returns
from proveout.study._part import Part
from proveout.study._settings import with_a_group

COMMAND_PLACEHOLDERS = frozenset({"out", "held_out", "score", "program"})
"""What a command of `[score]` may name in braces."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.@/%()-]{0,59}")
_INF = math.inf


def split_function(function: str) -> tuple[str, str] | None:
    """`file.py:function` as its two parts; None if it is not that."""
    file, _, name = function.rpartition(":")
    return (file, name) if file.endswith(".py") and name.isidentifier() else None


def _check_function(function: str) -> str:
    if split_function(function) is None:
        raise ValueError(f'{function!r} is not file.py:function; write for example "train.py:load"')
    return function


class _Kind(Part):
    """What all kinds have."""

    metric: str
    goal: Goal = "minimize"
    range: tuple[float, float] = (-_INF, _INF)
    """The least and the most that the metric can be; a value outside is a failure."""
    unit: str = ""
    """Of the metric, for tables."""

    @field_validator("range")
    @classmethod
    def _in_order(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if not ends[0] < ends[1]:
            raise ValueError(
                f"{list(ends)} must be [least, most] with least < most, like [0, 1] or [0, inf]"
            )
        return ends

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric

    @property
    def maximized(self) -> bool:
        """Whether more is better."""
        return self.goal == "maximize"

    @property
    def bounds(self) -> tuple[float, float]:
        """The range, as declared or as the metric has it."""
        return self.range

    def loss_of(self, value: float) -> float:
        """What is minimized. Its own inverse."""
        if not self.maximized:
            return value
        top = self.bounds[1]
        return top - value if math.isfinite(top) else -value

    @property
    def withheld(self) -> tuple[str, ...]:
        """Paths, relative to study.toml, that no trial may see."""
        return ()

    @property
    def fixed(self) -> tuple[str, ...]:
        """Paths, relative to study.toml, whose change would change the score."""
        return self.withheld

    @property
    def served(self) -> str | None:
        """The program's file that the score server loads."""
        return None

    @property
    def sealed(self) -> bool:
        """Whether a part of the held-out data is kept for what is about to be believed."""
        return False


class LanguageModelScore(_Kind):
    """Bits per byte, computed by the controller from raw logits."""

    kind: Literal["language-model"]
    metric: Literal["bits_per_byte"] = "bits_per_byte"
    goal: Literal["minimize"] = "minimize"
    range: tuple[float, float] = (0.0, 10.0)
    unit: str = "bits per byte"
    held_out: str
    """The file of held-out bytes, relative to study.toml. No trial ever sees it."""
    serve: str
    """`file.py:function`; the function takes a trial's output folder and returns a function
    from bytes, uint8 [items, context], to logits, float32 [items, context, 256]."""
    context: int = Field(default=128, ge=2, le=65536)
    """Bytes a prediction may look back on."""
    items: int = Field(default=128, ge=1)
    """Windows of `context` predictions that a measurement averages over."""
    sealed_items: int = Field(default=2048, ge=64)
    """Prefixes, at most, of the sealed part that a promotion sends, each for one prediction."""

    _serve = field_validator("serve")(_check_function)

    @property
    def withheld(self) -> tuple[str, ...]:
        """The held-out bytes."""
        return (self.held_out,)

    @property
    def served(self) -> str:
        """The file of `serve`."""
        return self.serve.rpartition(":")[0]

    @property
    def sealed(self) -> bool:
        """Always."""
        return True


class PredictionsScore(_Kind):
    """A metric over the arrays that a score server returns; the targets stay with the
    controller."""

    kind: Literal["predictions"]
    metric: str
    """A built-in metric, or `file.py:function` of the study's own."""
    inputs: str
    """`.npy` or `.npz` of held-out inputs, items first, relative to study.toml."""
    targets: str
    """`.npy` or `.npz` of their targets, items first."""
    serve: str
    """`file.py:function`; the function takes a trial's output folder and returns a function from
    some inputs to predictions [items, *shape] of the declared dtype."""
    returns: Returns = "values"
    """What a prediction is: the metric is computed from that."""
    shape: tuple[int, ...] = ()
    """Of one item's prediction; [] is a number."""
    dtype: str = "float32"
    batch: int = Field(default=256, ge=1)
    """Items that are predicted at a time."""
    sealed_share: float = Field(default=0.5, ge=0.1, le=0.9)
    """Of the items, kept for what is about to be believed."""

    _serve = field_validator("serve")(_check_function)

    @field_validator("dtype")
    @classmethod
    def _plain(cls, dtype: str) -> str:
        try:
            numeric = np.dtype(dtype).kind in "fiu"
        except TypeError:
            numeric = False
        if not numeric:
            raise ValueError(f'{dtype!r} is not a type of numbers; write "float32" or "int64"')
        return dtype

    @field_validator("shape")
    @classmethod
    def _whole(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if any(size < 1 for size in shape):
            raise ValueError(f"{list(shape)} must be whole numbers from 1 up; [] is one number")
        return shape

    @model_validator(mode="after")
    def _fits_its_metric(self) -> PredictionsScore:
        known = METRICS.get(self.metric)
        if known is None:
            if split_function(self.metric) is None:
                raise ValueError(
                    f"metric {self.metric!r} is neither built in ({', '.join(METRICS)}) nor a "
                    'function of yours like "metric.py:f1"'
                )
            return self
        if "goal" in self.model_fields_set and self.goal != known.goal:
            raise ValueError(f"goal must be {known.goal!r} for {self.metric}; leave it out")
        if self.returns not in known.needs:
            raise ValueError(
                f"{self.metric} is computed from {' or '.join(sorted(known.needs))}; "
                f"returns = {self.returns!r} does not fit"
            )
        if (self.returns in PROPER) != (len(self.shape) > 0 and self.returns != "values"):
            raise ValueError(f'returns = {self.returns!r} needs shape = [classes], like [10]'
                             if self.returns in PROPER else
                             f"returns = {self.returns!r} needs shape = []")  # fmt: skip
        return self

    @property
    def name(self) -> str:
        """The metric's name; of a function, its own."""
        own = split_function(self.metric)
        return own[1] if own else self.metric

    @property
    def maximized(self) -> bool:
        """As the metric has it, where it is built in."""
        known = METRICS.get(self.metric)
        return (known.goal if known else self.goal) == "maximize"

    @property
    def bounds(self) -> tuple[float, float]:
        """As declared; else as the metric has it."""
        known = METRICS.get(self.metric)
        return known.bounds if known and "range" not in self.model_fields_set else self.range

    @property
    def withheld(self) -> tuple[str, ...]:
        """Inputs and targets."""
        return (self.inputs, self.targets)

    @property
    def fixed(self) -> tuple[str, ...]:
        """Inputs, targets, and the file of a function."""
        own = split_function(self.metric)
        return (*self.withheld, own[0]) if own else self.withheld

    @property
    def served(self) -> str:
        """The file of `serve`."""
        return self.serve.rpartition(":")[0]

    @property
    def sealed(self) -> bool:
        """Always."""
        return True


def _check_name(metric: str) -> str:
    if not _NAME.fullmatch(metric):
        raise ValueError(
            f"{metric!r} is not a metric's name: up to 60 letters, digits and _.@/%()-"
        )
    return metric


class CommandScore(_Kind):
    """A number that the study's own command computes from protected files."""

    kind: Literal["command"]
    files: str
    """The folder of the command's own files, relative to study.toml; no idea can change it."""
    command: str
    """Run in a fresh copy of `files`; may name {held_out} and {program}. Names {out}, unless
    program.out says what is kept: that then lies where the program leaves it; and {score}, unless
    there is a pattern."""
    held_out: str
    """A file or a folder, relative to study.toml, that no trial sees."""
    key: str = ""
    """Where the number stands in the JSON that the command writes to {score}, like `eval.f1`;
    empty where the file holds nothing but the number."""
    pattern: str = ""
    """In place of {score}: a regular expression whose first group is the number, held against each
    line that the command prints; the last counts."""

    _metric = field_validator("metric")(_check_name)
    _pattern = field_validator("pattern")(with_a_group)

    @model_validator(mode="after")
    def _one_place(self) -> CommandScore:
        if ("{score}" in self.command) == bool(self.pattern) or (self.pattern and self.key):
            raise ValueError(
                "say where the number stands: the command names {score}, the file that it writes, "
                "with a key or without; or a pattern finds it in what the command prints"
            )
        return self

    @field_validator("command")
    @classmethod
    def _splits(cls, command: str) -> str:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"the command cannot be split into words: {error}") from None
        named = set(re.findall(r"\{([A-Za-z_]\w*)\}", command))
        if not words or named - COMMAND_PLACEHOLDERS:
            raise ValueError(
                "the command may name {out}, the trial's artifacts, {score}, the file that it "
                "writes, {held_out} and {program}; "
                f"it names {', '.join(sorted(named)) or 'none'}"
            )
        return command

    @property
    def withheld(self) -> tuple[str, ...]:
        """The held-out data and the command's files."""
        return (self.held_out, self.files)


class ReportedScore(_Kind):
    """A number that the program wrote itself. Nothing checks it."""

    kind: Literal["reported"]
    key: str = ""
    """Of the lines of metrics.jsonl; of `file` a key like `eval.accuracy`, a column or a tag."""
    take: Literal["last", "best"] = "last"
    """Which line of metrics.jsonl, or match of the pattern, counts."""
    file: str = ""
    """In the trial's output folder, perhaps as a pattern: a JSON, JSON lines or CSV file, or
    TensorBoard's (`*tfevents*`)."""
    pattern: str = ""
    """A regular expression whose first group is the number, held against each line of output."""
    believe_reported: bool = False
    """Whether a reported number may make an idea hold."""

    _metric = field_validator("metric")(_check_name)
    _pattern = field_validator("pattern")(with_a_group)

    @model_validator(mode="after")
    def _one_place(self) -> ReportedScore:
        if bool(self.pattern) == bool(self.key or self.file) or (self.file and not self.key):
            raise ValueError(
                "say where the number stands: key alone (of metrics.jsonl), file and key (a JSON, "
                "JSON lines, CSV or TensorBoard file in {out}), or pattern alone (its output)"
            )
        if self.file.startswith("/") or ".." in self.file.split("/"):
            raise ValueError(f"file {self.file!r} leads out of the output folder")
        return self


Score = Annotated[
    LanguageModelScore | PredictionsScore | CommandScore | ReportedScore,
    Field(discriminator="kind"),
]
KINDS = ("language-model", "predictions", "command", "reported")
"""The kinds of `[score]`."""
