"""Writes train.bin and held_out.bin: text of a made-up language, the same on every machine."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

WORDS = 400
TRAIN_BYTES = 280_000
HELD_OUT_BYTES = 20_000


def make_text(seed: int, length_bytes: int) -> bytes:
    """Words of random letters; the r-th most common is chosen in proportion to 1 / r (Zipf)."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, size=rng.integers(2, 9))) for _ in range(WORDS)]
    share = 1 / np.arange(1, WORDS + 1)
    chosen = rng.choice(WORDS, size=length_bytes // 3, p=share / share.sum())
    return " ".join(words[i] for i in chosen).encode()[:length_bytes]


def write_corpus(folder: Path) -> None:
    """Writes both files, which share no bytes but their language."""
    text = make_text(seed=1, length_bytes=TRAIN_BYTES + HELD_OUT_BYTES)
    (folder / "train.bin").write_bytes(text[:TRAIN_BYTES])
    (folder / "held_out.bin").write_bytes(text[TRAIN_BYTES:])


if __name__ == "__main__":
    write_corpus(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
