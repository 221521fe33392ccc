"""Trains a perceptron. Edit the constants."""
import numpy as np

# -----------------------------------------------------------------------------
out_dir = 'out'
eval_interval = 50
# model
n_hidden = 16
# optimiser
learning_rate = 5e-2  # max lr
max_iters = 1600
batch_size = 16
# -----------------------------------------------------------------------------
np.random.seed(1337)

import os
os.makedirs(out_dir, exist_ok=True)
w1 = np.random.randn(2, n_hidden)
w2 = np.zeros(n_hidden)
xv = np.random.randn(500, 2)
yv = np.sign(xv[:, 0] * xv[:, 1])


def forward(x):
    return np.tanh(x @ w1)


for iter_num in range(max_iters):
    x = np.random.randn(batch_size, 2)
    y = np.sign(x[:, 0] * x[:, 1])
    h = forward(x)
    e = h @ w2 - y
    w2 -= learning_rate * h.T @ e / batch_size
    w1 -= learning_rate * x.T @ (np.outer(e, w2) * (1 - h**2)) / batch_size
    if iter_num % eval_interval == 0 or iter_num == max_iters - 1:
        loss = np.mean((forward(xv) @ w2 - yv) ** 2)
        acc = np.mean(np.sign(forward(xv) @ w2) == yv)
        print(f"iter {iter_num}: loss {np.mean(e**2):.4f}, val_loss {loss:.4f}, val_acc {acc:.3f}, time 0.1ms")
np.save(os.path.join(out_dir, 'ckpt.npy'), w2)
