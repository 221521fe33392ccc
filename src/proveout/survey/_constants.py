"""Numbers that stand in a program's source, and the one place at which each can be replaced.

Programs without a command line keep their settings in a class, in a dictionary, in a function's
defaults, in the call of a library, or as the bound of a loop. Only what is called like a setting
is taken, and only where an expression finds it exactly once in its file.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from proveout.survey._calls import Signatures, numbers_handed
from proveout.survey._counters import bound_of, counted_attributes, counted_in, counters_of
from proveout.survey._literals import literal, literal_value, plain
from proveout.survey._loops import counts
from proveout.survey._records import Parameter
from proveout.survey._roles import is_setting

NUMBER = r"[-+]?[\w.](?:[-\w.+*/ ]*[\w.])?"
TEXT = r"(?:'[^'\n]*'|\"[^\"\n]*\")"
# In a call these are a shape or an axis far more often than the size of a model.
_NOT_IN_CALLS = {"dim", "size", "dir", "features", "channels", "depth", "layers", "out", "output",
                 "hidden", "save", "results", "width", "data", "step", "iter",
                 "population"}  # fmt: skip


class _Spot(NamedTuple):
    """A literal in a source and what it is called there."""

    name: str
    node: ast.expr
    order: int
    """Where several places have one name the least is taken."""
    begins: int = 0
    placed: tuple[str, str] | None = None
    """Where it can be replaced, if that is known already."""
    exact: bool = False


_NONE: Signatures = {}


def python_constants(source: str, name: str, signatures: Signatures = _NONE) -> list[Parameter]:
    """Settings in a Python file called `name`, each with the place where it stands; `signatures`
    say what the program's functions call the numbers that they are handed by position."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: dict[str, Parameter] = {}
    spots = sorted(_spots(tree, source, signatures), key=lambda each: each.order)
    choices = _choices(spots)
    for spot in spots:
        if spot.name in choices and spot.order == _IN_DICTIONARY:
            continue
        value = literal_value(spot.node)
        open_ended = _is_open(spot)
        if isinstance(value, bool) or spot.name in found or (value is None and not open_ended):
            continue
        if not (open_ended or is_setting(spot.name, value or 0) or spot.order == _LOOP):
            continue
        placed = spot.placed or place_in(source, spot.node)
        if placed is not None:
            found[spot.name] = Parameter(
                spot.name, "constant", placed[1], value, False, name, start=placed[0],
                literal=ast.get_source_segment(source, spot.node) or "",
                role="steps" if spot.order == _LOOP else None, begins=spot.begins,
                exact=spot.exact,
            )  # fmt: skip
    return list(found.values())


def _choices(spots: Sequence[_Spot]) -> set[str]:
    """Names that several dictionaries give several values: which of them a run goes by is not
    known."""
    given: dict[str, set[str]] = {}
    for spot in spots:
        if spot.order == _IN_DICTIONARY:
            given.setdefault(spot.name, set()).add(ast.unparse(spot.node))
    return {name for name, values in given.items() if len(values) > 1}


def _is_open(spot: _Spot) -> bool:
    """Whether it bounds a run that has no bound unless one is given: `config.max_iters = None`."""
    unset = isinstance(spot.node, ast.Constant) and spot.node.value is None
    return unset and spot.order <= 3 and _OPEN.fullmatch(spot.name.lower()) is not None


_OPEN = re.compile(r"max_(?:iters|iter|iterations|steps|epochs)")
_EVALUATES = re.compile(
    r"(?:^|_)(?:eval|evaluate|evaluation|test|valid|validate|validation|predict|sample|generate)"
    r"(?:_|$)"
)
"""Functions whose calls say nothing of the training: the batches of an evaluation are its own."""
_IN_DICTIONARY, _LOOP = 2, 9


