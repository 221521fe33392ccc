"""A random-feature regression with two subcommands."""
import argparse
import json
import os

import numpy as np


def target(x):
    return np.sin(3 * x) + 0.5 * np.cos(7 * x)


def train(args):
    rng = np.random.default_rng(args.seed)
    os.makedirs(args.save_dir, exist_ok=True)
    w, b = rng.normal(size=args.hidden) * 4, rng.uniform(0, 6, args.hidden)
    head = np.zeros(args.hidden)
    xv = np.linspace(-1, 1, 200)
    fv = np.cos(np.outer(xv, w) + b)
    for step in range(1, args.max_steps + 1):
        x = rng.uniform(-1, 1, args.batch_size)
        f = np.cos(np.outer(x, w) + b)
        err = f @ head - target(x)
        head -= args.learning_rate * f.T @ err / len(x)
        if step % max(1, args.max_steps // 10) == 0:
            val = np.mean((fv @ head - target(xv)) ** 2)
            print(f"step {step}/{args.max_steps} | train loss {np.mean(err**2):.4f} | val loss {val:.4f}")
    np.savez(os.path.join(args.save_dir, "model.npz"), w=w, b=b, head=head)
    with open(os.path.join(args.save_dir, "final.json"), "w") as f:
        json.dump({"val_loss": float(val), "steps": args.max_steps}, f)


def evaluate(args):
    print(np.load(os.path.join(args.run, "model.npz"))["head"].shape)


def main():
    parser = argparse.ArgumentParser()
    sub = parser.add_subparsers(dest="command", required=True)
    p = sub.add_parser("train", help="train a model")
    p.add_argument("--hidden", type=int, default=32)
    p.add_argument("--max-steps", type=int, default=400)
    p.add_argument("--batch-size", "-b", type=int, default=32)
    p.add_argument("--learning-rate", "--lr", type=float, default=0.1)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--save-dir", default="runs/default")
    p.add_argument("--quiet", action="store_true")
    p.set_defaults(fn=train)
    e = sub.add_parser("evaluate")
    e.add_argument("run")
    e.set_defaults(fn=evaluate)
    args = parser.parse_args()
    args.fn(args)


if __name__ == "__main__":
    main()
