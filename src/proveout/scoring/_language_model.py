"""Bits per byte on held-out text, computed by the controller from raw logits.

The trial's own code only ever turns bytes into logits, in a process of its own. The targets,
the softmax and the number of bytes stay here, so nothing that the program prints, files or
returns can be a score.
"""

from __future__ import annotations

import os
import shutil
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
    clean_environment,
    copy_program,
    open_regular,
    tail,
    trial_folder,
)

VOCABULARY = 256
_BATCH = 32
_SERVER = Path(__file__).with_name("_serve.py")
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


class LanguageModelEvaluator:
    """Turns a trial's artifacts into bits per byte. Lives in the controller."""

    def __init__(self, study: Study) -> None:
        """Reads the held-out data. Raises `DataError` as `read_held_out` does."""
        self._study = study
        self._held_out = read_held_out(study)

    def job(self, trial: Trial, tree: Path, device: str | None) -> Job:
        """The score server as a job: a fresh copy of the program, the trial's artifacts, and
        inputs without their targets."""
        study, folder = self._study, trial_folder(self._study, trial)
        scratch = self._scratch(trial)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        copy_program(study, tree, scratch / "work")
        np.save(scratch / "inputs.npy", self._held_out.inputs)
        reply_bytes = self._held_out.inputs.size * VOCABULARY * 4
        return Job(
            id=f"{trial.id}.score",
            argv=(
                sys.executable,
                str(_SERVER),
                study.score.serve,
                str(folder.out),
                str(scratch / "inputs.npy"),
                str(scratch / "reply.f32"),
                str(_BATCH),
            ),
            directory=scratch / "work",
            environment=clean_environment(study, folder, device),
            writes=scratch,
            log=scratch / "log.txt",
            limits=Limits(
                wall_seconds=study.limits.wall_time,
                memory_bytes=study.limits.memory,
                disk_bytes=study.limits.disk + 2 * reply_bytes,
            ),
        )

    def measure(self, trial: Trial, ended: Exit) -> Measurement:
        """Bits per byte from what the score server left.

        Raises:
            ScoringFailed: it failed, or its reply is not logits of the exact size, all finite.
        """
        scratch = self._scratch(trial)
        try:
            if ended.ended_by != "itself" or ended.code != 0:
                raise ScoringFailed("unscorable", _why_it_failed(ended, scratch / "log.txt"))
            value = self._score(scratch / "reply.f32")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return Measurement(
            value=value,
            metric="bits_per_byte",
            unit="bits per byte",
            trust="audited",
            isolation="E",
            items=self._held_out.targets.size,
        )

    def _scratch(self, trial: Trial) -> Path:
        return trial_folder(self._study, trial).path / "score"

    def _score(self, file: Path) -> float:
        """Bits per byte from a reply. It was written by untrusted code: only a regular file of
        exactly the right size is read, and no more of it than that."""
        targets = self._held_out.targets
        expected_bytes = targets.size * VOCABULARY * 4
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
                    f"for float32 logits of shape {[*targets.shape, VOCABULARY]}",
                )
            return _bits_per_byte(_chunks(stream, targets.size), targets)


def bits_per_byte(logits: NDArray[np.float32], targets: NDArray[np.uint8]) -> float:
    """Mean of -log2 p(target) under a softmax over all 256 bytes, in float64.

    `logits` [items, context, 256], `targets` [items, context].

    Raises:
        ScoringFailed: a logit is not finite ("diverged").
    """
    rows = logits.reshape(-1, VOCABULARY)
    chunks = (rows[at : at + _CHUNK_ROWS] for at in range(0, len(rows), _CHUNK_ROWS))
    return _bits_per_byte(chunks, targets)


def _bits_per_byte(chunks: Iterable[NDArray[np.float32]], targets: NDArray[np.uint8]) -> float:
    """The same from chunks of rows [any, 256], in the order of the flattened targets."""
    wanted = targets.reshape(-1)
    total_nats, start = 0.0, 0
    for chunk in chunks:
        logits = chunk.astype(np.float64)
        peak = logits.max(axis=1, keepdims=True)
        if not (np.isfinite(peak).all() and np.isfinite(logits.min())):
            raise ScoringFailed("diverged", "the model's logits are not finite")
        # The peak goes first: beside a large constant the logarithm of the sum would be lost.
        logits -= peak
        right = logits[np.arange(len(logits)), wanted[start : start + len(logits)]]
        np.exp(logits, out=logits)
        total_nats += float(np.sum(np.log(logits.sum(axis=1)) - right))
        start += len(logits)
    return total_nats / (len(wanted) * float(np.log(2.0)))


def _chunks(stream: FileIO, rows: int) -> Iterator[NDArray[np.float32]]:
    """The rows of a reply, a few at a time in one buffer that is used again."""
    buffer = np.empty((_CHUNK_ROWS, VOCABULARY), dtype="<f4")
    for start in range(0, rows, _CHUNK_ROWS):
        chunk = buffer[: min(_CHUNK_ROWS, rows - start)]
        if stream.readinto(chunk.view(np.uint8).data) != chunk.nbytes:
            raise ScoringFailed("unscorable", "the logits changed while they were read")
        yield chunk


def _why_it_failed(ended: Exit, log: Path) -> str:
    if ended.ended_by != "itself":
        return f"the score server was ended: {ended.ended_by} limit"
    last = [line for line in tail(log).splitlines() if line.strip()][-1:]
    said = f": {last[0].strip()[:300]}" if last else ""
    how = f"code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
    return f"the score server could not load or run the artifacts ({how}){said}"
