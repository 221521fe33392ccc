"""The ways in which the programs of a folder can be started, and which is the training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from proveout.survey._builds import COMPILED, Start, built_starts
from proveout.survey._files import Lying, commands_in, words_of
from proveout.survey._options import options_of

_PREFERRED = (
    "train",
    "main",
    "run",
    "pretrain",
    "fit",
    "finetune",
    "optimize",
    "optimise",
    "search",
)
_NOT_TRAINING = re.compile(
    r"(?:^|_)(?:sample|generate|eval|evaluate|test|predict|infer|inference|demo|prepare|preprocess|"
    r"download|plot|bench|benchmark|export|convert|visualize|setup|serve|app)(?:_|$)|^make_|^gen_"
)
_SIGNS = re.compile(
    r"backward\(|\.step\(|\boptim|\.fit\(|\bepoch|\bloss|learning_rate|\blr\b|gradient|\.train\("
)
_INTERPRETERS = {".pl": "perl", ".r": "Rscript", ".jl": "julia", ".js": "node", ".mjs": "node",
                 ".rb": "ruby", ".lua": "lua", ".m": "octave", ".php": "php",
                 ".awk": "awk -f"}  # fmt: skip
_PASSED_BY = {"OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "MKL_NUM_THREADS"}


def find_starts(lying: Lying) -> list[Start]:
    """Everything in the folder that can be started, without the arguments that pages give."""
    return [*_python(lying), *_shell(lying), *built_starts(lying), *_interpreted(lying)]


def spelled_starts(lying: Lying) -> list[Start]:
    """What READMEs, Makefiles and scripts spell out, with arguments."""
    starts = []
    for command, written in commands_in(lying).items():
        if start := start_of(command, lying):
            starts.append(start._replace(called=_variables(written, command, len(start.arguments))))
    return starts


def _variables(written: str, command: str, count: int) -> tuple[str, ...]:
    """The variables that stand in a Makefile for the last words of a command."""
    words = written.split()
    if not count or len(words) != len(command.split()):
        return ()
    names = [re.fullmatch(r"\$[({](\w+)[)}]", word) for word in words[-count:]]
    return tuple(name[1].lower() if name else "" for name in names)


def _python(lying: Lying) -> list[Start]:
    starts = []
    for name, text in lying.python.items():
        parts = PurePosixPath(name)
        if parts.name.startswith(("test_", "setup.", "conftest")) or "tests" in parts.parts:
            continue
        if options_of(text, name).starts:
            words, environment = _python_words(name, text, lying)
            starts.append(Start(words, name, (), environment))
    for script, target in lying.scripts.items():
        module, _, function = target.partition(":")
        start = _installed(script, module, function, lying)
        if start is not None and start.entry not in {each.entry for each in starts}:
            starts.append(start)
    return starts


def _installed(script: str, module: str, function: str, lying: Lying) -> Start | None:
    """A command that an installation would make, as Python starts it without one."""
    for root in ("", "src/"):
        file = f"{root}{module.replace('.', '/')}.py"
        package = f"{root}{module.partition('.')[0]}/__main__.py"
        environment = (("PYTHONPATH", "src"),) if root else ()
        if package in lying.python:
            return Start(("python", "-m", module.partition(".")[0]), package, (), environment)
        if file in lying.python and function.isidentifier():
            call = f"from {module} import {function}; {function}()"
            return Start(("python", "-c", call), file, (), environment)
    return None


def _python_words(
    name: str, text: str, lying: Lying
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """`python -m pkg.train` for what is part of a package, `python train.py` for what is not."""
    path = PurePosixPath(name)
    package = (path.parent / "__init__.py").as_posix() in lying.python
    relative = re.search(r"^\s*from \.", text, re.M) is not None
    root = path.parts[0]
    in_src = root == "src" and "src/__init__.py" not in lying.python and len(path.parts) > 2
    imported = path.parts[1] if in_src else root
    own = re.search(rf"^\s*(?:from|import) {re.escape(imported)}\b", text, re.M) is not None
    environment = (("PYTHONPATH", "src"),) if in_src and package else ()
    if len(path.parts) > 1 and not relative and _reads_from_its_folder(path, lying):
        run = (f'import os, runpy; os.chdir("{path.parent.as_posix()}"); '
               f'runpy.run_path("{path.name}", run_name="__main__")')  # fmt: skip
        return ("python", "-c", run), (("PYTHONPATH", "."),)
    if len(path.parts) > 1 and (relative or (own and package) or path.name == "__main__.py"):
        module = path.with_suffix("").as_posix().removesuffix("/__main__").replace("/", ".")
        return ("python", "-m", module.removeprefix("src.") if in_src else module), environment
    if len(path.parts) > 1 and "sys.path" not in text and _imports_from_top(path, text, lying):
        environment = (("PYTHONPATH", "."),)
    return ("python", name), environment


def _reads_from_its_folder(path: PurePosixPath, lying: Lying) -> bool:
    """Whether a script, or what lies beside it, names a place of the program as it is seen from
    its own folder, `../data/train.csv`, so that it must be started there."""
    beside = [text for name, text in lying.python.items()
              if PurePosixPath(name).parent == path.parent]  # fmt: skip
    named = {word for text in beside for word in re.findall(r"[\"']\.\./([\w./-]+)", text)}
    above = path.parent.parent
    seen = [(above / word).as_posix().rstrip("/") for word in named if ".." not in word]
    there = [*lying.data, *lying.configs, *lying.settings]
    return any(each == place or each.startswith(f"{place}/") or place.startswith(f"{each}/")
               for place in seen for each in there)  # fmt: skip


def _imports_from_top(path: PurePosixPath, text: str, lying: Lying) -> bool:
    """Whether a script in a folder imports what lies at the top: `PYTHONPATH=. python ...`."""
    roots = {PurePosixPath(each).parts[0].removesuffix(".py") for each in lying.python}
    beside = {PurePosixPath(each).stem for each in lying.python
              if PurePosixPath(each).parent == path.parent}  # fmt: skip
    words = set(re.findall(r"^\s*(?:from|import) (\w+)", text, re.M))
    return bool((words & roots) - beside)


def _shell(lying: Lying) -> list[Start]:
    starts = []
    for name, text in lying.shell.items():
        shell = "bash" if "bash" in text[:40] or not name.endswith(".sh") else "sh"
        if not name.endswith((".sh", ".bash")) and (found := re.match(r"#!.*?(\w+)\s*\n", text)):
            shell = found[1]
        starts.append(Start((shell, name), name))
    return starts


def _interpreted(lying: Lying) -> list[Start]:
    return [Start((*_INTERPRETERS[suffix].split(), name), name) for name in lying.sources
            if (suffix := PurePosixPath(name).suffix.lower()) in _INTERPRETERS]  # fmt: skip


def start_of(command: str, lying: Lying) -> Start | None:
    """A command as what starts it and its arguments; None where it needs a shell."""
    words = [word for word in words_of(command) if word]
    environment: list[tuple[str, str]] = []
    while words and re.fullmatch(r"[A-Z_][A-Z0-9_]*=.*", words[0]):
        name, _, value = words[0].partition("=")
        environment += [(name, value)] if name not in _PASSED_BY else []
        words = words[1:]
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    if not words:
        return None
    found = _split(words, lying)
    return found._replace(environment=(*found.environment, *environment))


def _split(words: list[str], lying: Lying) -> Start:
    if words[0] in lying.scripts:
        module, _, function = lying.scripts[words[0]].partition(":")
        if installed := _installed(words[0], module, function, lying):
            return installed._replace(arguments=tuple(words[1:]))
    if words[0] in {"python", "python3"} and len(words) > 1:
        if words[1] == "-m" and len(words) > 2:
            entry = words[2].replace(".", "/")
            places = (f"{entry}.py", f"{entry}/__main__.py", f"src/{entry}/__main__.py")
            file = next((f for f in places if f in lying.python), "")
            return Start(("python", "-m", words[2]), file, tuple(words[3:]))
        script = words[1].removeprefix("./")
        start = Start(("python", script), script, tuple(words[2:]))
        if script in lying.python:
            usual, environment = _python_words(script, lying.python[script], lying)
            start = start._replace(environment=environment if usual == start.words else ())
        return start
    runs = {"sh", "bash", *(each.split()[0] for each in _INTERPRETERS.values())}
    if words[0] in runs and len(words) > 1 and not words[1].startswith("-"):
        script = words[1].removeprefix("./")
        return Start((words[0], script), script, tuple(words[2:]))
    if words[0] in {"sh", "bash"} and words[1:2] == ["-c"]:
        run = set(re.findall(r"\./([\w-]+)", " ".join(words[2:3])))
        built = [name for name in lying.sources if PurePosixPath(name).stem in run
                 and PurePosixPath(name).suffix in COMPILED]  # fmt: skip
        return Start(tuple(words), built[0] if len(built) == 1 else "")
    return Start((words[0],), words[0].removeprefix("./"), tuple(words[1:]))


def best_start(
    starts: Sequence[Start], spelled: Sequence[Start], lying: Lying, has_accelerator: bool
) -> Start | None:
    """What is most likely the training: by its name, by what it does, by what pages spell out."""
    told: dict[str, Start] = {}
    for each in spelled:
        for key in _keys(each, starts):
            fits = any("cpu" in word.lower() for word in each.arguments)
            if key not in told or (fits and not has_accelerator):
                told[key] = each
    candidates = [s._replace(arguments=told[s.entry].arguments,
                             called=told[s.entry].called,
                             environment=s.environment or told[s.entry].environment)
                  if s.entry in told else s for s in starts]  # fmt: skip
    known = {key for each in spelled for key in _keys(each, starts)}
    candidates += [s for s in spelled if s.entry not in known and _is_there(s, lying)]

    def rank(start: Start) -> tuple[float, int, int, str]:
        path = PurePosixPath(start.entry)
        stem = path.stem.lower()
        name = next((n for n, word in enumerate(_PREFERRED) if word in stem), len(_PREFERRED))
        if stem == "__main__":
            name = 1
        bonus = 3.0 * (start.entry in told) + 0.5 * (start.entry in lying.python)
        if _NOT_TRAINING.search(stem):
            bonus -= 8.0
        if "data" in path.parts[:-1]:
            bonus -= 4.0
        if start.entry in lying.sources and any(path.name in t for t in lying.shell.values()):
            bonus -= 2.0  # a script that calls it knows how
        return (name - bonus, start.entry.count("/"), -_signs(start, lying), start.entry)

    return min(candidates, key=rank, default=None)


def looks_like_training(start: Start, lying: Lying) -> bool:
    """Whether something may be the training, too, by its name and by what it does."""
    if start.entry in lying.shell:
        return True
    return not _NOT_TRAINING.search(PurePosixPath(start.entry).stem) and _signs(start, lying) >= 3


def _signs(start: Start, lying: Lying) -> int:
    text = lying.python.get(start.entry) or lying.sources.get(start.entry, "")
    return len(_SIGNS.findall(text))


def _keys(spelled: Start, starts: Sequence[Start]) -> list[str]:
    """The files that a command starts: its own, or the source of the binary that it names."""
    if any(spelled.entry == each.entry for each in starts):
        return [spelled.entry]
    stem = PurePosixPath(spelled.entry).name
    return [each.entry for each in starts if each.words[0] == "sh"
            and stem in (PurePosixPath(each.entry).stem, *each.words[3:])]  # fmt: skip


def _is_there(start: Start, lying: Lying) -> bool:
    """Whether what a page spells out is a file of this folder or something that builds one."""
    named = {*lying.python, *lying.shell, *lying.sources}
    stem = PurePosixPath(start.entry).stem
    return start.entry in named or any(PurePosixPath(each).stem == stem for each in named)
