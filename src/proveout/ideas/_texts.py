"""Changes as texts: a patch from files before and after, and text of others made safe to quote."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence

from proveout.errors import IdeaError

LARGEST_FILE_BYTES = 1_000_000
LARGEST_PATCH_BYTES = 1_000_000


def patch_between(before: Mapping[str, str], after: Mapping[str, str | None]) -> str:
    """The unified diff that git applies to bring files from one state to another.

    `after` has the files that may have changed, None for those that are gone.

    Raises:
        IdeaError: a path or a change is not one that an idea can make.
    """
    parts = [_one(path, before.get(path), text) for path, text in sorted(after.items())]
    patch = "".join(parts)
    if len(patch.encode()) > LARGEST_PATCH_BYTES:
        raise IdeaError(f"a change of {len(patch)} characters is more than an idea may have")
    return patch


def _one(path: str, old: str | None, new: str | None) -> str:
    if old == new:
        return ""
    check_path(path)
    head = [f"diff --git a/{path} b/{path}\n"]
    if old is None:
        head.append("new file mode 100644\n")
    if new is None:
        head.append("deleted file mode 100644\n")
    body = list(
        difflib.unified_diff(
            _lines(old or ""),
            _lines(new or ""),
            "/dev/null" if old is None else f"a/{path}",
            "/dev/null" if new is None else f"b/{path}",
        )
    )
    return "".join([*head, *(_ended(line) for line in body)])


def _lines(text: str) -> list[str]:
    """Lines as git knows them: nothing but a line feed ends one."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def check_path(path: str) -> None:
    """Raises `IdeaError` where a path is not plain and inside the program."""
    parts = path.split("/")
    bad = not path or any(part in {"", ".", "..", ".git", ".proveout"} for part in parts)
    if bad or not path.isprintable() or any(ch in path for ch in '"\\') or len(path) > 300:
        raise IdeaError(f"{path[:300]!r} is not a path inside the program")


def is_editable(path: str, editable: Sequence[str]) -> bool:
    """Whether a path is named, lies in a named folder, or matches a pattern (`*` crosses `/`)."""
    return any(
        fnmatch.fnmatchcase(path, pattern) or path.startswith(pattern.rstrip("/") + "/")
        for pattern in editable
    )


def quoted(text: str, limit: int, label: str) -> str:
    """Text from a program or a person as data in a prompt: capped, printable, fenced.

    The fence is one that the text does not contain, so that nothing in it can end the quotation.
    """
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    shown = "\n".join("".join(ch for ch in line if ch.isprintable()) for line in lines)
    if len(shown) > limit:
        half = max(limit // 2 - 20, 1)
        shown = (
            f"{shown[:half]}\n[... {len(shown) - 2 * half} characters left out ...]\n"
            + (shown[-half:])
        )
    fence = "~~~"
    while fence in shown:
        fence += "~"
    return f"{fence} {label}\n{shown}\n{fence}"
