"""A bigram model of bytes: a thousand FLOPs buy one byte of training text."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

FLOPS_PER_BYTE = 1000

SMOOTHING = 1.0

# Two flaws that cost about as much at every scale, for ideas to mend.
FORGET = 0.2

TEMPERATURE = 1.3


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flops", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--share", type=float, default=1.0)
    return parser.parse_args()


def train(args: argparse.Namespace) -> tuple[np.ndarray, int]:
    data = np.fromfile(args.data, dtype=np.uint8)
    length = int(args.share * args.flops / FLOPS_PER_BYTE)
    start = np.random.default_rng(args.seed).integers(0, len(data) - length - 1)
    text = data[start : start + length + 1]

    counts = np.full((256, 256), SMOOTHING)

    np.add.at(counts, (text[:-1], text[1:]), 1.0)

    probabilities = counts / counts.sum(axis=1, keepdims=True)

    probabilities = (1 - FORGET) * probabilities + FORGET / 256

    return probabilities, length * FLOPS_PER_BYTE


def main() -> None:
    args = parse()

    probabilities, flops = train(args)

    with (args.out / "metrics.jsonl").open("w") as metrics:
        metrics.write(json.dumps({"step": 1, "flops": flops, "loss": 1.0}) + "\n")
    np.save(args.out / "model.npy", np.log(probabilities).astype(np.float32))


def load(out: str) -> Callable[[np.ndarray], np.ndarray]:
    logits = np.load(Path(out) / "model.npy")
    return lambda inputs: logits[inputs] / TEMPERATURE


if __name__ == "__main__":
    main()