def _spots(tree: ast.Module, source: str, signatures: Signatures) -> Iterator[_Spot]:
    members = [node for node in tree.body if isinstance(node, ast.Assign)
               and not isinstance(node.targets[0], ast.Name)]  # fmt: skip
    counted = counted_attributes(tree)
    evaluating = {id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
                  and _EVALUATES.search(function.name) for node in ast.walk(function)}  # fmt: skip
    # `config.lr = 0.1`; plain names are found elsewhere
    yield from _assigned(members, 3, counted)
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Tuple()]):
                for name, value, start in tuple_places(source, node):
                    yield _Spot(name, value, 3, placed=(start, ""))
            case ast.ClassDef():
                yield from _assigned(node.body, 1, counted)
            case ast.Dict():
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield _Spot(key.value, value, _IN_DICTIONARY)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _assigned(node.body, 3, counted | counters_of(node))
                arguments = [*node.args.posonlyargs, *node.args.args]
                defaults = node.args.defaults
                for argument, default in zip(arguments[len(arguments) - len(defaults):], defaults,
                                             strict=True):  # fmt: skip
                    yield _Spot(argument.arg, default, 5)
            case ast.If() if "__name__" in ast.unparse(node.test):
                yield from _assigned(node.body, 3, counted | counters_of(tree))
            case ast.Call() if id(node) not in evaluating:
                named = isinstance(node.func, ast.Name) and node.func.id == "dict"
                order = _IN_DICTIONARY if named else 4
                for keyword in node.keywords:
                    if keyword.arg and not (order == 4 and keyword.arg in _NOT_IN_CALLS):
                        yield _Spot(keyword.arg, keyword.value, order)
                for called, value, start in numbers_handed(node, source, signatures):
                    yield _Spot(called, value, 4, placed=(start, ""))
    yield from _loops(tree)


def _assigned(body: Sequence[ast.stmt], order: int, counted: set[str]) -> Iterator[_Spot]:
    """`lr = 0.1`, `lr: float = 0.1`, `self.lr = 0.1`, `config["lr"] = 0.1`; not where a counter
    begins."""
    for node in body:
        match node:
            case ast.Assign(targets=[target], value=value):
                pass
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                pass
            case _:
                continue
        if isinstance(target, ast.Name | ast.Attribute) and _name(target) in counted:
            continue
        if isinstance(target, ast.Name):
            yield _Spot(target.id, value, order)
        elif isinstance(target, ast.Attribute):
            yield _Spot(target.attr, value, order)
        elif isinstance(target, ast.Subscript) and isinstance(key := literal(target.slice), str):
            yield _Spot(key, value, order)


def _name(target: ast.Name | ast.Attribute) -> str:
    return target.id if isinstance(target, ast.Name) else target.attr


def assigned_at_top(tree: ast.Module, source: str) -> Iterator[tuple[str, ast.expr, str]]:
    """Each name with its value, and an expression for what stands before that where it does not
    have a line of its own."""
    lines, counted = Counter(node.lineno for node in tree.body), counters_of(tree)
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=called)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=called), value=ast.expr() as value):
                pass
            case ast.Assign(targets=[ast.Tuple()]):
                yield from (each for each in tuple_places(source, node) if each[0] not in counted)
                continue
            case _:
                continue
        if called in counted:
            continue
        if lines[node.lineno] == 1:
            yield called, value, ""
        elif (placed := place_in(source, value)) is not None:
            yield called, value, placed[0]


def tuple_places(source: str, node: ast.Assign) -> Iterator[tuple[str, ast.expr, str]]:
    """`width, steps = 8, 500`: each name with its value and an expression for what stands before
    that in its line, whatever the values before it are."""
    target, value = node.targets[-1], node.value
    if (
        len(node.targets) != 1 or node.lineno != node.end_lineno
        or not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple)
        or len(target.elts) != len(value.elts)
    ):  # fmt: skip
        return
    line = source.split("\n")[node.lineno - 1].encode()
    start = f"^{_escaped(line[: value.elts[0].col_offset].decode(errors='ignore'))}"
    for name, each in zip(target.elts, value.elts, strict=True):
        called = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
        if called and len(re.findall(start + NUMBER, source, re.M)) == 1:
            yield called, each, start
        if "," in (ast.get_source_segment(source, each) or ","):
            return
        start += r"[^,\n]+, *"


