"""Writes scikit-learn's digits as images: what trials train on, and what only the score sees.

python examples/images/data.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def write_data(folder: Path) -> None:
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = (digits.images[order] / 16).astype(np.float32)[:, None]
    labels = digits.target[order].astype(np.int64)
    np.savez(folder / "train.npz", images=images[:1200], labels=labels[:1200])
    np.savez(folder / "held_out.npz", images=images[1200:], labels=labels[1200:])


if __name__ == "__main__":
    write_data(Path(__file__).parent)
