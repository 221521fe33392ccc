"""The score of each item, kept beside a trial's artifacts for the comparison of its tiers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proveout.scoring._evaluator import Scored, Tier
from proveout.study import Study
from proveout.trials import Measurement, Trial, read_regular, remove

_MOST_ITEMS_BYTES = 1 << 30


def items_file(study: Study, trial: Trial, tier: Tier = "search") -> Path:
    """Where the score of each item is kept, for as long as the trial's artifacts are."""
    name = trial.id if tier == "search" else f"{trial.id}.promotion"
    return study.folder / "trials" / ".items" / f"{name}.npz"


def save_arrays(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """An `.npz` whose arrays may have any name, as `numpy.savez` does not allow."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)


def keep_items(study: Study, trial: Trial, scored: Scored, tier: Tier = "search") -> None:
    """Writes what the tiers are compared by. Raises `OSError`."""
    file = items_file(study, trial, tier)
    file.parent.mkdir(parents=True, exist_ok=True)
    remove(file)
    save_arrays(file, {"without": scored.without, **scored.details})


def kept_items(
    study: Study, trial: Trial, measurement: Measurement, tier: Tier = "search"
) -> Scored | None:
    """What `keep_items` wrote; None where it is gone or damaged."""
    try:
        content = read_regular(items_file(study, trial, tier), _MOST_ITEMS_BYTES)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive.items())
    except Exception:  # zipfile and numpy raise some ten kinds for a file that is damaged
        return None
    without = arrays.pop("without", np.empty(0)).astype(np.float64)
    return Scored(measurement, without, arrays)
