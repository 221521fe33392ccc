"""The Model Context Protocol: a study as tools for a coding agent that reads and proposes."""

from proveout.mcp._desk import StudyView
from proveout.mcp._server import serve, server_for

__all__ = ["StudyView", "serve", "server_for"]
