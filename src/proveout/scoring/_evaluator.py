"""What every evaluator offers, and what all of them share: a job, a reply, a measurement."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from proveout.errors import ScoringFailed
from proveout.scoring._numbers import as_number
from proveout.study import Study
from proveout.trials import (
    Exit,
    Job,
    Limits,
    Measurement,
    Trial,
    TrialFolder,
    Trust,
    clean,
    clean_environment,
    copy_program,
    open_regular,
    read_regular,
    remove,
    tail,
    trial_folder,
    worse_isolation,
)

Tier = Literal["search", "promotion"]
"""What is scored on: the part of the held-out data that ideas are chosen on, or the sealed part."""

BLOCKS = 32
"""Into so many blocks the items are divided to tell how uncertain a score is."""

_SERVER = Path(__file__).with_name("_serve.py")
_MOST_JSON_BYTES = 1_000_000


@dataclass(frozen=True, eq=False)
class Scored:
    """A measurement, and what tells how uncertain it is.

    Attributes:
        measurement: the number.
        without: [blocks], the loss with each block of items left out (the delete-a-group
            jackknife); empty where the items are not known one by one.
        details: arrays of the evaluator's own, by name.
    """

    measurement: Measurement
    without: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    details: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Evaluator(ABC):
    """Turns a trial's artifacts into a measurement. Lives in the controller, and never runs,
    imports or unpickles what a trial made."""

    trust: ClassVar[Trust]

    def __init__(self, study: Study) -> None:
        self._study = study

    @abstractmethod
    def job(
        self, trial: Trial, tree: Path, device: str | None, tier: Tier = "search"
    ) -> Job | None:
        """What is to run before a trial can be measured; None where nothing is. `tree` holds the
        exported files of the idea's commit.

        Raises:
            ScoringFailed: what the trial left is not to be scored.
        """

    def measure(self, trial: Trial, trained: Exit, ended: Exit, tier: Tier = "search") -> Scored:
        """The measurement of a trial that has `trained`, from what its scoring job left when it
        `ended`; for a kind without a job both are the trial's own exit.

        Raises:
            ScoringFailed: there is none, and why.
        """
        scored = self._scored_of(trial, ended, tier)
        level = worse_isolation(trained.isolation, ended.isolation)
        return replace(scored, measurement=replace(scored.measurement, isolation=level))

    @abstractmethod
    def _scored_of(self, trial: Trial, ended: Exit, tier: Tier) -> Scored:
        """What `measure` returns, but for what the exits say."""

    def scratch(self, trial: Trial, tier: Tier = "search") -> Path:
        """Where a scoring job works: not in the trial's folder, which is the program's."""
        name = trial.id if tier == "search" else f"{trial.id}.promotion"
        return self._study.folder / "trials" / ".score" / name

    def reads(self, trial: Trial) -> tuple[Path, ...]:
        """What a scoring job must be able to read outside of its scratch folder."""
        return (trial_folder(self._study, trial).out, _SERVER)

    def _measurement(self, value: float, items: int) -> Measurement:
        """A number in the declared range, with its stamps.

        Raises:
            ScoringFailed: it is not finite ("diverged"), or out of range ("unscorable").
        """
        score = self._study.score
        low, high = score.bounds
        if not math.isfinite(value):
            raise ScoringFailed("diverged", f"{score.name} is not a finite number")
        if not low <= value <= high:
            raise ScoringFailed(
                "unscorable",
                f"{score.name} is {value:.6g}, outside of its range [{low:g}, {high:g}]",
            )
        return Measurement(
            value=value,
            metric=score.name,
            unit=score.unit or score.name.replace("_", " "),
            trust=self.trust,
            isolation="E",
            items=items,
            loss=score.loss_of(value) if score.maximized else None,
        )

    def _prepare(self, trial: Trial, tree: Path, tier: Tier) -> Path:
        """A fresh scratch folder with a copy of the program, without any data."""
        scratch = self.scratch(trial, tier)
        remove(scratch)
        (scratch / "tmp").mkdir(parents=True)
        copy_program(self._study, tree, scratch / "work", with_data=False)
        return scratch

    def _scoring_job(
        self, trial: Trial, tier: Tier, argv: tuple[str, ...], device: str | None, extra_bytes: int
    ) -> Job:
        """A job in the scratch folder; `extra_bytes` is what it writes beside its own affairs."""
        study, scratch = self._study, self.scratch(trial, tier)
        suffix = "score" if tier == "search" else "promote"
        return Job(
            id=f"{trial.id}.{suffix}",
            argv=argv,
            directory=scratch / "work",
            environment=clean_environment(study, TrialFolder(scratch), device),
            writes=scratch,
            log=scratch / "log.txt",
            limits=Limits(
                wall_seconds=study.limits.wall_time,
                memory_bytes=study.limits.memory,
                disk_bytes=study.limits.disk + extra_bytes,
                processes=study.limits.processes,
                files=study.limits.files,
            ),
            reads=self.reads(trial),
            preloaded=tier == "search",
        )


@dataclass(frozen=True)
class Request:
    """What a score server is asked: see `_serve.py`."""

    serve: str
    items: int
    """Counted by the controller, never by the server."""
    batch: int
    shape: tuple[int, ...]
    """Of one item's prediction."""
    dtype: str
    cast: bool = False
    """Whether any float type will do."""
    one_position: bool = False
    """Whether one place of each item's prediction is asked for, and not all of it."""

    @property
    def reply_shape(self) -> tuple[int, ...]:
        """Of all that comes back."""
        return (self.items, *(self.shape[1:] if self.one_position else self.shape))

    @property
    def reply_bytes(self) -> int:
        """Of all that comes back."""
        return math.prod(self.reply_shape) * np.dtype(self.dtype).itemsize

    def write(self, scratch: Path, inputs: Path, out: Path) -> tuple[str, ...]:
        """Writes the request and returns the command that answers it."""
        document = {
            "serve": self.serve,
            "out": str(out),
            "inputs": str(inputs),
            "reply": str(scratch / "reply"),
            "batch": self.batch,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "cast": self.cast,
            "positions": str(scratch / "positions.npy") if self.one_position else None,
        }
        (scratch / "request.json").write_text(json.dumps(document))
        return (sys.executable, str(_SERVER), str(scratch / "request.json"))

    def open_reply(self, scratch: Path) -> io.FileIO:
        """The reply, if it is a regular file of exactly the right size. It was written by untrusted
        code, which may still be writing: read it in order, and no more of it than that.

        Raises:
            ScoringFailed: it is not.
        """
        try:
            stream = open_regular(scratch / "reply")
        except OSError as error:
            raise ScoringFailed("unscorable", f"no predictions were returned: {error}") from None
        size_bytes = os.fstat(stream.fileno()).st_size
        if size_bytes != self.reply_bytes:
            stream.close()
            raise ScoringFailed(
                "unscorable",
                f"{size_bytes} bytes of predictions were returned; {self.reply_bytes} are needed "
                f"for {self.dtype} of shape {[*self.reply_shape]}",
            )
        return stream


