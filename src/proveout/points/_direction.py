"""Whether more of a column is better, as its name tells; a word of error wins over others."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proveout.points._columns import ERRORS, LOSS_WORDS, PERPLEXITIES, SCORES, SYNONYMS, plain_name

_COMPLEMENT = re.compile(r"\A\W*(?:1|1\.0|100)\s*%?\s*[-−–]\s*(?=[a-z])", re.I)  # `1 - accuracy`
_NEGATED = {"neg", "negative", "minus"}
_LOSSES = f"{SYNONYMS['loss']} {PERPLEXITIES} {ERRORS} l"
LOSS_PARTS = set(f"{LOSS_WORDS} {ERRORS} errors losses regret".split())
SCORE_PARTS = set(SCORES.split()) | {"scores", "precision", "recall", "top5", "likelihood"}
_ASIDE = {
    "std",
    "stdev",
    "stddev",
    "stderr",
    "sd",
    "sem",
    "se",
    "ci",
    "ci95",
    "variance",
    "message",
}


def more_is_better(column: str) -> bool | None:
    """Of `top1_error` not, of `psnr` yes; None where the name does not say."""
    plain = plain_name(column)
    parts = set(plain.split("_"))
    if plain in _LOSSES.split() or plain.startswith("l_"):
        return False
    loss, score = bool(parts & LOSS_PARTS), _is_score(plain, parts)
    if not loss and not score:
        return None
    turned = bool(parts & _NEGATED) or _COMPLEMENT.match(column) is not None
    return loss == turned


def _is_score(plain: str, parts: set[str]) -> bool:
    several = (word for word in SCORES.split() if "_" in word)
    return bool(parts & SCORE_PARTS) or any(f"_{word}_" in f"_{plain}_" for word in several)


def only_loss(header: Mapping[int, str]) -> int | None:
    """The one column that a word in its name shows to be a loss or an error."""
    return _only_known(header, False)


def only_score(header: Mapping[int, str]) -> int | None:
    """The one column that a word in its name shows to be a score."""
    return _only_known(header, True)


def _only_known(header: Mapping[int, str], more: bool) -> int | None:
    found = []
    for i, name in header.items():
        first, *others = parts = plain_name(name).split("_")
        aside = set(parts) & _ASIDE or (first == "l" and others)  # a lone L may be anything
        if more_is_better(name) is more and not aside:
            found.append(i)
    return found[0] if len(found) == 1 else None
