"""The score server: runs the program's own forward code on inputs and writes raw predictions.

It runs as a job of its own, in a fresh copy of the program, and knows neither the targets nor
how it is scored. It imports nothing of proveout, only what the program needs.

    python _serve.py REQUEST.json

The request has `serve` (`train.py:load`), `out`, `inputs` (.npy or .npz), `reply`, `batch`, `shape`
(of one item's prediction), `dtype`, `cast` (whether any float type will do) and `positions`: null,
or a .npy of the one place in each item's prediction that is asked for.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(request_file: str) -> None:
    """Writes the predictions of all items, one after the other, in C order."""
    request = json.loads(Path(request_file).read_text())
    loaded = np.load(request["inputs"], allow_pickle=False)
    parts = dict(loaded.items()) if hasattr(loaded, "files") else {"": loaded}
    positions = request["positions"] and np.load(request["positions"], allow_pickle=False)
    count, batch = len(next(iter(parts.values()))), request["batch"]
    predict = load_function(request["serve"])(request["out"])
    with Path(request["reply"]).open("wb") as reply:
        for start in range(0, count, batch):
            chunk = {name: part[start : start + batch] for name, part in parts.items()}
            asked = chunk.get("", chunk)
            told = check(np.asarray(predict(asked)), min(batch, count - start), request)
            if positions is not None:
                told = told[np.arange(len(told)), positions[start : start + len(told)]]
            told = np.ascontiguousarray(told, dtype=np.dtype(request["dtype"]).newbyteorder("<"))
            reply.write(told.data)  # no copy of it first


def check(told: Any, items: int, request: dict[str, Any]) -> Any:
    """The predictions of one batch, if they are what was declared."""
    wanted = (items, *request["shape"])
    fits = told.dtype.kind == "f" if request["cast"] else told.dtype == np.dtype(request["dtype"])
    if told.shape != wanted or not fits:
        kind = "float" if request["cast"] else request["dtype"]
        raise ValueError(
            f"the function must return {kind} of shape {wanted} and returned {told.dtype} of "
            f"shape {told.shape}"
        )
    return told


def load_function(serve: str) -> Any:
    """The function that `file.py:function` names, in the present directory."""
    file, _, name = serve.rpartition(":")
    path = Path(file).resolve()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


if __name__ == "__main__":
    main(*sys.argv[1:])
