"""Loops that never end by themselves, and how each trial's copy is given an end."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from proveout.survey._literals import literal_value
from proveout.survey._records import Parameter

STEPS = "loop_steps"
"""What the count of such a loop is called."""
_REPORTS = 16
"""So many of its longest interval the target has."""
_PLAIN_STEPS = 1600
_SEVERAL = 5
_EXITS = {"exit", "_exit", "quit", "abort"}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def endless_loop(
    source: str, name: str, known: Sequence[Parameter] = (), others: Sequence[str] = ()
) -> Parameter | None:
    """The count of a loop that a Python file called `name` never leaves, `while True:` without an
    end or `for step in count(1):`, which then stands as `range(...)`; None where there is none or
    more than one.

    Its default is sixteen times the longest interval at which something happens in it, `step % 500
    == 0`, so that the smallest rung sees each; of names in `known` their values are taken. What it
    counts may be looked at in `others`, sources of functions that it calls back.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    loops = [(node, place) for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)
             and (place := _place(node, source)) is not None]  # fmt: skip
    if len(loops) != 1:
        return None
    loop, (before, literal, wrap) = loops[0]
    line = source.splitlines()[loop.lineno - 1]
    if source.splitlines().count(line) != 1 or not line.startswith(before + literal):
        return None
    values = _values(tree, known)
    interval = _longest_interval(ast.walk(loop), values)
    if not interval:
        counted = {_last(node.target) for node in ast.walk(loop) if isinstance(node, ast.AugAssign)}
        interval = _longest_interval(_of_counts(others, counted), values)
    default = _REPORTS * interval + 1 if interval else _PLAIN_STEPS
    return Parameter(
        STEPS, "constant", "", default, False, name, role="steps", literal=literal, wrap=wrap,
        start="^" + re.escape(before).replace("\\ ", " "), begins=1 if interval else 0,
        least=interval,
    )  # fmt: skip


def _place(node: ast.For | ast.While, source: str) -> tuple[str, str, str] | None:
    """What stands in its line before what makes a loop endless, that, and what is put there with
    `{}` for the count; None of a loop that ends."""
    match node:
        case ast.While(test=ast.Constant(value=always)) if always and not _ends(node):
            indent = " " * node.col_offset
            test = ast.get_source_segment(source, node.test) or ""
            line = source.splitlines()[node.lineno - 1]
            word = line[node.col_offset : node.test.col_offset]
            return indent, f"{word}{test}", "for _ in range({})"
        case ast.For(iter=ast.Call(func=func, args=args, keywords=[])) if (
            ast.unparse(func) in {"count", "itertools.count"} and len(args) <= 1
        ):
            text = ast.get_source_segment(source, node.iter) or ""
            line = source.splitlines()[node.lineno - 1]
            first = literal_value(args[0]) if args else 0
            if isinstance(first, int) and line.isascii():
                put = f"range({first}, {first} + {{}})" if first else "range({})"
                return line[: node.iter.col_offset], text, put
    return None


def _ends(loop: ast.While) -> bool:
    """Whether a loop without a condition can be left, or hands out what it makes one by one."""
    return any(_leaves(node) for node in _inside(loop)) or bool(loop.orelse)


def _leaves(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func).rpartition(".")[2] in _EXITS
    return isinstance(node, ast.Break | ast.Return | ast.Raise | ast.Yield | ast.YieldFrom
                      | ast.Await)  # fmt: skip


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Everything in a loop but functions and what leaves a loop within it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _SCOPES):
            continue
        yield child
        inner = isinstance(child, ast.For | ast.While)
        yield from (each for each in _inside(child)
                    if not (inner and isinstance(each, ast.Break)))  # fmt: skip


def _values(tree: ast.AST, known: Sequence[Parameter]) -> dict[str, object]:
    """What names are, in a source and beside it, where that is written down."""
    values: dict[str, object] = {each.name: each.default for each in known}
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=called)], value=value)
                | ast.AnnAssign(target=ast.Name(id=called), value=ast.expr() as value)
            ):
                values.setdefault(called, literal_value(value))
    return values


def _of_counts(sources: Sequence[str], counted: set[str]) -> Iterator[ast.AST]:
    """Remainders of what a loop counts, in other sources."""
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            continue
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.BinOp)
                    and _last(node.left) in counted - {""})  # fmt: skip


def _last(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _longest_interval(nodes: Iterable[ast.AST], values: Mapping[str, object]) -> int:
    """The longest of the intervals at which something happens; 0 where there is none."""
    found = [0]
    for node in nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            called = _last(node.right)
            each = values.get(called) if called else literal_value(node.right)
            if isinstance(each, int) and not isinstance(each, bool) and each > _SEVERAL:
                found.append(each)
    return max(found)
