"""Writes a study of the reference program, to run as it is or to edit."""

from __future__ import annotations

import runpy
import shlex
import shutil
from pathlib import Path

import proveout
from proveout.errors import DataError, EnvironmentFailure, UserError
from proveout.study import STUDY_FILE

_PROGRAM = "byte_lm"


def reference_program() -> Path:
    """The folder of `byte_lm`: inside an installed package, beside the sources in a checkout."""
    package = Path(proveout.__file__).parent
    for folder in (package / "_programs" / _PROGRAM, package.parents[1] / "programs" / _PROGRAM):
        if (folder / STUDY_FILE).is_file():
            return folder
    raise EnvironmentFailure(
        f"the reference program is missing from this installation of proveout ({package})"
    )


def start_reference_study(folder: Path, corpus: Path | None = None) -> Path:
    """Makes `folder` a study of the reference program and returns its study.toml.

    `corpus` is a folder of text to train on; by default the running interpreter's own library.

    Raises:
        UserError: the folder has a study or other files in it already.
        DataError: the corpus cannot be used.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"{folder} exists and is not empty; name a new folder, or go on with the study in it: "
            f"`proveout run {shlex.quote(str(folder))}`"
        )
    reference = reference_program()
    prepare = runpy.run_path(str(reference / "prepare.py"), run_name="prepare")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        prepare["prepare"](corpus, folder / "corpus")
    except prepare["CorpusError"] as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(str(error)) from None
    (folder / "program").mkdir()
    shutil.copy(reference / "train.py", folder / "program")
    shutil.copytree(reference / "ideas", folder / "ideas")
    shutil.copy(reference / STUDY_FILE, folder)
    return folder / STUDY_FILE
