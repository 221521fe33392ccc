"""What a study declares, as frozen models. Rules across tables are checked in `_read`."""

from __future__ import annotations

import re
import shlex
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from proveout.study._formula import Formula
from proveout.study._part import Bytes, Part, Seconds, with_unit
from proveout.study._score import Score
from proveout.study._settings import CurveSource, SettingsFile, Value, as_formula
from proveout.study._sources import (
    AgentCommand,
    Improver,
    LanguageModel,
    Recombination,
    Sampler,
)
from proveout.study._trackers import Destination
from proveout.units import Compute, compact, parse_compute

PolicyName = Literal[
    "information", "keep-if-better", "uniform", "successive-halving", "asha", "hyperband"
]

BUILT_IN = frozenset({"compute", "seed", "out", "data", "config"})
"""Placeholders that every trial fills in, beside the parameters of the study."""

_START_SECONDS = 10.0
_TIME_OVERRUN = 1.25
"""A trial that is given device-seconds is ended at this many times as much, and a start's worth."""

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


ComputeAmount = Annotated[Compute, with_unit(parse_compute)]


class Program(Part):
    """The training code under research."""

    path: str = "."
    """A folder, relative to study.toml; need not be a git repository."""
    train: str
    """The command of one trial, with placeholders. Split as a shell would; no shell runs it."""
    editable: tuple[str, ...] = Field(min_length=1)
    """What an idea may change: paths or patterns (`*.py`) inside the program's folder."""
    data: tuple[str, ...] = ()
    """Files or folders that a trial may read, relative to study.toml. Never the held-out data."""
    parameters: dict[str, Value] = Field(default={})
    """Placeholders of `train` with their usual values, which an idea may override."""
    environment: dict[str, str] = Field(default={})
    """Environment variables of a trial; placeholders in the values are filled in."""
    file: tuple[SettingsFile, ...] = ()
    """Files of the program in which each trial finds its own values."""
    config: Literal["json", "toml", "yaml"] | None = None
    """Writes a file with every parameter for each trial, which the command names as {config}."""
    out: str | tuple[str, ...] | None = None
    """What the program writes to by itself: a folder, made to be the trial's {out}, or files and
    folders (with a slash at their end), kept in {out}."""
    flops: str | None = None
    """FLOPs of a run as arithmetic over its parameters: `6 * params * tokens`."""

    @field_validator("out")
    @classmethod
    def _stays_inside(cls, out: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for name in (out,) if isinstance(out, str) else out or ():
            parts = Path(name).parts
            if Path(name).is_absolute() or {"..", "."} & set(parts) or not parts:
                raise ValueError(f"{name!r} must be a folder below the program's")
        if isinstance(out, tuple) and len({Path(name).name for name in out}) < len(out):
            raise ValueError("two of these would have the same name in {out}")
        return out

    @field_validator("flops")
    @classmethod
    def _computes(cls, flops: str | None) -> str | None:
        return None if flops is None else as_formula(flops)

    @field_validator("train")
    @classmethod
    def _splits(cls, command: str) -> str:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"the command cannot be split into words: {error}") from None
        if not words:
            raise ValueError('the command is empty; write for example "python train.py"')
        return command

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """Names in braces in the command, the environment and the files."""
        texts = [self.train, *self.environment.values()]
        texts += [text for file in self.file for text in file.texts()]
        return frozenset(name for text in texts for name in PLACEHOLDER.findall(text))


class Rung(Part):
    """One compute scale and the program parameters that spend it well."""

    compute: ComputeAmount
    parameters: dict[str, Value] = Field(default={})

    @property
    def label(self) -> str:
        """Short name for tables: `1e10`."""
        return compact(self.compute.amount)


class Ladder(Part):
    """The scales an idea climbs, and the one the user cares about."""

    rung: tuple[Rung, ...] = Field(min_length=1)
    target: ComputeAmount
    target_parameters: dict[str, Value] | None = None
    """Parameters of a run at the target; needed only where the rungs have parameters."""


class Budget(Part):
    """What the study may spend on trials in all: never overspent."""

    compute: ComputeAmount
    believe_flops: bool = False
    """Whether an idea may hold that takes much longer than the baseline for the FLOPs that it
    counts, and gains no more than the baseline would in that time."""


class Seeds(Part):
    """Replicates: the same seeds for the baseline and for every idea."""

    per_rung: tuple[int, int] = (2, 4)
    """Least and most for each idea at each rung."""
    at_target: int = Field(default=2, ge=1)
    """For the baseline and for the stack, where the target run is bought."""
    key: str = "0"
    """Another key draws other seeds."""

    @field_validator("per_rung")
    @classmethod
    def _in_order(cls, bounds: tuple[int, int]) -> tuple[int, int]:
        if not 2 <= bounds[0] <= bounds[1]:
            raise ValueError(
                f"{list(bounds)} must be [least, most] with 2 <= least <= most: "
                "one seed cannot tell an idea from noise"
            )
        return bounds


