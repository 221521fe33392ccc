"""Programs that are compiled in each trial's copy, since an idea may have changed them."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import PurePosixPath
from typing import NamedTuple

from proveout.survey._files import Lying, make_variables
from proveout.survey._toolchains import cargo, go, java

COMPILED = (".c", ".cc", ".cpp")


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


def built_starts(lying: Lying) -> list[Start]:
    """Sources with a `main`, compiled in each trial's copy, since an idea may have changed them."""
    starts = []
    makefile = next((text for name, text in lying.pages.items()
                     if name.lower() == "makefile"), "")  # fmt: skip
    for name, text in lying.sources.items():
        path = PurePosixPath(name)
        if path.suffix not in COMPILED or not _MAIN.search(text):
            continue
        made = _made_by(makefile, path.stem) if makefile else (path.stem, path.stem)
        if made is None:
            continue
        target, binary = made
        cc, out = "cc" if path.suffix == ".c" else "c++", shlex.quote(binary)
        build = f"{cc} -O2 -o {out} {_parts(lying, path)} -lm"
        build = f"make -s {shlex.quote(target)}" if makefile else build
        takes = re.search(r"\bmain\s*\([^)]*,", text) is not None
        starts.append(Start(_build_and_run(build, binary, f"./{out}", takes), name))
    return [*starts, *_java(lying), *_cargo(lying), *_go(lying)]


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


def _made_by(makefile: str, stem: str) -> tuple[str, str] | None:
    """The target of a Makefile that builds a source and what that makes: of its name, or else the
    only one that links something."""
    if re.search(rf"^[ \t]*{re.escape(stem)}[ \t]*:", makefile, re.M):
        return stem, stem
    values = make_variables(makefile)
    plain = re.sub(r"\$[({](\w+)[)}]", lambda each: values.get(each[1], each[0]), makefile)
    rules = re.findall(r"^([A-Za-z][\w-]*)[ \t]*:(?![=:]).*\n((?:\t.*\n?)+)", plain, re.M)
    linked = [(target, target if found[1] == "$@" else found[1].removeprefix("./"))
              for target, recipe in rules
              if (found := re.search(r"-o\s*(\$@|(?!\S*\.o\b)[\w./-]+)", recipe))]  # fmt: skip
    named = [each for each in linked if each[1] == stem]
    return (named or linked)[0] if len(named or linked) == 1 else None


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
    } | _binaries(manifest)  # fmt: skip
    tool = cargo()
    starts = []
    for place, binary in places.items():
        if place in lying.sources:
            build = f"{shlex.quote(tool.command)} build -q --release --offline --bin {binary}"
            takes = "env::args" in lying.sources[place] or "clap" in lying.sources[place]
            words = _build_and_run(build, binary, f"./target/release/{binary}", takes)
            starts.append(Start(words, place, (), tool.environment, reads=tool.reads))
    return starts


def _binaries(manifest: str) -> dict[str, str]:
    """What a manifest declares with `[[bin]]`: its source and its name."""
    try:
        declared = tomllib.loads(manifest).get("bin", [])
    except tomllib.TOMLDecodeError:
        return {}
    return {str(each["path"]).removeprefix("./"): str(each["name"]) for each in declared
            if isinstance(each, dict) and {"path", "name"} <= each.keys()}  # fmt: skip


def _go(lying: Lying) -> list[Start]:
    """The programs of a Go module, or of files without one: each folder that has a `main`."""
    mains = {name: text for name, text in lying.sources.items()
             if name.endswith(".go") and re.search(r"^func main\(\)", text, re.M)}  # fmt: skip
    if not mains:
        return []
    tool, starts = go(), []
    for name, text in mains.items():
        path = PurePosixPath(name)
        files = [each for each in lying.sources
                 if each.endswith(".go") and not each.endswith("_test.go")
                 and PurePosixPath(each).parent == path.parent]  # fmt: skip
        alone = " ".join(map(shlex.quote, sorted(files)))
        parts = shlex.quote(f"./{path.parent}") if "go.mod" in lying.builds else alone
        build = f"{tool.command} build -o ./{path.stem}.bin {parts}"
        takes = any(f"{word}." in text for word in ("flag", "os.Args", "cobra"))
        words = _build_and_run(build, path.stem, f"./{path.stem}.bin", takes)
        starts.append(Start(words, name, (), tool.environment, reads=tool.reads))
    return starts
