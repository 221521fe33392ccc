"""A study in small: ideas for the reference program, judged by their forecast gap at the target.

Each idea is trained at two small rungs with the baseline's seed, and the gaps are carried to the
target by the room `scaling`. Nothing that a solution answers is run: it sets numbers of ours.
"""

from __future__ import annotations

import importlib.util
import math
import random
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from proveout.errors import EnvironmentFailure, SolutionFailed
from proveout.scaling import fit_gap

IDEAS = 2
RUNGS = ((1e8, 1), (4e8, 2))
"""(FLOPs, the program's dial of size)."""
TARGET_FLOPS = 4e9
NOISE_SD = (0.18, 0.04)
"""Of one paired gap at each rung, in bits per byte: that of a doubled learning rate, 20 seeds."""
LIMITS = {
    "lr_scale": (0.05, 20.0),
    "batch_scale": (0.5, 4.0),
    "depth_scale": (1.0, 3.0),
    "beta1": (0.0, 0.99),
    "beta2": (0.5, 0.9999),
    "weight_decay": (0.0, 1.0),
    "warmup": (0.0, 0.5),
    "decay": (0.05, 1.0),
    "final_lr": (0.0, 1.0),
}
_USUAL = {
    "lr_scale": 1.0, "batch_scale": 1.0, "depth_scale": 1.0, "beta1": 0.9, "beta2": 0.98,
    "weight_decay": 0.01, "warmup": 0.05, "decay": 1.0, "final_lr": 0.0,
}  # fmt: skip
_FILES = ("argparse.py", "typing.py", "tarfile.py", "inspect.py", "doctest.py", "subprocess.py")
_HELD_OUT_FILE = "dataclasses.py"
_ITEMS = 64
_ONE_AT_A_TIME = threading.Lock()
"""torch draws a model's first weights from one generator for all threads."""


class Instance(NamedTuple):
    """A baseline with two settings that do not suit it, and the seed of its runs."""

    parameters: dict[str, float]
    seed: int


class Gap(NamedTuple):
    """What one idea did at the rungs, and what it would at the target, in bits per byte."""

    small: float
    large: float
    target: float


def instances(rng: random.Random, count: int) -> list[Instance]:
    return [_draw(rng) for _ in range(count)]


def _draw(rng: random.Random) -> Instance:
    bad = {
        "lr_scale": round(math.exp(rng.uniform(-2.3, -0.7)), 3),
        "batch_scale": rng.choice((1.0, 2.0, 4.0)),
        "beta1": rng.choice((0.9, 0.95, 0.98)),
        "warmup": round(rng.uniform(0.05, 0.5), 2),
        "decay": round(rng.uniform(0.1, 1.0), 2),
    }
    chosen = ["lr_scale", rng.choice(sorted(set(bad) - {"lr_scale"}))]
    return Instance({**_USUAL, **{name: bad[name] for name in chosen}}, rng.randrange(10**6))


def score(instance: Instance, call: Callable[..., Any]) -> float:
    """0 where no idea helps, else the best forecast gain as a share of the baseline's loss."""
    baseline = _losses(tuple(instance.parameters.items()), instance.seed)
    if baseline is None:
        raise EnvironmentFailure(
            "the baseline of the task byte_lm_study cannot be trained here; try its program by "
            "itself: programs/byte_lm/train.py"
        )
    history: list[list[Any]] = []
    best = 0.0
    for left in range(IDEAS, 0, -1):
        idea = read_idea(call(instance.parameters, history, left))
        gap = _gap(instance, idea, baseline)
        history = [*history, [idea, *(gap or (None, None, None))]]
        if gap is not None:
            best = max(best, -gap.target / baseline[-1])
    return best


