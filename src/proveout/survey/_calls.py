"""Numbers that a program hands to functions of its own by position, called as those call them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

Signatures = Mapping[str, tuple[str, ...]]
"""Of each function and class: what its arguments are called, in their order."""


def signatures_of(sources: Iterable[str]) -> Signatures:
    """Those of sources of a program whose name is defined once: `def SGD(self, data, epochs)` is
    `SGD` with `data` and `epochs`, and a class goes by what makes it."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                made = next((each for each in node.body if isinstance(each, ast.FunctionDef)
                             and each.name == "__init__"), None)  # fmt: skip
                if made is not None:
                    found.setdefault(node.name, []).append(_arguments(made))
            elif isinstance(node, ast.FunctionDef) and node.name != "__init__":
                found.setdefault(node.name, []).append(_arguments(node))
    return {name: each[0] for name, each in found.items() if len(each) == 1}


def _arguments(function: ast.FunctionDef) -> tuple[str, ...]:
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return tuple(names[1:] if names[:1] in (["self"], ["cls"]) else names)


def numbers_handed(
    call: ast.Call, source: str, signatures: Signatures
) -> Iterator[tuple[str, ast.expr, str]]:
    """`net.SGD(data, 30, 10, 3.0)`: each number with what the function calls it, and an expression
    for what stands before it in its line, whatever stands at the places before."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    called = call.func.id if isinstance(call.func, ast.Name) else called
    names = signatures.get(called, ())
    if not names or not call.args or call.args[0].lineno != call.lineno:
        return
    line = source.split("\n")[call.lineno - 1].encode()
    before = line[: call.args[0].col_offset].decode(errors="ignore")
    start = "^" + re.escape(before).replace("\\ ", " ").replace("\\-", "-")
    for name, each in zip(names, call.args, strict=False):
        text = ast.get_source_segment(source, each) or ","
        if each.end_lineno != call.lineno or isinstance(each, ast.Starred):
            return
        is_number = isinstance(each, ast.Constant) and isinstance(each.value, int | float)
        if is_number and len(re.findall(start + r"[-+]?[\w.]", source, re.M)) == 1:
            yield name, each, start
        start += r"[^,\n]+, *" if "," not in text else re.escape(text) + ", *"
