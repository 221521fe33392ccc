"""Bits per byte on held-out text, computed by the controller from raw logits.

The trial's own code only ever turns bytes into logits, in a process of its own. The targets,
the softmax and the number of bytes stay here, so nothing that the program prints, files or
returns can be a score.

*Search*: whole windows, where the byte after a position is in the input, screened by *probes*,
copies whose bytes after a cut are others. *Promotion*: only prefixes are sent, each for one
prediction, so that no target is anywhere in what the program gets: of the sealed part, for a
score that no choice was made on, and of the search windows, for a prediction that can be held
against the one given there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proveout.errors import DataError, ScoringFailed
from proveout.scoring._evaluator import (
    Evaluator,
    Request,
    Scored,
    Tier,
    check_ended,
    digest,
    keyed_rng,
    means_without,
    read_into,
)
from proveout.scoring._split import (
    Prefixes,
    Split,
    make_split,
    pad,
    sealed_prefixes,
    text_score,
)
from proveout.study import Study
from proveout.trials import Exit, Job, Measurement, Trial, remove, trial_folder, trial_seed

VOCABULARY = 256
_BATCH = 32

_ROUNDING = 0.02
"""How much a logit may differ between batches, measured from its row's largest."""
_DEEPEST = 20.0
"""Below the largest: whatever is lower has no part in a prediction."""
_FLOAT32_STEP = 2.0**-23

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
    score = text_score(study)
    windows, _ = _windows_of(study, _read_text(study))
    assert windows.shape == (score.items, score.context + 1)
    return HeldOut(inputs=windows[:, :-1].copy(), targets=windows[:, 1:].copy())


def split_held_out(study: Study) -> Split:
    """Divides the held-out text, once, into the search part and the sealed part.

    Raises:
        DataError: the file cannot be read or is too short for both.
    """
    text = _read_text(study)
    return make_split(study, text, *_windows_of(study, text))


def _read_text(study: Study) -> NDArray[np.uint8]:
    file = study.folder / text_score(study).held_out
    try:
        return np.fromfile(file, dtype=np.uint8)
    except OSError as error:
        raise DataError(f"the held-out data {file} cannot be read: {error.strerror}") from None


