"""What can be told of a program from its text alone, without running it."""

from __future__ import annotations

import ast
import hashlib

from proveout.improve._program import LONGEST_PROGRAM_BYTES, parse

IMPROVE = "improve"


def problem_with(source: str, function: str = IMPROVE) -> tuple[str, str] | None:
    """The kind of a mistake and a sentence about it; None where a program could be run."""
    if len(source.encode(errors="replace")) > LONGEST_PROGRAM_BYTES:
        return "too long", f"a program of more than {LONGEST_PROGRAM_BYTES} bytes"
    tree = parse(source)
    if tree is None:
        return "does not parse", "it is not Python"
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    wanted = [node for node in found if node.name == function]
    if not wanted:
        defined = ", ".join(node.name for node in found) or "none"
        return "no function", f"it defines no function {function}; it defines: {defined}"
    return None


def fingerprint(source: str) -> str:
    """The same for two programs that differ in the names they give, in comments, docstrings and
    blanks alone."""
    tree = parse(source)
    try:
        told = source if tree is None else ast.dump(_Renamed(tree).visit(tree))
    except (RecursionError, ValueError):  # too deep, or a number of too many digits to be written
        told = source
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:16]


class _Renamed(ast.NodeTransformer):
    """Gives each name that a program makes a number, in the order in which they come."""

    def __init__(self, tree: ast.Module) -> None:
        self._names: dict[str, str] = {}
        for node in ast.walk(tree):
            match node:
                case ast.Name(ctx=ast.Store()):
                    self._made(node.id)
                case ast.arg():
                    self._made(node.arg)
                case ast.FunctionDef() | ast.ClassDef() if node.name != IMPROVE:
                    self._made(node.name)
                case _:
                    pass

    def _made(self, name: str) -> None:
        self._names.setdefault(name, f"v{len(self._names)}")

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self._names.get(node.arg, node.arg), None)

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        """A call of a function of its own by keyword goes with the function's argument."""
        value = self.visit(node.value)
        return ast.keyword(self._names.get(node.arg or "", node.arg or "") or None, value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        node.body = _without_docstring(node.body)
        node.returns = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        node.body = _without_docstring(node.body)
        return node

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        node.body = _without_docstring(node.body)
        return node


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] or [ast.Pass()]
    return body
