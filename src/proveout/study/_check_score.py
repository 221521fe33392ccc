"""What `[score]` says, held against the files of the study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from proveout.study._locate import Where
from proveout.study._score import (
    CommandScore,
    LanguageModelScore,
    PredictionsScore,
    split_function,
)

if TYPE_CHECKING:
    from proveout.study._spec import Study


def check_score(study: Study) -> Iterator[tuple[Where, str]]:
    """Every mistake of `[score]`: where, and what is wrong."""
    score, root = study.score, study.folder
    program = root / study.program.path
    match score:
        case LanguageModelScore():
            yield from _file(root, "held_out", score.held_out)
        case PredictionsScore():
            for key in ("inputs", "targets"):
                yield from _array_file(root, key, getattr(score, key))
            yield from _own_function(study, score.metric)
        case CommandScore():
            if "{out}" not in score.command and study.program.out is None:
                yield (
                    ("score", "command"),
                    "the command must name {out}, the trial's artifacts, since no program.out says "
                    "where the program leaves them",
                )
            if not (root / score.held_out).exists():
                yield ("score", "held_out"), f"there is no {root / score.held_out}"
            if not (root / score.files).is_dir():
                yield ("score", "files"), f"there is no folder {root / score.files}"
            elif _is_editable(study, root / score.files):
                yield (
                    ("score", "files"),
                    f"{score.files!r} holds files that program.editable lets ideas change",
                )
    if score.served is not None and not (program / score.served).is_file():
        yield ("score", "serve"), f"there is no file {program / score.served}"
    for index, name in enumerate(study.program.data):
        for withheld in score.withheld:
            if (root / withheld).resolve().is_relative_to((root / name).resolve()):
                yield (
                    ("program", "data", index),
                    f"{name!r} holds the held-out data, which no trial may see",
                )


def _file(root: Path, key: str, name: str) -> Iterator[tuple[Where, str]]:
    if not (root / name).is_file():
        yield ("score", key), f"there is no file {root / name}"


def _array_file(root: Path, key: str, name: str) -> Iterator[tuple[Where, str]]:
    if Path(name).suffix not in {".npy", ".npz"}:
        yield ("score", key), f"{name!r} is not a .npy or .npz file"
    else:
        yield from _file(root, key, name)


def _own_function(study: Study, metric: str) -> Iterator[tuple[Where, str]]:
    """The study's own metric runs with the targets, so no idea may come near its file."""
    own = split_function(metric)
    if own is None:
        return
    file, program = study.folder / own[0], (study.folder / study.program.path).resolve()
    if not file.is_file():
        yield ("score", "metric"), f"there is no file {file}"
    elif _is_editable(study, file):
        yield ("score", "metric"), f"{own[0]!r} is among what program.editable lets ideas change"
    elif program != study.folder.resolve() and file.resolve().is_relative_to(program):
        yield (
            ("score", "metric"),
            f"{own[0]!r} lies in the program's folder; put it beside study.toml",
        )


def _is_editable(study: Study, path: Path) -> bool:
    program = study.folder / study.program.path
    inside = {path.resolve(), *(each.resolve() for each in path.rglob("*"))}
    return any(
        found.resolve() in inside or path.resolve().is_relative_to(found.resolve())
        for pattern in study.program.editable
        if not Path(pattern).is_absolute()
        for found in program.glob(pattern)
    )