def _loops(tree: ast.Module) -> Iterator[_Spot]:
    """The longest loop over a written number, outside of any other: `for epoch in range(23):`,
    `while step < 600:`."""
    best: tuple[int, _Spot] | None = None
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.For):
            call = node.iter
            while isinstance(call, ast.Call) and call.args and not _is_range(call):
                call = call.args[0]  # tqdm(range(23))
            word = node.target.id if isinstance(node.target, ast.Name) else ""
            if isinstance(call, ast.Call) and _is_range(call) and counts(word):
                bound = call.args[0 if len(call.args) == 1 else 1]
                lines = (node.end_lineno or 0) - node.lineno
                if best is None or lines > best[0]:
                    name = f"{word.strip('_') or 'loop'}s"
                    best = (lines, _Spot(name, bound, _LOOP, _begins(call)))
            continue
        if isinstance(node, ast.While):
            bounded, lines = bound_of(node), (node.end_lineno or 0) - node.lineno
            if bounded is not None and (best is None or lines > best[0]):
                word, bound = bounded
                if counts(word) or is_setting(word, 1):
                    name = word if word.endswith("s") else f"{word.strip('_')}s"
                    best = (lines, _Spot(name, bound, _LOOP, exact=True))
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


def place_in(source: str, node: ast.expr) -> tuple[str, str] | None:
    """An expression for what stands before a literal in a Python source, and that text."""
    if node.lineno != node.end_lineno:
        return None
    line = source.split("\n")[node.lineno - 1]
    before = line.encode()[: node.col_offset].decode(errors="ignore")
    return place_of(source, before, TEXT if isinstance(literal_value(node), str) else NUMBER)


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
    counted = counted_in(text)
    for match in re.finditer(
        r"^(?P<before>[^\n/]*?(?P<name>[A-Za-z]\w*)(?:::? *[\w<>]+)?(?: *//?= *| *<- *| *= *| +))"
        r"(?P<value>-?\d[\d._eE+-]*)(?P<suffix>[fFlL]?)\b",
        text, re.M,
    ):  # fmt: skip
        before = match["before"]
        if match["name"] in {*found, *counted} or not re.search(
            r"#define +\w+ +$|(?:=|<-) *$", before
        ):
            continue
        value = plain(match["value"])
        placed = place_of(text, before, NUMBER)
        if placed is not None and not isinstance(value, str) and is_setting(match["name"], value):
            found[match["name"]] = Parameter(match["name"], "constant", placed[1], value, False,
                                             name, start=placed[0],
                                             literal=match["value"] + match["suffix"])  # fmt: skip
    return list(found.values())


STRICT = r"[-+]?\.?\d[\w.]*(?:(?<=[eE])[-+]\d+)?"
"""A number in a file of settings, where arithmetic is none."""


def spelled_out(text: str, name: str, told: str) -> Parameter | None:
    """A number that a person points at by the words before it, as they stand in a source called
    `name`: `i_episode >= 400`, or `n_layer=` alone; None where those do not stand there once."""
    found = re.fullmatch(rf"(?P<before>.*?[^\w.])(?P<value>{STRICT})?", told, re.S)
    if found is None:
        return None
    start = _escaped(found["before"])
    places = re.findall(f"{start}({STRICT})", text)
    if len(places) != 1:
        return None
    words = re.findall(r"[A-Za-z_]\w*", found["before"])
    return Parameter(words[-1] if words else "number", "constant", found["before"],
                     plain(places[0]), False, name, start=start, literal=places[0],
                     exact=True)  # fmt: skip


def lines_of_settings(text: str, name: str) -> list[Parameter]:
    """Settings in a file that no reader of ours knows, or that has comments which none allows:
    `EPOCHS=40`, `train.lr = 3e-2`, `"width": 32, // units`. A number keeps its quotes, `"32"`."""
    found: dict[str, Parameter] = {}
    for match in re.finditer(
        rf"(?P<before>[\"']?\b(?P<name>[A-Za-z_][\w./]*)[\"']? *[:=] *"
        rf"(?:'(?={STRICT}')|\"(?={STRICT}\"))?)"
        rf"(?P<value>{STRICT}|{TEXT})(?![\w.])",
        text,
    ):
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start("value")]
        written, value = match["value"], plain(match["value"])
        if isinstance(value, str):
            value = value[1:-1]
        if match["name"] in found or re.search(r"^\s*(?:#|;|//|--)|//", line):
            continue
        kind = TEXT if written[0] in "'\"" else STRICT
        start = rf"(?<![\w.]){_escaped(match['before'])}"
        once = len(re.findall(start + kind, text)) == 1
        placed = (start, match["before"]) if once else place_of(text, line, kind)
        if placed is not None and is_setting(match["name"], value):
            found[match["name"]] = Parameter(match["name"], "constant", placed[1], value, False,
                                             name, start=placed[0], literal=written)  # fmt: skip
    return list(found.values())
