"""The score server: runs the program's own forward code on inputs and writes raw logits.

It runs as a job of its own, in a fresh copy of the program, and knows neither the targets nor
how it is scored. It imports nothing of proveout, only what the program needs.

    python _serve.py train.py:load OUT INPUTS.npy REPLY.f32 BATCH
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np

VOCABULARY = 256


def main(serve: str, out: str, inputs_file: str, reply_file: str, batch: str) -> None:
    """Writes float32 logits [items, context, 256] for uint8 inputs [items, context]."""
    inputs = np.load(inputs_file, allow_pickle=False)
    predict = load_function(serve)(out)
    with Path(reply_file).open("wb") as reply:
        for start in range(0, len(inputs), int(batch)):
            chunk = inputs[start : start + int(batch)]
            logits = np.asarray(predict(chunk))
            if logits.shape != (*chunk.shape, VOCABULARY) or logits.dtype.kind != "f":
                raise ValueError(
                    f"the function must return float logits of shape {(*chunk.shape, VOCABULARY)} "
                    f"and returned {logits.dtype} of shape {logits.shape}"
                )
            reply.write(memoryview(np.ascontiguousarray(logits, dtype="<f4").data).cast("B"))


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
