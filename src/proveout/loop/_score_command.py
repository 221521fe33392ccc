"""A score that a command of the user's computes, from files that no idea can change."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from proveout.errors import UserError
from proveout.loop._choose_score import NO_SCORE, Choose, ScoreWish, choose_score
from proveout.survey import Reported, Scored, Survey, name_in

FILES = "evaluate"
"""The folder of a new study with the files that the command runs among."""
_NEVER = shutil.ignore_patterns(".git", "__pycache__", ".venv", "venv", "node_modules", "*.pyc")
_MOST_BYTES = 200_000_000
_ANY = r"what stands before the number: (\S+)"
"""A pattern to be replaced, which finds nothing."""


def held_back(found: Survey, held_out: str) -> Survey:
    """The survey without the held-out data among what trials may read.

    Raises:
        UserError: there is no such file or folder in the program.
    """
    place = (found.folder / held_out).resolve()
    if not place.exists() or not place.is_relative_to(found.folder.resolve()):
        raise UserError(
            f"--held-out {held_out!r}: there is no such file or folder in {found.folder}"
        )
    data = tuple(each for name in found.data for each in _beside(found.folder, name, place))
    return replace(found, data=data)


def _beside(folder: Path, name: str, held_out: Path) -> Iterator[str]:
    """A file or folder of data without the held-out part: its entries where that lies inside."""
    here = (folder / name).resolve()
    if here.is_relative_to(held_out):
        return
    if not held_out.is_relative_to(here):
        yield name
        return
    for entry in sorted((folder / name).iterdir()):
        yield from _beside(folder, f"{name}/{entry.name}", held_out)


def lay_files(found: Survey, wish: ScoreWish, folder: Path) -> None:
    """Copies what the command runs among: the program as it is now, with the held-out data, or with
    all data where none is named.

    Raises:
        UserError: that is too much to copy for each trial.
    """
    left_out = {(found.folder / name).resolve() for name in found.data} if wish.held_out else set()

    def ignore(here: str, names: list[str]) -> set[str]:
        there = {name for name in names if (Path(here) / name).resolve() in left_out}
        return there | set(_NEVER(here, names))

    size_bytes = 0
    for here, folders, files in os.walk(found.folder):
        hidden = ignore(here, [*folders, *files])
        folders[:] = [name for name in folders if name not in hidden]
        size_bytes += sum((Path(here) / name).stat().st_size for name in files
                          if name not in hidden)  # fmt: skip
    if size_bytes > _MOST_BYTES:
        raise UserError(
            f"what the scoring command would run among has {size_bytes / 1e6:.0f} MB, and is "
            f"copied for each trial; {_MOST_BYTES / 1e6:.0f} MB may be. Name the data that it "
            "needs with --held-out, or write [score] yourself: docs/scores.md"
        )
    shutil.copytree(found.folder, folder / FILES, ignore=ignore)


def command_score(found: Survey, wish: ScoreWish, study: Path, told: Reported | None) -> Scored:
    """`[score]` for a command; what it prints is read by the pattern of `told`."""
    command = wish.command or ""
    pattern = wish.pattern or (told.pattern if told is not None else "")
    if "{score}" not in command:
        pattern = pattern or _ANY
    name = wish.name or (told.name if told is not None else "") or name_in(pattern) or "score"
    if told is None and wish.name is None and pattern == _ANY:
        name = NO_SCORE
    goal = wish.goal or Reported("output", name, None).goal
    folder = Path(os.path.relpath(found.folder.resolve(), study.resolve()))
    held_out = (folder / wish.held_out).as_posix() if wish.held_out else FILES
    lines = [
        'kind = "command"', f"metric = {json.dumps(name)}", f'goal = "{goal}"',
        f"files = {json.dumps(FILES)}   # the program as `init` found it; no idea changes it",
        f"command = {json.dumps(command)}", f"held_out = {json.dumps(held_out)}",
    ]  # fmt: skip
    if pattern:
        quoted = f"'{pattern}'" if "'" not in pattern else json.dumps(pattern)
        lines.append(f"pattern = {quoted}   # of what it prints")
    elif wish.key:
        lines.append(f"key = {json.dumps(wish.key)}")
    why = "What your command says of what a trial left, in a process of its own."
    if not wish.held_out:
        why += (
            " Nothing is held out: trials can read whatever the command reads in the program's "
            "folder; name a file or a folder there as held_out, and it is kept from them."
        )
    return Scored(tuple(lines), why)


def chosen(printed: Sequence[Reported], wish: ScoreWish, choose: Choose) -> Reported | None:
    """The number to go by among those that the command printed."""
    told, _ = choose_score(printed, replace(wish, command=None), choose)
    return told


def check_command(wish: ScoreWish) -> None:
    """Holds what a person says of a scoring command against itself.

    Raises:
        UserError: what does not go together.
    """
    if wish.command is None:
        if wish.held_out is not None:
            raise UserError("--held-out goes with --score-command: it is what that command reads")
        return
    try:
        words = shlex.split(wish.command)
    except ValueError as error:
        raise UserError(f"--score-command cannot be split into words: {error}") from None
    if any(word in {"|", "&&", ">", ";", "||", "<"} for word in words):
        raise UserError(
            f"--score-command {wish.command!r} needs a shell; put it into a script, or say "
            "`sh -c '...'`"
        )
    if wish.file is not None or (wish.key is not None and "{score}" not in wish.command):
        raise UserError(
            "a --score-command prints its number (--pattern says where), or writes it as JSON to "
            "the file {score} that it names, with --key or without; --file is for what the program "
            "itself writes"
        )