class Ideas(Part):
    """Where ideas come from."""

    catalog: str | None = None
    """A folder of idea files, relative to study.toml."""
    only: tuple[str, ...] = ()
    """Names to take from the catalog; all of them when empty."""
    share: float = Field(default=0.5, gt=0, le=1)
    """The share of the compute budget that sources other than the catalog may use."""
    floor: float = Field(default=0.1, ge=0, le=0.5)
    """The least of that share for each source, divided by their number beyond two."""
    sampler: Sampler | None = None
    recombination: Recombination | None = None
    agent: AgentCommand | None = None
    improver: Improver | None = None

    @field_validator("improver", mode="before")
    @classmethod
    def _named(cls, declared: object) -> object:
        """A name alone is enough."""
        return {"name": declared} if isinstance(declared, str) else declared


class Policy(Part):
    """What chooses the next trials."""

    name: PolicyName = "information"
    """Whose rule it is; see docs/policies.md."""
    end_early: bool = True
    """Whether a trial is ended when its curve can no longer matter."""
    smallest_gap: float = Field(default=0.01, gt=0, lt=1)
    """The least gain that is worth having, as a share of the baseline's loss."""
    certainty: float = Field(default=0.95, ge=0.9, lt=1)
    """How sure one must be that an idea helps at the target to say that it holds."""


class Limits(Part):
    """What one trial may use before it is ended from outside."""

    wall_time: Seconds = 600.0
    memory: Bytes = 4 * 1024**3
    disk: Bytes = 1000**3
    cpu_time: Seconds | None = None
    """Processor time of all its processes together; held by `wall_time` alone when left out."""
    processes: int = Field(default=512, ge=1)
    """At a time; threads count too."""
    files: int = Field(default=100_000, ge=1)
    """In its folder, the program and its folders included."""


class Execution(Part):
    """Where and how trials run."""

    slots: int | None = Field(default=None, ge=1)
    """Trials side by side; as many as there are cores (or devices) when left out."""
    devices: tuple[str, ...] = ()
    """Accelerators to share out, as CUDA_VISIBLE_DEVICES names them: `["0", "1"]`."""
    threads: int = Field(default=1, ge=1)
    """Threads that a trial may use."""
    preload: tuple[str, ...] | None = None
    """Modules that the launcher imports once for all trials; found by itself when left out."""
    isolation: Literal["A", "B", "C", "E"] = "C"
    """The least isolation that is accepted; "E" is none, and then no idea can be said to hold.
    Trials run at the highest level that the machine offers, whatever is accepted."""
    hidden: str | None = None
    """A text file, a line a pattern, of what no trial may find among what programs need to run:
    files that the held-out data was copied from."""


class Study(Part):
    """A research question: a program, a score, a ladder, a budget."""

    name: str = "study"
    question: str = ""
    program: Program
    curve: CurveSource = CurveSource()
    score: Score
    ladder: Ladder
    budget: Budget
    seeds: Seeds = Seeds()
    ideas: Ideas = Ideas()
    llm: LanguageModel | None = None
    policy: Policy = Policy()
    limits: Limits = Limits()
    run: Execution = Execution()
    tracker: tuple[Destination, ...] = ()
    """Where else it is written to while it runs."""

    folder: Path = Field(default=Path(), exclude=True)
    """Where study.toml lies; set by `read_study`, not by the user."""

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The ladder's rungs, smallest first."""
        return self.ladder.rung

    @property
    def target(self) -> Rung:
        """The target as a rung; its index in a trial is `len(study.rungs)`."""
        return Rung(compute=self.ladder.target, parameters=self.ladder.target_parameters or {})

    @property
    def can_buy_target(self) -> bool:
        """Whether a run at the target can be described at all."""
        needs_parameters = any(rung.parameters for rung in self.rungs)
        return self.ladder.target_parameters is not None or not needs_parameters

    def price(self, index: int) -> float:
        """What a trial at a rung may cost at most, which is reserved for it: its rung's FLOPs, or
        the device-seconds after which it is ended."""
        compute = self.rung(index).compute
        return compute.amount if compute.unit == "flops" else self.wall_seconds(index)

    def wall_seconds(self, index: int) -> float:
        """When a trial at a rung is ended. Where compute is time, it may not take much more than
        its rung's."""
        compute = self.rung(index).compute
        if compute.unit == "flops":
            return self.limits.wall_time
        return min(self.limits.wall_time, _START_SECONDS + _TIME_OVERRUN * compute.amount)

    def declared_flops(self, index: int, parameters: dict[str, Value]) -> float | None:
        """FLOPs of a run at a rung by `program.flops`, with an idea's overrides; None without it.

        Raises:
            UserError: it cannot be computed from the parameters.
        """
        if self.program.flops is None:
            return None
        values = self.parameters_at(self.rung(index)) | parameters
        return Formula(self.program.flops).value(values)

    def parameters_at(self, rung: Rung) -> dict[str, Value]:
        """The program's parameters, with those of a rung in their place."""
        return {**self.program.parameters, **rung.parameters}

    def rung(self, index: int) -> Rung:
        """The rung of a trial: `index` counts from 0, the target comes after the last."""
        return self.target if index == len(self.rungs) else self.rungs[index]
