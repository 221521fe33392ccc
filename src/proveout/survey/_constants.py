"""Numbers that stand in a program's source, and the one place at which each can be replaced.

Programs without a command line keep their settings in a class, in a dictionary, in a function's
defaults, in the call of a library, or as the bound of a loop. Only what is called like a setting
is taken, and only where an expression finds it exactly once in its file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from proveout.survey._literals import literal_value, plain
from proveout.survey._records import Parameter
from proveout.survey._roles import is_setting

NUMBER = r"[-+]?[\w.](?:[-\w.+*/ ]*[\w.])?"
TEXT = r"(?:'[^'\n]*'|\"[^\"\n]*\")"
# In a call these are a shape or an axis far more often than the size of a model.
_NOT_IN_CALLS = {"dim", "size", "dir", "features", "channels", "depth", "layers", "out", "output",
                 "hidden", "save", "results", "width", "data", "step", "iter",
                 "population"}  # fmt: skip
_LOOPS = {"epoch", "step", "iteration", "it", "iter", "i", "t", "e", "ep", "n", "generation",
          "round", "pass_num", "episode", "k", "_"}  # fmt: skip


class _Spot(NamedTuple):
    """A literal in a source and what it is called there."""

    name: str
    node: ast.expr
    order: int
    """Where several places have one name the least is taken."""
    begins: int = 0


def python_constants(source: str, name: str) -> list[Parameter]:
    """Settings in a Python file called `name`, each with the place where it stands."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: dict[str, Parameter] = {}
    for spot in sorted(_spots(tree), key=lambda each: each.order):
        value = literal_value(spot.node)
        if value is None or isinstance(value, bool) or spot.name in found:
            continue
        if not (is_setting(spot.name, value) or spot.order == _LOOP):
            continue
        placed = _placed(source, spot.node, isinstance(value, str))
        if placed is not None:
            found[spot.name] = Parameter(
                spot.name, "constant", placed[1], value, False, name, start=placed[0],
                literal=ast.get_source_segment(source, spot.node) or "",
                role="steps" if spot.order == _LOOP else None, begins=spot.begins,
            )  # fmt: skip
    return list(found.values())


_LOOP = 9


def _spots(tree: ast.Module) -> Iterator[_Spot]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef():
                yield from _assigned(node.body, 1)
            case ast.Dict():
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield _Spot(key.value, value, 2)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _assigned(node.body, 3)
                arguments = [*node.args.posonlyargs, *node.args.args]
                defaults = node.args.defaults
                for argument, default in zip(arguments[len(arguments) - len(defaults):], defaults,
                                             strict=True):  # fmt: skip
                    yield _Spot(argument.arg, default, 5)
            case ast.If() if "__name__" in ast.unparse(node.test):
                yield from _assigned(node.body, 3)
            case ast.Call():
                order = 2 if isinstance(node.func, ast.Name) and node.func.id == "dict" else 4
                for keyword in node.keywords:
                    if keyword.arg and not (order == 4 and keyword.arg in _NOT_IN_CALLS):
                        yield _Spot(keyword.arg, keyword.value, order)
    yield from _loops(tree)


def _assigned(body: list[ast.stmt], order: int) -> Iterator[_Spot]:
    """`lr = 0.1`, `lr: float = 0.1`, `self.lr = 0.1`."""
    for node in body:
        match node:
            case ast.Assign(targets=[target], value=value):
                pass
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                pass
            case _:
                continue
        if isinstance(target, ast.Name):
            yield _Spot(target.id, value, order)
        elif isinstance(target, ast.Attribute):
            yield _Spot(target.attr, value, order)


