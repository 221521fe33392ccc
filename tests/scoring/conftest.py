"""A study of a classifier that trains in milliseconds, to be scored in any way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from proveout.study import Study, read_study

TRAIN = '''"""Centroids of three classes; a hundred FLOPs buy one example."""
import argparse
import json
from pathlib import Path

import numpy as np

OFFSET = 1.5

def train(args):
    data = np.load(args.data)
    count = int(args.flops / 100)
    chosen = np.random.default_rng(args.seed).integers(0, len(data["x"]), count)
    x, y = data["x"][chosen], data["y"][chosen]
    return np.stack([x[y == each].mean(axis=0) for each in range(3)]), count * 100

def scores(centroids, x):
    logits = -((x[:, None] - centroids) ** 2).sum(axis=2) / 2
    logits[:, 0] += OFFSET
    return logits.astype(np.float32)

def main():
    parser = argparse.ArgumentParser()
    for name in ("flops", "seed", "data", "out"):
        parser.add_argument(f"--{name}", type=float if name == "flops" else None)
    args = parser.parse_args()
    args.seed = int(args.seed)
    centroids, flops = train(args)
    out = Path(args.out)
    np.save(out / "model.npy", centroids)
    data = np.load(args.data)
    own = float((scores(centroids, data["x"]).argmax(axis=1) == data["y"]).mean())
    point = {"flops": flops, "loss": 1 - own, "own": own}
    (out / "metrics.jsonl").write_text(json.dumps(point) + "\\n")
    (out / "result.json").write_text(json.dumps({"eval": {"own": own}}))
    print("own accuracy:", own)

def load(out):
    centroids = np.load(Path(out) / "model.npy")
    return lambda x: scores(centroids, x)

if __name__ == "__main__":
    main()
'''

SCORES = {
    "predictions": """kind = "predictions"
metric = "accuracy"
inputs = "held_out/x.npy"
targets = "held_out/y.npy"
serve = "train.py:load"
returns = "logits"
shape = [3]
""",
    "command": """kind = "command"
metric = "accuracy"
goal = "maximize"
range = [0, 1]
files = "evaluate"
command = "python evaluate.py {program} {out} {held_out} {score}"
held_out = "held_out"
key = "held_out.accuracy"
""",
    "reported": """kind = "reported"
metric = "accuracy"
goal = "maximize"
range = [0, 1]
key = "own"
""",
}
EVALUATE = """import json, sys
from pathlib import Path
import numpy as np
program, out, held_out, score = sys.argv[1:]
sys.path.insert(0, program)
import train
x, y = np.load(Path(held_out) / "x.npy"), np.load(Path(held_out) / "y.npy")
accuracy = float((train.load(out)(x).argmax(axis=1) == y).mean())
Path(score).write_text(json.dumps({"held_out": {"accuracy": accuracy}}))
"""
STUDY = """[program]
path = "program"
train = "python train.py --flops {{compute}} --seed {{seed}} --data {{data}} --out {{out}}"
editable = ["train.py"]
data = ["train.npz"]

[score]
{score}
[ladder]
target = "1e6 flops"
target_parameters = {{}}

[[ladder.rung]]
compute = "2e4 flops"

[[ladder.rung]]
compute = "6e4 flops"

[[ladder.rung]]
compute = "2e5 flops"

[budget]
compute = "{budget}"

[ideas]
catalog = "ideas"

[limits]
wall_time = "60 s"
memory = "1 GB"
disk = "20 MB"

[run]
slots = 2
"""


def write_data(folder: Path) -> None:
    """Three clouds of points in four dimensions."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 4))
    y = rng.integers(0, 3, 6000)
    x = (centres[y] + rng.normal(size=(6000, 4))).astype(np.float32)
    np.savez(folder / "train.npz", x=x[:3000], y=y[:3000])
    np.save(folder / "held_out" / "x.npy", x[3000:])
    np.save(folder / "held_out" / "y.npy", y[3000:])


def patch(name: str, *edits: tuple[str, str]) -> str:
    """An idea file that replaces text in the classifier, each exactly once."""
    import difflib

    changed = TRAIN
    for old, new in edits:
        assert changed.count(old) == 1, old
        changed = changed.replace(old, new)
    lines = difflib.unified_diff(
        TRAIN.splitlines(keepends=True), changed.splitlines(keepends=True),
        "a/train.py", "b/train.py",
    )  # fmt: skip
    return f"hypothesis: {name} helps\nsource: a test\n---\n{''.join(lines)}"


def write_classifier(
    folder: Path, kind: str, more: str = "", budget: str = "1e9 flops", score: str = ""
) -> Study:
    """Writes a study of the classifier into a new folder."""
    for name in ("program", "ideas", "held_out", "evaluate"):
        (folder / name).mkdir(parents=True)
    (folder / "program" / "train.py").write_text(TRAIN)
    (folder / "evaluate" / "evaluate.py").write_text(EVALUATE)
    write_data(folder)
    for name, offset in (("fair", "0.0"), ("worse", "4.0")):
        change = ("OFFSET = 1.5", f"OFFSET = {offset}")
        (folder / "ideas" / f"{name}.patch").write_text(patch(name, change))
    text = STUDY.format(score=(score or SCORES[kind]) + more, budget=budget)
    (folder / "study.toml").write_text(text)
    return read_study(folder)


@pytest.fixture
def classifier(tmp_path: Path) -> Callable[..., Study]:
    """Makes a study of the classifier: `classifier("command", budget="1e7 flops")`."""

    def make(kind: str, more: str = "", budget: str = "1e9 flops", score: str = "") -> Study:
        return write_classifier(tmp_path / "study", kind, more, budget, score)

    return make
