"""Runs the study's own metric: `python -I _own_metric.py FILE.py FUNCTION FOLDER`.

FOLDER has `predictions.npy`, `targets.npz` and `keep.npz`, the subsets of items to take; the values
go to `values.json`, null where they are not numbers. The function gets the targets as one array, or
as a dict of arrays where the study's file has several. If it raises, the status is 3, which says
something of the predictions; any other is a mistake in the file.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

FAILED = 3


def main(file: str, function: str, folder: str) -> None:
    """Writes one number for each subset."""
    here = Path(folder)
    predictions = np.load(here / "predictions.npy", allow_pickle=False)
    targets = dict(np.load(here / "targets.npz", allow_pickle=False).items())
    subsets = np.load(here / "keep.npz", allow_pickle=False)
    spec = importlib.util.spec_from_file_location("own_metric", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    metric: Any = getattr(module, function)
    values = []
    for index in range(len(subsets.files)):
        keep = subsets[str(index)]
        chosen = {name: each[keep] for name, each in targets.items()}
        only = chosen[""] if set(chosen) == {""} else chosen
        try:
            value = float(metric(predictions[keep], only))
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            sys.exit(FAILED)
        values.append(value if math.isfinite(value) else None)
    (here / "values.json").write_text(json.dumps(values))


if __name__ == "__main__":
    main(*sys.argv[1:])
