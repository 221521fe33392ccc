"""Runs the dashboard on a port."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import anyio.to_thread
import uvicorn

from proveout.errors import EnvironmentFailure, UserError
from proveout.web._app import Options, make_app
from proveout.web._improvers import find_improvements
from proveout.web._live import find_studies

LOOPBACK = "127.0.0.1"
_LEAST_TOKEN = 12

_THREADS = 4
"""That render pages. They take turns at the interpreter anyway, and each keeps memory of its own:
forty of them, the default, took 90 MB more of a large study with fifty viewers."""


def serve(
    folder: Path,
    host: str = LOOPBACK,
    port: int = 0,
    token: str | None = None,
    read_only: bool = False,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serves the study or the improvers in `folder`, or those right below it, until interrupted.

    `ready` is told the address with its token once requests are answered; port 0 takes a free one.

    Raises:
        UserError: no study, or a token that could be guessed.
        EnvironmentFailure: the port cannot be had.
    """
    improvements = find_improvements(folder)
    studies = find_studies(folder, len(improvements))
    token = _checked_token(host, token)
    listener = _listen(host, port)
    bound = listener.getsockname()[1]
    hosts = frozenset(f"{name}:{bound}" for name in ("localhost", LOOPBACK, "[::1]"))
    options = Options(token, read_only, hosts if _is_loopback(host) else None)
    shown = f"[{host}]" if ":" in host else host
    server = _Server(
        uvicorn.Config(
            make_app(studies, options, improvements),
            log_level="warning",
            access_log=False,  # addresses may hold the token
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )

    async def run() -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if not serving.done():
            ready(f"http://{shown}:{bound}/?token={token}")
        await serving

    asyncio.run(run())


class _Server(uvicorn.Server):
    """Tells the pages that listen for changes that it ends, so that none is cut off."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ctrl-C or SIGTERM."""
        app: Any = self.config.app
        app.state.closing.set()
        super().handle_exit(sig, frame)


def _checked_token(host: str, token: str | None) -> str:
    if token is None:
        return secrets.token_urlsafe(24)
    if len(token) < _LEAST_TOKEN or not token.isascii() or not token.isprintable():
        raise UserError(
            f"the token has {len(token)} characters; it must have at least {_LEAST_TOKEN}, of "
            "printable ASCII. Leave it out to get a random one"
        )
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        raise EnvironmentFailure(
            f"cannot listen on {host} port {port}: {error}. Give another --port, or 0 for any"
        ) from None
    return listener
