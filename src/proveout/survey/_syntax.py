"""The parts of calls in a parsed Python source."""

from __future__ import annotations

import ast
from typing import Any

from proveout.study import Value
from proveout.survey._literals import literal_value


def name_called(node: Any) -> str:
    """The last word of what a call calls; empty for what is no call."""
    return dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


def dotted_call(node: Any) -> str:
    """What a call calls, with dots; empty for what is no call."""
    return dotted(node.func) if isinstance(node, ast.Call) else ""


def dotted(node: ast.AST) -> str:
    """`os.environ.get` of names and attributes."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def first_of(node: Any) -> ast.AST | None:
    """The first argument of a call by position."""
    return node.args[0] if isinstance(node, ast.Call) and node.args else None


def value_of(node: ast.AST | None) -> Value | None:
    """A literal that a command line can carry, also as a dataclass's `field(default=...)`."""
    if isinstance(node, ast.Call) and name_called(node) == "field":
        node = next((k.value for k in node.keywords if k.arg == "default"), None)
    return literal_value(node)
