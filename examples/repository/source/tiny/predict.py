"""What the score server loads."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np


def load(out: str) -> Callable[[np.ndarray], np.ndarray]:
    sys.path[:0] = [".", "external/basis"]
    from tiny.model import Model

    kept = np.load(Path(out) / "model.npz")
    model = Model(len(kept["weights"]) // 2, float(kept["scale"]))
    model.weights = kept["weights"]
    return lambda x: model(x).astype(np.float32)
