"""Command-line options of a Python file, read with `ast`: the file is never run.

Known: argparse (with subcommands), optparse, click, typer, absl flags, dataclasses of tyro,
simple-parsing and HfArgumentParser, fire, hydra; and constants at the top, with or without
nanoGPT's configurator.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from proveout.study import Value
from proveout.survey._argparse import argparse_options, option_of
from proveout.survey._constants import assigned_at_top
from proveout.survey._literals import literal, plain
from proveout.survey._records import Parameter
from proveout.survey._syntax import dotted, dotted_call, first_of, name_called, value_of

_NO_PARAMETERS = ("CUDA", "LOCAL_RANK", "RANK", "WORLD", "WANDB", "SLURM", "HF_", "OMP_", "HOME")
_SETTINGS = (".yaml", ".yml", ".toml", ".json", ".gin", ".cfg", ".ini", ".conf", ".properties",
             ".jsonc", ".json5")  # fmt: skip
_DATACLASS_PARSERS = {"cli", "HfArgumentParser", "parse", "ArgumentParser", "add_arguments"}


@dataclass
class Found:
    """What one file says about its command line."""

    parameters: list[Parameter] = field(default_factory=list)
    subcommands: dict[str, list[Parameter]] = field(default_factory=dict)
    """Parameters of each subcommand, beside those of all."""
    config: str | None = None
    """The configuration file that it reads, as it writes it; hydra's with the folder before."""
    starts: bool = False
    """Whether running the file does something: a main guard, or calls at its top."""
    uses_hydra: bool = False


def options_of(source: str, name: str) -> Found:
    """What a Python file called `name` takes; nothing where it is not Python."""
    found = Found()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return found
    found.starts = _starts(tree)
    argparse_options(tree, name, found.parameters, found.subcommands)
    _click(tree, name, found)
    _functions(tree, name, found)
    _absl(tree, name, found)
    _dataclasses(tree, name, found)
    _variables(tree, name, found)
    _hydra(tree, found)
    if found.config is None:
        found.config = _reads_config(tree)
    if not any(p.reach == "flag" for p in _all(found)) and not found.uses_hydra:
        _constants(tree, name, source, found)
    return found


def _all(found: Found) -> Iterator[Parameter]:
    yield from found.parameters
    for more in found.subcommands.values():
        yield from more


def _starts(tree: ast.Module) -> bool:
    guard = any(isinstance(n, ast.If) and "__name__" in ast.unparse(n.test) for n in tree.body)
    work = (ast.For, ast.While, ast.With)
    return (
        guard
        or any(isinstance(n, work) for n in tree.body)
        or any(isinstance(n, ast.Expr) and isinstance(n.value, ast.Call) for n in tree.body)
    )


def _click(tree: ast.Module, name: str, found: Found) -> None:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        options = [d for d in node.decorator_list if name_called(d) in {"option", "argument"}]
        commands = [d for d in node.decorator_list if name_called(d) == "command"
                    or (isinstance(d, ast.Attribute) and d.attr == "command")]  # fmt: skip
        if not options:
            continue
        read = [
            o for d in reversed(options) if isinstance(d, ast.Call) and (o := option_of(d, name))
        ]
        grouped = commands and not ast.unparse(commands[0]).startswith("click.")
        if grouped:
            word = literal(first_of(commands[0])) if isinstance(commands[0], ast.Call) else None
            found.subcommands[str(word or node.name.replace("_", "-"))] = read
        else:
            found.parameters += read


def _functions(tree: ast.Module, name: str, found: Found) -> None:
    """Functions whose arguments are the options: typer, tyro.cli(main), fire.Fire(main)."""
    defined = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    shown: dict[str, ast.FunctionDef] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in {"typer.run", "tyro.cli",
                                                                 "fire.Fire"}:  # fmt: skip
            function = first_of(node)
            if isinstance(function, ast.Name) and function.id in defined:
                shown[function.id] = defined[function.id]
    _fire(tree, name, found, defined)
    typer = {t.id for n in ast.walk(tree) if isinstance(n, ast.Assign) and dotted_call(n.value)
             in {"typer.Typer", "Typer"} for t in n.targets if isinstance(t, ast.Name)}  # fmt: skip
    commands: list[ast.FunctionDef] = []
    for function in defined.values():
        for decorator in function.decorator_list:
            owner = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if owner.rpartition(".")[0] in typer and owner.endswith(".command"):
                commands.append(function)
    for function in shown.values():
        found.parameters += _arguments(function, name)
    for function in commands:
        into = _arguments(function, name)
        if len(commands) == 1:
            found.parameters += into
        else:
            found.subcommands[function.name.replace("_", "-")] = into


def _fire(tree: ast.Module, name: str, found: Found, defined: dict[str, ast.FunctionDef]) -> None:
    """fire.Fire(Trainer): its methods are subcommands, and what makes it are options of each;
    fire.Fire() has the functions of the file."""
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or dotted(node.func) not in {"fire.Fire", "Fire"}:
            continue
        shown = first_of(node)
        cls = classes.get(shown.id) if isinstance(shown, ast.Name) else None
        body = cls.body if cls is not None else tree.body if shown is None else []
        for function in [n for n in body if isinstance(n, ast.FunctionDef)]:
            if function.name == "__init__":
                found.parameters += _arguments(function, name)
            elif not function.name.startswith("_"):
                found.subcommands[function.name] = _arguments(function, name)


