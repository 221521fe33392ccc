"""The rungs of a new study: fractions of what its program does by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proveout.errors import UserError
from proveout.study import Value
from proveout.survey._plan import Wishes
from proveout.survey._records import Parameter, Survey
from proveout.survey._roles import follows, last_word

_LEAST_STEPS = (10, 20, 40, 160)
"""Of each rung, where runs are made shorter than the program's own: fewer say nothing of it."""
_SMALL_SHARE = 0.05
"""Where the runs are made so much shorter, the size at the target is halved too."""


def rungs_of(survey: Survey, wishes: Wishes, notes: list[str]) -> tuple[Mapping[str, Value], ...]:
    """Fractions of what the program does by itself, which is the target."""
    size, steps = survey.of_role("size"), survey.of_role("steps")
    if size is not None and size.name in wishes.fixed:
        size = None
    sizes, alone = _sizes(size, wishes.share), size is None
    counts = _counts(steps, wishes.skipped, alone, notes)
    followers = _followers(survey, wishes, steps, notes)
    rungs: list[dict[str, Value]] = []
    for nth, (each_size, count, least) in enumerate(zip(sizes, counts, _LEAST_STEPS, strict=True)):
        rung: dict[str, Value] = {}
        if size is not None and each_size is not None and len(set(sizes)) > 1:
            rung[size.filled] = each_size
        if steps is not None and isinstance(count, int | float):
            share = count * wishes.share
            count = max(min(least, count), round(share)) if isinstance(count, int) else share
            count = max(count, steps.least * (nth + 1))
            if wishes.interval and isinstance(count, int):
                count = wishes.interval * max(nth + 1, -(-count // wishes.interval))
            rung[steps.filled] = count + steps.begins
            rung |= {each.filled: _followed(each, count, steps) for each in followers}
        if rung not in rungs:
            rungs.append(rung)
    if len(rungs) < 2 and survey.of_role("compute") is None:
        had = ", ".join(f"{p.name}" for p in survey.parameters) or "none"
        raise UserError(
            "it could not be told which parameter makes a run larger; say it with --steps NAME or "
            "--size NAME, where NAME may be words of the source before a number, as --steps "
            "'step >= '; or give each rung and last the target: --rung width=8,steps=100 --rung "
            f"width=16,steps=200 ... Its parameters: {had}"
        )
    return tuple(rungs)


def _followers(
    survey: Survey, wishes: Wishes, steps: Parameter | None, notes: list[str]
) -> list[Parameter]:
    """What counts the same steps and must go with them: a warm-up, a decay, an interval that would
    not end within the smallest rung."""
    if steps is None or not isinstance(steps.default, int) or steps.default < 16:
        return []
    epochs = "epoch" in steps.name.lower()
    found = []
    for each in survey.parameters:
        kind, value = follows(each.name), each.default
        if (
            kind is None or each.role is not None or each.name in wishes.fixed
            or not isinstance(value, int) or isinstance(value, bool) or value < 1
            or ("epoch" in each.name.lower()) != epochs or value > 4 * steps.default
            or (kind == "interval" and value <= steps.default // 32)
        ):  # fmt: skip
            continue
        found.append(each)
    if found:
        names = ", ".join(f"{each.name} ({each.default})" for each in found)
        notes.append(f"what counts {steps.name} goes along with it from rung to rung: {names}")
    return found


def _followed(parameter: Parameter, count: Value, steps: Parameter) -> Value:
    """Its share of a run of `count` steps; evaluations four times a run, and at its end."""
    total, value = float(steps.default or 1), float(parameter.default or 0)
    if follows(parameter.name) == "interval":
        return max(1, min(int(value), int(float(count)) // 4))
    return max(1, round(value * float(count) / total))


def _sizes(size: Parameter | None, share: float) -> list[Value | None]:
    """A quarter and a half of the size: what divided it still does."""
    default = size.default if size is not None else None
    if share < _SMALL_SHARE and isinstance(default, int) and default % 8 == 0 and default >= 16:
        default //= 2
    whole = isinstance(default, int) and default % 4 == 0 and default >= 8
    if not whole or not isinstance(default, int):
        return [default] * 4
    least = size.begins + 1 if size is not None else 1
    return [max(least, each) for each in (default // 4, default // 2, default // 2, default)]


def less_work(parameter: Parameter, stage: int) -> Value | None:
    """A smaller value of what makes a run slow beside its length; None of anything else.

    At the first stage evaluations are made fewer, from the second batches and contexts smaller too.
    """
    value, word = parameter.default, last_word(parameter.name)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if re.fullmatch(r"(?:n_|num_)?(?:eval|val|valid|test)_?(?:iters|batches|steps|samples)", word):
        return max(2, int(value / 10**stage)) if value > 2 else None
    if stage < 2 or value < 8:
        return None
    if re.fullmatch(r"(?:train_|micro_|per_device_)?(?:train_)?batch_?size", word):
        return max(1, int(value / 4 ** (stage - 1)))
    if re.fullmatch(r"block_size|seq_len|seq_length|context(?:_length|_size)?|max_seq_len", word):
        return max(8, int(value / 4 ** (stage - 1)))
    return 1 if re.fullmatch(r"(?:gradient|grad)_accum\w*", word) else None


_PARTS = ((16, 8, 4, 1), (8, 4, 2, 1), (4, 2, 2, 1))
"""Of the target's steps, by how many of the smallest rungs are skipped: multiples of the smallest,
so that what comes at an interval comes at the end of each."""


def _counts(
    steps: Parameter | None, skipped: int, alone: bool, notes: list[str]
) -> list[Value | None]:
    """Fractions of the steps. What is one by itself has none: where no size makes runs smaller, it
    is taken as the smallest rung's."""
    if steps is None:
        return [None] * 4
    default = steps.default
    if alone and default == 1 and not steps.begins and not isinstance(default, bool):
        notes.append(f"{steps.name} is 1 by itself, which cannot be made less: that is the "
                     f"smallest rung's, and {_PARTS[0][0]} was taken as the target's")  # fmt: skip
        default = _PARTS[0][0]
    if not isinstance(default, int | float) or isinstance(default, bool) or default <= 0:
        notes.append(f"{steps.name} has no default: 1600 was taken as the target's")
        default = 1600
    default -= steps.begins
    counts = [default / part for part in _PARTS[skipped]]
    if isinstance(default, int):
        return [max(1, round(count)) for count in counts]
    return list(counts)
