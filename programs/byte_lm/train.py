"""Train a byte-level transformer language model within a compute budget.

    python train.py --size 4 --flops 1e10 --seed 0 --data corpus/train.bin --out out

One dial, `--size`, sets width, depth, heads, batch and learning rate; the number of steps follows
from the FLOP budget. Writes `metrics.jsonl` (the curve) and `model.pt` (the model); `load` turns
these artifacts back into a function from bytes to logits.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

CONTEXT = 64  # bytes; the length of training and of evaluation
VOCABULARY = 256
CURVE_POINTS = 80


@dataclass(frozen=True)
class Config:
    """All that the model and its training follow from. Each field with a default is a flag."""

    width: int
    depth: int
    heads: int
    batch: int  # sequences of CONTEXT bytes a step
    learning_rate: float  # the peak

    beta1: float = 0.9
    beta2: float = 0.98
    weight_decay: float = 0.01
    gradient_clip: float = 0.5
    warmup: float = 0.05  # the first fraction of the budget
    decay: float = 1.0  # the last fraction of the budget
    final_lr: float = 0.0  # as a fraction of the peak
    init_scale: float = 1.0


KNOBS = {field.name: field.default for field in fields(Config) if field.default is not MISSING}


def configure(args: argparse.Namespace) -> Config:
    """Derive everything from the one dial of size; the scales are there to be tried as ideas."""
    if args.size < 1:
        raise ValueError(f"--size {args.size} is not a size; give a whole number from 1 up")
    return Config(
        width=8 * args.size,
        depth=max(1, round(args.depth_scale * max(2, args.size // 3))),
        heads=args.size,
        batch=max(1, round(args.batch_scale * max(4, args.size))),
        learning_rate=args.lr_scale * 0.02 * (2 / args.size) ** 0.7,
        **{name: getattr(args, name) for name in KNOBS},
    )


# ---------------------------------------------------------------------------------- the model


def norm(width: int) -> nn.Module:
    return nn.LayerNorm(width)


class Attention(nn.Module):
    """Causal self-attention, [batch, time, width] -> [batch, time, width]."""

    def __init__(self, config: Config):
        super().__init__()
        self.heads = config.heads

        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)

        self.out = nn.Linear(config.width, config.width, bias=False)

    def split_heads(self, x: Tensor) -> Tensor:
        batch, time, width = x.shape
        return x.view(batch, time, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape

        q, k, v = self.qkv(x).chunk(3, dim=-1)

        q = self.split_heads(q)
        k = self.split_heads(k)

        v = self.split_heads(v)

        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)

        return self.out(mixed.transpose(1, 2).reshape(shape))


class MLP(nn.Module):
    """Two layers with a nonlinearity, at each position, [..., width] -> [..., width]."""

    def __init__(self, config: Config):
        super().__init__()
        self.up = nn.Linear(config.width, 4 * config.width, bias=False)

        self.out = nn.Linear(4 * config.width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.gelu(self.up(x))

        return self.out(hidden)


class Block(nn.Module):
    """Attention, then MLP, each with a norm before it and a residual around it."""

    def __init__(self, config: Config):
        super().__init__()
        self.attention_norm = norm(config.width)
        self.attention = Attention(config)

        self.mlp_norm = norm(config.width)
        self.mlp = MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))

        return x + self.mlp(self.mlp_norm(x))


class Model(nn.Module):
    """A pre-norm transformer, bytes [batch, time] -> logits [batch, time, VOCABULARY]."""

    def __init__(self, config: Config):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, config.width)

        self.positions = nn.Parameter(torch.zeros(CONTEXT, config.width))

        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))

        self.norm = norm(config.width)

        self.head = nn.Linear(config.width, VOCABULARY, bias=False)

        initialize(self, config)

    def embed(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)

        return x + self.positions[: tokens.shape[1]]

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)

        for block in self.blocks:
            x = block(x)

        x = self.norm(x)

        return self.head(x)


def initialize(model: Model, config: Config) -> None:
    """Draw the weights: variance 1/fan-in; what writes to the residual stream scaled by depth."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            std = config.init_scale * module.in_features**-0.5

            if name.endswith(".out"):
                std = std / math.sqrt(2 * config.depth)

            nn.init.normal_(module.weight, std=std)

    nn.init.normal_(model.embedding.weight, std=0.3)

    nn.init.normal_(model.positions, std=0.02)


