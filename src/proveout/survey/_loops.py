"""The longest counted loop of a source in another language, whose bound is a written number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from proveout.survey._literals import plain
from proveout.survey._records import Parameter
from proveout.survey._roles import last_word

COUNTERS = {"epoch", "step", "iteration", "it", "iter", "i", "t", "e", "ep", "n", "generation",
            "gen", "g", "round", "pass_num", "episode", "k", "_"}  # fmt: skip
"""What the loop of a training is counted with."""
_PARTS = {"epoch", "step", "iteration", "iter", "generation", "gen", "round", "episode", "update"}


def counts(name: str) -> bool:
    """Whether a loop's name is one that a training is counted with: `epoch`, `cur_iter`, `_`."""
    word = last_word(name)
    return word in COUNTERS or not _PARTS.isdisjoint(word.split("_"))


_LEAST_LINES = 3
_LEAST_ROUNDS = 8
_BOUNDED = re.compile(
    r"^(?P<before>[^\n]*?\bfor\s*\(?\s*(?:(?:int|long|size_t|unsigned|let|var|auto)\s+)?"
    r"(?P<name>[A-Za-z]\w*)\s*:?=\s*(?P<first>[01])\s*;\s*(?P=name)\s*<=?\s*)(?P<bound>\d+)\s*;"
    r"|^(?P<before2>[^\n]*?\bfor\s+(?:my\s+)?\$?(?P<name2>[A-Za-z]\w*)\s*(?:in\s+)?\(?\s*"
    r"(?P<first2>[01])\s*\.\.=?\s*)(?P<bound2>\d+)\b",
    re.M,
)


def counted_loop(text: str, name: str) -> Parameter | None:
    """`for (i = 0; i < 300; i++) {`, `for epoch in 0..40 {`, `for my $e (1..40) {`: the one with
    the most lines, three at least, that lies in no other such loop; None where there is none."""
    found = [(_lines(text, match.end()), match) for match in _loops(text)]
    if not found:
        return None
    lines, longest = max(found, key=lambda each: each[0])
    before = longest["before"] or longest["before2"]
    bound = longest["bound"] or longest["bound2"]
    start = "^" + re.escape(before).replace("\\ ", " ")
    alone = len(re.findall(rf"{start}\d+\b", text, re.M)) == 1
    if lines < _LEAST_LINES or int(bound) < _LEAST_ROUNDS or not alone:
        return None
    counter = (longest["name"] or longest["name2"]).strip("_") or "loop"
    return Parameter(f"{counter}s", "constant", "", plain(bound), False, name, role="steps",
                     start=start, literal=bound, exact=True)  # fmt: skip


def _loops(text: str) -> Iterator[re.Match[str]]:
    """Those that lie in no other, of what a training is counted with."""
    end = 0
    for match in _BOUNDED.finditer(text):
        if not counts(match["name"] or match["name2"]) or match.start() < end:
            continue
        end = _closed(text, match.end())
        yield match


def _closed(text: str, at: int) -> int:
    """Where the braces that open next are closed; the end of the statement where none do."""
    opened = text.find("{", at)
    ended = text.find(";", text.find(")", at))
    if opened < 0 or (0 <= ended < opened):
        return max(ended, at)
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, opened):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(text)


def _lines(text: str, at: int) -> int:
    return text.count("\n", at, _closed(text, at))
