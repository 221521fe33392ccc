"""Amounts of scale as people write them: `1e12 flops`, `130M`, `1.2B params`, `8 gpu-hours`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from proveout.errors import UserError
from proveout.points._columns import LETTERS, SYNONYMS, plain_name
from proveout.points._numbers import SUFFIXES, parse_scale
from proveout.units import parse_compute, parse_seconds

UNITS = ("flops", "params", "tokens", "examples", "steps", "seconds")
"""What a scale may be counted in."""

_SECONDS = {"second": 1.0, "sec": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_WHOSE = ("", "gpu_", "tpu_", "device_", "accelerator_", "wall_", "train_", "training_")
_TIMES = [f"{whose}{time}{s}" for whose in _WHOSE for time in _SECONDS for s in ("s", "")]
_WORDS = {
    "flops": f"{SYNONYMS['compute']} train_compute training_compute total_compute",
    "params": f"{SYNONYMS['params']} size",
    "tokens": SYNONYMS["tokens"],
    "examples": "examples samples images n_examples num_examples n_samples num_samples n_train "
    "examples_seen samples_seen train_size training_size dataset_size data_size",
    "steps": "steps step global_step n_steps num_steps max_steps train_steps training_steps "
    "iterations iters updates",
    "seconds": " ".join(
        [*_TIMES, "wall_time", "wall_clock", "runtime", "duration", "training_time"]
    ),
}
_LETTERS = {"flops": LETTERS["compute"], "params": LETTERS["params"], "tokens": LETTERS["tokens"]}
_COUNTED = {"param": "params", "parameter": "params", "token": "tokens", "step": "steps",
            "example": "examples", "sample": "examples"}  # fmt: skip
SIDE_UNITS = ("steps", "seconds")
"""What a tracker writes of every run; a scale only where nothing else is."""


class Amount(NamedTuple):
    value: float
    unit: str | None  # one of UNITS; None where the text does not say


class Meaning(NamedTuple):
    """What a column's name says of the numbers in it: their unit, and how many of it is 1."""

    unit: str | None
    times: float


def scale_names(unit: str | None) -> tuple[str, ...]:
    """Names of columns that hold a scale, in tiers: those of the unit that is asked for first."""
    asked = (_WORDS[unit], _LETTERS.get(unit, "")) if unit is not None else ()
    return (*asked, "scale", " ".join(_WORDS.values()), " ".join(_LETTERS.values()))


def scale_words(*units: str) -> set[str]:
    """Plain names of columns that hold scales in these units."""
    return {word for unit in units for word in _WORDS[unit].split()}


def meaning_of(column: str) -> Meaning:
    """`gpu_hours` as seconds, 3600 of them; no unit where the name does not say."""
    plain = plain_name(column)
    for unit, words in _WORDS.items():
        if plain in words.split() or plain in _LETTERS.get(unit, "").split():
            return Meaning(unit, _seconds(plain) if unit == "seconds" else 1.0)
    parts = plain.split("_")
    if any(part.rstrip("s") in _SECONDS for part in parts):
        return Meaning("seconds", _seconds(plain))
    for part in parts:
        for word, unit in (("flop", "flops"), ("compute", "flops"), *_COUNTED.items()):
            if part.startswith(word):
                return Meaning(unit, 1.0)
    return Meaning(None, 1.0)


def named_for(unit: str, header: Mapping[int, str]) -> int | None:
    """The one column of which the name says that it counts something, in whatever words; None where
    none does, or several do. `tokens_per_step` counts no tokens."""
    counts = {i: name for i, name in header.items() if "per" not in plain_name(name).split("_")}
    found = [i for i, name in counts.items() if meaning_of(name).unit == unit]
    return found[0] if len(found) == 1 else None


def _seconds(plain: str) -> float:
    return next((n for name, n in _SECONDS.items() if name in plain), 1.0)


def parse_amount(text: str) -> Amount:
    """A scale above zero with its unit where it is written: `1.2B`, `1.2B params`, `3 tflops`.

    Raises:
        ValueError: it is none, or out of any law's range; the message goes on after the name of
            what is read.
    """
    match = re.fullmatch(r"\s*([^a-z]*(?:e[+-]?[0-9]+)?)\s*([a-z][a-z _-]*?)\s*", text.lower())
    if match is not None and match[2] not in SUFFIXES:
        starts = [each for each in SUFFIXES if each and match[2].startswith(each)]
        for suffix in ("", *starts):  # `min` is minutes before it is millions of `in`
            known = _unit(match[2].removeprefix(suffix).strip())
            if known is not None:
                return Amount(parse_scale(match[1] + suffix) * known.times, known.unit)
    return Amount(parse_scale(text), None)


def _unit(word: str) -> Meaning | None:
    """`tflops` as 1e12 flops, `gpu-hours` as 3600 seconds, `params` as themselves."""
    singular = word.removesuffix("s")
    if singular in _COUNTED:
        return Meaning(_COUNTED[singular], 1.0)
    with contextlib.suppress(UserError):
        compute = parse_compute(f"1 {word}")
        return Meaning("flops" if compute.unit == "flops" else "seconds", compute.amount)
    time = re.sub("^(gpu|tpu|device|accelerator)[ _-]", "", singular)
    return Meaning("seconds", _SECONDS[time]) if time in _SECONDS else _clock(word)


def _clock(word: str) -> Meaning | None:
    with contextlib.suppress(UserError):
        return Meaning("seconds", parse_seconds(f"1 {word}"))
    return None
