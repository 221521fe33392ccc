"""python -m tiny.train --config conf/train.yaml"""

import csv
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, "external/basis")

from tiny.config import read_config
from tiny.model import Model


def main() -> None:
    config = read_config()
    rng = np.random.default_rng(config["seed"])
    with np.load(config["data"]["file"]) as data:
        x, y = data["x"], data["y"]
    model = Model(config["model"]["features"], config["model"]["scale"])
    out = Path(config["output"])
    out.mkdir(parents=True, exist_ok=True)
    with (out / "log.csv").open("w", newline="") as file:
        log = csv.writer(file)
        log.writerow(["step", "train_loss"])
        for step in range(1, config["train"]["steps"] + 1):
            chosen = rng.integers(0, len(x), config["train"]["batch"])
            loss = model.step(x[chosen], y[chosen], config["train"]["lr"])
            log.writerow([step, loss])
    np.savez(out / "model.npz", weights=model.weights, scale=model.scale)


if __name__ == "__main__":
    main()
