"""Values as they stand in a source, without running it."""

from __future__ import annotations

import ast

from proveout.errors import UserError
from proveout.study import Formula, Value


def literal_value(node: ast.AST | None) -> Value | None:
    """A literal that a command line can carry; `2 * 10**4` too, and a Path of a text."""
    if isinstance(node, ast.Call) and node.args and getattr(node.func, "id", "") == "Path":
        node = node.args[0]
    found = literal(node)
    if found is None and isinstance(node, ast.BinOp):
        found = _arithmetic(node)
    return found if isinstance(found, bool | int | float | str) else None


def literal(node: ast.AST | None) -> object:
    """What a literal stands for; None for everything else."""
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _arithmetic(node: ast.BinOp) -> float | int | None:
    try:
        value = Formula(ast.unparse(node)).value({})
    except UserError:
        return None
    return int(value) if value == int(value) else value


def plain(text: str) -> Value:
    """A number where the text is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
