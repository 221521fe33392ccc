"""The study.toml that `proveout init` writes: every line says why it is there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proveout.study import Formula, Value
from proveout.survey._compose import editable_of
from proveout.survey._plan import Plan, Wishes
from proveout.survey._records import Survey
from proveout.survey._scores import Reported
from proveout.units import compact

_IDEAS = 8
_MARGIN = 1.3
_LONGEST_START = 7.0
_START_SHARE = 0.3
"""Of the smallest trial's time: taken for its start, where only that trial has been run."""


@dataclass(frozen=True)
class Scored:
    """The `[score]` table, line by line, and why it is so."""

    lines: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class CurveLines:
    """The `[curve]` table."""

    source: Literal["jsonl", "output", "csv", "tensorboard"]
    loss: str
    compute: str
    file: str = ""
    pattern: str = ""


def study_text(
    survey: Survey, plan: Plan, wishes: Wishes, study: Path, scored: Scored,
    curve: CurveLines | None, seconds: Mapping[int, float], most_seconds: float | None = None,
) -> str:  # fmt: skip
    """study.toml for a study that lies in `study`.

    `seconds` is how long a trial at a rung took, of those that were run; `most_seconds` the
    device-seconds that the budget may be.
    """
    program = _relative(survey.folder, study)
    amounts = computes(plan, wishes, survey, seconds)
    lines = [
        f"# {survey.folder.name}, as `proveout init` found it. Every key: docs/study.md",
        f"name = {_text(survey.folder.name)}",
        "",
        "[program]",
        f"path = {_text(program)}",
        "# One trial. {seed}, {out} and the parameters below are filled in.",
        f"train = {_text(plan.command)}",
        "# What an idea may change; everything else is restored before each trial.",
        f"editable = {json.dumps(editable_of(survey.folder, survey.entry))}",
    ]
    if survey.data:
        data = json.dumps([name if name.startswith("/") else f"{program}/{name}"
                           for name in survey.data])  # fmt: skip
        lines += ["# What trials may read, linked where the program expects it.", f"data = {data}"]
    if isinstance(plan.out, str):
        lines += ["# It is not told where to write: this folder of its own is what is kept.",
                  f"out = {_text(plan.out)}"]  # fmt: skip
    elif plan.out is not None:
        lines += ["# It is not told where to write: these are kept of what it leaves.",
                  f"out = {json.dumps(plan.out)}"]  # fmt: skip
    if wishes.flops is not None:
        lines += ["# FLOPs of a run. An idea whose parameters make more of them is rejected.",
                  f"flops = {_text(wishes.flops)}"]  # fmt: skip
    if plan.environment:
        lines += [f"environment = {_table(plan.environment)}"]
    if plan.parameters:
        lines += ["# The same at every rung; an idea may set them.",
                  f"parameters = {_table(plan.parameters)}"]  # fmt: skip
    lines += _file_lines(plan)
    lines += ["", "[score]", *(f"# {line}" for line in _wrap(scored.why)), *scored.lines]
    lines += _curve_lines(curve)
    lines += _ladder_lines(plan, amounts, seconds.get(0), most_seconds)
    return "\n".join(lines) + "\n"


def _file_lines(plan: Plan) -> list[str]:
    lines = []
    for file in plan.knobs:
        pairs = (f"{_regex(p)} = {_text(v)}" for p, v in plan.knobs[file].items())
        lines += ["", "[[program.file]]  # settings that an idea may give, or change there",
                  f"path = {_text(file)}", "replace = { " + ", ".join(pairs) + " }",
                  "optional = true"]  # fmt: skip
    for file in dict.fromkeys([*plan.sets, *plan.replaces]):
        lines += ["", "[[program.file]]  # each trial gets a copy with its own values",
                  f"path = {_text(file)}"]  # fmt: skip
        if keys := plan.sets.get(file):
            lines.append(f"set = {_table(keys)}")
        if patterns := plan.replaces.get(file):
            pairs = (f"{_regex(p)} = {_text(v)}" for p, v in patterns.items())
            lines.append("replace = { " + ", ".join(pairs) + " }")
    return lines


def _curve_lines(curve: CurveLines | None) -> list[str]:
    if curve is None:
        return ["", "# [curve]: no training curve was found, so hopeless trials run to their end."]
    lines = ["", "[curve]  # a hint: with it a hopeless trial is ended early",
             f"source = {_text(curve.source)}"]  # fmt: skip
    if curve.file:
        lines.append(f"file = {_text(curve.file)}")
    if curve.pattern:
        lines.append(f"pattern = {_regex(curve.pattern)}")
    return [*lines, f"loss = {_text(curve.loss)}", f"compute = {_text(curve.compute)}"]


