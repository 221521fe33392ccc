"""Stands in for the reference program where only what is around it is tested: it needs no torch.

It takes the same flags and leaves the same files. The model counts bytes; its temperature follows
from `--lr_scale`, for the samplers of numbers to find.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flops", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lr_scale", type=float, default=1.0)
    args, _ = parser.parse_known_args()

    data = np.fromfile(args.data, dtype=np.uint8)
    length = min(len(data) // 2, int(args.flops**0.5))
    start = np.random.default_rng(args.seed).integers(0, len(data) - length)
    counts = 1.0 + np.bincount(data[start : start + length], minlength=256)
    logits = np.log(counts / counts.sum()) / (1 + abs(np.log(args.lr_scale)))

    with (args.out / "metrics.jsonl").open("w") as metrics:
        for step in range(1, 11):
            point = {"step": step, "flops": args.flops * step / 10, "loss": 5.0 + 1 / step}
            metrics.write(json.dumps(point) + "\n")
    np.save(args.out / "model.npy", logits.astype(np.float32))


def load(out: str) -> Callable[[np.ndarray], np.ndarray]:
    """`[batch, time]` bytes to `[batch, time, 256]` logits."""
    logits = np.load(Path(out) / "model.npy")
    return lambda inputs: np.broadcast_to(logits, (*inputs.shape, 256))


if __name__ == "__main__":
    main()
