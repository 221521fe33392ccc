"""Numbers in what a program printed: what each is called, and an expression that finds it again."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from proveout.survey._scores import Reported, says_on_what

_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?|nan|inf"
_WORDS = r"[A-Za-z][\w/.@-]*(?: [A-Za-z][\w/.@-]*){0,2}?"
_COUNTING = ("epoch", "step", "iter", "iteration", "batch", "round", "generation", "gen")
_ALONE = r"\[+(?=[-+\d.eE]+\])"
_OPENS = rf"(?:(?:tensor|array|np\.float(?:32|64))\((?:{_ALONE})?|{_ALONE})?"
"""What stands around a number that is one: `[0.5]` is, and `[1, 0]` is a list."""
_PAIR = re.compile(
    rf"({_WORDS})([\"']?\s*[:=]\s*|\s+){_OPENS}({_NUMBER})"
    r"(?![\w.]*[A-Za-z_])"
)
# `train: loss 0.5 | val: loss 0.6`, `Test set: Average loss: 0.1`, `[val] loss 0.3`
_HEADING = re.compile(
    r"(?<![\w/.-])(?P<words>[A-Za-z][\w-]*(?: [A-Za-z][\w-]*){0,2})(?:[\"']?\s*[:\])|]|\s-\s)"
    r"(?P<number>\s*[-+.]?\d)?"
)
_AFTER = re.compile(
    rf"(?<![\w./-])(?P<number>{_NUMBER})(?:\s*/\s*\d+)?\s*%?\s+"
    r"(?P<word>correct|accuracy|accurate|solved|misclassified|errors|wrong)\b"
)
# `Cost after iteration 100: 0.7`, `MSE (epoch 3) is 0.2`: the first number counts
_COUNTED = re.compile(
    r"(?P<name>[A-Za-z][\w/.@-]*(?: [A-Za-z][\w/.@-]*){0,3}?)"
    r"(?P<before> \(?(?:(?:after|at|in|on|for|of)(?: the)? )?(?:[A-Za-z]+ )?#?)"
    rf"(?P<count>\d+)(?P<after>(?: [A-Za-z]+){{0,3}}\)?)(?P<says>\s*[:=]\s*| (?:is|was) ){_OPENS}"
    rf"(?P<number>{_NUMBER})(?![\w.]*[A-Za-z_])"
)
_ROW_START = rf"\s*\(?\[?(?:(?:{'|'.join(_COUNTING)})s?\W{{0,2}})?(?:\d+/)?"
_ROW_REST = rf"(?:\s*[,;:|\])]+\s*|\s+)({_NUMBER})(?:\s*/\s*(?P<total>\d+))?\s*"
_ROW = re.compile(rf"{_ROW_START}(\d+){_ROW_REST}", re.I)
_LEAST_ROWS = 3
_GAP = r"(?:\s*[|,;]\s*|\s+)"
_BETWEEN = re.compile(_GAP)
_HEAD = re.compile(r"[A-Za-z][\w/.@%-]*")
_CELL = re.compile(_NUMBER)
_WARNING = re.compile(r"\S+:\d+: \w*Warning\b")
_LONGEST = 1000


class _Said(NamedTuple):
    name: str
    value: str
    pattern: str


def printed(text: str) -> Iterator[Reported]:
    """Every number with a name in the text, as it was said last; and the second of lines that are
    two numbers and nothing else, of which the first counts."""
    found: dict[str, Reported] = {}
    rows: list[tuple[int, str, int, str]] = []
    heads: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines()):
        line = line[:_LONGEST]
        cells = tuple(_BETWEEN.split(line.strip(" |\t")))
        if len(cells) > 1 and all(map(_HEAD.fullmatch, cells)):
            heads = cells
        elif heads and len(cells) == len(heads) and all(map(_CELL.fullmatch, cells)):
            for said in _columns(heads, cells):
                found[said.name] = _reported(said, found.get(said.name), number)
            continue
        if _WARNING.match(line):
            continue
        if row := _ROW.fullmatch(line):
            rows.append((int(row[1]), row[2], number, row["total"] or ""))
        for said in (*_pairs(line), *_told_after(line)):
            key = said.name.lower()
            found[key] = _reported(said, found.get(key), number)
    yield from found.values()
    totals = {total for *_, total in rows}
    least = 2 if len(totals) == 1 and totals != {""} else _LEAST_ROWS  # `27 / 250`, `35 / 250`
    if len(rows) >= least and all(a[0] < b[0] for a, b in itertools.pairwise(rows)):
        _, value, number, _ = rows[-1]
        pattern = rf"(?i)^{_ROW_START}\d+{_ROW_REST}$".replace("(?P<total>\\d+)", "\\d+")
        yield Reported("output", "column 2", _finite(value), "", pattern, len(rows), number)


def _reported(said: _Said, before: Reported | None, line: int) -> Reported:
    times = 1 if before is None else before.times + 1
    return Reported("output", said.name, _finite(said.value), "", said.pattern, times, line)


def _columns(heads: tuple[str, ...], cells: tuple[str, ...]) -> Iterator[_Said]:
    """A row of numbers below a row of as many words: `gen  evals  best` and `7  140  0.25`."""
    cell = rf"(?:{_NUMBER})"
    for at, (name, value) in enumerate(zip(heads, cells, strict=True)):
        before = rf"(?:{cell}{_GAP}){{{at}}}" if at else ""
        after = rf"(?:{_GAP}{cell}){{{len(cells) - at - 1}}}" if at < len(cells) - 1 else ""
        yield _Said(name, value, rf"^[\s|]*{before}({_NUMBER}){after}[\s|]*$")


def _pairs(line: str) -> Iterator[_Said]:
    """`val_loss: 0.3`, with the heading that says on what data where the name does not."""
    for match in _COUNTED.finditer(line):
        if (said := _with_a_count(match)) is not None:
            yield said
            line = line[: match.start()] + " " * len(match[0]) + line[match.end() :]
    for match in _PAIR.finditer(line):
        called = _called(line, match)
        if called.lower() in ("e", "of", "in"):
            continue
        pattern = pattern_for(called, match[2])
        if Reported("output", called, None).rank is not None and not says_on_what(called):
            heading = _heading(line[: match.start(1)])
            if heading:
                called = f"{heading} {called}"
                pattern = rf"\b{_literal(heading)}\b.*?{pattern}"
        yield _Said(called, match[3], pattern)


def _with_a_count(match: re.Match[str]) -> _Said | None:
    """A number whose name has another one in it, `loss after epoch 3: 0.5`, if it is one that is
    called like a score."""
    called = match["name"]
    if Reported("output", called, None).rank is None:
        return None
    if says_on_what(match["after"]):
        called = f"{called}{match['before']}{match['after'].lstrip()}".replace("  ", " ")
    named = rf"\b{_literal(match['name'])}{_literal(match['before'])}\d+{_literal(match['after'])}"
    says = r"\s*[:=]\s*" if match["says"].strip() in {":", "="} else match["says"]
    return _Said(called, match["number"], rf"{named}{says}{_OPENS}({_NUMBER})")


def _heading(before: str) -> str:
    """The nearest words before a name that head what follows them and say on what data it is
    measured; empty where there are none."""
    nearest = ""
    for match in _HEADING.finditer(before):
        words = match["words"]
        counts = words.lower().rpartition(" ")[2] in _COUNTING
        if match["number"] and not counts:
            continue  # a pair of its own: `val split: 0.1`
        if says_on_what(words) and Reported("output", words, None).rank is None:
            nearest = words
    return nearest


def _told_after(line: str) -> Iterator[_Said]:
    """`142/150 correct`, `94.7% accuracy`."""
    for match in _AFTER.finditer(line):
        called = match["word"]
        pattern = rf"({_NUMBER})(?:\s*/\s*\d+)?\s*%?\s+{called}\b"
        if heading := _heading(line[: match.start()]):
            called, pattern = f"{heading} {called}", rf"\b{_literal(heading)}\b.*?{pattern}"
        yield _Said(called, match["number"], pattern)


def _called(line: str, match: re.Match[str]) -> str:
    """What a number in a line is called: up to three words, or as many again where only those say
    what it is: `Accuracy on the test set: 0.9`, `error (MSE) on test set: 0.3`."""
    name = match[1].strip()
    if not match[2].strip() or Reported("output", name, None).rank is not None:
        return name
    before = re.search(r"(?:\(?[A-Za-z][\w/.-]*\)? ){1,3}$", line[: match.start(1)])
    longer = f"{before[0].lstrip('(')}{name}" if before else name
    return longer if Reported("output", longer, None).rank is not None else name


def pattern_for(name: str, between: str = ": ") -> str:
    """An expression for `name: 3.2` in a line of output, whose group is the number."""
    joined = r"\s*[:=]\s*" if between.strip() else r"\s+"
    if between[:1] in ("'", '"'):
        joined = between[0] + joined
    return rf"\b{_literal(name)}{joined}{_OPENS}({_NUMBER})"


def _literal(name: str) -> str:
    return re.escape(name).replace("\\ ", " ")


def name_in(pattern: str) -> str:
    """The words right before the first group of an expression for a line of output, or what that
    group is called: `val_loss` of `val_loss=(\\S+)`; empty where there are none."""
    group = re.search(r"(?<!\\)\((?:\?P<(\w+)>|(?!\?))", pattern)
    if group is None:
        return ""
    before = re.sub(r"\\[A-Za-z][*+?]*", " ", pattern[: group.start()])
    before = re.sub(r"\[[^\]]*\][*+?]*", " ", before).replace("\\", "")
    words = re.search(rf"({_WORDS})[^A-Za-z0-9]*$", before)
    return words[1] if words else group[1] or ""


def _finite(text: str) -> float | None:
    value = float(text)
    return value if abs(value) < float("inf") else None
