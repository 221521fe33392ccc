"""Words for a notebook's pages: names of files that are safe anywhere, text that stays text.

Obsidian, Logseq and Roam agree on few things: a page is a Markdown file, its name is what links
name, `[[name]]` is a link. Only these are used; `[[name|other words]]` is not.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from proveout.report._text import clean, clean_lines

_SPECIAL = re.compile(
    r"[\\`*_{}\[\]<>#!|~$&^]"  # Markdown's own, wherever they stand
    r"|^[+=]|(?<==)=|(?<=%)%|(?<=[(\\])\(|(?<=\))\)"  # lists, highlights, comments, references
)
_FORBIDDEN = re.compile(r"""[\\/:*?"'<>|#^\[\]{}()`$%&!~=@;,]+""")
"""What a file's name may not hold on some system, or a link's on some notebook; brackets are kept
for telling pages of the same name apart."""

_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
}
_NAME_CHARACTERS = 80
_NAME_BYTES = 150
_DIFF_LINES = 400
_DIFF_WIDTH = 400


def page_name(told: str) -> str:
    """A file's name, without its ending, for any text: no path, no markup, not too long."""
    name = unicodedata.normalize("NFC", clean(told[:1000]))
    name = " ".join(_FORBIDDEN.sub(" ", name).split()).strip(". -")
    cut = name[:_NAME_CHARACTERS]
    while len(cut.encode()) > _NAME_BYTES:
        cut = cut[:-1]
    cut = cut.strip(". -")
    if cut != name or not cut:
        cut = f"{cut or 'page'} {digest(told)[:6]}"
    return f"{cut} page" if cut.split(".")[0].lower() in _DEVICES else cut


def digest(text: str) -> str:
    """Hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def fold(name: str) -> str:
    """What two names share that some file system takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def plain(text: str, limit: int = 400) -> str:
    """Text from an idea or a program as one line that Markdown, and what these notebooks add to it,
    shows as it is."""
    line = _SPECIAL.sub(r"\\\g<0>", clean(text, limit))
    # `key:: value` would be a property of the page.
    return line.replace("::", ":\\:")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; cells are Markdown already."""
    return [
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def section(title: str, lines: Sequence[str]) -> list[str]:
    """A heading with what stands under it; nothing where nothing does."""
    return [f"## {title}", "", *lines, *([""] if lines[-1] else [])] if lines else []


def diff_block(diff: str) -> list[str]:
    """A change as a fenced block that nothing in it can close."""
    if not diff.strip():
        return []
    lines = clean_lines(diff.rstrip("\n")[: _DIFF_LINES * _DIFF_WIDTH])
    shown = [line if len(line) <= _DIFF_WIDTH else f"{line[:_DIFF_WIDTH]}…" for line in lines]
    ticks = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, ticks + 1)
    left_out = diff.rstrip("\n").count("\n") + 1 - len(shown[:_DIFF_LINES])
    told = [f"{left_out} more lines are not shown.", ""] if left_out > 0 else []
    return [f"{fence}diff", *shown[:_DIFF_LINES], fence, "", *told]


def tag(*parts: str) -> str:
    """A tag of ours: `proveout/no-effect`."""
    words = [re.sub(r"[^a-z0-9]+", "-", clean(part, 40).lower()).strip("-") for part in parts]
    return "/".join(["proveout", *(word for word in words if word)])