def _loops(tree: ast.Module) -> Iterator[_Spot]:
    """The longest loop over a written number, outside of any other: `for epoch in range(23):`."""
    best: tuple[int, _Spot] | None = None
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.For):
            call = node.iter
            while isinstance(call, ast.Call) and call.args and not _is_range(call):
                call = call.args[0]  # tqdm(range(23))
            word = node.target.id if isinstance(node.target, ast.Name) else ""
            if isinstance(call, ast.Call) and _is_range(call) and word in _LOOPS:
                bound = call.args[0 if len(call.args) == 1 else 1]
                lines = (node.end_lineno or 0) - node.lineno
                if best is None or lines > best[0]:
                    name = f"{word.strip('_') or 'loop'}s"
                    best = (lines, _Spot(name, bound, _LOOP, _begins(call)))
            continue
        waiting += ast.iter_child_nodes(node)
    if best is not None and best[0] >= 3:
        yield best[1]


def _begins(call: ast.Call) -> int:
    """Where a range begins, as far as it is written down."""
    first = literal_value(call.args[0]) if len(call.args) == 2 else 0
    return first if isinstance(first, int) else 0


def _is_range(call: ast.Call) -> bool:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    return name in {"range", "trange"} and 1 <= len(call.args) <= 2


def _placed(source: str, node: ast.expr, is_text: bool) -> tuple[str, str] | None:
    """An expression for what stands before the literal, and that text."""
    if node.lineno != node.end_lineno:
        return None
    line = source.split("\n")[node.lineno - 1]
    before = line.encode()[: node.col_offset].decode(errors="ignore")
    return place_of(source, before, TEXT if is_text else NUMBER)


def place_of(text: str, before: str, literal: str) -> tuple[str, str] | None:
    """An expression for what stands before a literal in its line, and that text; None where none
    finds the literal just once. `before` is the line up to there."""
    token = re.search(r"[\w.\"'\]\[$#]+ *(?::[^=()]*?)?(?:=|:|<-| |\() *$", before)
    starts = [rf"(?<![\w.]){_escaped(token[0])}"] if token else []
    starts.append(f"^{_escaped(before)}")
    for start in starts:
        if len(re.findall(start + literal, text, re.M)) == 1:
            kept = before if start.startswith("^") else token[0] if token else ""
            return start, kept
    return None


def _escaped(text: str) -> str:
    return re.escape(text).replace("\\ ", " ").replace("\\-", "-")


def source_constants(text: str, name: str) -> list[Parameter]:
    """Settings in a source of another language: `#define WIDTH 8`, `int steps = 9;`."""
    found: dict[str, Parameter] = {}
    for match in re.finditer(
        r"^(?P<before>[^\n/]*?(?P<name>[A-Za-z]\w*)(?: *//?= *| *<- *| *= *| +))"
        r"(?P<value>-?\d[\d.eE+-]*)(?P<suffix>[fFlL]?)\b",
        text, re.M,
    ):  # fmt: skip
        before = match["before"]
        if match["name"] in found or not re.search(r"#define +\w+ +$|(?:=|<-) *$", before):
            continue
        value = plain(match["value"])
        placed = place_of(text, before, NUMBER)
        if placed is not None and not isinstance(value, str) and is_setting(match["name"], value):
            found[match["name"]] = Parameter(match["name"], "constant", placed[1], value, False,
                                             name, start=placed[0],
                                             literal=match["value"] + match["suffix"])  # fmt: skip
    return list(found.values())


def seeds_in(text: str) -> list[tuple[str, str]]:
    """Expressions for the seeds that a source writes down, and what goes there with `{seed}`."""
    found: list[tuple[str, str]] = []
    for match in _SEEDED.finditer(text):
        line_start = text.rfind("\n", 0, match.start()) + 1
        before = text[line_start : match.start("number")]
        placed = place_of(text, before, r"\d+\b")
        if placed is not None:
            found.append((rf"{placed[0]}\d+\b", f"{placed[1]}{{seed}}"))
    return found


_SEEDED = re.compile(
    r"(?:\b(?:manual_seed|manual_seed_all|seed|seed_everything|set_seed|default_rng|RandomState|"
    r"PRNGKey|Random|key|srand|srand48|mt19937|set_random_seed)\s*\(\s*(?:seed\s*=\s*)?|"
    r"\brandom_state\s*=\s*|\b(?:rng_)?(?:seed|state)\s*=\s*)(?P<number>\d+)\b(?!\.)"
)
