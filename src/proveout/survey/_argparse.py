"""Options of argparse and optparse, read from a parsed source; click spells its own like them."""

from __future__ import annotations

import ast
from dataclasses import replace

from proveout.survey._literals import literal
from proveout.survey._records import Parameter
from proveout.survey._syntax import first_of, name_called, value_of

_MAY_BE_LEFT_OUT = {"'*'", "'?'", "argparse.REMAINDER", "REMAINDER"}
_ADDS = {"add_argument", "add_option"}


def argparse_options(
    tree: ast.Module, name: str, into: list[Parameter], subcommands: dict[str, list[Parameter]]
) -> None:
    """Adds the options of the parsers in a file called `name`, and those of each subcommand."""
    parsers: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and name_called(node.value) == "add_parser":
            word = literal(first_of(node.value))
            if isinstance(word, str) and isinstance(node.targets[0], ast.Name):
                parsers[node.targets[0].id] = word
                subcommands.setdefault(word, [])
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    groups = {target.id for node in assigned for target in node.targets
              if isinstance(target, ast.Name) and _is_required_group(node.value)}  # fmt: skip
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or name_called(node) not in _ADDS:
            continue
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        subcommand = parsers.get(owner.id) if isinstance(owner, ast.Name) else None
        options = subcommands[subcommand] if subcommand else into
        if (option := option_of(node, name)) is not None:
            if isinstance(owner, ast.Name) and owner.id in groups:
                groups.discard(owner.id)  # one of them must be given: the first that takes a value
                option = replace(option, required=True)
            options.append(option)


def _is_required_group(node: ast.expr) -> bool:
    keywords = (
        {each.arg: each.value for each in node.keywords} if isinstance(node, ast.Call) else {}
    )
    group = name_called(node) == "add_mutually_exclusive_group"
    return group and literal(keywords.get("required")) is True


def option_of(node: ast.Call, name: str) -> Parameter | None:
    """An option of argparse or click; None for a switch, which takes no value."""
    words = [word for word in map(literal, node.args) if isinstance(word, str)]
    flags = [word for word in words if word.startswith("-")]
    keywords = {each.arg: each.value for each in node.keywords if each.arg}
    switch = str(literal(keywords.get("action")) or "").startswith(("store_", "count", "version"))
    if not words or switch or literal(keywords.get("is_flag")) is True or "help" in words:
        return None
    if any("/--" in flag for flag in flags):
        return None
    default = value_of(keywords.get("default"))
    if not flags:
        if ast.unparse(keywords["nargs"]) in _MAY_BE_LEFT_OUT if "nargs" in keywords else False:
            return None
        return Parameter(words[0], "positional", words[0], default, default is None, name)
    flag = max(flags, key=len)
    dest = literal(keywords.get("dest"))
    called = dest if isinstance(dest, str) else flag.lstrip("-").replace("-", "_")
    required = literal(keywords.get("required")) is True
    others = tuple(each for each in flags if each != flag)
    return Parameter(called, "flag", flag, default, required, name, aliases=others)
