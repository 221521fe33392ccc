"""Names that a program counts with: where they begin is no setting, whatever they are called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from proveout.survey._literals import literal_value
from proveout.survey._roles import is_knob

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def counters_of(scope: ast.AST) -> set[str]:
    """Names of a module or a function that grow in a loop of it: `step += 1`, `n = n + 1`.

    What shrinks is left: `while left > 0: left -= 1` ends where the setting says. What people tune
    is left too: `batch_size += 8` is a schedule of it.
    """
    found = {name for node in _inside(scope) if isinstance(node, _LOOPS)
             for inner in _inside(node) if (name := _grows(inner))}  # fmt: skip
    if isinstance(scope, ast.Module):
        for function in [n for n in ast.walk(scope) if isinstance(n, _SCOPES[:2])]:
            shared = {each for n in _inside(function) if isinstance(n, ast.Global)
                      for each in n.names}  # fmt: skip
            found |= shared & {_grows(inner) for inner in _inside(function)}
    return {name for name in found if not is_knob(name)}


def counted_attributes(tree: ast.AST) -> set[str]:
    """The same of attributes, `self.step += 1`, which a method counts that a loop calls."""
    grown = {node.target.attr for node in ast.walk(tree) if isinstance(node, ast.AugAssign)
             and isinstance(node.op, ast.Add)
             and isinstance(node.target, ast.Attribute)}  # fmt: skip
    return {name for name in grown if not is_knob(name)}


def counted_in(text: str) -> set[str]:
    """The same in a source of another language: `step++`, `step += 1`; `size *= 2` too."""
    found = re.findall(r"\b([A-Za-z_]\w*)\s*(?:\+\+|\+=|\*=)|\+\+\s*([A-Za-z_]\w*)", text)
    return {name for pair in found for name in pair if name and not is_knob(name)}


def bound_of(loop: ast.While) -> tuple[str, ast.expr] | None:
    """The counter of a `while` and the number that ends it: `while step < 600:`, or
    `if step >= 600: break` in a loop without an end of its own."""
    counted = {name for inner in _inside(loop) if (name := _grows(inner))}
    ends = [loop.test]
    ends += [node.test for node in _inside(loop, _LOOPS) if isinstance(node, ast.If)
             and any(isinstance(each, ast.Break | ast.Return) for each in node.body)]  # fmt: skip
    for test in ends:
        parts = test.values if isinstance(test, ast.BoolOp) else [test]
        for part in parts:
            match part:
                case ast.Compare(left=ast.Name(id=name), comparators=[bound]) if (
                    name in counted and isinstance(literal_value(bound), int)
                ):
                    return name, bound
    return None


def _inside(scope: ast.AST, beside: tuple[type[ast.AST], ...] = ()) -> Iterator[ast.AST]:
    """Everything in it that lies in no scope of its own, nor in what `beside` says."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*_SCOPES, *beside)):
            waiting += ast.iter_child_nodes(node)


def _grows(node: ast.AST) -> str:
    """The name that a statement adds to; empty for every other."""
    match node:
        case ast.AugAssign(target=ast.Name(id=name), op=ast.Add()):
            return name
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.BinOp(left=ast.Name(id=other), op=ast.Add()),
        ) if name == other:  # fmt: skip
            return name
    return ""
