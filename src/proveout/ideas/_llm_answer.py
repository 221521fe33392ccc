"""Reads ideas out of what a language model wrote: header lines, and edits as blocks.

Blocks to search and replace, or whole files: what models of every size get right most often. An
answer that cannot be used says why in words that the model can mend it by.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proveout.errors import IdeaError
from proveout.ideas._catalog import parse_value
from proveout.ideas._novelty import check_parses
from proveout.ideas._texts import check_path, is_editable
from proveout.study import Value

PREDICTIONS = ("grows", "steady", "fades", "reverses", "nothing")
"""What an idea may say of its gain as compute grows."""

FORMAT = """\
IDEA: short-name-in-lower-case
HYPOTHESIS: one sentence
PREDICTS: grows | steady | fades | reverses | nothing - why, in a sentence
WHY: what in the evidence or the program makes you think so
SET: name=value          (a line for each setting, if any)

path/of/file.py
<<<<<<< SEARCH
lines that are in the file now, exactly, enough of them to occur once
=======
the lines that replace them
>>>>>>> REPLACE

or, for a file that is new or changes nearly everywhere:

FILE: path/of/file.py
```
the whole file
```"""

_EDIT = re.compile(
    r"^<{5,9}[ \t]*SEARCH[ \t]*(?P<inline>[^\n]*)\n(?P<old>.*?)^={5,9}[ \t]*\n"
    r"(?P<new>.*?)^>{5,9}[ \t]*REPLACE[^\n]*$",
    re.MULTILINE | re.DOTALL,
)
_WHOLE = re.compile(
    r"^[#* \t]*FILE:[ \t*`]*(?P<path>[^\n`*]+?)[ \t*`]*\n+(?P<fence>`{3,}|~{3,})[^\n]*\n"
    r"(?P<text>.*?)^(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_HEADER = re.compile(
    r"^[#* \t>-]*(?P<key>IDEA|HYPOTHESIS|PREDICTS|WHY|SET)[*]*[ \t]*:[*]*[ \t]*(?P<value>[^\n]*)$",
    re.MULTILINE | re.IGNORECASE,
)
_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_MOST_IDEAS = 8
_LONGEST_ANSWER = 400_000  # characters that are looked at
_LONGEST_WORDS = 1000


@dataclass(frozen=True)
class Draft:
    """One idea that a model wrote, applied to the program's files."""

    name: str
    hypothesis: str
    predicts: str
    reason: str
    parameters: Mapping[str, Value]
    files: Mapping[str, str | None]
    """The files that it changes, as they become."""


def read_answer(
    answer: str,
    files: Mapping[str, str],
    editable: Sequence[str],
    parameters: Mapping[str, Value],
) -> tuple[tuple[Draft, ...], tuple[str, ...]]:
    """The ideas that can be used, and what is wrong with the others."""
    text = _THOUGHT.sub("", answer[:_LONGEST_ANSWER]).replace("\r\n", "\n")
    if not text.strip():
        return (), ("the answer is empty",)
    drafts, problems = [], []
    for number, part in enumerate(_split(text)[:_MOST_IDEAS], start=1):
        try:
            drafts.append(_read(part, files, editable, parameters))
        except IdeaError as error:
            problems.append(f"idea {number}: {error}")
    return tuple(drafts), tuple(problems)


