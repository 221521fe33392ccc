"""Proves a study before it starts: one smallest trial, what it cost and what to put right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from proveout.ideas import parse_value
from proveout.loop._choose_score import NO_SCORE
from proveout.loop._probe import Probe, Prober, prober
from proveout.loop._starters import knobs_of, scaled
from proveout.runners import Runner, usable_cores
from proveout.study import Study, Value

_CHEAP_SECONDS = 20.0
_LONGER_SECONDS = 30.0
_SAME = 1e-9
_FEW_DIGITS = 5
"""An accuracy on a few thousand examples has no more, nor has a loss that is printed as 0.12345."""


@dataclass(frozen=True)
class Proof:
    """What the smallest trial came to."""

    probe: Probe
    again: Probe | None
    """The same trial with the same seed, where trials are cheap."""
    other_seed: Probe | None
    fix: tuple[str, ...]
    """What should be put right, most urgent first; empty where nothing needs to be."""

    @property
    def ok(self) -> bool:
        """Whether the study can be run."""
        return self.probe.measurement is not None


def prove_study(study: Study, runner: Runner | None = None) -> Proof:
    """Runs the smallest trial, and where it is cheap again: with the same seed, with another, at
    the next rung and with another setting, to see that each reaches the program. Nothing is
    charged.

    Raises:
        IdeaError: the program cannot be imported.
        EnvironmentFailure: the disk is full or the launcher died.
        DataError: the held-out data cannot be used.
    """
    with prober(study, runner) as ours:
        probe = ours.run()
        again = other = None
        unreached: list[str] = []
        if probe.failure is None and probe.exit.wall_seconds < _CHEAP_SECONDS:
            again, other = ours.run(), ours.run(replicate=1)
            if _same_score(probe, other) and _may_tie(probe):
                other = ours.run(replicate=2)
            if _is_same(probe, again):
                unreached = [*_rung_reaches(study, ours, probe), *_knob_reaches(study, ours, probe)]
    return Proof(probe, again, other, (*_fix(study, probe, again, other), *unreached))


def _is_same(one: Probe, other: Probe) -> bool:
    """Whether two trials came to the same score by the same curve."""
    first, second = one.measurement, other.measurement
    return (
        first is not None and second is not None
        and first.value == second.value and one.curve.loss == other.curve.loss
    )  # fmt: skip


def _same_score(one: Probe, other: Probe) -> bool:
    """Whether both have a score, and it is one number."""
    first, second = one.measurement, other.measurement
    return first is not None and second is not None and first.value == second.value


def _may_tie(probe: Probe) -> bool:
    """Whether its score is told in so few digits that two seeds may agree by chance."""
    told = probe.measurement
    return told is not None and len(_digits(told.value)) <= _FEW_DIGITS


def _digits(value: float) -> str:
    """Those that a number has beside its size: 0.0125 and 125 both have three."""
    return repr(abs(float(value))).partition("e")[0].replace(".", "").strip("0")


def _rung_reaches(study: Study, ours: Prober, probe: Probe) -> list[str]:
    """What is said where the next rung gives the smallest one's result to the last digit."""
    if len(study.rungs) < 2:
        return []
    growth = study.rung(1).compute.amount / study.rung(0).compute.amount
    if growth * probe.exit.wall_seconds > _LONGER_SECONDS:
        return []
    larger = study.rung(1)
    if _may_read_compute(study):
        longer = ours.run(1)
    else:  # a seed goes by its rung's compute, and two seeds would hide that nothing else differs
        here = study.rung(0).model_copy(update={"parameters": larger.parameters})
        longer = ours.at(here).run()
    if not _is_same(probe, longer):
        return []
    told = _spelled(larger.parameters) or "its compute"
    return [_unreached("the next rung", told, probe)]


def _may_read_compute(study: Study) -> bool:
    """Whether a trial may go by its rung's compute, beside the rung's parameters: no program goes
    by a time that is measured from outside."""
    told = study.budget.compute.unit == "flops" and study.program.flops is None
    return told or "{compute}" in study.program.model_dump_json()


def _knob_reaches(study: Study, ours: Prober, probe: Probe) -> list[str]:
    """The same of the setting that is most often tuned."""
    for name in knobs_of(study.program.parameters)[:1]:
        changed = {name: parse_value(scaled(study.program.parameters[name], 2))}
        if _is_same(probe, ours.run(parameters=changed)):
            return [_unreached("an idea", _spelled(changed), probe)]
    return []


def _spelled(parameters: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())


def _unreached(who: str, told: str, probe: Probe) -> str:
    value = probe.measurement.value if probe.measurement is not None else float("nan")
    return (
        f"{who}, with {told}, gave the same {value:.6g} to the last digit: that does not reach the "
        "program, which may take it from elsewhere (a file, a variable), or this score cannot tell "
        "them apart"
    )