def _arguments(function: ast.FunctionDef, name: str) -> list[Parameter]:
    arguments = [*function.args.args, *function.args.kwonlyargs]
    count = len(function.args.args) - len(function.args.defaults)
    defaults = [*[None] * count, *function.args.defaults, *function.args.kw_defaults]
    read = []
    for argument, default in zip(arguments, defaults, strict=True):
        if argument.arg in {"self", "cls", "ctx"}:
            continue
        flag = f"--{argument.arg.replace('_', '-')}"
        told: ast.AST | None = default
        if name_called(default) in {"Option", "Argument"}:
            told = first_of(default)
            words = [w for w in map(literal, default.args[1:]) if isinstance(w, str)]  # type: ignore[union-attr]
            flag = next((w for w in words if w.startswith("--")), flag)
        value = value_of(told)
        if isinstance(value, bool):
            continue
        missing = default is None or (isinstance(told, ast.Constant) and told.value is ...)
        annotation = ast.unparse(argument.annotation) if argument.annotation else ""
        positional = missing and "Option" not in annotation
        read.append(Parameter(argument.arg, "positional" if positional else "flag",
                              flag, value, missing, name))  # fmt: skip
    return read


def _absl(tree: ast.Module, name: str, found: Found) -> None:
    for node in ast.walk(tree):
        kind = name_called(node)
        if isinstance(node, ast.Call) and kind.startswith("DEFINE_") and len(node.args) >= 2:
            word, value = literal(node.args[0]), value_of(node.args[1])
            if isinstance(word, str) and kind not in {"DEFINE_bool", "DEFINE_boolean"}:
                found.parameters.append(
                    Parameter(word, "flag", f"--{word}", value, False, name, "equals")
                )


def _dataclasses(tree: ast.Module, name: str, found: Found) -> None:
    """Dataclasses that are handed to a parser: their fields are the options."""
    classes = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
    handed: list[str] = []
    underscores = False
    if loop := next((n for n in ast.walk(tree) if _adds_by_name(n)), None):
        underscores = "replace(" not in ast.unparse(loop)
        handed = [n for n, c in classes.items()
                  if any("dataclass" in ast.unparse(d) for d in c.decorator_list)]  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_called(node) in _DATACLASS_PARSERS:
            underscores |= name_called(node) == "HfArgumentParser"
            handed += [n.id for a in node.args for n in ast.walk(a) if isinstance(n, ast.Name)
                       and n.id in classes]  # fmt: skip
    for each in dict.fromkeys(handed):
        for prefix, spelled, value, required in _fields(classes[each], classes):
            flag = "--" + (spelled if underscores else spelled.replace("_", "-"))
            found.parameters.append(Parameter(prefix, "flag", flag, value, required, name))


def _adds_by_name(node: ast.AST) -> bool:
    """`parser.add_argument(f"--{field.name}", ...)`: options that a loop makes of the fields."""
    first = first_of(node) if name_called(node) == "add_argument" else None
    if isinstance(first, ast.BinOp):
        return literal(first.left) == "--"
    return isinstance(first, ast.JoinedStr) and literal(first.values[0]) == "--"


def _fields(
    cls: ast.ClassDef, classes: dict[str, ast.ClassDef], prefix: str = ""
) -> Iterator[tuple[str, str, Value | None, bool]]:
    for node in cls.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        word = prefix + node.target.id
        annotation = ast.unparse(node.annotation)
        if annotation in classes and annotation != cls.name and prefix.count(".") < 3:
            yield from _fields(classes[annotation], classes, f"{word}.")
        elif annotation != "bool":
            yield word, word, value_of(node.value), node.value is None


def _variables(tree: ast.Module, name: str, found: Found) -> None:
    for node in ast.walk(tree):
        word: ast.AST | None = None
        default: ast.expr | None = None
        if isinstance(node, ast.Call) and dotted(node.func) in {"os.environ.get", "os.getenv"}:
            word, default = first_of(node), node.args[1] if len(node.args) > 1 else None
        elif isinstance(node, ast.Subscript) and dotted(node.value) == "os.environ":
            word = node.slice
        called = literal(word)
        if isinstance(called, str) and not called.startswith(_NO_PARAMETERS):
            value = value_of(default)
            if isinstance(value, str):
                value = plain(value)
            found.parameters.append(
                Parameter(called, "variable", called, value, default is None, name)
            )


def _hydra(tree: ast.Module, found: Found) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func).endswith("hydra.main"):
            keywords = {k.arg: literal(k.value) for k in node.keywords if k.arg}
            folder, file = keywords.get("config_path") or "", keywords.get("config_name")
            if isinstance(file, str):
                found.uses_hydra = True
                file = file if file.endswith((".yaml", ".yml")) else f"{file}.yaml"
                found.config = f"{folder}/{file}".lstrip("./") if folder else file


def _reads_config(tree: ast.Module) -> str | None:
    """A file of settings that the source names."""
    for node in ast.walk(tree):
        word = node.value if isinstance(node, ast.Constant) else None
        if isinstance(word, str) and word.endswith(_SETTINGS) and len(word.split()) == 1:
            named = word.rpartition("/")[2]
            if not any(part in named for part in ("metric", "result", "package", "token", "log")):
                return word.removeprefix("./")
    return None


def _constants(tree: ast.Module, name: str, source: str, found: Found) -> None:
    """`width = 32` at the top of the file; with nanoGPT's configurator, `--width=32`."""
    configurator = "configurator" in source
    for called, node, start in assigned_at_top(tree, source):
        value = value_of(node)
        if value is None or isinstance(value, bool) or called.startswith("_"):
            continue
        if configurator:
            option = Parameter(called, "flag", f"--{called}", value, False, name, "equals")
        else:
            written = ast.get_source_segment(source, node) or ""
            spelled = "" if start else called
            option = Parameter(called, "constant", spelled, value, False, name, start=start,
                               literal=written)  # fmt: skip
        found.parameters.append(option)
