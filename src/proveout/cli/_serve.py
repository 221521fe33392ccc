"""`proveout serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from proveout.errors import UserError

_NICENESS = 10
"""Viewers never slow the research: where cores are short, trials and their controller go first."""


def serve(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A study's folder, or one that holds studies.")
    ],
    host: Annotated[
        str, typer.Option(help="The address to listen on; by default this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any that is free.", min=0, max=65535)] = 0,
    token: Annotated[
        str | None,
        typer.Option(envvar="PROVEOUT_TOKEN", help="What visitors need; by default a random one."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="For sharing: pages that change nothing.")
    ] = False,
) -> None:
    """Show studies live in a browser, until Ctrl-C."""
    os.nice(_NICENESS)
    try:
        from proveout.web import serve as serve_pages
    except ModuleNotFoundError as missing:
        raise UserError(
            f"`proveout serve` needs {missing.name}: pip install 'proveout[web]'"
        ) from None
    serve_pages(folder, host, port, token, read_only, ready=_say)


def _say(address: str) -> None:
    print(address, flush=True)