def _split(text: str) -> list[str]:
    outside = _without_blocks(text)
    starts = [m.start() for m in _HEADER.finditer(outside) if m["key"].upper() == "IDEA"]
    if not starts:
        return [text]
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _without_blocks(text: str) -> str:
    """The text with its blocks blanked, so that a header in code is none."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return _WHOLE.sub(blank, _EDIT.sub(blank, text))


def _read(
    part: str, files: Mapping[str, str], editable: Sequence[str], parameters: Mapping[str, Value]
) -> Draft:
    words, settings = read_header(_without_blocks(part))
    changed = _edits(part, files, editable)
    for name in settings:
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise IdeaError(f"there is no parameter {name[:60]!r} to set; there are: {known}")
    if not changed and not settings:
        raise IdeaError(
            "there is no change in it: give blocks <<<<<<< SEARCH ... ======= ... >>>>>>> REPLACE, "
            "whole files (FILE: path, then a fenced block), or SET lines"
        )
    check_words(words)
    check_parses(changed)
    return Draft(
        name=name_from(words.get("IDEA") or words["HYPOTHESIS"], "llm"),
        hypothesis=words["HYPOTHESIS"],
        predicts=words["PREDICTS"],
        reason=words.get("WHY", ""),
        parameters=settings,
        files=changed,
    )


def read_header(text: str) -> tuple[dict[str, str], dict[str, Value]]:
    """The header lines of an idea, by key, and its settings.

    Raises:
        IdeaError: a SET line that sets nothing.
    """
    words: dict[str, str] = {}
    settings: dict[str, Value] = {}
    for match in _HEADER.finditer(text):
        key, value = match["key"].upper(), match["value"].strip().strip("*`").strip()
        if key != "SET":
            words.setdefault(key, value[:_LONGEST_WORDS])
        elif value:
            name, equals, setting = value.partition("=")
            if not equals:
                raise IdeaError(f"{value[:100]!r} is no setting; write SET: name=value")
            settings[name.strip()] = parse_value(setting.strip())
    return words, settings


def check_words(words: Mapping[str, str]) -> None:
    """Raises `IdeaError` where an idea does not say what it is and what it predicts."""
    if not words.get("HYPOTHESIS"):
        raise IdeaError("it has no line HYPOTHESIS: ...")
    predicts = words.get("PREDICTS", "")
    first = re.match(r"[a-z]+", predicts.lower())
    if first is None or first[0] not in PREDICTIONS:
        raise IdeaError(
            "it does not say what it predicts across scale; begin PREDICTS with one of: "
            + ", ".join(PREDICTIONS)
        )


def name_from(words: str, origin: str) -> str:
    """A name that an idea can have, out of any words."""
    name = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:40].strip("-")
    return f"{origin}-{name or 'idea'}"


def _edits(part: str, files: Mapping[str, str], editable: Sequence[str]) -> dict[str, str | None]:
    now: dict[str, str | None] = {}
    for match in _WHOLE.finditer(part):
        path = _checked(match["path"].strip(), editable)
        now[path] = match["text"]
    for number, match in enumerate(_EDIT.finditer(part), start=1):
        path = _checked(_path_of(part, match, files, editable), editable)
        text = now.get(path, files.get(path))
        now[path] = replaced(text, match["old"], match["new"], path, number)
    return {path: text for path, text in now.items() if text != files.get(path)}


def _checked(path: str, editable: Sequence[str]) -> str:
    check_path(path)
    if not is_editable(path, editable):
        raise IdeaError(f"{path!r} may not be changed; these may: {', '.join(editable)}")
    return path


def _path_of(
    part: str, match: re.Match[str], files: Mapping[str, str], editable: Sequence[str]
) -> str:
    """The path beside a block, on its first line or on the line before it."""
    before = [line.strip() for line in part[: match.start()].splitlines()[-4:]]
    words = [match["inline"].strip(), *reversed(before)]
    for word in words:
        path = re.sub(r"^(?:[#*\s]*FILE:)?", "", word, flags=re.IGNORECASE).strip(" `*#:\t")
        if path in files or (path and is_editable(path, editable)):
            return path
        if (
            word
            and not word.startswith(("```", "~~~"))
            and " " not in path
            and set("./") & set(path)
        ):
            return path  # a path that is wrong, which `_checked` names
    mine = [path for path in files if is_editable(path, editable)]
    if len(mine) == 1:
        return mine[0]
    raise IdeaError("a SEARCH block has no line with the path of its file before it")


def replaced(text: str | None, old: str, new: str, path: str, number: int) -> str:
    """A file's text with a passage replaced that occurs in it once; `number` names the block.

    Raises:
        IdeaError: the passage is not there, or more than once.
    """
    if text is None:
        if old.strip():
            raise IdeaError(f"block {number}: there is no file {path}")
        return new  # nothing of no file: a new one
    if not old.strip():
        raise IdeaError(f"block {number} for {path} searches for nothing")
    found = text.count(old)
    if found == 1:
        return text.replace(old, new)
    if found > 1:
        raise IdeaError(f"block {number}: its SEARCH lines occur {found} times in {path}; add "
                        "lines around them")  # fmt: skip
    return _replaced_loosely(text, old, new, path, number)


def _replaced_loosely(text: str, old: str, new: str, path: str, number: int) -> str:
    """Blanks at line ends, and one indentation for the whole block, may be wrong."""
    lines, wanted = text.splitlines(keepends=True), old.strip("\n").splitlines()
    bare = [line.strip() for line in wanted]
    places = [
        at
        for at in range(len(lines) - len(wanted) + 1)
        if [line.strip() for line in lines[at : at + len(wanted)]] == bare
    ]
    if len(places) != 1:
        raise IdeaError(_not_found(text, wanted, path, number, len(places)))
    there = lines[places[0] : places[0] + len(wanted)]
    shift = _indent(there) - _indent(wanted)
    moved = [_shifted(line, shift) for line in new.strip("\n").splitlines(keepends=True)]
    if moved and not moved[-1].endswith("\n"):
        moved[-1] += "\n"
    return "".join([*lines[: places[0]], *moved, *lines[places[0] + len(wanted) :]])


def _indent(lines: Sequence[str]) -> int:
    first = next((line for line in lines if line.strip()), "")
    return len(first) - len(first.lstrip(" "))


def _shifted(line: str, by: int) -> str:
    if not line.strip():
        return line
    return " " * by + line if by >= 0 else line[min(-by, len(line) - len(line.lstrip(" "))) :]


def _not_found(text: str, wanted: Sequence[str], path: str, number: int, places: int) -> str:
    if places > 1:
        return f"block {number}: its SEARCH lines occur {places} times in {path}; add lines"
    lines = text.splitlines()
    first = next((line for line in wanted if line.strip()), "")
    near = difflib.get_close_matches(first[:200], lines[:5000], n=1, cutoff=0.6)
    hint = f"; the nearest line there is {near[0].strip()[:200]!r}" if near else ""
    return f"block {number}: its SEARCH lines are not in {path}{hint}"
