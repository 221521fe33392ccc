"""What `proveout fit` is asked: forms, the inputs of the law, places to forecast."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from proveout.errors import UserError

if TYPE_CHECKING:
    from proveout.points import Runs
    from proveout.scaling import Form

Place = Mapping[str, float]
"""Where a law is asked: a number by input."""

_EXAMPLES = {"compute": "1e21", "params": "1e9", "tokens": "2e10", "unique_tokens": "2e10"}


def chosen_forms(text: str, runs: Runs) -> tuple[Form, ...]:
    """The named forms, each of inputs that these runs have."""
    from proveout.scaling import FORMS

    have = {"compute", *runs.inputs}
    allowed = {name: form for name, form in FORMS.items() if set(form.inputs) <= have}
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names or [text]:
        if name not in allowed:
            known = f"needs {' and '.join(FORMS[name].inputs)}" if name in FORMS else "is not known"
            raise UserError(f"--forms: {name!r} {known}; allowed for runs with "
                            f"{', '.join(runs.columns)}: {', '.join(allowed)}")  # fmt: skip
    return tuple(allowed[name] for name in names)


def law_inputs(runs: Runs, at: Sequence[str], forms: Sequence[Form] | None) -> tuple[str, ...]:
    """What the laws take: what the forms need, or what is asked for, or what the file has."""
    from proveout.points import role_of

    if forms is not None:
        needed = {name for form in forms for name in form.inputs}
        return tuple(name for name in _EXAMPLES if name in needed)
    asked = {role_of(text.partition("=")[0], runs.columns) for text in at if "," not in text}
    if asked == {"compute"} and "compute" in runs.scales and all("," not in text for text in at):
        return ("compute",)
    return runs.inputs


def parse_place(text: str, inputs: Sequence[str], columns: Mapping[str, str]) -> dict[str, float]:
    """`params=1e9,tokens=20B` as a number by input; where there is one input, its number will do.

    What may be left out: `unique_tokens`, which are then all tokens; and `compute` beside params
    and tokens. Where the runs have no compute of their own, those two may stand for it.

    Raises:
        UserError: a name that is not known, missing or there twice, or no number above zero.
    """
    from proveout.points import FLOPS_PER_PARAM_TOKEN, role_of, scale_in

    stand_in = "compute" not in columns and "tokens" in columns
    known = {*inputs, "params", "tokens"} if stand_in else set(inputs)
    needed = [i for i in inputs if len(inputs) == 1 or i in {"params", "tokens"}]
    example = f"write --at {','.join(f'{name}={_EXAMPLES[name]}' for name in needed)}"
    place: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        role = inputs[0] if not equals and len(inputs) == 1 else role_of(name, columns)
        if role is None or role not in known:
            got = f"{name.strip()!r}" if equals else f"{part.strip()!r} without a name"
            raise UserError(f"--at {text!r} has {got}; the law of these runs takes "
                            f"{', '.join(inputs)}: {example}")  # fmt: skip
        if role in place:
            raise UserError(f"--at {text!r} has {role} twice; {example}")
        try:
            place[role] = scale_in(number, columns.get(role, role))
        except ValueError as error:
            raise UserError(f"--at {text!r}: {role} {error}") from None
    if {"params", "tokens"} <= place.keys():
        place.setdefault("unique_tokens", place["tokens"])
        place.setdefault("compute", FLOPS_PER_PARAM_TOKEN * place["params"] * place["tokens"])
    missing = [name for name in needed if name not in place]
    if missing:
        raise UserError(f"--at {text!r} does not say {' and '.join(missing)}; {example}")
    return {name: place[name] for name in inputs}


def beyond(runs: Runs, inputs: Sequence[str], times: float) -> dict[str, float]:
    """So many times the compute of the largest run, params and tokens growing alike."""
    row = max(range(len(runs.loss)), key=runs.compute.__getitem__)
    place = {name: scale_of(runs, name)[row] for name in inputs}
    return {name: value * (times if name == "compute" else math.sqrt(times))
            for name, value in place.items()}  # fmt: skip


def scale_of(runs: Runs, name: str) -> Sequence[float]:
    return runs.compute if name == "compute" else runs.scales[name]
