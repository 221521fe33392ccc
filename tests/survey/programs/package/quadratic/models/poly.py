import numpy as np


class Fourier:
    def __init__(self, features, rng):
        self.w = rng.normal(size=features) * 5
        self.head = np.zeros(features)

    def __call__(self, x):
        return np.cos(np.outer(x, self.w)) @ self.head

    def step(self, x, y, lr, ridge):
        phi = np.cos(np.outer(x, self.w))
        error = phi @ self.head - y
        self.head -= lr * (phi.T @ error / len(x) + ridge * self.head)
        return float(np.mean(error**2))
