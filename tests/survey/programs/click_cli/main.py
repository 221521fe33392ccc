import json
import random
from pathlib import Path

import click


@click.command()
@click.option("--width", default=8, show_default=True, help="Members of the population.")
@click.option("--generations", default=160, help="How long to search.")
@click.option("--sigma", type=float, default=0.3)
@click.option("--random-seed", "seed", default=0)
@click.option("--output", type=click.Path(), default="results")
@click.option("--verbose/--silent", default=False)
def main(width, generations, sigma, seed, output, verbose):
    """Maximise a bumpy function with a little evolution."""
    rng = random.Random(seed)
    best = [rng.uniform(-2, 2) for _ in range(4)]
    fit = fitness(best)
    out = Path(output)
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "metrics.jsonl", "w") as f:
        for g in range(1, generations + 1):
            for _ in range(width):
                child = [v + rng.gauss(0, sigma) for v in best]
                if fitness(child) > fit:
                    best, fit = child, fitness(child)
            f.write(json.dumps({"generation": g, "fitness": fit, "loss": -fit}) + "\n")


def fitness(x):
    return 1 / (1 + sum((v - 0.7) ** 2 for v in x))


if __name__ == "__main__":
    main()
