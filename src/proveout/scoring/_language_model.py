"""Bits per byte on held-out text, computed by the controller from raw logits.

The trial's own code only ever turns bytes into logits, in a process of its own. The targets,
the softmax and the number of bytes stay here, so nothing that the program prints, files or
returns can be a score.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proveout.errors import DataError, ScoringFailed
from proveout.study import Study
from proveout.trials import (
    Exit,
    Job,
    Limits,
    Measurement,
    Trial,
    TrialFolder,
    clean_environment,
    copy_program,
    open_regular,
    remove,
    tail,
    trial_folder,
)

VOCABULARY = 256
_BATCH = 32
_SERVER = Path(__file__).with_name("_serve.py")
_WORST_BITS = 10.0
"""A model that knows nothing needs 8 bits; one that needs more than this has diverged."""

_ROUNDING = 1e-3
"""How much logits may differ between batches, relative to the largest."""

_CHUNK_ROWS = 512
"""Predictions turned into losses at a time: float64 logits of a chunk fit a core's cache."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out windows: what a model may look at and what it must predict."""

    inputs: NDArray[np.uint8]
    """[items, context]"""
    targets: NDArray[np.uint8]
    """[items, context]; `targets[i, t]` is the byte that follows `inputs[i, t]`."""


def read_held_out(study: Study) -> HeldOut:
    """The study's held-out windows, spread evenly over the file. No two overlap.

    Raises:
        DataError: the file cannot be read or is too short.
    """
    score = study.score
    file = study.folder / score.held_out
    try:
        text = np.fromfile(file, dtype=np.uint8)
    except OSError as error:
        raise DataError(f"the held-out data {file} cannot be read: {error.strerror}") from None
    needed = score.items * (score.context + 1)
    if len(text) < needed:
        raise DataError(
            f"{file} has {len(text)} bytes; score.items = {score.items} windows of score.context "
            f"= {score.context} need {needed}. Give more held-out data or fewer items"
        )
    starts = np.linspace(0, len(text) - score.context - 1, score.items).astype(np.int64)
    windows = text[starts[:, None] + np.arange(score.context + 1)]
    return HeldOut(inputs=windows[:, :-1].copy(), targets=windows[:, 1:].copy())


@dataclass(frozen=True)
class Probes:
    """Copies of held-out windows whose bytes after a cut are others: a causal model cannot tell."""

    windows: NDArray[np.int64]
    """[probes], which held-out window each is a copy of."""
    cuts: NDArray[np.int64]
    """[probes]; up to and with this position the copy is true."""
    inputs: NDArray[np.uint8]
    """[probes, context]"""