def read_idea(answer: Any) -> dict[str, float]:
    """An idea as settings within their limits. Raises `SolutionFailed` for anything else."""
    if not isinstance(answer, dict):
        raise SolutionFailed("wrong answer", f"a {type(answer).__name__}; asked for was a dict")
    for name, value in answer.items():
        if name not in LIMITS:
            known = ", ".join(LIMITS)
            raise SolutionFailed(
                "wrong answer", f"no setting {str(name)[:40]!r}; there are {known}"
            )
        low, high = LIMITS[name]
        if type(value) not in (int, float) or not low <= value <= high:
            raise SolutionFailed("wrong answer", f"{name} must be from {low:g} to {high:g}")
    return {name: float(value) for name, value in answer.items()}


def _gap(instance: Instance, idea: dict[str, float], baseline: tuple[float, ...]) -> Gap | None:
    losses = _losses(tuple({**instance.parameters, **idea}.items()), instance.seed)
    if losses is None:
        return None
    gaps = [a - b for a, b in zip(losses, baseline, strict=True)]
    computes = [math.log10(flops) for flops, _ in RUNGS]
    line = fit_gap(computes, gaps, NOISE_SD, scale=baseline[-1])
    target = line.at(math.log10(TARGET_FLOPS)).mean
    return Gap(round(gaps[0], 4), round(gaps[1], 4), round(target, 4))


@lru_cache(maxsize=4096)
def _losses(parameters: tuple[tuple[str, float], ...], seed: int) -> tuple[float, ...] | None:
    """Bits per byte at each rung; None where a run diverges or cannot take a step."""
    found = [_loss(dict(parameters), flops, size, seed) for flops, size in RUNGS]
    return tuple(found) if all(math.isfinite(loss) for loss in found) else None


def _loss(parameters: dict[str, float], flops: float, size: int, seed: int) -> float:
    import torch

    program, (text, held_out) = _program(), _corpus()
    # One layer is usual here, where the program has two: so little compute has no steps for more.
    flags = [f"--{name}={value / 2 if name == 'depth_scale' else value}"
             for name, value in parameters.items()]  # fmt: skip
    given = [f"--size={size}", f"--flops={flops}", f"--seed={seed}", "--data=none", "--out=none"]
    args = program.parse([*given, *flags])
    torch.set_num_threads(1)  # small models run fastest on one thread
    with (
        _ONE_AT_A_TIME,
        torch.random.fork_rng(devices=[]),
        tempfile.TemporaryDirectory() as folder,
    ):
        torch.manual_seed(seed)
        config = program.configure(args)
        model = program.Model(config)
        curve = program.Curve(Path(folder) / "metrics.jsonl", flops)
        corpus = Path(folder) / "train.bin"
        corpus.write_bytes(text)
        data = program.Data(corpus, seed, "cpu")
        try:
            if not program.fit(model, config, flops, data, curve):
                return math.inf
        except ValueError:  # not one step fits into the compute
            return math.inf
        with torch.no_grad():
            nats = float(program.loss_of(model, torch.from_numpy(held_out)))
    return nats / math.log(2)


@cache
def _program() -> ModuleType:
    """The reference program, from the installed package or from the sources beside it."""
    import proveout

    package = Path(proveout.__file__).parent
    folders = (package / "_programs" / "byte_lm", package.parents[1] / "programs" / "byte_lm")
    path = next(folder / "train.py" for folder in folders if (folder / "train.py").is_file())
    spec = importlib.util.spec_from_file_location("proveout_byte_lm_study_program", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@cache
def _corpus() -> tuple[bytes, np.ndarray[Any, Any]]:
    """Files of the standard library's source, and windows of another one: int64 [_ITEMS, 65]."""
    library = Path(sysconfig.get_path("stdlib"))
    train = b"\n".join((library / name).read_bytes() for name in _FILES)
    held_out = np.fromfile(library / _HELD_OUT_FILE, dtype=np.uint8)
    starts = np.linspace(0, len(held_out) - 65, _ITEMS).astype(np.int64)
    return train, held_out[starts[:, None] + np.arange(65)].astype(np.int64)
