"""Recombination: a part of one program put into another that has a place of the same name."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from random import Random

from proveout.improve._program import Program, Span


def related(program: Program, others: Sequence[Program]) -> list[Program]:
    """Those of the others that share the name of a function with a program, and differ."""
    names = set(program.functions())
    return [
        other
        for other in others
        if names & set(other.functions()) and other.text.strip() != program.text.strip()
    ]


def graft(program: Program, rng: Random, donors: Sequence[Program]) -> tuple[str, str] | None:
    """A program with a constant, a function or a statement of a donor, and what was taken.

    Args:
        donors: programs that are `related`.
    """
    if not donors:
        return None
    donor = rng.choice(donors)
    kind = rng.choices(("constant", "function", "statement"), (2, 2, 1))[0]
    if kind == "constant":
        return _constant(program, rng, donor)
    ours, theirs = program.functions(), donor.functions()
    shared = sorted(
        name for name in ours if name in theirs and ast.dump(ours[name]) != ast.dump(theirs[name])
    )
    if not shared:
        return None
    name = rng.choice(shared)
    if kind == "function":
        return _function(program, donor, name)
    return _statement(program, rng, donor, name)


def _constant(program: Program, rng: Random, donor: Program) -> tuple[str, str] | None:
    ours, theirs = program.constants(), donor.constants()
    differ = sorted(
        name for name in ours if name in theirs and ast.dump(ours[name]) != ast.dump(theirs[name])
    )
    if not differ:
        return None
    name = rng.choice(differ)
    value = donor.read(donor.span(theirs[name]))
    return program.with_text(program.span(ours[name]), value), f"taken over: {name} = {value[:80]}"


def _function(program: Program, donor: Program, name: str) -> tuple[str, str] | None:
    """A function of the donor in place of ours, with what it stands on and we lack."""
    old, new = program.functions()[name], donor.functions()[name]
    text = program.with_text(program.span(old), donor.read(donor.span(new)))
    needed = _needed(donor, new, _defined(program.tree))
    if needed:
        behind = _after_docstring(program)
        lines = "".join(donor.read(donor.span(node)) + "\n" for node in needed)
        text = text[:behind] + lines + "\n\n" + text[behind:]
    return text, f"taken over: {name}()"


def _after_docstring(program: Program) -> int:
    """Characters up to where definitions may begin; a program opens with its docstring."""
    first = program.tree.body[0]
    if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
        return 0
    lines = program.whole_lines(first)
    return len(program.read(Span(0, lines.end))) if lines else 0


def _defined(tree: ast.Module) -> set[str]:
    found = set(dir(builtins))
    for node in tree.body:
        found |= _names_set_by(node)
    return found


def _names_set_by(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()


def _needed(donor: Program, function: ast.FunctionDef, known: set[str]) -> list[ast.stmt]:
    """Top-level statements of the donor that a function needs, in the donor's order."""
    wanted: list[ast.AST] = [function]
    found: set[int] = set()
    while wanted:
        used = {node.id for node in ast.walk(wanted.pop()) if isinstance(node, ast.Name)}
        for at, node in enumerate(donor.tree.body):
            sets = _names_set_by(node)
            if at not in found and node is not function and sets & used and not sets & known:
                found.add(at)
                wanted.append(node)
    return [donor.tree.body[at] for at in sorted(found)]


def _statement(program: Program, rng: Random, donor: Program, name: str) -> tuple[str, str] | None:
    """A simple statement of the donor's function put before one of ours."""
    theirs = [
        node
        for node in ast.walk(donor.functions()[name])
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr)
    ]
    ours = [
        node
        for node in ast.walk(program.functions()[name])
        if isinstance(node, ast.stmt) and node is not program.functions()[name]
    ]
    if not theirs or not ours:
        return None
    taken, before = rng.choice(theirs), rng.choice(ours)
    lines = program.whole_lines(before)
    if lines is None:
        return None
    text = " ".join(ast.unparse(taken).split("\n"))
    here = Span(lines.start, lines.start)
    return program.with_text(here, " " * before.col_offset + text + "\n"), f"put in: {text[:80]}"
