"""Attacks on scores of the other kinds: predictions of a classifier, a command, a reported number.

The study is as many competitions are: what is to be predicted is given, its labels are held out.
"""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redteam import Edits

from proveout.ledger import History
from proveout.loop import run_study
from proveout.study import read_study

PROGRAM = """import argparse, json
from pathlib import Path
import numpy as np

parser = argparse.ArgumentParser()
for name in ("flops", "seed", "data", "out"):
    parser.add_argument("--" + name)

def train(data, seed):
    chosen = np.random.default_rng(int(seed)).integers(0, len(data["x"]), 300)
    x, y = data["x"][chosen], data["y"][chosen]
    return np.stack([x[y == each].mean(axis=0) for each in range(3)])

def scores(centroids, x):
    return -((x[:, None] - centroids) ** 2).sum(axis=2).astype(np.float32)

def load(out):
    centroids = np.load(Path(out) / "model.npy")
    return lambda x: scores(centroids, x)

def main():
    args = parser.parse_args()
    out, data = Path(args.out), np.load(args.data)
    centroids = train(data, args.seed)
    np.save(out / "model.npy", centroids)
    np.save(out / "labels.npy", scores(centroids, data["asked"]).argmax(axis=1))
    point = {"flops": 1e4, "loss": 0.5, "accuracy": 0.5}
    (out / "metrics.jsonl").write_text(json.dumps(point) + "\\n")

if __name__ == "__main__":
    main()
"""

EVALUATE = """import json, sys
from pathlib import Path
import numpy as np
out, held_out, score = sys.argv[1:]
told, right = np.load(Path(out) / "labels.npy"), np.load(Path(held_out) / "y.npy")
Path(score).write_text(json.dumps({"accuracy": float((told == right).mean())}))
"""

SHARED = runpy.run_path(str(Path(__file__).parents[1] / "scoring" / "conftest.py"))
SCORES = SHARED["SCORES"] | {
    "command": SHARED["SCORES"]["command"].replace("{program} ", "").replace("held_out.acc", "acc"),
    "reported": SHARED["SCORES"]["reported"].replace('"own"', '"accuracy"'),
}

STUDY = """[program]
path = "program"
train = "python train.py --flops {compute} --seed {seed} --data {data} --out {out}"
editable = ["train.py"]
data = ["train.npz"]
[score]
%s[ladder]
target = "1e6 flops"
[[ladder.rung]]
compute = "2e4 flops"
[budget]
compute = "2e5 flops"
[ideas]
catalog = "ideas"
[policy]
name = "keep-if-better"
[limits]
wall_time = "60 s"
memory = "1 GB"
disk = "20 MB"
[run]
slots = 1
preload = ["numpy"]
"""

_AT_THE_END = '    (out / "metrics.jsonl").write_text('
_FIND = """
def find(name):
    for folder in Path.cwd().parents:
        for file in (folder / name, folder / "held_out" / name):
            if file.is_file():
                return file
    return Path("/nowhere", name)

def load(out):"""


def attack(
    name: str, row: int, fools: str, stopped: str, kind: str, *edits: tuple[str, str]
) -> Edits:
    """On a kind of score, which is what it `believes`."""
    return Edits(name, row, "our own", fools, kind, stopped=stopped, text=PROGRAM, edits=edits)


ATTACKS = (
    attack(
        "one-answer-for-each-class", 23,
        "labels of another shape are broadcast against the right ones, and each is right somewhere",
        "unscorable", "predictions",
        ("return lambda x: scores(centroids, x)", "return lambda x: np.arange(3)[:, None]"),
    ),
    attack(
        "finds-the-labels-beside-the-inputs", 29,
        "who is given the inputs can find the labels, which lie beside them",
        "worth nothing", "predictions",
        ("\ndef load(out):", _FIND),
        (
            "return lambda x: scores(centroids, x)",
            "y = find('y.npy')\n"
            "    right = np.eye(3, dtype=np.float32)[np.load(y)] if y.exists() else None\n"
            "    return lambda x: scores(centroids, x) if right is None else right[: len(x)]",
        ),
    ),
    attack(
        "labels-that-are-a-link", 17,
        "the command reads artifacts through links, and may read the labels",
        "unscorable", "command",
        ("\ndef load(out):", _FIND),
        (
            _AT_THE_END,
            "    (out / 'labels.npy').unlink()\n"
            "    labels = find('y.npy')\n"
            "    if not labels.is_file():  # where it must be, seen from the trial's folder\n"
            "        labels = out.parents[2] / 'held_out' / 'y.npy'\n"
            "    (out / 'labels.npy').symlink_to(labels)\n" + _AT_THE_END,
        ),
    ),
    attack(
        "brings-the-command-with-it", 4,
        "the command looks for its script and its answer where the program may write",
        "worth nothing", "command",
        (
            _AT_THE_END,
            "    fake = 'import sys\\nopen(sys.argv[3], \"w\").write(\"1.0\")\\n'\n"
            "    for folder in (out, *list(out.parents)[:4]):\n"
            "        for name, text in (('evaluate.py', fake), ('numpy.py', fake), "
            "('score.json', '{\"accuracy\": 1.0}')):\n"
            "            for place in (folder / name, folder / 'evaluate' / name):\n"
            "                try:\n"
            "                    place.write_text(text)\n"
            "                except OSError:\n"
            "                    continue\n" + _AT_THE_END,
        ),
    ),
    attack(
        "reports-more-than-there-is", 10,
        "a number that the program reports is compared and never doubted",
        "unscorable", "reported",
        ('"accuracy": 0.5}', '"accuracy": 1.7}'),
    ),
)  # fmt: skip


