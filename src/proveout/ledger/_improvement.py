"""What can happen while the idea-maker improves itself; events beside those of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ImprovementOpened:
    """The first event of such a folder: what was declared, and the key of its instances."""

    name: str
    proveout_version: str
    improve_toml: str
    key: str
    """Instances and luck are drawn from it; no program can read it."""
    model: str
    machine: str
    isolation: str
    """The level that programs were shut in at when it began."""
    tasks: Mapping[str, str] = field(default_factory=dict)
    """Fingerprint of the files of each task that decides, by the name it was declared with."""


@dataclass(frozen=True)
class ImproverAdded:
    """An improver came into the archive."""

    name: str
    source: str
    origin: str
    """`seed`, `library` or `child`."""
    fingerprint: str
    """The same for two that differ in names of variables, comments and blanks alone."""
    base: str = ""
    """The improver that it is an edit of."""
    by: str = ""
    """The improver that made it."""
    generation: int = 0


@dataclass(frozen=True)
class ImproverRefused:
    """What a run of an improver on an improver returned did not come into the archive."""

    name: str
    source: str
    """At most so much of it as a program may have."""
    base: str
    by: str
    generation: int
    kind: str
    reason: str


@dataclass(frozen=True)
class SamplesCharged:
    """Samples are about to be asked of the model: they are charged first, at their most."""

    run: str
    call: int
    """Counts from 1 within the run."""
    request: str
    """A hash of what is asked: a run that was cut off asks the same again, and pays once."""
    samples: int
    most_tokens: int = 0
    most_usd: float = 0.0


@dataclass(frozen=True)
class SamplesSettled:
    """What the samples did cost. Where this is missing, they count at their most."""

    run: str
    call: int
    request: str
    tokens: int
    usd: float


@dataclass(frozen=True)
class Attempted:
    """One attempt to reach around the channels, as an example of its kind."""

    kind: str
    detail: str
    by: str = "improver"
    """Or `candidate`: a program that it had written or scored."""


@dataclass(frozen=True)
class ImproverRan:
    """An improver was run once, on a task or on an improver."""

    run: str
    improver: str
    """Its name, or its fingerprint where it was a candidate."""
    task: str
    seed: int
    ended: str
    """`returned`, or the class of its failure: what it was given then stands."""
    why: str
    gain: float | None
    """Share of the room above the given solution's own score that it won on hidden instances, from
    0 to 1; None where the run was on an improver, whose worth is measured by runs of its own."""
    score: float | None
    """Normalised score of what it returned, on hidden instances."""
    given_score: float | None
    """Of what it was given, on the same instances."""
    visible: float | None
    """Of what it returned, on the instances that it could ask about."""
    samples: int
    utility_calls: int
    tokens: int
    usd: float
    cpu_seconds: float
    wall_seconds: float
    refused: int = 0
    """Requests over its budget."""
    written: int = 0
    """Programs that the model wrote in it."""
    attempts: Mapping[str, int] = field(default_factory=dict)
    """How many of these had an attempt of each kind in them."""
    seen: tuple[Attempted, ...] = ()
    returned: str = ""
    """What it returned; kept where the run was on an improver."""
    isolation: str = ""
    """The level that it and its candidates ran at."""
    model: str = ""
    """Whose samples it asked for; empty in older records, where it is the folder's."""


@dataclass(frozen=True)
class ScreenRead:
    """A child beside the present improver on the training tasks."""

    child: str
    parent: str
    child_gain: float
    parent_gain: float
    runs: int
    """Of each."""


@dataclass(frozen=True)
class GateRead:
    """A child beside its parent on held-out tasks: what the gate said, once and for all."""

    gate: int
    """Counts from 1 over the whole run."""
    child: str
    parent: str
    generation: int
    alpha: float
    """What this gate might err with."""
    passed: bool
    reason: str
    rounds: int
    mean: float
    """Of the differences in gain, child minus parent."""
    interval95: tuple[float, float]
    log_wealth: float
    tasks: tuple[str, ...] = ()
    child_gains: tuple[float, ...] = ()
    """Mean by task, in the order of `tasks`."""
    parent_gains: tuple[float, ...] = ()


@dataclass(frozen=True)
class ImproverRejected:
    """A child that is not adopted, and why; it stays in the archive."""

    name: str
    reason: str


@dataclass(frozen=True)
class ImproverAdopted:
    """This improver is the present one from now on."""

    name: str
    why: str
    how: str
    """`seed`, `gate`, `approved` by a person after the gate, or `rollback`."""


@dataclass(frozen=True)
class TransferRead:
    """Improvers side by side on tasks that no decision was made on, each at equal budget."""

    improver: str
    task: str
    """Empty where it is all of them together."""
    samples: int
    """The budget of each run."""
    runs: int
    gain: float
    standard_error: float
    difference: float | None
    """To the one that all were held against, on the same instances; None for that one itself."""
    interval95: tuple[float, float] | None
    model: str = ""
    """Whose samples were asked for; empty in older records, where it is the folder's."""
    against: str = ""
    """The improver that all were held against; empty in older records, where it is the seed."""


@dataclass(frozen=True)
class ProbeRead:
    """How often a model's programs reach around the channels, measured by itself."""

    model: str
    written: int
    attempts: Mapping[str, int]
    seen: tuple[Attempted, ...] = ()


@dataclass(frozen=True)
class ImprovementEnded:
    """Nothing more is done until more is allowed."""

    why: str


ImprovementEvent = (
    ImprovementOpened
    | ImproverAdded
    | ImproverRefused
    | SamplesCharged
    | SamplesSettled
    | ImproverRan
    | ScreenRead
    | GateRead
    | ImproverRejected
    | ImproverAdopted
    | TransferRead
    | ProbeRead
    | ImprovementEnded
)
