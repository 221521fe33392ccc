import csv
import logging
from pathlib import Path

import numpy as np
import yaml

from quadratic.models.poly import Fourier
from quadratic.options import get_parser

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
log = logging.getLogger(__name__)


def main():
    args = get_parser().parse_args()
    config = yaml.safe_load(Path(args.config).read_text())
    rng = np.random.default_rng(args.seed)
    x = rng.uniform(-1, 1, config["data"]["points"])
    y = np.sin(5 * x) + config["data"]["noise"] * rng.normal(size=len(x))
    held = np.linspace(-1, 1, 300)
    model = Fourier(config["model"]["features"], rng)
    rows = []
    for epoch in range(args.epochs):
        train_loss = model.step(x, y, args.lr, config["model"]["ridge"])
        test_loss = float(np.mean((model(held) - np.sin(5 * held)) ** 2))
        rows.append([epoch + 1, train_loss, test_loss])
        log.info("epoch: %d train_loss: %.5f test_loss: %.5f", epoch + 1, train_loss, test_loss)
    if args.out:
        out = Path(args.out)
        out.mkdir(parents=True, exist_ok=True)
        with (out / "history.csv").open("w") as f:
            csv.writer(f).writerows([["epoch", "train_loss", "test_loss"], *rows])


if __name__ == "__main__":
    main()
