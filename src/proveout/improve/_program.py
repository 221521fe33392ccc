"""A program as text and syntax tree at once: edits are made in the text, so that comments stay."""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LONGEST_PROGRAM_BYTES = 65_536
_MOST_NODES = 20_000
"""Parts of a syntax tree; larger ones would take long to edit."""
_MOST_DOTS = 5_000
"""The time to parse one name with so many dots in it grows with their square."""
_LINE_ENDS = (b"\f", b"\v", b"\r", b"\x1c", b"\x1d", b"\x1e")
"""What ends a line for one reader and not for another."""
_QUIET = threading.Lock()
"""Which warnings are shown is one setting for all threads."""
_FENCE = "`" * 3
_EXPRESSIONS = ("value", "test", "iter", "exc")


class Span(NamedTuple):
    """Bytes of a program from `start` up to `end`."""

    start: int
    end: int


class Expression(NamedTuple):
    """One expression of a program, and the whole expression of a statement that it stands in."""

    root: ast.expr
    node: ast.expr
    owner: ast.AST
    field: str
    at: int | None

    def replaced(self, new: ast.expr) -> ast.expr:
        """The root with `new` in the node's place; changes the tree."""
        if self.node is self.root:
            return new
        if self.at is None:
            setattr(self.owner, self.field, new)
        else:
            getattr(self.owner, self.field)[self.at] = new
        return self.root


@dataclass(frozen=True)
class Program:
    """A program that could be read."""

    text: str
    tree: ast.Module
    _bytes: bytes
    _lines: tuple[int, ...]
    """Where each line starts, and where the last one ends."""

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """Where a node stands, decorators included."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        line = node.lineno
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
            line = node.decorator_list[0].lineno
        end = self._lines[node.end_lineno - 1] + node.end_col_offset
        return Span(self._lines[line - 1] + node.col_offset, end)

    def whole_lines(self, node: ast.stmt) -> Span | None:
        """The lines of a statement that has them for itself, line ends included; else None."""
        start, end = self.span(node)
        first = self._bytes.rfind(b"\n", 0, start) + 1
        last = self._bytes.find(b"\n", end)
        last = len(self._bytes) if last < 0 else last + 1
        behind = self._bytes[end:last].strip()
        alone = not self._bytes[first:start].strip() and (not behind or behind.startswith(b"#"))
        return Span(first, last) if alone else None

    def read(self, span: Span) -> str:
        """The text of a span."""
        return self._bytes[span.start : span.end].decode()

    def with_text(self, span: Span, text: str) -> str:
        """The program with other text in a span."""
        changed = self._bytes[: span.start] + text.encode() + self._bytes[span.end :]
        return changed.decode()

    def expressions(self) -> Iterator[Expression]:
        """Every expression that a value is read from, with what it stands in."""
        for statement in ast.walk(self.tree):
            if isinstance(statement, ast.stmt) and not _is_text(statement):
                for root in _roots(statement):
                    yield from _within(root)

    def functions(self) -> dict[str, ast.FunctionDef]:
        """Top-level functions by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}

    def constants(self) -> dict[str, ast.expr]:
        """What simple top-level assignments in capitals set, by name."""
        return {
            node.targets[0].id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id.isupper()
        }


def read_program(text: str) -> Program | None:
    """A program from its text; None where it is too large, too deep or not Python."""
    try:
        source = text.encode()
    except UnicodeEncodeError:
        return None
    if len(source) > LONGEST_PROGRAM_BYTES or any(mark in source for mark in (b"\0", *_LINE_ENDS)):
        return None
    tree = parse(text)
    if tree is None:
        return None
    if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
        return None
    lines, at = [0], 0
    for line in source.split(b"\n"):
        at += len(line) + 1
        lines.append(at)
    return Program(text, tree, source, tuple(lines))


def parse(text: str) -> ast.Module | None:
    """A program's syntax tree; None where it has none, or where finding it might take long."""
    if len(text) > LONGEST_PROGRAM_BYTES or text.count(".") > _MOST_DOTS:
        return None
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def fenced_programs(text: str) -> list[str]:
    """What stands in fences of three backquotes at the start of lines, in order.

    One pass over the lines: a text of openings alone must not cost more than any other.
    """
    found: list[str] = []
    lines, opened = text.split("\n"), -1
    for number, line in enumerate(lines):
        if not line.startswith(_FENCE):
            continue
        if opened < 0:
            opened = number + 1 if "`" not in line[len(_FENCE) :] else -1
        elif not line[len(_FENCE) :].strip(" \t"):
            found.append("".join(f"{each}\n" for each in lines[opened:number]))
            opened = -1
    return found


def fenced(program: str) -> str:
    """A program in a fence."""
    end = "" if program.endswith("\n") else "\n"
    return f"{_FENCE}python\n{program}{end}{_FENCE}"


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _roots(statement: ast.stmt) -> Iterator[ast.expr]:
    for name in _EXPRESSIONS:
        value = getattr(statement, name, None)
        if isinstance(value, ast.expr):
            yield value
    if isinstance(statement, ast.FunctionDef):
        yield from statement.args.defaults


def _within(root: ast.expr) -> Iterator[Expression]:
    yield Expression(root, root, root, "", None)
    waiting: list[ast.AST] = [root]
    while waiting:
        owner = waiting.pop()
        if isinstance(owner, ast.JoinedStr):
            continue
        for field, value in ast.iter_fields(owner):
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST):
                    waiting.append(node)
                if isinstance(node, ast.expr) and field not in {"target", "func"}:
                    yield Expression(root, node, owner, field, index)
