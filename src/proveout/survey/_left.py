"""What a trial left behind, and which of it is most likely the score and the curve."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proveout.study import CurveSource
from proveout.trials import newest, read_text, rows

Source = Literal["output", "jsonl", "json", "csv", "tensorboard"]
Goal = Literal["minimize", "maximize"]

# The first word that a name holds decides; the earlier, the more it is meant as the result.
_SCORES = (
    "val_loss", "valid_loss", "validation_loss", "eval_loss", "test_loss", "heldout_loss",
    "val_bpb", "bpb", "val_ppl", "perplexity", "ppl", "val_acc", "valid_acc", "test_acc",
    "eval_acc", "test_error", "val_error", "score", "objective", "best", "final", "return",
    "reward", "accuracy", "acc", "error", "rmse", "mse", "mae", "auc", "auroc", "f1", "r2",
    "fitness", "bleu", "rouge", "wer", "cer", "iou", "dice", "map", "ndcg", "mrr", "psnr", "ssim",
    "fid", "elo", "win_rate", "success_rate", "nll", "elbo", "likelihood", "regret", "cost", "loss",
)  # fmt: skip
_MORE_IS_BETTER = ("accuracy", "acc", "correct", "reward", "return", "score", "auc", "auroc", "f1",
                   "r2", "precision", "recall", "bleu", "rouge", "fitness", "iou", "dice", "map",
                   "ndcg", "mrr", "psnr", "ssim", "elo", "win", "wins", "success", "elbo",
                   "likelihood", "correlation", "spearman", "pearson")  # fmt: skip
# Of what they stand beside, less is better: `reward_loss`, `brier score`, `fid_score`.
_LESS_IS_BETTER = {"loss", "losses", "error", "errors", "err", "mse", "rmse", "mae", "cost",
                   "regret", "brier", "fid", "nll", "neg", "negative", "ppl", "perplexity", "wer",
                   "cer", "distance"}  # fmt: skip
_NO_SCORE = ("time", "sec", "ms", "step", "iter", "epoch", "lr", "rate", "flops", "seed", "param",
             "mfu", "norm", "token", "speed", "eta", "memory", "size", "grad")  # fmt: skip
_RATES = {"error", "win", "success"}
"""A rate of these is no learning rate."""
_HELD_OUT = {"val", "valid", "validation", "validating", "test", "tst", "testing", "dev", "eval",
             "evaluation", "heldout", "held", "holdout", "cv", "oof", "ood"}  # fmt: skip
_TRAINED_ON = {"train", "training", "trn", "tr", "batch", "minibatch"}
_OF_A_MOMENT = {"last", "current", "cur"}
"""Beside a mean of it: `last reward` and `average reward`."""
_APART = 100
_SHORT = 4
_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?|nan|inf"
_WORDS = r"[A-Za-z][\w/.-]*(?: [A-Za-z][\w/.-]*){0,2}?"
_PAIR = re.compile(
    rf"({_WORDS})(\"?\s*[:=]\s*|\s+)({_NUMBER})"
    r"(?![\w.]*[A-Za-z_])"
)


@dataclass(frozen=True)
class Reported:
    """A number that the trial reported, and where."""

    source: Source
    name: str
    """The key, column or tag, or the words before the number."""
    value: float | None
    """The last one; None where it is not finite."""
    file: str = ""
    """In the output folder."""
    pattern: str = ""
    """Of a line of output: an expression whose group is the number."""
    times: int = 1
    line: int = 0
    """Of output: where it was said last. What is said at the end of a run is said of all of it."""

    @property
    def goal(self) -> Goal:
        """Whether less or more is better, by what it is called."""
        words = _plain(self.name)
        if _LESS_IS_BETTER & set(words.split("_")):
            return "minimize"
        return "maximize" if any(_says(words, word) for word in _MORE_IS_BETTER) else "minimize"

    @property
    def rank(self) -> int | None:
        """How likely it is the score, 0 the most; None if it is none.

        What is measured on held-out data comes before what does not say on what, and last what is
        measured on the data that was trained on.
        """
        words = _plain(self.name)
        parts = set(words.split("_"))
        if not parts & {"loss", "losses", *_RATES} and not parts.isdisjoint(_NO_SCORE):
            return None
        found = next((n for n, word in enumerate(_SCORES) if _says(words, word)), None)
        if found is None or parts & _HELD_OUT:
            return found
        found += 1 if parts & _OF_A_MOMENT else 0
        return found + (2 * _APART if self.trained_on else _APART)

    @property
    def trained_on(self) -> bool:
        """Whether its name says that it is measured on the data that was trained on."""
        parts = set(_plain(self.name).split("_"))
        return bool(parts & _TRAINED_ON) and not parts & _HELD_OUT


def _says(words: str, word: str) -> bool:
    """Whether a name holds a word; a short one only where another begins or ends."""
    if len(word) > _SHORT:
        return word in words
    return any(
        part == word or (part.endswith("acc") and word == "acc") for part in words.split("_")
    )


def _plain(name: str) -> str:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower())


def reported(out: Path, log: Path) -> tuple[Reported, ...]:
    """Every number that a trial left, likeliest score first."""
    found = [*_output(log), *_jsonl(out), *_json(out), *_csv(out), *_events(out)]
    order: dict[Source, int] = {"jsonl": 0, "json": 1, "output": 2, "csv": 3, "tensorboard": 4}
    return tuple(
        sorted(found, key=lambda e: (e.rank is None, e.rank or 0, order[e.source], -e.line))
    )


def _output(log: Path) -> Iterator[Reported]:
    found: dict[str, Reported] = {}
    for number, line in enumerate(read_text(log).splitlines()):
        for match in _PAIR.finditer(line[:1000]):
            called = _called(line, match)
            name = called.lower()
            if name in ("e", "of", "in"):
                continue
            times = found[name].times + 1 if name in found else 1
            pattern = pattern_for(called, match[2])
            found[name] = Reported("output", called, _finite(match[3]), "", pattern, times,
                                   number)  # fmt: skip
    yield from found.values()


def _called(line: str, match: re.Match[str]) -> str:
    """What a number in a line is called: up to three words, or as many again where only those say
    what it is: `Accuracy on the test set: 0.9`."""
    name = match[1].strip()
    if not match[2].strip() or Reported("output", name, None).rank is not None:
        return name
    before = re.search(r"(?:[A-Za-z][\w/.-]* ){1,3}$", line[: match.start(1)])
    longer = f"{before[0]}{name}" if before else name
    return longer if Reported("output", longer, None).rank is not None else name


def pattern_for(name: str, between: str = ": ") -> str:
    """An expression for `name: 3.2` in a line of output, whose group is the number."""
    joined = r"\s*[:=]\s*" if between.strip() else r"\s+"
    if between.startswith('"'):
        joined = rf'"{joined}'
    return rf"\b{re.escape(name).replace(chr(92) + ' ', ' ')}{joined}({_NUMBER})"


def name_in(pattern: str) -> str:
    """The words right before the first group of an expression for a line of output, or what that
    group is called: `val_loss` of `val_loss=(\\S+)`; empty where there are none."""
    group = re.search(r"(?<!\\)\((?:\?P<(\w+)>|(?!\?))", pattern)
    if group is None:
        return ""
    before = re.sub(r"\\[A-Za-z][*+?]*", " ", pattern[: group.start()])
    before = re.sub(r"\[[^\]]*\][*+?]*", " ", before).replace("\\", "")
    words = re.search(rf"({_WORDS})[^A-Za-z0-9]*$", before)
    return words[1] if words else group[1] or ""


def _jsonl(out: Path) -> Iterator[Reported]:
    for name in ("metrics.jsonl", "**/*.jsonl"):
        if (file := newest(out, name)) and file.is_file():
            where = _named(out, file)
            yield from _columns("jsonl", CurveSource(file=where), out, where)
            return


def _csv(out: Path) -> Iterator[Reported]:
    if file := newest(out, "**/*.csv"):
        where = _named(out, file)
        yield from _columns("csv", CurveSource(source="csv", file=where), out, where)


def _events(out: Path) -> Iterator[Reported]:
    yield from _columns("tensorboard", CurveSource(source="tensorboard"), out, "**/*tfevents*")


def _named(out: Path, file: Path) -> str:
    """A file of the output folder; folders between may be called by the time or the seed."""
    inside = file.relative_to(out)
    return inside.as_posix() if len(inside.parts) == 1 else f"**/{inside.name}"


def _columns(source: Source, told: CurveSource, out: Path, file: str) -> Iterator[Reported]:
    last: dict[str, Reported] = {}
    for row in rows(told, out, out / "none"):
        for key, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                times = last[key].times + 1 if key in last else 1
                last[key] = Reported(source, key, _as_float(value), file, times=times)
    yield from (each for key, each in last.items() if key not in {"seconds", "step", "epoch"})


def _json(out: Path) -> Iterator[Reported]:
    for file in sorted(out.rglob("*.json"))[:20]:
        try:
            document = json.loads(read_text(file))
        except (ValueError, RecursionError):
            continue
        where = file.relative_to(out).as_posix()
        for key, value in _leaves(document, ""):
            yield Reported("json", key, value, where)


def _leaves(value: object, prefix: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict) and prefix.count(".") < 3:
        for key, inner in value.items():
            yield from _leaves(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool) and prefix:
        yield prefix, _as_float(value)


def _as_float(value: float) -> float:
    """Whole numbers have no largest; floats have."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _finite(text: str) -> float | None:
    value = float(text)
    return value if abs(value) < float("inf") else None
