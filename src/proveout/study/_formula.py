"""Arithmetic that a study declares, such as `6 * params * tokens`: read and computed, never run."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from proveout.errors import UserError

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
    "ceil": math.ceil,
    "floor": math.floor,
    "min": min,
    "max": max,
}
_ALLOWED = f"numbers, names, + - * / // % **, brackets and {', '.join(_FUNCTIONS)}"
_LONGEST = 400


@dataclass(frozen=True)
class Formula:
    """An arithmetic expression over names. Nothing in it is ever executed as Python."""

    text: str

    def __post_init__(self) -> None:
        """Raises `UserError` where the text is not arithmetic; says what is allowed."""
        _check(self._tree, self.text)

    @cached_property
    def names(self) -> frozenset[str]:
        """What must be known to compute it."""
        return frozenset(_names(self._tree))

    def value(self, names: Mapping[str, object]) -> float:
        """The value, where each name stands for a number or for text that is one.

        Raises:
            UserError: a name has no value or is no number, or the result is not finite.
        """
        try:
            result = float(_value(self._tree, names))
        except KeyError as error:
            known = ", ".join(sorted(names)) or "none"
            raise UserError(
                f"{error.args[0]!r} in {self.text!r} has no value; known: {known}"
            ) from None
        except (ArithmeticError, ValueError, TypeError) as error:
            raise UserError(f"{self.text!r} cannot be computed: {error}") from None
        if not math.isfinite(result):
            raise UserError(f"{self.text!r} is not a finite number")
        return result

    @cached_property
    def _tree(self) -> ast.expr:
        try:
            if len(self.text) > _LONGEST:
                raise SyntaxError("too long")
            return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise UserError(f"{self.text!r} is not arithmetic; allowed: {_ALLOWED}") from None


def _check(node: ast.expr, text: str) -> None:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float()) | ast.Name():
            return
        case ast.BinOp(left, op, right) if type(op) in _BINARY:
            _check(left, text)
            _check(right, text)
            return
        case ast.UnaryOp(ast.USub() | ast.UAdd(), operand):
            _check(operand, text)
            return
        case ast.Call(ast.Name(name), [_, *_] as arguments, []) if name in _FUNCTIONS:
            for argument in arguments:
                _check(argument, text)
            return
        case _:
            pass
    raise UserError(f"{ast.unparse(node)!r} in {text!r} is not arithmetic; allowed: {_ALLOWED}")


def _names(node: ast.expr) -> list[str]:
    calls = {id(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
    return [e.id for e in ast.walk(node) if isinstance(e, ast.Name) and id(e) not in calls]


def _value(node: ast.expr, names: Mapping[str, object]) -> float:
    match node:
        case ast.Constant(value):
            return float(value)  # type: ignore[arg-type]
        case ast.Name(name):
            return float(names[name])  # type: ignore[arg-type]
        case ast.BinOp(left, op, right):
            return _BINARY[type(op)](_value(left, names), _value(right, names))
        case ast.UnaryOp(op, operand):
            value = _value(operand, names)
            return -value if isinstance(op, ast.USub) else value
        case ast.Call(ast.Name(name), arguments):
            return _FUNCTIONS[name](*(_value(each, names) for each in arguments))
        case _:
            raise TypeError(ast.unparse(node))
