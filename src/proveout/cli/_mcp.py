"""`proveout mcp`: a study as tools for a coding agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proveout.errors import UserError


def mcp(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="The folder with study.toml.")],
) -> None:
    """Serve a study to a coding agent over standard input and output (MCP): read and propose."""
    import sys

    from proveout.mcp import serve
    from proveout.study import read_study

    study = read_study(folder)
    if sys.stdin.isatty():
        raise UserError(
            "this speaks the Model Context Protocol with a program at the other end of standard "
            f'input; tell your agent to start it: {{"command": "proveout", "args": ["mcp", '
            f'"{folder}"]}}'
        )
    serve(study)
