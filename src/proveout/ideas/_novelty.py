"""Whether a change is one that was had before: by the syntax tree, not by the text."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping

from proveout.errors import IdeaError
from proveout.study import Value


def fingerprint(
    before: Mapping[str, str], after: Mapping[str, str | None], parameters: Mapping[str, Value]
) -> str:
    """The same for two changes that differ in comments, docstrings, blanks and quotes alone.

    Python is compared as its syntax tree, anything else as text without blanks at line ends.
    `before` and `after` are as for `patch_between`; files that come out as they were do not count.
    """
    changed = {}
    for path, text in sorted(after.items()):
        new = "" if text is None else normalised(path, text)
        if path not in before or new != normalised(path, before[path]):
            changed[path] = None if text is None else new
    settings = {name: _number(value) for name, value in sorted(parameters.items())}
    if not changed and not settings:
        return ""
    told = json.dumps([changed, settings], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def normalised(path: str, text: str) -> str:
    """A file without what does not count."""
    if path.endswith(".py"):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            tree = None
        if tree is not None:
            return ast.dump(_without_docstrings(tree))
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def check_parses(after: Mapping[str, str | None]) -> None:
    """Raises `IdeaError` with the line where a changed Python file is not Python."""
    for path, text in after.items():
        if text is None or not path.endswith(".py"):
            continue
        try:
            compile(text, path, "exec", flags=ast.PyCF_ONLY_AST, dont_inherit=True)
        except SyntaxError as error:
            line = (error.text or "").rstrip()
            raise IdeaError(
                f"{path}, line {error.lineno}: {error.msg}: {line.strip()[:200]}"
            ) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise IdeaError(f"{path} is not Python: {error}") from None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


def _number(value: Value) -> Value:
    """2 and 2.0 are one setting."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
