"""Copy this one file into your repository: it needs nothing but Python 3.8, not even proveout.

    from helper import Run

    run = Run(width=32, lr=1e-3, steps=1000)      # parameters and their usual values
    torch.manual_seed(run.seed)
    for step in range(run.steps):
        ...
        run.log(loss=loss.item(), step=step, flops=6 * parameters * tokens_so_far)
        if run.is_spent(6 * parameters * tokens_so_far):
            break
    save(model, run.out / "model.pt")
    run.report(accuracy=0.93)

A run takes its values from `--width 64` or `--width=64`, and from a JSON file at `--config`; what
stands on the command line wins. In study.toml:

    [program]
    train = "python train.py --config {config}"
    config = "json"
    parameters = { lr = 1e-3 }
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any, Sequence  # noqa: UP035 - for older Pythons


class Run:
    """One training run: its parameters as attributes, its output folder, its curve.

    Beside the parameters that are named there are always `seed` (0), `out` (the folder `out`) and
    `compute` (None: no budget).
    """

    def __init__(self, arguments: Sequence[str] | None = None, **usual: Any) -> None:
        known: dict[str, Any] = {"seed": 0, "out": "out", "compute": None, **usual}
        given = _given(sys.argv[1:] if arguments is None else arguments)
        file = given.pop("config", None)
        told: dict[str, Any] = json.loads(Path(file).read_text()) if file else {}
        unknown = sorted(set(given) - set(known))
        if unknown:
            sys.exit(f"unknown: --{unknown[0]}; known: {', '.join(sorted(known))}")
        # A file may hold what this program has no use for; a command line may not.
        told = {name: value for name, value in told.items() if name in known}
        self.parameters: dict[str, Any] = {
            **known,
            **told,
            **{name: _like(known[name], text, name) for name, text in given.items()},
        }
        self.out = Path(self.parameters["out"])
        self.out.mkdir(parents=True, exist_ok=True)
        self.seed = int(self.parameters["seed"])
        compute = self.parameters["compute"]
        self.compute: float | None = None if compute is None else float(compute)
        self._curve = (self.out / "metrics.jsonl").open("w")

    def __getattr__(self, name: str) -> Any:
        """A parameter."""
        parameters = self.__dict__.get("parameters", {})
        if name in parameters:
            return parameters[name]
        raise AttributeError(f"no parameter {name!r}; there are: {', '.join(sorted(parameters))}")

    def log(self, loss: float, flops: float | None = None, **more: Any) -> None:
        """Adds a line to `metrics.jsonl`. `flops` is what has been spent so far, in all."""
        line = {"loss": _finite(loss), **{name: _finite(value) for name, value in more.items()}}
        if flops is not None:
            line["flops"] = flops
        self._curve.write(json.dumps(line) + "\n")
        self._curve.flush()

    def is_spent(self, flops: float) -> bool:
        """Whether the budget is used up; never without one."""
        return self.compute is not None and flops >= self.compute

    def report(self, **scores: float) -> None:
        """Writes `score.json`: for a study with `file = "score.json"`, `key = "accuracy"`."""
        finite = {name: _finite(value) for name, value in scores.items()}
        (self.out / "score.json").write_text(json.dumps(finite) + "\n")


def _given(arguments: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if not name.startswith("--") or not (equals or words):
            sys.exit(f"{word!r} is not --name VALUE or --name=VALUE")
        found[name[2:].replace("-", "_")] = value if equals else words.pop(0)
    return found


def _like(usual: Any, text: str, name: str) -> Any:
    """The text as the type of the usual value."""
    try:
        if isinstance(usual, bool):
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if isinstance(usual, int):
            return int(text)
        return float(text) if isinstance(usual, float) else text
    except (ValueError, KeyError):
        sys.exit(f"--{name} {text!r} is no {type(usual).__name__}")


def _finite(value: Any) -> Any:
    """None for what JSON cannot say, so that a run that diverged is seen to have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