def read_into(stream: io.FileIO, array: NDArray[np.generic]) -> None:
    """Fills an array from a stream.

    Raises:
        ScoringFailed: the file ends early.
    """
    unread = memoryview(array.reshape(-1).view(np.uint8).data)
    while unread:
        read_bytes = stream.readinto(unread)
        if not read_bytes:
            raise ScoringFailed("unscorable", "the predictions changed while they were read")
        unread = unread[read_bytes:]


def check_ended(ended: Exit, log: Path, what: str = "the score server") -> None:
    """Raises `ScoringFailed` unless a scoring job has come to a good end by itself."""
    if ended.ended_by != "itself":
        raise ScoringFailed("unscorable", f"{what} was ended: {ended.ended_by} limit")
    if ended.code != 0:
        last = [line for line in tail(log).splitlines() if line.strip()][-1:]
        said = f": {clean(last[0], 300)}" if last else ""
        how = f"code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
        raise ScoringFailed("unscorable", f"{what} could not do its work ({how}){said}")


def read_number(file: Path, key: str) -> float:
    """A number from a JSON file that untrusted code wrote: the whole of it, or at a dotted key.

    Raises:
        ScoringFailed: there is none.
    """
    try:
        document: object = json.loads(read_regular(file, _MOST_JSON_BYTES))
    except OSError as error:
        raise ScoringFailed("unscorable", f"no score was written: {error}") from None
    except (ValueError, RecursionError):
        raise ScoringFailed("unscorable", f"{file.name} is not JSON") from None
    for part in key.split(".") if key else ():
        if not isinstance(document, dict) or part not in document:
            raise ScoringFailed("unscorable", f"{file.name} has nothing at {key!r}")
        document = document[part]
    return as_number(document, f"{file.name} at {key!r}" if key else file.name)


def keyed_rng(*parts: object) -> np.random.Generator:
    """Chance that only somebody who knows all the parts can foresee."""
    text = "\0".join(map(str, parts))
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(text.encode()).digest()[:16]))


def digest(array: NDArray[np.generic]) -> str:
    """A hash of an array's content."""
    return hashlib.sha256(array.tobytes()).hexdigest()


def blocks_of(items: int) -> NDArray[np.intp]:
    """[items], the block of each: neighbours lie in one, for they are alike."""
    return np.arange(items) * min(BLOCKS, items) // items


def means_without(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """[blocks], the mean of `losses` [items] with each block left out."""
    if len(losses) < 2:
        return np.empty(0)
    block = blocks_of(len(losses))
    total, count = np.bincount(block, losses), np.bincount(block)
    without: NDArray[np.float64] = (losses.sum() - total) / (len(losses) - count)
    return without
