"""What `proveout init` prints of the program that it found, and of its smallest trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proveout.loop import Adopted, Proof
    from proveout.study import Study

_LONG_SECONDS = 1800.0
_TRAINED_ON = ("by its name it is measured on the data that was trained on: an idea that only "
               "learns those by heart wins by it")  # fmt: skip


def guessed_goal(adopted: Adopted) -> str:
    """What is said of a direction that nobody told; empty where there is no score."""
    if adopted.score is None:
        return ""
    goal, other = "maximize", "minimize"
    if not adopted.study.score.maximized:
        goal, other = other, goal
    return f"{goal} is a guess by the name {adopted.score.name!r}; --goal {other} says otherwise"


def say_found(adopted: Adopted, guessed: str) -> None:
    for note in adopted.survey.notes:
        print(f"- {note}")
    for note in adopted.plan.notes[len(adopted.survey.notes) :]:
        print(f"- {note}")
    if others := [each for each in adopted.survey.others if each != adopted.survey.command][:4]:
        print(f"- it can also be started otherwise (--train): {', '.join(others)}")
    print(f"command: {adopted.plan.command}")
    score = adopted.study.score
    if adopted.score is not None:
        goal = "maximize" if score.maximized else "minimize"
        rest = [
            n.name for n in adopted.found if n.rank is not None and n.name != adopted.score.name
        ]
        also = f"; it also reports {', '.join(dict.fromkeys(rest[:5]))}" if rest else ""
        print(f"score:   {adopted.score.name} ({adopted.score.source}), {goal}{also}")
        if guessed:
            print(f"         {guessed}")
        if adopted.score.trained_on:
            print(f"         {_TRAINED_ON}")
        if score.kind == "reported" and not score.believe_reported:
            print("         its own word: no idea will be said to hold by it without --believe")
    for number, rung in enumerate(adopted.plan.rungs, start=1):
        told = " ".join(f"{name}={value}" for name, value in rung.items())
        name = "target: " if number == len(adopted.plan.rungs) else f"rung {number}:  "
        print(f"{name} {told}" if told else f"{name}")


def say_proof(study: Study, proof: Proof) -> None:
    from proveout.loop import study_seconds
    from proveout.units import duration

    probe = proof.probe
    used = probe.exit
    took, cpu = duration(used.wall_seconds), duration(used.cpu_seconds)
    beside = ", its start apart" if study.budget.compute.unit == "device-seconds" else ""
    memory = f"{used.peak_memory_bytes / 1e6:.0f} MB"
    print(f"\nthe smallest trial: {took}, {cpu} of processor, {memory} "
          f"(its rung: {study.rung(0).compute}{beside})")  # fmt: skip
    if probe.measurement is not None:
        told = probe.measurement
        print(f"read back: {told.metric} = {told.value:.6g}, {told.trust}; "
              f"{len(probe.curve.loss)} points of its curve")  # fmt: skip
    else:
        print("read back: nothing that could be scored")
        for line in [each for each in probe.log_tail.splitlines() if each.strip()][-8:]:
            print(f"    {line[:160]}")
    seconds = study_seconds(probe, study)
    if seconds is not None:
        print(
            f"the budget, {study.budget.compute}, takes at most {duration(seconds)} on this machine"
        )
        if seconds > _LONG_SECONDS:
            print("that is long: `proveout init --time '10 min'` makes all runs shorter; first "
                  "verdicts come long before its end")  # fmt: skip
    print("to put right:" if proof.fix else "nothing to put right")
    for line in proof.fix:
        print(f"- {line}")


def document(
    study: Study, proof: Proof, adopted: Adopted | None, guessed: str = ""
) -> dict[str, object]:
    from proveout.loop import study_seconds

    probe = proof.probe
    told = probe.measurement
    data: dict[str, object] = {
        "study": str(study.folder),
        "command": list(probe.command),
        "ok": proof.ok,
        "wall_seconds": probe.exit.wall_seconds,
        "cpu_seconds": probe.exit.cpu_seconds,
        "peak_memory_bytes": probe.exit.peak_memory_bytes or None,
        "score": None if told is None
        else {"metric": told.metric, "value": told.value, "trust": told.trust},
        "failure": None if probe.failure is None
        else {"kind": probe.failure.kind, "sentence": probe.failure.sentence},
        "curve_points": len(probe.curve.loss),
        "claimed_compute": probe.curve.claimed_compute,
        "study_seconds": study_seconds(probe, study),
        "fix": list(proof.fix),
    }  # fmt: skip
    if adopted is not None:
        learned = adopted.score is not None and adopted.score.trained_on
        data["notes"] = [*adopted.plan.notes, *([guessed] if guessed else []),
                         *([_TRAINED_ON] if learned else [])]  # fmt: skip
        data["ideas"] = list(adopted.ideas)
        data["reported"] = [
            {"name": n.name, "source": n.source, "value": n.value} for n in adopted.found
        ]
    return data