def _ladder_lines(
    plan: Plan, amounts: Sequence[float], seconds: float | None, most_seconds: float | None
) -> list[str]:
    unit = "flops" if plan.counts_flops else "device-seconds"
    lines = ["", "[ladder]"]
    if unit == "device-seconds":
        lines += ["# Compute is time, measured from outside, without the program's start (up to",
                  "# ten seconds); that of larger rungs is estimated. `proveout ladder` measures",
                  "# it, and finds the sizes that spend each best."]  # fmt: skip
    lines += ["# The scale that you care about: what the program does by itself, unless you say.",
              f'target = "{compact(amounts[-1])} {unit}"']  # fmt: skip
    if plan.rungs[-1]:
        lines.append(f"target_parameters = {_table(plan.rungs[-1])}")
    for amount, rung in zip(amounts[:-1], plan.rungs, strict=False):
        lines += ["", "[[ladder.rung]]", f'compute = "{compact(amount)} {unit}"']
        if rung:
            lines.append(f"parameters = {_table(rung)}")
    budget = budget_for(amounts, unit, seconds or 0.0)
    why = f"Enough for about {_IDEAS} ideas at every rung and both arms at the target."
    if most_seconds is not None and unit == "device-seconds" and budget > most_seconds:
        budget, why = most_seconds, "What may be spent in the time that was given."
    lines += ["", "[budget]", f"# {why} Never overspent.",
              f'compute = "{compact(budget)} {unit}"']  # fmt: skip
    wall = max(600.0, 4 * amounts[-1]) if unit == "device-seconds" else 3600.0
    if seconds is not None and unit == "flops":
        wall = max(600.0, 4 * seconds * amounts[-1] / amounts[0])
    lines += ["", "[ideas]", '# A patch a file, or `set: name=value`; see docs/study.md.',
              'catalog = "ideas"', "", "[limits]", f'wall_time = "{max(1, round(wall))} s"',
              'memory = "8 GB"', 'disk = "2 GB"']  # fmt: skip
    return lines


def computes(
    plan: Plan, wishes: Wishes, survey: Survey, seconds: Mapping[int, float]
) -> tuple[float, ...]:
    """Compute of each rung and last of the target, in the study's unit."""
    if wishes.flops is not None:
        formula = Formula(wishes.flops)
        return tuple(formula.value({**plan.parameters, **rung}) for rung in plan.rungs)
    if plan.counts_flops:
        found = survey.of_role("compute")
        told = found.default if found else None
        target = float(told) if isinstance(told, int | float) and told > 0 else 6.4e10
        count = max(len(plan.rungs), 4)
        return tuple(_round(target / 4**n) for n in reversed(range(count)))
    work = [_work(plan, rung) / _work(plan, plan.rungs[0]) for rung in plan.rungs]
    start, growth = _line(work, seconds)
    # A trial has ten seconds for its start beside what its rung declares; only a longer start is
    # declared with the rest, where it blurs how the rungs differ.
    start = start if start > _LONGEST_START else 0.0
    found_seconds: list[float] = []
    for each in work:
        least = 1.05 * found_seconds[-1] if found_seconds else 0.001
        found_seconds.append(_round(max(_MARGIN * (start + growth * each), least)))
    return tuple(found_seconds)


def _line(work: Sequence[float], seconds: Mapping[int, float]) -> tuple[float, float]:
    """Seconds of the start, and of so much work as the smallest rung has."""
    first = seconds.get(0, 1.0)
    top = max(seconds, default=0)
    if top == 0 or work[top] <= 1:
        return _START_SHARE * first, (1 - _START_SHARE) * first
    growth = max((seconds[top] - first) / (work[top] - 1), 0.01 * first)
    return max(first - growth, 0.0), growth


def _work(plan: Plan, rung: Mapping[str, Value]) -> float:
    """Relative work of a rung: the size squared times the steps, or what numbers it has."""
    work = 1.0
    known = {plan.size, plan.steps} & rung.keys()
    for name, value in rung.items():
        if known and name not in known:
            continue
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            work *= value**2 if name == plan.size else value
    return work


def budget_for(amounts: Sequence[float], unit: str, start_seconds: float = 0.0) -> float:
    """Two seeds of some ideas and of the baseline at every rung, and twice both arms on top."""
    arms = 2 * (_IDEAS + 1)
    if unit == "flops":
        return _up(arms * sum(amounts[:-1]) + 4 * amounts[-1])
    most = 10 + 1.25 * amounts[-1]
    return _up(arms * sum(start_seconds + amount for amount in amounts[:-1]) + 5 * most)


def score_lines(found: Reported) -> Scored:
    """`[score]` for a number that the program reports."""
    metric = re.sub(r"[^A-Za-z0-9 _.@/%()-]", "_", found.name).strip(" _") or "value"
    lines = ['kind = "reported"', f"metric = {_text(metric)}", f"goal = {_text(found.goal)}"]
    match found.source:
        case "output":
            lines.append(f"pattern = {_regex(found.pattern)}")
        case "jsonl" if found.file == "metrics.jsonl":
            lines.append(f"key = {_text(found.name)}")
        case _:
            lines += [f"file = {_text(found.file)}", f"key = {_text(found.name)}"]
    lines.append(
        "# believe_reported = true   # lets a number that nothing checks make an idea hold"
    )
    return Scored(
        tuple(lines),
        "What the program says of itself. Nothing checks it, so no idea is said to hold by it "
        "unless you believe it. Better: `predictions` or `command`, which keep the targets from "
        "the program; see docs/your-program.md.",
    )


def _relative(folder: Path, study: Path) -> str:
    return Path(os.path.relpath(folder.resolve(), study.resolve())).as_posix()


def _wrap(text: str, width: int = 96) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


def _table(values: Mapping[str, Value]) -> str:
    pairs = (f"{_key(name)} = {value(each)}" for name, each in values.items())
    return "{ " + ", ".join(pairs) + " }"


def value(found: Value) -> str:
    """A value in TOML."""
    if isinstance(found, bool):
        return "true" if found else "false"
    return _text(found) if isinstance(found, str) else repr(found)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _regex(pattern: str) -> str:
    """A literal string, in which a backslash is one."""
    return f"'{pattern}'" if "'" not in pattern and "\n" not in pattern else _text(pattern)


def _round(amount: float) -> float:
    return float(f"{amount:.3g}")


def _up(amount: float) -> float:
    rounded = _round(amount)
    return rounded if rounded >= amount else _round(amount * 1.05)
