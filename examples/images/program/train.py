"""Trains an image classifier and logs to TensorBoard. It knows nothing of proveout."""

import argparse
from pathlib import Path

import numpy as np
import torch
from model import Network
from tensorboardX import SummaryWriter
from torch.nn import functional as F


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--log-dir", type=Path, default=Path("runs"))
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    data = np.load(args.data_dir / "train.npz")
    images, labels = torch.from_numpy(data["images"]), torch.from_numpy(data["labels"])
    model = Network(args.channels)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    writer = SummaryWriter(str(args.log_dir))
    for step in range(1, args.steps + 1):
        chosen = torch.randint(len(labels), (args.batch_size,))
        loss = F.cross_entropy(model(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            writer.add_scalar("train/loss", loss.item(), step)
    writer.close()
    torch.save({"channels": args.channels, "state": model.state_dict()}, args.log_dir / "model.pt")


if __name__ == "__main__":
    main()
