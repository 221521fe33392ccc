"""Bits per byte on held-out text, computed by the controller from raw logits.

The trial's own code only ever turns bytes into logits, in a process of its own. The targets,
the softmax and the number of bytes stay here, so nothing that the program prints, files or
returns can be a score.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from dataclasses import dataclass
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
            value = bits_per_byte(self._reply(scratch / "reply.f32"), self._held_out.targets)
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

    def _reply(self, file: Path) -> NDArray[np.float32]:
        """Logits [items, context, 256]. The file was written by untrusted code: only a regular
        file of exactly the right size is read."""
        shape = (*self._held_out.inputs.shape, VOCABULARY)
        expected_bytes = int(np.prod(shape)) * 4
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise ScoringFailed("unscorable", f"no logits were returned: {error}") from None
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size != expected_bytes:
                raise ScoringFailed(
                    "unscorable",
                    f"{status.st_size} bytes of logits were returned; {expected_bytes} are needed "
                    f"for float32 logits of shape {list(shape)}",
                )
            return np.fromfile(stream, dtype="<f4", count=expected_bytes // 4).reshape(shape)


def bits_per_byte(logits: NDArray[np.float32], targets: NDArray[np.uint8]) -> float:
    """Mean of -log2 p(target) under a softmax over all 256 bytes, in float64.

    `logits` [items, context, 256], `targets` [items, context].

    Raises:
        ScoringFailed: a logit is not finite ("diverged").
    """
    rows = logits.reshape(-1, VOCABULARY)
    wanted = targets.reshape(-1)
    total_nats = 0.0
    for start in range(0, len(rows), _CHUNK_ROWS):
        chunk = rows[start : start + _CHUNK_ROWS].astype(np.float64)
        peak = chunk.max(axis=1, keepdims=True)
        if not (np.isfinite(peak).all() and np.isfinite(chunk.min())):
            raise ScoringFailed("diverged", "the model's logits are not finite")
        right = chunk[np.arange(len(chunk)), wanted[start : start + _CHUNK_ROWS]]
        chunk -= peak
        np.exp(chunk, out=chunk)
        total_nats += float(np.sum(np.log(chunk.sum(axis=1)) + peak[:, 0] - right))
    return total_nats / (len(wanted) * float(np.log(2.0)))


def _why_it_failed(ended: Exit, log: Path) -> str:
    if ended.ended_by != "itself":
        return f"the score server was ended: {ended.ended_by} limit"
    last = [line for line in tail(log).splitlines() if line.strip()][-1:]
    said = f": {last[0].strip()[:300]}" if last else ""
    how = f"code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
    return f"the score server could not load or run the artifacts ({how}){said}"