def _fix(study: Study, probe: Probe, again: Probe | None, other: Probe | None) -> list[str]:
    fix: list[str] = []
    if probe.failure is not None and probe.failure.kind == "unscorable" and _has_no_score(study):
        fix.append(
            "unscorable: nothing that it left looks like a score. Say where it stands: --pattern "
            "'val_loss: (\\S+)' for its output, --file NAME --key NAME for a JSON, CSV or "
            "TensorBoard file, with --goal minimize or maximize; or have a command "
            "of yours compute it from what it leaves: docs/scores.md"
        )
    elif probe.failure is not None:
        fix.append(f"{probe.failure.kind}: {probe.failure.sentence}")
        fix += _hints(study, probe)
    if probe.failure is None and again is not None and other is not None:
        fix += _seeds(probe, again, other)
    if probe.exit.leftover_processes:
        fix.append(f"it left {probe.exit.leftover_processes} processes behind, which were ended")
    out = study.program.out
    kept = {
        "__pycache__",
        *((out,) if isinstance(out, str) else [e.rstrip("/") for e in out or ()]),
    }
    lost = [name for name in probe.wrote if name.rstrip("/") not in kept
            and f"./{name} " not in f"{study.program.train} "]  # fmt: skip  # what it builds
    if lost and (study.program.out is None or probe.measurement is None):
        fix.append(
            f"it wrote {', '.join(lost)} in its own folder, which is lost with it; what is to be "
            "kept or scored must go to {out} (or say program.out)"
        )
    if study.budget.compute.unit == "flops" and not probe.curve.compute and not study.program.flops:
        fix.append(
            "it reports no FLOPs, so nobody can tell an idea that spends more than its rung: "
            "report them in metrics.jsonl, declare program.flops, or count in device-seconds"
        )
    limit = study.wall_seconds(0)
    if probe.failure is None and probe.exit.wall_seconds > 0.7 * limit:
        fix.append(
            f"it took {probe.exit.wall_seconds:.1f} s and is ended at {limit:.1f} s: declare more "
            "for its rung, or raise limits.wall_time"
        )
    return fix


def _has_no_score(study: Study) -> bool:
    """Whether it is a study of which `init` could not find the score."""
    return study.score.kind == "reported" and study.score.metric == NO_SCORE


def _seeds(probe: Probe, again: Probe, other: Probe) -> list[str]:
    first, same, third = probe.measurement, again.measurement, other.measurement
    if first is None or same is None:
        return [f"the same trial run twice failed once: {again.failure and again.failure.sentence}"]
    fix = []
    scale = abs(first.value) + 1e-30
    if abs(first.value - same.value) > _SAME * scale:
        fix.append(
            f"the same seed gave {first.value:.6g} and {same.value:.6g}: something is not seeded, "
            "so pairs of baseline and idea with one seed gain less"
        )
    elif third is not None and third.value == first.value:
        fix.append(
            f"two other seeds gave the same {first.value:.6g}: perhaps the seed does not reach the "
            "program, so that its noise cannot be measured, or the score has too few digits"
            if _may_tie(probe)
            else f"another seed gave the same {first.value:.6g}: the seed does not reach the "
            "program, so its noise cannot be measured"
        )
    return fix


def _hints(study: Study, probe: Probe) -> list[str]:
    """What the usual first failures mean."""
    said = probe.log_tail
    hints = {
        "ModuleNotFoundError": "trials run with the Python that runs proveout: install what the "
        "program imports beside it, or name another interpreter in program.train",
        "unrecognized arguments": "the command has an argument that the program does not know; "
        "correct program.train",
        "No such file or directory": "trials see the program's folder, program.data and {out}, and "
        "nothing else: list what it reads in program.data",
        "FileNotFoundError": "trials see the program's folder, program.data and {out}, and nothing "
        "else: list what it reads in program.data",
        "cuda is not available": "there is no such device here: give --set device=cpu, or what the "
        "program calls it",
        "the following arguments are required": "give them in program.train, with --set NAME=VALUE",
        "not a git repository": "a trial runs in a plain copy of the program's folder; where it "
        "asks git, make one of the copy: train = \"sh -c 'git init -q . && git add -A && git -c "
        'user.name=trial -c user.email=trial@localhost commit -qm trial && exec \\"$@\\"\' git '
        'python train.py ..."',
        "was not found; PATH is": "the command is not installed, or not on the PATH of a trial",
    }
    found = [hint for words, hint in hints.items() if words in said]
    if "No such file" in said and (before := _makes_data(study)):
        found.append(f"perhaps {before} makes it: run that once in the program's folder first, and "
                     "then init again")  # fmt: skip
    return list(dict.fromkeys(found))


_MAKES_DATA = re.compile(r"prepare|preprocess|download|make_data|get_data|gen_data|generate_data")


def _makes_data(study: Study) -> str:
    """A script of the program that is called like what gets its data; empty where there is none."""
    program = study.folder / study.program.path
    found = [file.relative_to(program).as_posix() for file in sorted(program.rglob("*"))
             if file.suffix in (".py", ".sh") and _MAKES_DATA.search(file.stem)]  # fmt: skip
    return min(found, key=len, default="")


def study_seconds(probe: Probe, study: Study) -> float | None:
    """How long the whole budget takes on this machine at most: at the smallest trial's speed, its
    start included. None where that cannot be told."""
    slots = study.run.slots or len(study.run.devices) or usable_cores()
    if study.budget.compute.unit == "device-seconds":
        return study.budget.compute.amount / slots
    seconds = probe.exit.wall_seconds
    if probe.failure is not None or seconds <= 0:
        return None
    return study.budget.compute.amount / study.rung(0).compute.amount * seconds / slots
