"""Where in a header the column is that holds something, and how mistakes in cells are told."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from proveout.errors import UserError
from proveout.points._table import refuse

FLOPS_PER_PARAM_TOKEN = 6.0
"""Training compute over params x tokens (Kaplan et al. 2020); leaves out attention's own share."""

_TRACKED = re.compile(r"\A(config|params|metrics|summary|hparams|tags|args)[./](?=.)")
_SHOWN = 5  # mistakes named at once

SYNONYMS = {
    "compute": "compute flops flop train_flops training_flops training_flop total_flops total_flos",
    "params": "params parameters param_count parameter_count n_params num_params n_parameters "
    "num_parameters model_size non_embedding_params non_embedding_parameters",
    "tokens": "tokens n_tokens num_tokens token_count train_tokens training_tokens total_tokens",
    "unique_tokens": "unique_tokens n_unique_tokens num_unique_tokens",
    "loss": "loss val_loss valid_loss validation_loss loss_validation eval_loss test_loss lm_loss "
    "final_loss final_val_loss held_out_loss heldout_loss bits_per_byte bpb nll cross_entropy",
    "weight": "weight weights",
    "seed": "seed random_seed",
    "run": "run run_id run_name",
}
PERPLEXITIES = "perplexity ppl val_perplexity val_ppl val_bpb log_loss"
ERRORS = (
    "error err error_rate val_error test_error top1_error wer cer mse rmse mae val_mse test_mse"
)
LOSS_WORDS = "loss bpb nll ppl perplexity"
"""In a name of several words, they say what it is."""
SCORES = (
    "accuracy acc val_accuracy val_acc eval_accuracy test_accuracy test_acc top1 top_1 score "
    "reward return f1 bleu rouge chrf auc auroc map r2 psnr win_rate exact_match "
    "log_likelihood loglik"
)
"""More of these is better."""
LETTERS = {"compute": "c", "params": "n", "tokens": "d t", "unique_tokens": "u", "loss": "l"}
"""Looked for only where no longer name is found: a lone T or L is as often something else."""


def plain_name(name: str) -> str:
    """`Training FLOPs ` as `training_flops`, and so `config.training_flops` of a tracker."""
    return re.sub(r"[^a-z0-9]+", "_", _TRACKED.sub("", name.strip().lower())).strip("_")


def given_columns(
    path: Path, header: Sequence[str], given: Mapping[str, str], allowed: Collection[str]
) -> tuple[dict[str, int], dict[int, str]]:
    """The columns that a person named, by role, and the plain names of all others, by place.

    Raises:
        UserError: a role that there is not, or a column that the table has not.
    """
    unknown = [role for role in given if role not in allowed]
    if unknown:
        raise UserError(f"there is no {unknown[0]!r} to name a column for; "
                        f"allowed: {', '.join(allowed)}")  # fmt: skip
    roles = {role: named_column(path, header, role, name) for role, name in given.items() if name}
    left = {i: plain_name(name) for i, name in enumerate(header) if i not in roles.values()}
    return roles, left


def named_column(path: Path, header: Sequence[str], role: str, name: str) -> int:
    places = [i for i, each in enumerate(header) if each == name]
    places = places or [i for i, each in enumerate(header) if each.lower() == name.lower()]
    if not places:
        refuse(path, f"has no column {name!r} for {role}; "
                      f"the columns are {', '.join(header)}")  # fmt: skip
    if len(places) > 1:
        refuse(path, _twice([header[i] for i in places], places))
    return places[0]


def _twice(names: Sequence[str], places: Sequence[int]) -> str:
    *most, last = (str(place + 1) for place in places)
    return (f"has {len(names)} columns named {names[0]!r}, the columns {', '.join(most)} and "
            f"{last}; rename all but one")  # fmt: skip


def by_synonym(
    path: Path,
    header: Sequence[str],
    role: str,
    plain: Mapping[int, str],
    tiers: Sequence[str],
    narrowed: Callable[[list[int]], list[int]] = list,
) -> int | None:
    """The column with a name among the words of the first tier that has any; None without one.

    Where a tier has several, `narrowed` may tell by their cells which can be meant.
    """
    for words in tiers:
        places = [i for i, name in plain.items() if name in words.split()]
        places = narrowed(places) if len(places) > 1 else places
        if len(places) > 1:
            names = [header[i] for i in places]
            if len(set(names)) == 1:
                refuse(path, _twice(names, places))
            refuse(path, f"has {len(names)} columns that could be the {role}: {', '.join(names)}; "
                          f"say which with --columns {role}={names[0]}")  # fmt: skip
        if places:
            return places[0]
    return None


class Mistake(NamedTuple):
    line: int
    column: str
    message: str


def all_mistakes(path: Path, mistakes: Sequence[Mistake]) -> str:
    told = [f"line {each.line}, column {each.column}: {each.message}" for each in mistakes[:_SHOWN]]
    if len(mistakes) == 1:
        return f"{path}, {told[0]}"
    more = [f"and {len(mistakes) - _SHOWN} more"] if len(mistakes) > _SHOWN else []
    return "\n  ".join([f"{path} has {len(mistakes)} cells that cannot be used", *told, *more])
