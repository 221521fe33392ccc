"""A toy study that the tests run for real: a bigram model that trains in milliseconds."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import difflib
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

TRAIN = '''\
"""A bigram model of bytes: a thousand FLOPs buy one byte of training text."""

import argparse
import json
from pathlib import Path

import numpy as np

FLOPS_PER_BYTE = 1000

SMOOTHING = 1.0

# Two flaws that cost about as much at every scale, for ideas to mend.
FORGET = 0.2

TEMPERATURE = 1.3


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flops", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--share", type=float, default=1.0)
    return parser.parse_args()


def train(args):
    data = np.fromfile(args.data, dtype=np.uint8)
    length = int(args.share * args.flops / FLOPS_PER_BYTE)
    start = np.random.default_rng(args.seed).integers(0, len(data) - length - 1)
    text = data[start : start + length + 1]

    counts = np.full((256, 256), SMOOTHING)

    np.add.at(counts, (text[:-1], text[1:]), 1.0)

    probabilities = counts / counts.sum(axis=1, keepdims=True)

    probabilities = (1 - FORGET) * probabilities + FORGET / 256

    return probabilities, length * FLOPS_PER_BYTE


def main():
    args = parse()

    probabilities, flops = train(args)

    with (args.out / "metrics.jsonl").open("w") as metrics:
        metrics.write(json.dumps({"step": 1, "flops": flops, "loss": 1.0}) + "\\n")
    np.save(args.out / "model.npy", np.log(probabilities).astype(np.float32))


def load(out):
    logits = np.load(Path(out) / "model.npy")
    return lambda inputs: logits[inputs] / TEMPERATURE


if __name__ == "__main__":
    main()
'''

STUDY = """\
name = "toy"

[program]
path = "program"
train = "python train.py --flops {compute} --seed {seed} --data {data} --out {out} --share {share}"
editable = ["train.py"]
data = ["train.bin"]
parameters = { share = 1.0 }

[score]
kind = "language-model"
held_out = "held_out.bin"
serve = "train.py:load"
context = 32
items = 64

[ladder]
target = "6e7 flops"

[[ladder.rung]]
compute = "2e6 flops"

[[ladder.rung]]
compute = "6e6 flops"

[[ladder.rung]]
compute = "2e7 flops"

[budget]
compute = "4e9 flops"

[seeds]
per_rung = [2, 3]

[ideas]
catalog = "ideas"

[limits]
wall_time = "20 s"
memory = "1 GB"
disk = "20 MB"

[run]
slots = 2
"""


@dataclass(frozen=True)
class Toy:
    """A toy study on disk."""

    folder: Path

    @property
    def file(self) -> Path:
        """Its study.toml."""
        return self.folder / "study.toml"

    @property
    def train(self) -> str:
        """The baseline program's text."""
        return TRAIN

    def edit(self, old: str, new: str) -> None:
        """Replaces text in study.toml that must be there once."""
        text = self.file.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in study.toml"
        self.file.write_text(text.replace(old, new))

    def idea(self, name: str, *edits: tuple[str, str], header: str = "") -> Path:
        """Adds an idea that replaces text in train.py, each exactly once."""
        changed = TRAIN
        for old, new in edits:
            assert changed.count(old) == 1, f"{old!r} stands {changed.count(old)} times"
            changed = changed.replace(old, new)
        return self.idea_from(name, changed, header)

    def idea_from(self, name: str, changed: str, header: str = "") -> Path:
        """Adds an idea with the given text of train.py."""
        lines = difflib.unified_diff(
            TRAIN.splitlines(keepends=True),
            changed.splitlines(keepends=True),
            "a/train.py",
            "b/train.py",
        )
        file = self.folder / "ideas" / f"{name}.patch"
        head = f"hypothesis: {name} helps\nsource: a test\n{header}"
        file.write_text(f"{head}---\n{''.join(lines)}")
        return file


@pytest.fixture
def make_toy(tmp_path: Path) -> Callable[..., Toy]:
    """Makes toy studies: `make_toy("name")`."""

    def make(name: str = "toy") -> Toy:
        folder = tmp_path / name
        (folder / "program").mkdir(parents=True)
        (folder / "program" / "train.py").write_text(TRAIN)
        (folder / "program" / "notes.md").write_text("not editable\n")
        (folder / "ideas").mkdir()
        text = _text(seed=1, length=300_000)
        (folder / "train.bin").write_bytes(text[:-20_000])
        (folder / "held_out.bin").write_bytes(text[-20_000:])
        (folder / "study.toml").write_text(STUDY)
        return Toy(folder)

    return make


@pytest.fixture
def toy(make_toy: Callable[..., Toy]) -> Toy:
    """One toy study without ideas."""
    return make_toy()


def _text(seed: int, length: int) -> bytes:
    """Words of a made-up language, each likely to be followed by few others."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, size=rng.integers(2, 9))) for _ in range(400)]
    share = 1 / np.arange(1, 401)
    chosen = rng.choice(400, size=length // 3, p=share / share.sum())
    return " ".join(words[i] for i in chosen).encode()[:length]


@pytest.fixture
def proveout() -> Path:
    """The installed command."""
    command = shutil.which("proveout", path=str(Path(sys.executable).parent))
    assert command, "proveout is not installed beside the interpreter that runs the tests"
    return Path(command)
