"""`proveout init`: a study of your own program, or of the reference program where there is none."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proveout.cli._init_show import document, guessed_goal, say_found, say_proof
from proveout.errors import UserError

if TYPE_CHECKING:
    from proveout.loop import Choose, ScoreWish
    from proveout.study import Value
    from proveout.survey import Reported, Role, Wishes

_FAILED = 1


def init(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A folder with your training program: a study of it is written beside it. A new "
            "or empty folder: a study of the reference program is written into it.",
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="PATH is a study: run its smallest trial and judge it.")
    ] = False,
    study: Annotated[
        Path | None, typer.Option(help="Where to write the study; by default PATH-study.")
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(help="The command of one run; {placeholders} where values go, if you like."),
    ] = None,
    size: Annotated[str | None, typer.Option(help="The parameter that makes it larger.")] = None,
    steps: Annotated[str | None, typer.Option(help="The parameter that makes it longer.")] = None,
    seed_flag: Annotated[str | None, typer.Option(help="The parameter that seeds it.")] = None,
    out_flag: Annotated[str | None, typer.Option(help="That of the output folder.")] = None,
    compute_flag: Annotated[
        str | None, typer.Option(help="The parameter that takes a budget of FLOPs.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE, the same in every trial.")
    ] = None,
    rung: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE,NAME=VALUE of each rung, and last of the target."),
    ] = None,
    flops: Annotated[
        str | None, typer.Option(help="FLOPs of a run by its parameters: '6 * params * tokens'.")
    ] = None,
    score: Annotated[str | None, typer.Option(help="The reported number to go by.")] = None,
    goal: Annotated[str | None, typer.Option(help="minimize or maximize.")] = None,
    pattern: Annotated[
        str | None, typer.Option(help="An expression whose first group is the score in its output.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The score's key in metrics.jsonl, or in --file.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(help="The JSON, CSV or TensorBoard file in its output folder with that key, "
                          "column or tag."),
    ] = None,
    score_command: Annotated[
        str | None,
        typer.Option(help="Your own command that scores what a trial left: it prints the number, "
                          "or writes it to {score}."),
    ] = None,
    held_out: Annotated[
        str | None,
        typer.Option(help="A file or folder in PATH that this command reads and no trial sees."),
    ] = None,
    believe: Annotated[
        bool,
        typer.Option("--believe", help="Let the number that it reports itself make an idea hold."),
    ] = False,
    time: Annotated[
        str | None, typer.Option(help="What the study may take here: '10 min'. Runs are shortened.")
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(help="Of the reference program: a folder of text to train on; by default "
                          "Python's own library."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:  # fmt: skip
    """Write a study of your training program, and prove it with one smallest trial."""
    if check:
        _check(path, as_json)
        return
    told = (train, size, steps, seed_flag, out_flag, compute_flag, set_, rung, flops, score, goal,
            pattern, key, study, file, time, score_command, held_out, believe or None)  # fmt: skip
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        if any(each is not None for each in told):
            raise UserError(f"there is no program in {path}: the folder is missing or empty")
        _reference(path, corpus, as_json)
        return
    _is_a_program(path, corpus)
    if goal not in (None, "minimize", "maximize"):
        raise UserError(f"--goal {goal!r} is not known; allowed: minimize, maximize")
    roles: dict[Role, str] = {}
    named: list[tuple[Role, str | None]] = [
        ("size", size), ("steps", steps), ("seed", seed_flag), ("out", out_flag),
        ("compute", compute_flag),
    ]  # fmt: skip
    roles |= {role: name for role, name in named if name is not None}
    from proveout.loop import ScoreWish
    from proveout.survey import Wishes

    if pattern is not None:
        _has_a_group(pattern)
    wishes = Wishes(train, roles, _pairs(set_ or []), _rungs(rung or []), flops)
    folder = study or path.resolve().parent / f"{path.resolve().name}-study"
    if file is not None and key is None:
        raise UserError(
            f"--file {file} needs --key NAME: the key, column or tag of the score in it"
        )
    wanted = ScoreWish(score, goal, pattern, file, key, believe, score_command, held_out)
    _adopt(path, folder, wishes, wanted, _seconds(time), as_json)


def _is_a_program(path: Path, corpus: Path | None) -> None:
    """Refuses a file, and a folder with a study or for a corpus that has something in it."""
    if not path.is_dir():
        script = shlex.quote(f"python {shlex.quote(path.name)}")
        raise UserError(
            f"{path} is a file; name the folder of the program, and its command if another is "
            f"found there: `proveout init {shlex.quote(str(path.parent))} --train {script}`"
        )
    if corpus is not None or (path / "study.toml").is_file():
        word = shlex.quote(str(path))
        raise UserError(
            f"{path} exists and is not empty; name a new folder for the reference study, go on "
            f"with the study in it (`proveout run {word}`), or try its smallest trial "
            f"(`proveout init --check {word}`)"
        )


def _has_a_group(pattern: str) -> None:
    import re

    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise UserError(
            f"--pattern {pattern!r} is no regular expression: {error}; write for example "
            "'val_loss: (\\S+)'"
        ) from None
    if not groups:
        raise UserError(
            f"--pattern {pattern!r} has no group: put parentheses around the number, as in "
            "'val_loss: (\\S+)'"
        )


def _rungs(texts: Sequence[str]) -> tuple[dict[str, Value], ...]:
    """Each rung and last the target, as they are given on the command line."""
    rungs = tuple(_pairs(each.split(",")) for each in texts)
    for text, rung in zip(texts, rungs, strict=True):
        if any(isinstance(value, str) and "=" in value for value in rung.values()):
            raise UserError(
                f"--rung {text!r} is not understood: commas go between the parameters of one rung, "
                "as in --rung width=8,steps=100, and each rung is a --rung of its own"
            )
    if len(rungs) == 1:
        raise UserError(
            f"--rung {texts[0]!r} alone is no ladder: give --rung at least twice, the smallest "
            "first; the last is the target"
        )
    return rungs


def _seconds(text: str | None) -> float | None:
    from proveout.units import parse_seconds

    return None if text is None else parse_seconds(text)


def _reference(folder: Path, corpus: Path | None, as_json: bool) -> None:
    from proveout.loop import start_reference_study

    file = start_reference_study(folder, corpus)
    if as_json:
        _print({"study": str(folder), "program": "byte_lm"})
        return
    print(f"wrote {file}, its program, its corpus and a catalog of ideas")
    print(f"go on with: proveout run {shlex.quote(str(folder))}")


def _adopt(
    path: Path, folder: Path, wishes: Wishes, score: ScoreWish, time_seconds: float | None,
    as_json: bool,
) -> None:  # fmt: skip
    import shutil

    from proveout.loop import adopt_program, prove_study

    existed = folder.exists()
    quiet = as_json
    wishes = _asked(path, wishes) if _at_terminal() and not as_json else wishes
    if not quiet:
        print(f"looking at {path}, then running its smallest trial ...", flush=True)
    try:
        adopted = adopt_program(path, folder, wishes, score, _choice(quiet), time_seconds)
    except BaseException:
        if not existed:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    guessed = guessed_goal(adopted) if score.goal is None else ""
    if not quiet:
        say_found(adopted, guessed)
    proof = prove_study(adopted.study)
    if quiet:
        _print(document(adopted.study, proof, adopted, guessed))
    else:
        say_proof(adopted.study, proof)
        print(f"\nwrote {folder / 'study.toml'}: read it, it says why each line is there")
        if adopted.ideas:
            print(
                f"and {' and '.join(adopted.ideas)}, two ideas to begin with, in {folder / 'ideas'}"
            )
        else:
            print(f"give it ideas in {folder / 'ideas'} (docs/study.md says how)")
        verb = "run" if proof.ok else "init --check"
        print(f"go on with: proveout {verb} {shlex.quote(str(folder))}")
    if not proof.ok:
        raise typer.Exit(_FAILED)


def _check(path: Path, as_json: bool) -> None:
    from proveout.loop import prove_study
    from proveout.study import read_study

    study = read_study(path)
    proof = prove_study(study)
    if as_json:
        _print(document(study, proof, None))
    else:
        say_proof(study, proof)
    if not proof.ok:
        raise typer.Exit(_FAILED)


def _asked(path: Path, wishes: Wishes) -> Wishes:
    """At a terminal: asks for what makes a run larger where that cannot be found out."""
    from dataclasses import replace

    from proveout.survey import apply_wishes, survey

    found = apply_wishes(survey(path, wishes.train), wishes)
    if wishes.train is None and found.others:
        print(f"It looks as if `{found.command}` is the training. Also there: "
              f"{', '.join(found.others[:6])}")  # fmt: skip
        said = typer.prompt("The command of one run", default=found.command)
        if said != found.command:
            wishes = replace(wishes, train=said)
            found = apply_wishes(survey(path, said), wishes)
    larger = any(found.of_role(role) for role in ("size", "steps", "compute"))
    if not larger and not wishes.rungs and found.parameters:
        names = ", ".join(each.name for each in found.parameters)
        said = typer.prompt(f"Which of {names} makes a run longer or larger?")
        wishes = replace(wishes, roles={**wishes.roles, "steps": said})
    for each in found.parameters:
        if each.required and each.role is None and each.name not in wishes.fixed:
            said = typer.prompt(f"A value for {each.spelled}, which the program requires")
            wishes = replace(wishes, fixed={**wishes.fixed, each.name: _value(said)})
    return wishes


def _choice(quiet: bool) -> Choose:
    def choose(likely: Sequence[Reported]) -> Reported:
        if quiet or not _at_terminal():
            return likely[0]
        for number, each in enumerate(likely[:9], start=1):
            print(f"  {number}  {each.name} = {each.value} ({each.source}, {each.goal})")
        said = int(typer.prompt("Which of these numbers is the score?", default=1, type=int))
        return likely[min(max(said, 1), len(likely)) - 1]

    return choose


def _pairs(texts: Sequence[str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UserError(f"{text!r} is not NAME=VALUE, such as width=32")
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Value:
    from proveout.ideas import parse_value

    return parse_value(text)


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _print(document: object) -> None:
    import json

    print(json.dumps(document, indent=1))
