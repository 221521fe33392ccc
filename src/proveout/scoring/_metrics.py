"""Metrics over arrays, from predictions and targets that never met outside of the controller."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proveout.errors import ScoringFailed, UserError
from proveout.scoring._items import save_arrays
from proveout.scoring._numbers import as_number
from proveout.scoring._own_metric import FAILED
from proveout.study import PredictionsScore, Study, split_function
from proveout.trials import clean

_SCRIPT = Path(__file__).with_name("_own_metric.py")
_OWN_METRIC_SECONDS = 300.0
_SUM_TOLERANCE = 1e-3
"""How far probabilities may be from summing to one: float16 rounds that much."""

Targets = Mapping[str, NDArray[np.generic]]
Keep = Sequence[NDArray[np.intp]]


def metric_values(
    study: Study,
    predictions: NDArray[np.generic],
    targets: Targets,
    keep: Keep,
    *,
    is_baseline: bool,
) -> list[float]:
    """The metric over each of some subsets of the items.

    Raises:
        ScoringFailed: the predictions are not proper, the metric is not a finite number, or the
            study's own function fails on predictions that an idea made.
        UserError: it cannot be loaded, or fails on the baseline's (`is_baseline`).
    """
    score = study.score
    assert isinstance(score, PredictionsScore)
    own = split_function(score.metric)
    if own is not None:
        values, why = _own_values(study.folder / own[0], own[1], predictions, targets, keep)
        if why and is_baseline:
            raise UserError(why)
        if why:
            raise ScoringFailed("unscorable", why)
        return [as_number(value, own[1]) for value in values]
    (wanted,) = targets.values()
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is no measurement
        losses = _losses(score, predictions, wanted)
        return [_reduce(score, losses[each], wanted[each].astype(np.float64)) for each in keep]


def _losses(
    score: PredictionsScore, predictions: NDArray[np.generic], targets: NDArray[np.generic]
) -> NDArray[np.float64]:
    """[items] of what the metric is a mean of."""
    if score.metric in {"accuracy", "error"}:
        chosen = predictions.argmax(axis=-1) if predictions.ndim > 1 else predictions
        right: NDArray[np.float64] = np.equal(chosen, targets).astype(np.float64)
        return right if score.metric == "accuracy" else 1.0 - right
    numbers = predictions.astype(np.float64)
    if score.metric == "log_loss":
        classes = targets.astype(np.int64)
        if score.returns == "probabilities":
            return _of_probabilities(numbers, classes)
        numbers = numbers - numbers.max(axis=1, keepdims=True)
        told = numbers[np.arange(len(numbers)), classes]
        of_logits: NDArray[np.float64] = np.log(np.exp(numbers).sum(axis=1)) - told
        return of_logits
    apart = numbers - targets.astype(np.float64)
    each = np.abs(apart) if score.metric == "mae" else apart**2
    per_item: NDArray[np.float64] = each.reshape(len(each), -1).mean(axis=1)
    return per_item


def _of_probabilities(
    probabilities: NDArray[np.float64], classes: NDArray[np.int64]
) -> NDArray[np.float64]:
    sums = probabilities.sum(axis=1)
    if (probabilities < 0).any() or (abs(sums - 1) > _SUM_TOLERANCE).any():
        worst = float(sums[abs(sums - 1).argmax()])
        raise ScoringFailed(
            "unscorable", f"probabilities must be 0 or more and sum to 1; some sum to {worst:.4g}"
        )
    told = probabilities[np.arange(len(classes)), classes] / sums
    if (told <= 0).any():
        raise ScoringFailed("diverged", "a class that occurred was given a probability of 0")
    losses: NDArray[np.float64] = -np.log(told)
    return losses


def _reduce(
    score: PredictionsScore, losses: NDArray[np.float64], targets: NDArray[np.float64]
) -> float:
    mean = float(losses.mean())
    if score.metric == "rmse":
        return float(np.sqrt(mean))
    if score.metric == "r2":
        variance = float(((targets - targets.mean(axis=0)) ** 2).mean())
        return 1.0 - mean / variance if variance > 0 else float("nan")
    return mean


def _own_values(
    file: Path, function: str, predictions: NDArray[np.generic], targets: Targets, keep: Keep
) -> tuple[list[object], str]:
    """By the study's own function, in a process of its own, which never sees the program; and why
    it fails on these predictions, if it does."""
    call = f"{file}: {function}(predictions, targets)"
    with tempfile.TemporaryDirectory(prefix="proveout-metric-") as folder:
        here = Path(folder)
        np.save(here / "predictions.npy", predictions)
        save_arrays(here / "targets.npz", targets)
        save_arrays(here / "keep.npz", {str(i): each for i, each in enumerate(keep)})
        command = [sys.executable, "-I", str(_SCRIPT), str(file), function, folder]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", cwd=folder,
                timeout=_OWN_METRIC_SECONDS, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return [], f"{call} took more than {_OWN_METRIC_SECONDS:.0f} s; make it faster"
        said = clean((done.stderr.strip().splitlines()[-1:] or ["no message"])[0], 500)
        if done.returncode == FAILED or done.returncode < 0:
            return [], f"{call} failed: {said}"
        if done.returncode != 0:
            raise UserError(f"{file} cannot be loaded: {said}")
        return json.loads((here / "values.json").read_text()), ""
