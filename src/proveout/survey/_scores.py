"""A number that a program reported, and how likely it is the score by what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Source = Literal["output", "jsonl", "json", "csv", "tensorboard"]
Goal = Literal["minimize", "maximize"]

# The first word that a name holds decides; the earlier, the more it is meant as the result.
_SCORES = (
    "val_loss", "valid_loss", "validation_loss", "eval_loss", "test_loss", "heldout_loss",
    "val_bpb", "bpb", "val_ppl", "perplexity", "ppl", "val_acc", "valid_acc", "test_acc",
    "eval_acc", "test_error", "val_error", "score", "objective", "best", "final", "return",
    "reward", "accuracy", "acc", "error", "rmse", "mse", "mae", "auc", "auroc", "f1", "r2",
    "fitness", "fittest", "bleu", "rouge", "wer", "cer", "iou", "dice", "map", "ndcg", "mrr",
    "psnr", "ssim", "fid", "elo", "win_rate", "success_rate", "correct", "solved", "nll", "elbo",
    "likelihood", "loglik", "ll", "regret", "cost", "loss",
)  # fmt: skip
_MORE_IS_BETTER = ("accuracy", "acc", "correct", "solved", "reward", "return", "score", "auc",
                   "auroc", "f1", "r2", "precision", "recall", "bleu", "rouge", "fitness",
                   "fittest", "iou", "dice", "map", "ndcg", "mrr", "psnr", "ssim", "elo", "win",
                   "wins", "success", "elbo", "likelihood", "loglik", "ll", "correlation",
                   "spearman", "pearson")  # fmt: skip
# Of what they stand beside, less is better: `reward_loss`, `brier score`, `fid_score`.
_LESS_IS_BETTER = {"loss", "losses", "error", "errors", "err", "mse", "rmse", "mae", "cost",
                   "regret", "brier", "fid", "nll", "neg", "negative", "ppl", "perplexity", "wer",
                   "cer", "distance"}  # fmt: skip
_NO_SCORE = ("time", "sec", "ms", "step", "iter", "epoch", "lr", "rate", "flops", "seed", "param",
             "mfu", "norm", "token", "speed", "eta", "memory", "size", "grad")  # fmt: skip
_BEFORE_TRAINING = {"initial", "initially", "init", "untrained"}
_RATES = {"error", "win", "success"}
"""A rate of these is no learning rate."""
_HELD_OUT = {"val", "valid", "validation", "validating", "test", "tst", "testing", "dev", "eval",
             "evaluation", "heldout", "held", "holdout", "cv", "oof", "ood"}  # fmt: skip
_TRAINED_ON = {"train", "training", "trn", "tr", "batch", "minibatch"}
_OF_A_MOMENT = {"last", "current", "cur"}
"""Beside a mean of it: `last reward` and `average reward`."""
_LOSSES = {"loss", "losses"}
_APART = 100
_SHORT = 4


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
        if not parts & {*_LOSSES, *_RATES} and not parts.isdisjoint(_NO_SCORE):
            return None
        if parts & _BEFORE_TRAINING:
            return None  # no idea changes it
        found = next((n for n, word in enumerate(_SCORES) if _says(words, word)), None)
        if found is not None and parts & _HELD_OUT and parts & _LOSSES:
            return min(found, _SCORES.index("heldout_loss"))
        if found is None or parts & _HELD_OUT:
            return found
        found += 1 if parts & _OF_A_MOMENT else 0
        return found + (2 * _APART if self.trained_on else _APART)

    @property
    def trained_on(self) -> bool:
        """Whether its name says that it is measured on the data that was trained on."""
        parts = set(_plain(self.name).split("_"))
        return bool(parts & _TRAINED_ON) and not parts & _HELD_OUT


def says_on_what(name: str) -> bool:
    """Whether a name says on which data a number is measured: held out, or trained on."""
    return not (_HELD_OUT | _TRAINED_ON).isdisjoint(_plain(name).split("_"))


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
