"""Edits of a program by its syntax tree: numbers, operators, statements.

Each is small, blind to what the program is for, and made in the text: a diff shows it alone.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from proveout.improve._graft import graft
from proveout.improve._program import LONGEST_PROGRAM_BYTES, Expression, Program, Span, read_program

_TRIES = 12
_MOST_EDITS = 6
_COMPARISONS: tuple[tuple[type[ast.cmpop], ...], ...] = (
    (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.NotEq),
    (ast.Eq, ast.NotEq, ast.GtE, ast.LtE),
    (ast.In, ast.NotIn),
    (ast.Is, ast.IsNot),
)
_OPERATORS: tuple[tuple[type[ast.operator], ...], ...] = (
    (ast.Add, ast.Sub, ast.Mult),
    (ast.Mult, ast.Div, ast.FloorDiv, ast.Add),
    (ast.BitAnd, ast.BitOr, ast.BitXor),
    (ast.LShift, ast.RShift),
    (ast.Mod, ast.FloorDiv),
)
_TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


class Edit(NamedTuple):
    """A changed program, and what was changed."""

    text: str
    note: str


def mutate(
    text: str, rng: Random, temperature: float, donors: Sequence[Program] = ()
) -> Edit | None:
    """A program with one edit or a few, the more and the stronger the higher the temperature.

    Args:
        text: the program; at most 64 kB are edited.
        temperature: from 0 (one small change of a number) up; above 2 counts as 2.
        donors: programs whose parts may be taken.

    Returns:
        The edited program, which differs and can be parsed; None where none came of it.
    """
    heat = min(max(temperature, 0.0), 2.0)
    notes: list[str] = []
    now = text
    while len(notes) < _MOST_EDITS:
        edit = _one(now, rng, heat, donors)
        if edit is None:
            break
        now = edit.text
        notes.append(edit.note)
        if now != text and rng.random() > min(0.6, 0.45 * heat):
            break
    return Edit(now, "; ".join(notes)) if now != text else None


def _one(text: str, rng: Random, heat: float, donors: Sequence[Program]) -> Edit | None:
    """One edit after which the program can still be parsed."""
    kinds: tuple[Callable[[Program], Edit | None], ...] = (
        lambda program: _expression(program, rng, heat, _number),
        lambda program: _expression(program, rng, heat, _operator),
        lambda program: _statement(program, rng),
        lambda program: _grafted(program, rng, donors),
    )
    weights = (3.0, heat, heat, heat if donors else 0.0)
    for _ in range(_TRIES):
        program = read_program(text)  # anew each time: edits change the tree
        if program is None:
            return None
        make = rng.choices(kinds, weights)[0]
        try:
            edit = make(program)
        except (RecursionError, ValueError, OverflowError):
            continue
        if edit is None or edit.text == text or len(edit.text.encode()) > LONGEST_PROGRAM_BYTES:
            continue
        if read_program(edit.text) is not None:
            return edit
    return None


# ------------------------------------------------------------------------- within expressions


def _expression(
    program: Program,
    rng: Random,
    heat: float,
    change: Callable[[ast.expr, Random, float, Program], ast.expr | None],
) -> Edit | None:
    """One expression changed by `change`; numbers that set constants are taken more often."""
    sites = [site for site in program.expressions() if _fits(site.node, change)]
    if not sites:
        return None
    names = {id(value): f"{name} = " for name, value in program.constants().items()}
    weights = [4 if id(site.node) in names else 1 for site in sites]
    site: Expression = rng.choices(sites, weights)[0]
    span, before = program.span(site.root), ast.unparse(site.root)
    new = change(site.node, rng, heat, program)
    after = ast.unparse(site.replaced(new)) if new is not None else before
    if after == before:
        return None
    note = f"{names.get(id(site.root), '')}{before[:80]} → {after[:80]}"
    return Edit(program.with_text(span, after), note)


def _fits(node: ast.expr, change: Callable[..., Any]) -> bool:
    if change is _number:
        return isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    kinds = (ast.Compare, ast.BinOp, ast.BoolOp, ast.Call, ast.Name, ast.IfExp, ast.UnaryOp)
    return isinstance(node, kinds)


def _number(node: ast.expr, rng: Random, heat: float, program: Program) -> ast.expr | None:
    """Another number: scaled or nudged; true for false."""
    assert isinstance(node, ast.Constant)
    old = node.value
    if isinstance(old, bool):
        return ast.Constant(not old)
    if isinstance(old, int):
        return ast.Constant(_whole(old, rng, heat))
    assert isinstance(old, float)
    if old == 0:
        return ast.Constant(rng.choice((0.1, 0.3, 1.0)))
    if 0 < old < 1 and rng.random() < 0.1:
        return ast.Constant(float(f"{1 - old:.3g}"))
    new = float(f"{old * math.exp(rng.gauss(0, 0.3 + 0.5 * heat)):.3g}")
    return ast.Constant(new) if math.isfinite(new) else None


def _whole(old: int, rng: Random, heat: float) -> int:
    if abs(old) > 10**12:
        return old // 2
    small = [old + 1, old - 1, 2 * old, old // 2]
    large = [3 * old, 5 * old, 10 * old, old + 2, old // 4, -old]
    return rng.choice(large if rng.random() < 0.3 * heat else small)


def _operator(node: ast.expr, rng: Random, heat: float, program: Program) -> ast.expr | None:
    """Another operator, comparison, function or name in the same place."""
    if isinstance(node, ast.Compare):
        at = rng.randrange(len(node.ops))
        node.ops[at] = _other(type(node.ops[at]), _COMPARISONS, rng)()
    elif isinstance(node, ast.BinOp):
        if rng.random() < 0.3:
            node.left, node.right = node.right, node.left
        else:
            node.op = _other(type(node.op), _OPERATORS, rng)()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
    elif isinstance(node, ast.UnaryOp):
        return node.operand
    elif isinstance(node, ast.IfExp):
        node.body, node.orelse = node.orelse, node.body
    elif isinstance(node, ast.Call):
        return _call(node, rng)
    elif isinstance(node, ast.Name):
        names = [name for name in _names_beside(program, node) if name != node.id]
        return ast.Name(rng.choice(names)) if names else None
    return node


def _other(old: type[Any], groups: tuple[tuple[type[Any], ...], ...], rng: Random) -> type[Any]:
    near = [kind for group in groups if old in group for kind in group if kind is not old]
    return rng.choice(near) if near else old


def _call(node: ast.Call, rng: Random) -> ast.expr | None:
    if isinstance(node.func, ast.Name) and node.func.id in _TWINS:
        node.func.id = _TWINS[node.func.id]
    elif len(node.args) > 1:
        at = rng.randrange(len(node.args) - 1)
        node.args[at], node.args[at + 1] = node.args[at + 1], node.args[at]
    elif len(node.args) == 1 and not node.keywords:
        return node.args[0]  # the call taken away from around its argument
    return node


def _names_beside(program: Program, node: ast.Name) -> list[str]:
    """Names that the same function assigns or is given, or all that the program assigns."""
    for function in program.functions().values():
        inside = list(ast.walk(function))
        if any(each is node for each in inside):
            break
    else:
        inside = list(ast.walk(program.tree))
    names = {each.arg for each in inside if isinstance(each, ast.arg)}
    names |= {
        each.id for each in inside if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    return sorted(names)


# ---------------------------------------------------------------------------- whole statements


def _statement(program: Program, rng: Random) -> Edit | None:
    """A statement deleted, doubled, put before the one above it, or repeated in a loop."""
    places = [
        (body, at)
        for body in _bodies(program.tree)
        for at, statement in enumerate(body)
        if not isinstance(statement, _DEFINITIONS)
    ]
    if not places:
        return None
    body, at = rng.choice(places)
    lines = program.whole_lines(body[at])
    if lines is None:
        return None
    text = program.read(lines)
    told = text.strip().split("\n")[0][:80]
    kind = rng.choice(("delete", "double", "swap", "repeat", "shift"))
    if kind == "delete":
        new = "" if len(body) > 1 else _indent_of(text) + "pass\n"
        return Edit(program.with_text(lines, new), f"deleted: {told}")
    ended = text if text.endswith("\n") else text + "\n"
    if kind == "double":
        return Edit(program.with_text(lines, ended + ended), f"doubled: {told}")
    if kind == "repeat":
        return _repeated(program, body[at], rng)
    if kind == "shift":
        return _shifted(program, body, at)
    if at == 0 or (above := program.whole_lines(body[at - 1])) is None or above.end > lines.start:
        return None
    between = program.read(Span(above.end, lines.start))
    both = Span(above.start, lines.end)
    return Edit(program.with_text(both, ended + between + program.read(above)), f"moved up: {told}")


def _bodies(tree: ast.Module) -> list[list[ast.stmt]]:
    found = []
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and body and not isinstance(node, ast.Module):
                found.append(body)
    return found


def _indent_of(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def _repeated(program: Program, statement: ast.stmt, rng: Random) -> Edit | None:
    """A statement in a loop of its own."""
    lines = program.whole_lines(statement)
    if lines is None or isinstance(statement, ast.Return | ast.Break | ast.Continue):
        return None
    text = program.read(lines)
    if '"""' in text or "'''" in text or "\\\n" in text:
        return None  # an indent would change what the strings say
    ended = text if text.endswith("\n") else text + "\n"
    deeper = "".join("    " + line if line.strip() else line for line in ended.splitlines(True))
    loop = f"{_indent_of(text)}for _ in range({rng.choice((2, 2, 3, 5))}):\n"
    told = text.strip().split("\n")[0][:80]
    return Edit(program.with_text(lines, loop + deeper), f"repeated: {told}")


def _shifted(program: Program, body: list[ast.stmt], at: int) -> Edit | None:
    """The last statement of a block put behind the block, one step to the left."""
    statement = body[at]
    owner = next(
        (
            node
            for node in ast.walk(program.tree)
            if getattr(node, "body", None) is body
            and isinstance(node, ast.For | ast.While | ast.If)
        ),
        None,
    )
    lines = program.whole_lines(statement)
    if owner is None or lines is None or at != len(body) - 1 or len(body) < 2:
        return None
    if owner.orelse or "\n" in program.read(lines).rstrip("\n"):
        return None
    told = program.read(lines).strip()
    return Edit(
        program.with_text(lines, " " * owner.col_offset + told + "\n"), f"moved out: {told[:80]}"
    )


def _grafted(program: Program, rng: Random, donors: Sequence[Program]) -> Edit | None:
    taken = graft(program, rng, donors)
    return Edit(*taken) if taken else None
