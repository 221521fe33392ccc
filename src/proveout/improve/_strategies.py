"""The library of strategies: improvers that are read as text and run shut in, never imported."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "strategies"


@cache
def strategies() -> dict[str, str]:
    """The source of each improver that comes with proveout, by name."""
    return {path.stem: path.read_text() for path in sorted(_FOLDER.glob("*.py"))}