# ------------------------------------------------------------------------------- the accounts


def forward_flops_per_byte(model: Model, config: Config, context: int = CONTEXT) -> int:
    """Return the FLOPs of the matrix products of one forward pass, per byte.

    2 FLOPs a weight (Kaplan et al. 2020, arXiv:2001.08361, table 1, with the output head) and
    4 * context * width a layer for attention, counted in full as if it were not causal (Hoffmann
    et al. 2022, arXiv:2203.15556, appendix F). Left out: embedding look-ups, norms,
    nonlinearities, softmax and AdamW: elementwise work, roughly 100 FLOPs per byte, channel and
    layer forward; that is a few per cent of the whole at width 128 and a tenth at width 16.
    """
    weights = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear))

    attention = 4 * context * config.width * config.depth

    return 2 * weights + attention


def optimizer_flops(model: Model) -> int:
    """Return the FLOPs of the matrix products in one step of the optimizer: AdamW has none."""
    return 0


def step_flops(model: Model, config: Config) -> int:
    """Return the FLOPs of one training step; the backward pass costs twice the forward pass."""
    bytes_per_step = config.batch * CONTEXT

    model_flops = 3 * forward_flops_per_byte(model, config) * bytes_per_step

    return model_flops + optimizer_flops(model)


# --------------------------------------------------------------------------------- the training


class Data:
    """The training bytes, and the order in which they are seen: the same for any model."""

    def __init__(self, path: Path, seed: int, device: str):
        self._bytes = torch.from_numpy(np.fromfile(path, dtype=np.uint8))
        if len(self._bytes) <= CONTEXT:
            raise ValueError(f"{path} holds {len(self._bytes)} bytes; over {CONTEXT} are needed")
        self._generator = torch.Generator().manual_seed(seed)
        self._device = device

    def sample(self, batch: int, context: int) -> Tensor:
        """Return random windows, each input with its target: int64 [batch, context + 1]."""
        limit = len(self._bytes) - context

        starts = torch.randint(limit, (batch, 1), generator=self._generator)

        windows = self._bytes[starts + torch.arange(context + 1)]
        return windows.long().to(self._device)


def loss_of(model: Model, windows: Tensor) -> Tensor:
    """Return the training loss of a batch of windows [batch, time + 1], in nats per byte."""
    targets = windows[:, 1:].flatten()

    logits = model(windows[:, :-1]).flatten(0, 1)

    return F.cross_entropy(logits, targets)


def make_optimizers(model: Model, config: Config) -> list[torch.optim.Optimizer]:
    """AdamW; only the weights of linear layers decay. Each group keeps its peak learning rate."""
    matrices = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    vectors = [p for p in model.parameters() if not any(p is m for m in matrices)]

    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]

    betas = (config.beta1, config.beta2)
    optimizers = [torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, fused=True)]

    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def schedule(progress: float, config: Config) -> float:
    """Return the fraction of the peak learning rate at a fraction of the budget."""
    if progress < config.warmup:
        return (progress + 1e-3) / (config.warmup + 1e-3)

    left = min(1.0, (1.0 - progress) / config.decay)
    return config.final_lr + (1.0 - config.final_lr) * left