def _windows_of(
    study: Study, text: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Windows of a context and the byte after it, and where they start."""
    score = text_score(study)
    needed = score.items * (score.context + 1)
    if len(text) < needed:
        raise DataError(
            f"{study.folder / score.held_out} has {len(text)} bytes; score.items = {score.items} "
            f"windows of score.context = {score.context} need {needed}. Give more held-out data or "
            "fewer items"
        )
    starts = np.linspace(0, len(text) - score.context - 1, score.items).astype(np.int64)
    return text[starts[:, None] + np.arange(score.context + 1)], starts


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
    """One probe for every eighth window, at least one, cut by a chance that nobody can foresee who
    does not know the windows: the same for every trial."""
    rng = keyed_rng("probes", digest(inputs))
    items, context = inputs.shape
    count = max(1, items // 8)
    windows = np.sort(rng.choice(items, size=count, replace=False))
    cuts = rng.integers(0, context - 1, size=count)
    other = rng.integers(1, 256, size=(count, context)).astype(np.uint8)
    changed = inputs[windows] + other * (np.arange(context) > cuts[:, None])
    return Probes(windows, cuts, changed.astype(np.uint8))


class LanguageModelEvaluator(Evaluator):
    """Turns a trial's artifacts into bits per byte."""

    trust = "audited"

    def __init__(self, study: Study, split: Split | None = None) -> None:
        """Reads the held-out data. Raises `DataError` as `read_held_out` does.

        Args:
            study: the study.
            split: as it was made when the study began; made now, where it is needed, if None.
        """
        super().__init__(study)
        self._split = split
        self._held_out = read_held_out(study)
        self._probes = make_probes(self._held_out.inputs)
        inputs = np.concatenate([self._held_out.inputs, self._probes.inputs])
        self._order = keyed_rng(study.seeds.key, digest(inputs)).permutation(len(inputs))
        self._inputs = inputs[self._order]

    def job(self, trial: Trial, tree: Path, device: str | None, tier: Tier = "search") -> Job:
        """The score server as a job: a fresh copy of the program without any data, the trial's
        artifacts, and inputs in random order, among which are the probes."""
        scratch = self._prepare(trial, tree, tier)
        request, inputs = self._request(tier), self._inputs
        if tier == "promotion":
            asked, order = self._asked(trial)
            inputs = asked.inputs[order]
            np.save(scratch / "positions.npy", asked.positions[order])
        np.save(scratch / "inputs.npy", inputs)
        out = trial_folder(self._study, trial).out
        argv = request.write(scratch, scratch / "inputs.npy", out)
        return self._scoring_job(trial, tier, argv, device, 2 * request.reply_bytes)

    def _scored_of(self, trial: Trial, ended: Exit, tier: Tier) -> Scored:
        """Bits per byte from what the score server left.

        Its details are `nats` [items, context] of each prediction of the search windows; at
        promotion `position` and `nats` [items] of one prediction in each.

        Raises:
            ScoringFailed: it failed; its reply is not logits of the exact size, all finite; the
                model looks ahead; or it is far worse than a uniform guess.
        """
        scratch = self.scratch(trial, tier)
        try:
            check_ended(ended, scratch / "log.txt")
            with self._request(tier).open_reply(scratch) as stream:
                if tier == "search":
                    return self._of_windows(self._window_nats(stream))
                return self._of_prefixes(trial, stream)
        finally:
            remove(scratch)

    def _request(self, tier: Tier) -> Request:
        score = text_score(self._study)
        items = len(self._inputs)
        if tier == "promotion":
            items = len(self._held_out.inputs) + len(self._sealed.inputs)
        shape = (score.context, VOCABULARY)
        one_position = tier == "promotion"
        return Request(score.serve, items, _BATCH, shape, "float32", cast=True,
                       one_position=one_position)  # fmt: skip

    def _of_windows(self, nats: NDArray[np.float64]) -> Scored:
        bits = nats / math.log(2.0)
        value = float(bits.sum() / bits.size)
        details = {"nats": nats.astype(np.float32)}
        return Scored(self._checked(value, bits.size), means_without(bits.mean(axis=1)), details)

    def _of_prefixes(self, trial: Trial, stream: FileIO) -> Scored:
        asked, order = self._asked(trial)
        logits = np.empty((len(order), VOCABULARY), dtype="<f4")
        read_into(stream, logits)
        nats = np.empty(len(order))
        nats[order] = row_nats(logits, asked.targets[order])
        windows = len(self._held_out.inputs)
        bits = nats[windows:] / math.log(2.0)
        details = {"position": asked.positions[:windows], "nats": nats[:windows]}
        measurement = self._checked(float(bits.mean()), bits.size)
        return Scored(measurement, means_without(bits), details)

    def _checked(self, bits: float, items: int) -> Measurement:
        _, worst = self._study.score.bounds
        if bits > worst:
            raise ScoringFailed(
                "diverged", f"{bits:.3g} bits per byte, where a uniform guess needs 8"
            )
        return self._measurement(bits, items)

    @cached_property
    def _sealed(self) -> Prefixes:
        text = _read_text(self._study)
        _, starts = _windows_of(self._study, text)
        split = self._split or split_held_out(self._study)
        return sealed_prefixes(self._study, text, starts, split)

    def _asked(self, trial: Trial) -> tuple[Prefixes, NDArray[np.intp]]:
        """What a promotion asks: one prefix of each search window, cut where nobody can foresee,
        then the sealed ones; and the order in which they are sent."""
        own, sealed = self._held_out, self._sealed
        items, context = own.inputs.shape
        rng = keyed_rng(trial_seed(self._study, trial), trial.id, digest(sealed.targets))
        cuts = rng.integers(0, context, size=(items,), dtype=np.int64)
        asked = Prefixes(
            np.concatenate([pad(own.inputs, cuts, rng), sealed.inputs]),
            np.concatenate([cuts, sealed.positions]),
            np.concatenate([own.targets[np.arange(items), cuts], sealed.targets]),
        )
        return asked, rng.permutation(len(asked.targets))

    def _window_nats(self, stream: FileIO) -> NDArray[np.float64]:
        """Nats [items, context] of the held-out windows, once the probes have been passed."""
        own, probes = self._held_out, self._probes
        items, context = own.inputs.shape
        probe_of = {int(window): number for number, window in enumerate(probes.windows)}
        nats = np.empty((items, context))
        kept: dict[int, NDArray[np.float32]] = {}
        start = 0
        for logits in _windows(stream, self._inputs.shape):
            numbers = self._order[start : start + len(logits)]
            if (mine := numbers < items).any():
                rows, targets = logits[mine].reshape(-1, VOCABULARY), own.targets[numbers[mine]]
                nats[numbers[mine]] = row_nats(rows, targets.reshape(-1)).reshape(targets.shape)
            for row, number in enumerate(numbers.tolist()):
                probe = probe_of.get(number) if number < items else number - items
                if probe is None:
                    continue
                prefix = logits[row, : int(probes.cuts[probe]) + 1]
                if not np.isfinite(prefix).all():
                    raise ScoringFailed("diverged", "the model's logits are not finite")
                if probe in kept:
                    _check_causal(kept.pop(probe), prefix)
                else:
                    kept[probe] = prefix.copy()
            start += len(logits)
        return nats


def bits_per_byte(logits: NDArray[np.float32], targets: NDArray[np.uint8]) -> float:
    """Mean of -log2 p(target) under a softmax over all 256 bytes, in float64.

    `logits` [items, context, 256], `targets` [items, context].

    Raises:
        ScoringFailed: a logit is not finite ("diverged").
    """
    nats = row_nats(logits.reshape(-1, VOCABULARY), targets.reshape(-1))
    return float(nats.sum() / (targets.size * math.log(2.0)))


def row_nats(logits: NDArray[np.float32], targets: NDArray[np.uint8]) -> NDArray[np.float64]:
    """-ln p(target), [rows], for `logits` [rows, 256] and `targets` [rows]."""
    with np.errstate(invalid="ignore"):  # what is not a number is looked for below
        rows = logits.astype(np.float64)
    peak = rows.max(axis=1, keepdims=True)
    if not (np.isfinite(peak).all() and np.isfinite(rows.min())):
        raise ScoringFailed("diverged", "the model's logits are not finite")
    # The peak goes first: beside a large constant the logarithm of the sum would be lost.
    rows -= peak
    right = rows[np.arange(len(rows)), targets]
    np.exp(rows, out=rows)
    nats: NDArray[np.float64] = np.log(rows.sum(axis=1)) - right
    return nats


def _check_causal(one: NDArray[np.float32], other: NDArray[np.float32]) -> None:
    """Logits [time, 256] of one prefix, followed by different bytes, must be the same.

    They are held against each other as predictions, to which a constant adds nothing: were more
    allowed where logits are large, a constant would hide that they differ.
    """
    if (np.abs(_below_the_largest(one) - _below_the_largest(other)) <= _ROUNDING).all():
        return
    largest = float(np.abs(one.max(axis=1)).max())
    if 4 * _FLOAT32_STEP * largest > _ROUNDING:
        raise ScoringFailed(
            "unscorable", f"its logits reach {largest:.3g}, where float32 cannot tell them apart"
        )
    raise ScoringFailed(
        "not causal", "its predictions depend on bytes that come after the predicted one"
    )


def _below_the_largest(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what lies infinitely far below is cut with the rest
        below: NDArray[np.float32] = logits - logits.max(axis=1, keepdims=True)
    return np.maximum(below, np.float32(-_DEEPEST), out=below)


def _windows(stream: FileIO, shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
    """The windows of a reply, a few at a time [some, context, 256], in a buffer used again."""
    count, context = shape
    some = max(1, _CHUNK_ROWS // context)
    buffer = np.empty((some, context, VOCABULARY), dtype="<f4")
    for start in range(0, count, some):
        chunk = buffer[: min(some, count - start)]
        read_into(stream, chunk)
        yield chunk
