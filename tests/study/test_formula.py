"""Arithmetic is computed; everything else is refused, and nothing is ever run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proveout.errors import UserError
from proveout.study import Formula


def test_computes_with_names() -> None:
    formula = Formula("6 * params * tokens + max(1, ceil(depth / 2))")
    assert formula.names == {"params", "tokens", "depth"}
    assert formula.value({"params": 10, "tokens": "2.5", "depth": 3}) == 152
    assert Formula("-2 ** 2 + sqrt(9)").value({}) == -1


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "params.__class__",
        "[x for x in (1,)]",
        "'a' * 3",
        "1 if 2 else 3",
        "f(2)",
        "max(*a)",
        "True",
        "1 +",
        "",
        "(" * 300,
        "-" * 5000 + "1",
    ],
)
def test_what_is_no_arithmetic_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UserError, match=r"arithmetic; allowed: numbers"):
        Formula(text)


@pytest.mark.parametrize("text", ["1 / 0", "9.0 ** 9 ** 9", "log(0 - 1)", "1e308 * 10"])
def test_what_is_not_a_finite_number_is_an_error_and_not_a_value(text: str) -> None:
    with pytest.raises(UserError, match=r"cannot be computed|not a finite"):
        Formula(text).value({})


def test_a_name_without_a_value_is_named_with_those_known() -> None:
    with pytest.raises(UserError, match=r"'tokens'.*known: params"):
        Formula("params * tokens").value({"params": 1})
    with pytest.raises(UserError, match="cannot be computed"):
        Formula("params").value({"params": "wide"})


@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_the_users_mistake(text: str) -> None:
    try:
        value = Formula(text).value({})
    except UserError:
        return
    assert math.isfinite(value)
