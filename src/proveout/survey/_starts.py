"""The ways in which the programs of a folder can be started, and which is the training."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from proveout.survey._files import Lying, commands_in, words_of
from proveout.survey._options import options_of
from proveout.survey._toolchains import cargo, java

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
_COMPILED = (".c", ".cc", ".cpp")
_PASSED_BY = {"OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "MKL_NUM_THREADS"}


class Start(NamedTuple):
    """A way to start something."""

    words: tuple[str, ...]
    """Without arguments, as they would stand in a command line."""
    entry: str
    arguments: tuple[str, ...] = ()
    """Those of the command as it was found, if it was found in one."""
    environment: tuple[tuple[str, str], ...] = ()
    called: tuple[str, ...] = ()
    """Of each argument the variable of a Makefile that gave it; empty where none did."""
    reads: tuple[str, ...] = ()
    """Folders beyond the program's that it needs, such as a compiler's."""


def find_starts(lying: Lying) -> list[Start]:
    """Everything in the folder that can be started, without the arguments that pages give."""
    return [*_python(lying), *_shell(lying), *_built(lying), *_interpreted(lying)]


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
    if len(path.parts) > 1 and (relative or (own and package) or path.name == "__main__.py"):
        module = path.with_suffix("").as_posix().removesuffix("/__main__").replace("/", ".")
        return ("python", "-m", module.removeprefix("src.") if in_src else module), environment
    if len(path.parts) > 1 and "sys.path" not in text and _imports_from_top(path, text, lying):
        environment = (("PYTHONPATH", "."),)
    return ("python", name), environment


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


def _built(lying: Lying) -> list[Start]:
    """Sources with a `main`, compiled in each trial's copy, since an idea may have changed them."""
    starts = []
    makefile = next((text for name, text in lying.pages.items()
                     if name.lower() == "makefile"), "")  # fmt: skip
    for name, text in lying.sources.items():
        path = PurePosixPath(name)
        if path.suffix not in _COMPILED or not _MAIN.search(text):
            continue
        target = _made_by(makefile, path.stem) if makefile else path.stem
        if target is None:
            continue
        cc = "cc" if path.suffix == ".c" else "c++"
        out = shlex.quote(target)
        build = f"make -s {out}" if makefile else f"{cc} -O2 -o {out} {_parts(lying, path)} -lm"
        takes = re.search(r"\bmain\s*\([^)]*,", text) is not None
        starts.append(Start(_build_and_run(build, target, f"./{out}", takes), name))
    return [*starts, *_java(lying), *_cargo(lying)]


_MAIN = re.compile(r"\bmain\s*\(")


def _parts(lying: Lying, entry: PurePosixPath) -> str:
    """The source with `main` and those beside it that have none, as a compiler is given them."""
    kinds = {".c"} if entry.suffix == ".c" else {".cc", ".cpp"}
    parts = {name: text for name, text in lying.sources.items()
             if PurePosixPath(name).parent == entry.parent
             and PurePosixPath(name).suffix in kinds
             and (name == entry.as_posix() or not _MAIN.search(text))}  # fmt: skip
    threads = any(re.search(r"#include\s*<(?:thread|pthread\.h|future)>", text)
                  for text in lying.sources.values())  # fmt: skip
    files = [entry.as_posix(), *sorted(parts.keys() - {entry.as_posix()})]
    return " ".join(["-pthread"] * threads + [shlex.quote(each) for each in files])


def _build_and_run(build: str, name: str, binary: str, takes: bool) -> tuple[str, ...]:
    line = f'{build} && exec {binary} "$@"' if takes else f"{build} && exec {binary}"
    return ("sh", "-c", line, *((name,) if takes else ()))


def _made_by(makefile: str, stem: str) -> str | None:
    """The target of a Makefile that builds a source: of its name, or else the only one that links
    something."""
    if re.search(rf"^[ \t]*{re.escape(stem)}[ \t]*:", makefile, re.M):
        return stem
    rules = re.findall(r"^([A-Za-z][\w-]*)[ \t]*:(?![=:]).*\n((?:\t.*\n?)+)", makefile, re.M)
    linked = [target for target, recipe in rules
              if "-o $@" in recipe or re.search(rf"-o\s+{target}\b", recipe)]  # fmt: skip
    return linked[0] if len(linked) == 1 else None


def _java(lying: Lying) -> list[Start]:
    """Classes with a `main`, compiled with all others of their source folder."""
    starts = []
    for name, text in lying.sources.items():
        takes = re.search(r"\bstatic\s+void\s+main\s*\(\s*(?:final )?String\W+(\w+)", text)
        if not name.endswith(".java") or takes is None:
            continue
        package = re.search(r"^\s*package ([\w.]+);", text, re.M)
        path = PurePosixPath(name)
        depth = len(package[1].split(".")) if package else 0
        root = path.parents[depth] if depth < len(path.parents) else path.parent
        files = [each for each in lying.sources
                 if each.endswith(".java") and PurePosixPath(each).is_relative_to(root)
                 and "test" not in each.lower()]  # fmt: skip
        called = f"{package[1]}.{path.stem}" if package else path.stem
        build = f"javac -d . {' '.join(map(shlex.quote, files))}"
        uses = len(re.findall(rf"\b{takes[1]}\b", text)) > 1
        words = _build_and_run(build, path.stem, f"java -cp . {called}", uses)
        starts.append(Start(words, name, reads=java().reads))
    return starts


def _cargo(lying: Lying) -> list[Start]:
    """The programs of a Rust package; no trial has a network, so nothing is fetched."""
    manifest = lying.builds.get("Cargo.toml", "")
    named = re.search(r'^\[package\][^\[]*?^name\s*=\s*"([^"]+)"', manifest, re.M)
    if named is None:
        return []
    places = {"src/main.rs": named[1]} | {
        name: PurePosixPath(name).stem for name in lying.sources
        if name.startswith("src/bin/") and name.endswith(".rs")
    }  # fmt: skip
    tool = cargo()
    starts = []
    for place, binary in places.items():
        if place in lying.sources:
            build = f"{shlex.quote(tool.command)} build -q --release --offline --bin {binary}"
            takes = "env::args" in lying.sources[place] or "clap" in lying.sources[place]
            words = _build_and_run(build, binary, f"./target/release/{binary}", takes)
            starts.append(Start(words, place, (), tool.environment, reads=tool.reads))
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
                 and PurePosixPath(name).suffix in _COMPILED]  # fmt: skip
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