class Curve:
    """The compute spent, and `metrics.jsonl`: a line a point with the mean loss since the last."""

    def __init__(self, path: Path, budget_flops: float):
        self.step = 0
        self.spent_flops = 0
        self._interval_flops = budget_flops / CURVE_POINTS
        self._next_flops = 0.0
        self._losses: list[Tensor] = []
        self._path = path
        path.write_text("")

    def add(self, flops: int, loss: Tensor) -> bool:
        """Take one step's cost and loss in nats per byte; return whether all is still finite."""
        self.step += 1
        self.spent_flops += flops
        self._losses.append(loss.detach())
        return self.spent_flops < self._next_flops or self.write()

    def write(self) -> bool:
        """Write a point where losses wait to be written; return whether all is still finite."""
        if not self._losses:
            return True
        bits = torch.stack(self._losses).mean().item() / math.log(2)
        self._losses.clear()
        self._next_flops += self._interval_flops
        point = {"step": self.step, "flops": self.spent_flops, "loss": bits}
        if not math.isfinite(bits):
            point |= {"loss": None, "event": "non-finite loss"}
        with self._path.open("a") as file:
            file.write(json.dumps(point) + "\n")
        return math.isfinite(bits)


def fit(model: Model, config: Config, budget_flops: float, data: Data, curve: Curve) -> bool:
    """Train the model until the next step would exceed the budget; return whether it is finite."""
    optimizers = make_optimizers(model, config)

    cost = step_flops(model, config)
    if not cost <= budget_flops < math.inf:
        raise ValueError(
            f"--flops {budget_flops:.3g} must be finite and at least one step: {cost:.3g}"
        )

    spent = 0

    while spent + cost <= budget_flops:
        progress = spent / budget_flops

        windows = data.sample(config.batch, CONTEXT)

        loss = loss_of(model, windows)
        loss.backward()

        nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)

        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"] * schedule(progress, config)
            optimizer.step()
            optimizer.zero_grad()

        spent += cost
        if not curve.add(cost, loss):
            return False

    return curve.write()


def train(config: Config, flops: float, seed: int, data_path: Path, out: Path) -> bool:
    """Train one model and write its artifacts to `out`; return whether the loss stayed finite."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = Data(data_path, seed, device)

    torch.manual_seed(seed)
    model = Model(config).to(device)

    out.mkdir(parents=True, exist_ok=True)
    curve = Curve(out / "metrics.jsonl", flops)
    finite = fit(model, config, flops, data, curve)

    if finite:
        save(model, config, out)
    return finite


# -------------------------------------------------------------------------------- the artifacts


def save(model: Model, config: Config, out: Path) -> None:
    state = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    torch.save({"config": asdict(config), "state": state}, out / "model.pt")


def load(out_dir: str) -> Callable[[np.ndarray], np.ndarray]:
    """Rebuild the model of a finished run.

    Returns a function from bytes, uint8 [items, context], to logits, float32
    [items, context, 256]: logits[i, t] predicts byte t + 1 of item i from its bytes 0..t.
    """
    artifact = torch.load(Path(out_dir) / "model.pt", map_location="cpu", weights_only=True)
    model = Model(Config(**artifact["config"]))
    model.load_state_dict(artifact["state"])
    model.eval()

    @torch.no_grad()
    def logits(tokens: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(tokens).long()).float().numpy()

    return logits


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a byte-level language model.")
    parser.add_argument("--size", type=int, required=True, help="the one dial; width = 8 * size")
    parser.add_argument("--flops", type=float, required=True, help="budget, never exceeded")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the training bytes")
    parser.add_argument("--out", type=Path, required=True, help="folder for the artifacts")
    parser.add_argument("--lr_scale", type=float, default=1.0)
    parser.add_argument("--batch_scale", type=float, default=1.0)
    parser.add_argument("--depth_scale", type=float, default=1.0)
    for name, default in KNOBS.items():
        parser.add_argument(f"--{name}", type=float, default=default)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    torch.set_num_threads(1)  # small models run fastest on one thread, side by side

    try:
        finite = train(configure(args), args.flops, args.seed, args.data, args.out)
    except OSError as error:
        print(f"train.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2

    if not finite:
        print("train.py: the loss became non-finite; stopped", file=sys.stderr)
    return 0 if finite else 1


if __name__ == "__main__":
    sys.exit(main())
