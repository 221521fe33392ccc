"""A linear model on Fourier features, trained by stochastic gradients."""

import numpy as np
from basis import features


class Model:
    def __init__(self, count: int, scale: float) -> None:
        self.count, self.scale = count, scale
        self.weights = np.zeros(2 * count)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return features(x, self.count, self.scale) @ self.weights

    def step(self, x: np.ndarray, y: np.ndarray, lr: float) -> float:
        phi = features(x, self.count, self.scale)
        error = phi @ self.weights - y
        self.weights -= lr * phi.T @ error / len(x)
        return float(np.mean(error**2))
