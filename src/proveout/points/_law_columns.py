"""Which columns of a table of runs hold what a law takes: scales and the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from proveout.points._amounts import named_for, scale_words
from proveout.points._columns import (
    ERRORS,
    LETTERS,
    PERPLEXITIES,
    SCORES,
    SYNONYMS,
    by_synonym,
    given_columns,
    plain_name,
)
from proveout.points._direction import only_loss
from proveout.points._table import refuse

SCALES = ("compute", "params", "tokens", "unique_tokens")


def law_columns(path: Path, header: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """Where in the header the column is that holds something, by what it holds."""
    roles, left = given_columns(path, header, given, SYNONYMS)
    for role in SYNONYMS:
        tiers: tuple[str, ...] = SYNONYMS[role], LETTERS.get(role, "")
        if role == "loss":
            tiers = f"{SYNONYMS[role]} {PERPLEXITIES}", LETTERS[role], ERRORS, "value"
        place = None if role in given else by_synonym(path, header, role, left, tiers)
        if place is not None:
            roles[role] = place
    left = {i: header[i] for i in left if i not in roles.values()}
    for role, unit in (("compute", "flops"), ("params", "params"), ("tokens", "tokens")):
        place = None if role in given or role in roles else named_for(unit, left)
        if place is not None:
            roles[role] = place
    if "loss" not in roles:
        place = only_loss(left)
        if place is None or "loss" in given:
            _no_loss(path, header)
        roles["loss"] = place
    return _of_laws(path, header, roles, left, given)


def _no_loss(path: Path, header: Sequence[str]) -> NoReturn:
    there = f"the columns are {', '.join(name or '(no name)' for name in header)}"
    score = next((name for name in header if plain_name(name) in SCORES.split()), None)
    how = "say which it is with --loss COLUMN"
    if score is not None:
        how = f"laws are of what falls with scale: for {score} add a column of the error, such as "
        how += "1 - accuracy"
    refuse(path, f"has no column that is known as the loss; {there}; {how}")


def _of_laws(
    path: Path,
    header: Sequence[str],
    roles: dict[str, int],
    left: Mapping[int, str],
    given: Mapping[str, str],
) -> dict[str, int]:
    """The columns that laws take: params and tokens, or compute, or the one scale that there is in
    its place."""
    if {"params", "tokens"} <= roles.keys():
        return roles
    if "compute" not in roles and "compute" not in given:
        sizes = [roles[role] for role in ("params", "tokens") if role in roles]
        words = scale_words("examples", "steps")
        sizes += [i for i, name in left.items() if plain_name(name) in words]
        sizes = sizes or [i for i, name in left.items() if plain_name(name) == "scale"]
        if len(sizes) == 1:
            roles["compute"] = sizes[0]
    if "compute" not in roles:
        missing = " or ".join(r for r in ("params", "tokens") if r not in roles)
        there = f"the columns are {', '.join(name or '(no name)' for name in header)}"
        refuse(path, f"needs compute, or params and tokens, and has no column known as compute "
                      f"or {missing}; {there}; say which is which with "
                      "--columns params=COLUMN,tokens=COLUMN, or compute=COLUMN for any one scale "
                      "alone")  # fmt: skip
    return {role: i for role, i in roles.items() if role not in SCALES[1:]}