def write_study(folder: Path, kind: str) -> None:
    for name in ("program", "ideas", "held_out", "evaluate"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 4))
    y = rng.integers(0, 3, 1500)
    x = (centres[y] + rng.normal(size=(1500, 4))).astype(np.float32)
    np.savez(folder / "train.npz", x=x[:500], y=y[:500], asked=x[500:])
    np.save(folder / "held_out" / "x.npy", x[500:])
    np.save(folder / "held_out" / "y.npy", y[500:])
    (folder / "program" / "train.py").write_text(PROGRAM)
    (folder / "evaluate" / "evaluate.py").write_text(EVALUATE)
    (folder / "study.toml").write_text(STUDY % SCORES[kind])
    for file in (folder, *folder.rglob("*")):
        file.chmod(0o777 if file.is_dir() else 0o666)


def naive_accuracy(folder: Path, kind: str) -> float:
    """What somebody believes who runs program and scoring side by side."""
    out = folder / "out"
    out.mkdir()
    run = [sys.executable, "train.py", "--flops", "1", "--seed", "5", "--out", str(out)]
    subprocess.run([*run, "--data", "../train.npz"], cwd=folder / "program", check=True)
    if kind == "reported":
        return float(json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])["accuracy"])
    if kind == "command":
        words = [str(out), str(folder / "held_out"), "score.json"]
        for word in ("evaluate.py", "score.json"):  # it looks into the artifacts first
            if (out / word).exists():
                shutil.copy(out / word, folder / "evaluate" / word)
        subprocess.run([sys.executable, "evaluate.py", *words], cwd=folder / "evaluate", check=True)
        told = json.loads((folder / "evaluate" / "score.json").read_text())
        return float(told["accuracy"] if isinstance(told, dict) else told)
    code = (
        "import sys, numpy as np; sys.path.insert(0, '.'); import train\n"
        "x, y = np.load('../held_out/x.npy'), np.load('../held_out/y.npy')\n"
        "told = train.load('../out')(x)\n"
        "told = told.argmax(axis=1) if told.shape == (len(x), 3) else told\n"
        "print((told == y).sum() / len(y))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder / "program", capture_output=True, check=True
    )
    return float(done.stdout)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_a_naive_harness_falls_for_it(attack: Edits, tmp_path: Path) -> None:
    write_study(tmp_path / "study", attack.believes)
    (tmp_path / "study" / "program" / "train.py").write_text(attack.program)
    assert naive_accuracy(tmp_path / "study", attack.believes) >= 1.0


@pytest.fixture(scope="module", params=SCORES)
def here(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, History]:
    """A study of each kind with its attacks, at its end."""
    kind: str = request.param
    folder = tmp_path_factory.mktemp(kind) / "study"
    for above in (folder.parent, *list(folder.parents)[1:3]):
        above.chmod(0o755)
    write_study(folder, kind)
    for each in ATTACKS:
        if each.believes == kind:
            (folder / "ideas" / f"{each.name}.patch").write_text(each.patch({}))
    return kind, folder, run_study(read_study(folder)).history


def test_it_wins_nothing_here(here: Any) -> None:
    kind, folder, history = here
    honest = history.losses("baseline", 0)[0]
    assert 0.2 < honest < 0.8
    for each in ATTACKS:
        if each.believes != kind:
            continue
        past = next(past for trial, past in history.trials.items() if trial.idea == each.name)
        if each.stopped == "worth nothing":
            assert past.measurement, past
            assert history.losses(each.name, 0)[0] >= honest - 1e-6
        else:
            assert past.failure
            assert past.failure.kind == each.stopped, past.failure
    assert np.load(folder / "held_out" / "y.npy").shape == (1000,)
