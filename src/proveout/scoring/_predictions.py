"""A metric over the arrays that a score server returns for held-out inputs.

The inputs go to the program's forward code, in a process of its own; the targets never leave the
controller. The items are divided once, by chance, into a search part and a sealed part.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proveout.errors import DataError, ScoringFailed
from proveout.scoring._evaluator import (
    Evaluator,
    Request,
    Scored,
    Tier,
    blocks_of,
    check_ended,
    digest,
    keyed_rng,
    read_into,
)
from proveout.scoring._items import save_arrays
from proveout.scoring._metrics import metric_values
from proveout.scoring._split import Split
from proveout.study import METRICS, PredictionsScore, Study
from proveout.trials import Exit, Job, Trial, remove, trial_folder

_LEAST_ITEMS = 16

Arrays = dict[str, NDArray[np.generic]]


class PredictionsEvaluator(Evaluator):
    """Accuracy, error, log loss, RMSE, MAE, R2, or the study's own function of arrays."""

    trust = "audited"

    def __init__(self, study: Study, split: Split | None = None) -> None:
        """Reads inputs and targets.

        Raises:
            DataError: they cannot be read, do not go together, or are too few.
        """
        super().__init__(study)
        self._inputs, self._targets = read_items(study)
        self._split = split or split_items(study)

    def job(self, trial: Trial, tree: Path, device: str | None, tier: Tier = "search") -> Job:
        """The score server as a job, with the inputs of one part in random order."""
        scratch = self._prepare(trial, tree, tier)
        chosen = self._part(tier)
        inputs = {name: each[chosen] for name, each in self._inputs.items()}
        file = scratch / ("inputs.npy" if set(inputs) == {""} else "inputs.npz")
        if file.suffix == ".npy":
            np.save(file, inputs[""])
        else:
            save_arrays(file, inputs)
        request = self._request(tier)
        argv = request.write(scratch, file, trial_folder(self._study, trial).out)
        input_bytes = sum(each.nbytes for each in inputs.values())
        return self._scoring_job(trial, tier, argv, device, 2 * request.reply_bytes + input_bytes)

    def _scored_of(self, trial: Trial, ended: Exit, tier: Tier) -> Scored:
        """The metric from what the score server left.

        Raises:
            ScoringFailed: it failed, or its reply is not of the exact size, all finite, proper.
            UserError: the study's own function fails, on the baseline's predictions too.
        """
        scratch = self.scratch(trial, tier)
        request = self._request(tier)
        try:
            check_ended(ended, scratch / "log.txt")
            with request.open_reply(scratch) as stream:
                predictions = np.empty(request.reply_shape, np.dtype(request.dtype))
                read_into(stream, predictions)
        finally:
            remove(scratch)
        if predictions.dtype.kind == "f" and not np.isfinite(predictions).all():
            raise ScoringFailed("diverged", "some predictions are not finite")
        return self._scored(predictions, self._part(tier), trial.is_baseline)

    def _scored(
        self, predictions: NDArray[np.generic], chosen: NDArray[np.intp], is_baseline: bool
    ) -> Scored:
        targets = {name: each[chosen] for name, each in self._targets.items()}
        block = blocks_of(len(chosen))
        everything = [np.arange(len(chosen))]
        subsets = everything + [np.flatnonzero(block != each) for each in range(block[-1] + 1)]
        value, *without = metric_values(
            self._study, predictions, targets, subsets, is_baseline=is_baseline
        )
        measurement = self._measurement(value, len(chosen))
        return Scored(measurement, np.array([self._study.score.loss_of(each) for each in without]))

    def _request(self, tier: Tier) -> Request:
        score = _score(self._study)
        return Request(score.serve, len(self._part(tier)), score.batch, score.shape, score.dtype)

    def _part(self, tier: Tier) -> NDArray[np.intp]:
        """The items of a part, in an order that says nothing."""
        order = _order(self._study, self._inputs)
        search, rest = np.split(order, [self._split.search_items])
        if tier == "search":
            return search
        left_out = [*self._split.near, *self._split.seen]
        return np.delete(rest, left_out)


def split_items(study: Study) -> Split:
    """Divides the items by chance, once; sealed ones whose inputs equal a search item's go out.

    Raises:
        DataError: the files cannot be read, or too few items are left for a part.
    """
    inputs, _ = read_items(study)
    order = _order(study, inputs)
    search = round((1 - _score(study).sealed_share) * len(order))
    rows = [_row_digest(inputs, item) for item in order]
    known = set(rows[:search])
    near = tuple(index for index, row in enumerate(rows[search:]) if row in known)
    sealed = len(order) - search - len(near)
    if min(search, sealed) < _LEAST_ITEMS:
        raise DataError(
            f"{study.folder / _score(study).inputs} has {len(order)} items: {search} would be "
            f"searched on and {sealed} sealed ({len(near)} being copies); at least {_LEAST_ITEMS} "
            "are needed of each"
        )
    return Split(search, sealed, near)


def read_items(study: Study) -> tuple[Arrays, Arrays]:
    """Held-out inputs and targets, by name; a single array has the name "".

    Raises:
        DataError: they cannot be read, or do not go together.
    """
    score = _score(study)
    inputs = _load(study.folder / score.inputs)
    targets = _load(study.folder / score.targets)
    counts = {len(each) if each.ndim else -1 for each in (*inputs.values(), *targets.values())}
    if len(counts) != 1 or min(counts) < 1:
        raise DataError(
            f"{score.inputs} and {score.targets} must have as many items, on the first axis of "
            f"each array; they have {', '.join(map(str, sorted(counts)))}"
        )
    if score.metric in METRICS:
        _check_targets(study, targets)
    return inputs, targets


def _check_targets(study: Study, targets: Arrays) -> None:
    score = _score(study)
    if len(targets) != 1:
        raise DataError(
            f"{score.metric} needs one array of targets; {score.targets} has {len(targets)}"
        )
    (wanted,) = targets.values()
    classes = score.returns != "values"
    shape = () if classes else score.shape
    if wanted.shape[1:] != shape or wanted.dtype.kind not in ("iub" if classes else "fiu"):
        raise DataError(
            f"{score.targets} must hold {'whole numbers' if classes else 'numbers'} of shape "
            f"{[len(wanted), *shape]}, and holds {wanted.dtype} of shape {[*wanted.shape]}"
        )
    numbers = wanted.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise DataError(f"{score.targets} holds numbers that are not finite")
    if score.returns in {"logits", "probabilities"} and not (
        numbers.min() >= 0 and numbers.max() < score.shape[-1]
    ):
        raise DataError(
            f"{score.targets} holds classes from {numbers.min():.0f} to {numbers.max():.0f}; "
            f"shape = {[*score.shape]} has room for 0 to {score.shape[-1] - 1}"
        )


def _load(file: Path) -> Arrays:
    try:
        loaded = np.load(file, allow_pickle=False)
        return dict(loaded.items()) if isinstance(loaded, np.lib.npyio.NpzFile) else {"": loaded}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{file} cannot be read as an array of numbers: {error}") from None


def _score(study: Study) -> PredictionsScore:
    assert isinstance(study.score, PredictionsScore), study.score.kind
    return study.score


def _order(study: Study, inputs: Arrays) -> NDArray[np.intp]:
    """The items in an order that only who knows them all can foresee."""
    rng = keyed_rng(study.seeds.key, *(digest(each) for each in inputs.values()))
    order: NDArray[np.intp] = rng.permutation(len(next(iter(inputs.values()))))
    return order


def _row_digest(inputs: Arrays, item: int) -> str:
    return "".join(digest(each[item]) for each in inputs.values())
