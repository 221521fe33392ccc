"""The study's own evaluation: cross-entropy on images that no trial sees."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def main(program: str, out: str, held_out: str, score: str) -> None:
    sys.path.insert(0, program)
    from model import Network

    # Tensors alone are read: a pickle that runs code is refused.
    kept = torch.load(Path(out) / "model.pt", weights_only=True)
    model: nn.Module = Network(kept["channels"])
    model.load_state_dict(kept["state"])
    data = np.load(held_out)
    with torch.no_grad():
        logits = model(torch.from_numpy(data["images"]))
    loss = F.cross_entropy(logits, torch.from_numpy(data["labels"]))
    Path(score).write_text(json.dumps({"loss": loss.item()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