def make_probes(inputs: NDArray[np.uint8]) -> Probes:
    """One probe for every eighth window, at least one, cut at random: the same for every trial."""
    rng = np.random.default_rng(0)
    items, context = inputs.shape
    count = max(1, items // 8)
    windows = np.sort(rng.choice(items, size=count, replace=False))
    cuts = rng.integers(0, context - 1, size=count)
    other = rng.integers(1, 256, size=(count, context)).astype(np.uint8)
    changed = inputs[windows] + other * (np.arange(context) > cuts[:, None])
    return Probes(windows, cuts, changed.astype(np.uint8))


class LanguageModelEvaluator:
    """Turns a trial's artifacts into bits per byte. Lives in the controller."""

    def __init__(self, study: Study) -> None:
        """Reads the held-out data. Raises `DataError` as `read_held_out` does."""
        self._study = study
        self._held_out = read_held_out(study)
        self._probes = make_probes(self._held_out.inputs)
        self._inputs = np.concatenate([self._held_out.inputs, self._probes.inputs])

    def scratch(self, trial: Trial) -> Path:
        """Where a score server works: not in the trial's folder, which is the program's."""
        return self._study.folder / "trials" / ".score" / trial.id

    def job(self, trial: Trial, tree: Path, device: str | None) -> Job:
        """The score server as a job: a fresh copy of the program without any data, the trial's
        artifacts, and inputs among which are the probes."""
        study, scratch = self._study, self.scratch(trial)
        remove(scratch)
        (scratch / "tmp").mkdir(parents=True)
        copy_program(study, tree, scratch / "work", with_data=False)
        np.save(scratch / "inputs.npy", self._inputs)
        return Job(
            id=f"{trial.id}.score",
            argv=(
                sys.executable,
                str(_SERVER),
                study.score.serve,
                str(trial_folder(study, trial).out),
                str(scratch / "inputs.npy"),
                str(scratch / "reply.f32"),
                str(_BATCH),
            ),
            directory=scratch / "work",
            environment=clean_environment(study, TrialFolder(scratch), device),
            writes=scratch,
            log=scratch / "log.txt",
            limits=Limits(
                wall_seconds=study.limits.wall_time,
                memory_bytes=study.limits.memory,
                disk_bytes=study.limits.disk + 2 * self._inputs.size * VOCABULARY * 4,
                processes=study.limits.processes,
                files=study.limits.files,
            ),
            reads=(trial_folder(study, trial).out, _SERVER),
        )

    def measure(self, trial: Trial, ended: Exit) -> Measurement:
        """Bits per byte from what the score server left.

        Raises:
            ScoringFailed: it failed; its reply is not logits of the exact size, all finite; the
                model looks ahead; or it is far worse than a uniform guess.
        """
        scratch = self.scratch(trial)
        try:
            if ended.ended_by != "itself" or ended.code != 0:
                raise ScoringFailed("unscorable", _why_it_failed(ended, scratch / "log.txt"))
            value = self._score(scratch / "reply.f32")
        finally:
            remove(scratch)
        if value > _WORST_BITS:
            raise ScoringFailed(
                "diverged", f"{value:.3g} bits per byte, where a uniform guess needs 8"
            )
        return Measurement(
            value=value,
            metric="bits_per_byte",
            unit="bits per byte",
            trust="audited",
            isolation=ended.isolation,
            items=self._held_out.targets.size,
        )

    def _score(self, file: Path) -> float:
        """Bits per byte from a reply. It was written by untrusted code: only a regular file of
        exactly the right size is read, and no more of it than that."""
        expected_bytes = self._inputs.size * VOCABULARY * 4
        try:
            stream = open_regular(file)
        except OSError as error:
            raise ScoringFailed("unscorable", f"no logits were returned: {error}") from None
        with stream:
            size_bytes = os.fstat(stream.fileno()).st_size
            if size_bytes != expected_bytes:
                raise ScoringFailed(
                    "unscorable",
                    f"{size_bytes} bytes of logits were returned; {expected_bytes} are needed "
                    f"for float32 logits of shape {[*self._inputs.shape, VOCABULARY]}",
                )
            return _score_windows(_windows(stream, self._inputs), self._held_out, self._probes)


def bits_per_byte(logits: NDArray[np.float32], targets: NDArray[np.uint8]) -> float:
    """Mean of -log2 p(target) under a softmax over all 256 bytes, in float64.

    `logits` [items, context, 256], `targets` [items, context].

    Raises:
        ScoringFailed: a logit is not finite ("diverged").
    """
    return _nats(logits, targets) / (targets.size * math.log(2.0))


def _nats(logits: NDArray[np.float32], targets: NDArray[np.uint8]) -> float:
    """The sum of -ln p(target), for `logits` [items, context, 256]."""
    rows = logits.reshape(-1, VOCABULARY).astype(np.float64)
    peak = rows.max(axis=1, keepdims=True)
    if not (np.isfinite(peak).all() and np.isfinite(rows.min())):
        raise ScoringFailed("diverged", "the model's logits are not finite")
    # The peak goes first: beside a large constant the logarithm of the sum would be lost.
    rows -= peak
    right = rows[np.arange(len(rows)), targets.reshape(-1)]
    np.exp(rows, out=rows)
    return float(np.sum(np.log(rows.sum(axis=1)) - right))


def _score_windows(
    windows: Iterable[NDArray[np.float32]], held_out: HeldOut, probes: Probes
) -> float:
    """Bits per byte of the held-out windows, once the probes that follow them have been passed."""
    items = len(held_out.targets)
    nats, start = 0.0, 0
    kept: dict[int, NDArray[np.float32]] = {}
    for logits in windows:
        own = logits[: max(0, items - start)]
        if len(own):
            nats += _nats(own, held_out.targets[start : start + len(own)])
        for window in probes.windows[
            (probes.windows >= start) & (probes.windows < start + len(own))
        ]:
            kept[int(window)] = own[window - start].copy()
        for row in range(len(own), len(logits)):
            probe = start + row - items
            cut = int(probes.cuts[probe]) + 1
            _check_causal(kept[int(probes.windows[probe])][:cut], logits[row, :cut])
        start += len(logits)
    return nats / (held_out.targets.size * math.log(2.0))


def _check_causal(told: NDArray[np.float32], again: NDArray[np.float32]) -> None:
    """Logits [time, 256] of one prefix, followed by different bytes, must be the same."""
    allowed = _ROUNDING * (1.0 + np.abs(told).max())
    if not (np.abs(told - again) <= allowed).all():
        raise ScoringFailed(
            "not causal", "its predictions depend on bytes that come after the predicted one"
        )


def _windows(stream: FileIO, inputs: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    """The windows of a reply, a few at a time [some, context, 256], in a buffer used again."""
    count, context = inputs.shape
    some = max(1, _CHUNK_ROWS // context)
    buffer = np.empty((some, context, VOCABULARY), dtype="<f4")
    for start in range(0, count, some):
        chunk = buffer[: min(some, count - start)]
        unread = memoryview(chunk.view(np.uint8).reshape(-1).data)
        while unread:
            read_bytes = stream.readinto(unread)
            if not read_bytes:
                raise ScoringFailed("unscorable", "the logits changed while they were read")
            unread = unread[read_bytes:]
        yield chunk


def _why_it_failed(ended: Exit, log: Path) -> str:
    if ended.ended_by != "itself":
        return f"the score server was ended: {ended.ended_by} limit"
    last = [line for line in tail(log).splitlines() if line.strip()][-1:]
    said = f": {last[0].strip()[:300]}" if last else ""
    how = f"code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
    return f"the score server could not load or run the artifacts ({how}){said}"
