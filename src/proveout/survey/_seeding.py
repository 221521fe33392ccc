"""How each trial of a program that takes no seed is given one: in its copy of the source."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from proveout.survey._records import Survey
from proveout.survey._seeds import import_line, seed_in_main, seeds_in, unseeded

_SEEDING = {"numpy": "import numpy; numpy.random.seed({seed})",
            "torch": "import torch; torch.manual_seed({seed})",
            "random": "import random; random.seed({seed})"}  # fmt: skip


def what_draws(survey: Survey) -> tuple[str, str]:
    """The file that random numbers are drawn in, with its text: the entry, or the only Python file
    that a script names."""
    text = text_of(survey.folder, survey.entry)
    named = {name.removeprefix("./") for name in re.findall(r"[\w./-]+\.py\b", text)}
    named = {name for name in named if (survey.folder / name).is_file()}
    if survey.entry.endswith(".py") or len(named) != 1:
        return survey.entry, text
    (entry,) = named
    return entry, text_of(survey.folder, entry)


def seed_modules(
    entry: str, text: str, replaces: dict[str, dict[str, str]], notes: list[str]
) -> str:
    """Puts a seed behind the import of what a source draws from and never seeds; that import, or
    nothing where there is none."""
    modules = unseeded(text)
    line = import_line(text, modules)
    if line:
        seeding = "; ".join(_SEEDING[name] for name in modules)
        pattern = rf"^{re.escape(line)}$".replace(r"\ ", " ")
        replaces.setdefault(entry, {})[pattern] = f"{line}; {seeding}"
        never = " and ".join(modules)
        notes.append(f"{entry} never seeds {never}: a seed is put behind `{line}` in each trial's "
                     "copy")  # fmt: skip
    return line


def _drawn_with(folder: Path, name: str, text: str) -> dict[str, str]:
    """What runs with a source, by its name: the modules that it imports, or the files of its kind
    that are compiled with it."""
    here = PurePosixPath(name).parent
    if name.endswith(".py"):
        words = re.findall(r"^\s*(?:from|import) ([.\w]+)", text, re.M)
        parts = [word.lstrip(".").replace(".", "/") for word in words]
        places = [(root / f"{part}.py").as_posix() for part in parts if part
                  for root in (here, PurePosixPath(), PurePosixPath("src"))]  # fmt: skip
    elif name.endswith((".c", ".cc", ".cpp", ".cxx", ".go")):
        suffix = PurePosixPath(name).suffix
        places = [(here / each.name).as_posix() for each in sorted((folder / here).iterdir())
                  if each.suffix == suffix and "_test" not in each.stem]  # fmt: skip
    else:
        return {}
    return {each: text_of(folder, each) for each in dict.fromkeys(places)
            if each != name and (folder / each).is_file()}  # fmt: skip


def _sources_beside(folder: Path, name: str) -> list[str]:
    """The C and C++ sources in the folder of one."""
    if not name.endswith((".c", ".cc", ".cpp", ".cxx")):
        return []
    beside = sorted((folder / name).parent.iterdir())
    return [each.read_text(encoding="utf-8", errors="replace") for each in beside
            if each.suffix in {".c", ".cc", ".cpp", ".cxx", ".h", ".hpp"} and each.is_file()
            and each.name != PurePosixPath(name).name]  # fmt: skip


def text_of(folder: Path, name: str) -> str:
    """A file of the program; empty where there is none."""
    file = folder / name
    return file.read_text(encoding="utf-8", errors="replace") if name and file.is_file() else ""


def seed_in_source(
    survey: Survey, replaces: dict[str, dict[str, str]], environment: dict[str, str],
    notes: list[str],
) -> None:  # fmt: skip
    """A program without such an argument has its seed in its source, or is given one there."""
    entry, text = what_draws(survey)
    found = dict(seeds_in(text))
    replaces.setdefault(entry, {}).update(found)
    seeded = [entry] * bool(found)
    for name, other in _drawn_with(survey.folder, entry, text).items():
        if more := dict(seeds_in(other, of_all=False)):
            replaces.setdefault(name, {}).update(more)
            seeded.append(name)
    if seeded:
        which, are = ("the one", "is") if len(seeded) == 1 else ("those", "are")
        places = " and ".join(seeded)
        notes.append(f"it takes no seed; {which} in {places} {are} replaced in each trial's copy")
    line = seed_modules(entry, text, replaces, notes)
    if not seeded and not line and entry.endswith(".py"):  # what it imports may draw
        for name, other in _drawn_with(survey.folder, entry, text).items():
            line = seed_modules(name, other, replaces, notes) or line
    in_c = None if seeded or line else seed_in_main(text, _sources_beside(survey.folder, entry))
    if in_c is not None:
        replaces[entry][in_c[0]] = in_c[1]
        notes.append("it never seeds rand: `main` begins with a seed in each trial's copy")
    if not replaces[entry]:
        del replaces[entry]
    if seeded or line or in_c is not None:
        return
    environment["SEED"] = "{seed}"
    notes.append("no seed was found: it is given as the variable SEED, which the program does not "
                 "read yet. Without it the same run twice differs by chance, or never")  # fmt: skip
