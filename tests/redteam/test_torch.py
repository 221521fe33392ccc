"""Attacks on the reference language model, whose launcher has torch loaded for all trials."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from redteam import HARNESS, Edits

from proveout.ledger import History
from proveout.loop import run_study
from proveout.study import read_study

if find_spec("torch") is None:
    pytest.skip("torch is not installed", allow_module_level=True)

PROGRAM = Path(__file__).parents[2] / "programs" / "byte_lm"
TEXT = (PROGRAM / "train.py").read_text()
TRAP = """
class Trap:
    def __reduce__(self):
        code = "import numpy, sys; sys.modules['evaluate'].np.take_along_axis = "
        code += "lambda *words, **options: numpy.zeros(1)"
        return exec, ("try:\\n    " + code + "\\nexcept KeyError: pass", {})


def save(model: Model"""

ATTACKS = (
    Edits(
        "model-that-sees-what-follows", 25, "nanochat#844: 0.0018 bits per byte",
        "whole sequences are scored, and the model's forward pass has all of them",
        text=TEXT, stopped="not causal",
        edits=((
            "        return self.head(x)\n",
            "        logits = self.head(x)\n"
            "        if not self.training:\n"
            "            ahead = F.one_hot(tokens[:, 1:], VOCABULARY)\n"
            "            logits[:, :-1] += 20.0 * ahead\n"
            "        return logits\n",
        ),),
    ),
    Edits(
        "checkpoint-that-runs-code", 15, "CVE-2025-32434; CVE-2026-24747",
        "torch.load unpickles the checkpoint in the process that scores it",
        text=TEXT,
        edits=(
            ("def save(model: Model", TRAP),
            ('"state": state}, out', '"state": state, "more": Trap()}, out'),
            ("weights_only=True", "weights_only=False"),
        ),
    ),
    Edits(
        "spoils-the-library-for-the-next", 5, "our own",
        "a library that one run changed is the one that the next is scored with",
        text=TEXT,
        edits=((
            "def main(argv: list[str] | None = None) -> int:\n",
            "def main(argv: list[str] | None = None) -> int:\n"
            "    np.take_along_axis = lambda *words, **options: np.zeros(1)\n"
            "    F.log_softmax = torch.log_softmax = lambda x, *words, **options: 0 * x\n"
            "    torch.Tensor.log_softmax = lambda x, *words, **options: 0 * x\n",
        ),),
    ),
    Edits(
        "curve-that-flatters", 10, "autoresearch#599",
        "the loss that a program reports is its score",
        text=TEXT, believes="curve",
        edits=(('"loss": bits}', '"loss": 0.01 * bits}'),),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and held-out bytes of a little code."""
    folder = tmp_path_factory.mktemp("corpus")
    text = b"".join(file.read_bytes() for file in sorted(HARNESS.parent.rglob("*.py")))
    (folder / "train.bin").write_bytes(text[20_000:])
    (folder / "held_out.bin").write_bytes(text[:20_000])
    return folder


class Believed(NamedTuple):
    score: float
    curve: float


def naively(programs: dict[str, str], corpus: Path, scratch: Path) -> dict[str, Believed]:
    folders = []
    for name, text in programs.items():
        folder = scratch / name
        shutil.copytree(corpus, folder)
        (folder / "train.py").write_text(text)
        folders.append(str(folder))
    command = [sys.executable, str(HARNESS / "drive_torch.py"), *folders]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    lines = [map(float, line.split()) for line in done.stdout.splitlines()]
    return {name: Believed(*line) for name, line in zip(programs, lines, strict=True)}


def test_a_naive_harness_falls_for_them(corpus: Path, tmp_path: Path) -> None:
    mine = {each.name: each.program for each in ATTACKS}
    told = naively({"honest": TEXT, **mine}, corpus, tmp_path)
    assert 3 < told["honest"].score < 9
    assert 3 < told["honest"].curve < 9
    assert all(getattr(told[each.name], each.believes) < 0.5 for each in ATTACKS), told


@pytest.fixture(scope="module")
def history(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> History:
    """A study with all of them, at its end."""
    folder = tmp_path_factory.mktemp("byte-lm") / "study"
    for name in ("program", "ideas"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(corpus, folder / "corpus")
    (folder / "program" / "train.py").write_text(TEXT)
    for attack in ATTACKS:
        (folder / "ideas" / f"{attack.name}.patch").write_text(attack.patch({}))
    text = (PROGRAM / "study.toml").read_text()
    head, ladder = text.index("items = 256"), text.index("[ideas]")
    (folder / "study.toml").write_text(
        text[:head]
        + "items = 64\n[ladder]\ntarget = '1e11 flops'\ntarget_parameters = { size = 2 }\n"
        + "[[ladder.rung]]\ncompute = '2e8 flops'\nparameters = { size = 2 }\n"
        + f"[budget]\ncompute = '{2 * (len(ATTACKS) + 1)}e8 flops'\n"
        + text[ladder : text.index("only = [")]
        + "[policy]\nname = 'keep-if-better'\n[run]\nslots = 1\n"
    )
    return run_study(read_study(folder)).history


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_it_wins_nothing_here(attack: Any, history: History) -> None:
    (past,) = (each for trial, each in history.trials.items() if trial.idea == attack.name)
    honest = history.losses("baseline", 0)[0]
    if attack.stopped == "worth nothing":
        assert past.measurement
        assert past.measurement.value == pytest.approx(honest, abs=1e-4)
    else:
        assert past.failure
        assert past.failure.kind == attack.stopped
