"""A scikit-learn pipeline on handwritten digits."""

import argparse
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer


def train(args: argparse.Namespace) -> object:
    data = np.load(args.data)
    rng = np.random.default_rng(args.seed)
    chosen = rng.choice(len(data["labels"]), size=args.samples, replace=False)
    classifier = MLPClassifier(
        hidden_layer_sizes=(args.hidden,),
        learning_rate_init=args.lr,
        alpha=args.alpha,
        batch_size=32,
        max_iter=args.epochs,
        tol=0.0,
        n_iter_no_change=args.epochs,
        random_state=args.seed,
    )
    model = make_pipeline(Normalizer(), classifier)
    return model.fit(data["images"][chosen], data["labels"][chosen])


def load(out: str) -> Callable[[np.ndarray], np.ndarray]:
    model = joblib.load(Path(out) / "model.joblib")
    return lambda images: model.predict_proba(images).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--alpha", type=float, default=1e-4)
    args = parser.parse_args()
    joblib.dump(train(args), args.out / "model.joblib")


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", message="Stochastic Optimizer")  # it is told when to stop
    main()
