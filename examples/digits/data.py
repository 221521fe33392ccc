"""Writes scikit-learn's bundled digits: training data for trials, held-out data for the score.

python examples/digits/data.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def write_data(folder: Path) -> None:
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images, labels = digits.data[order].astype(np.float32), digits.target[order].astype(np.int64)
    np.savez(folder / "train.npz", images=images[:1000], labels=labels[:1000])
    np.save(folder / "held_out_images.npy", images[1000:])
    np.save(folder / "held_out_labels.npy", labels[1000:])


if __name__ == "__main__":
    write_data(Path(__file__).parent)
