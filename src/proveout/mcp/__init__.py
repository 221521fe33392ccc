"""The Model Context Protocol: a study as tools for a coding agent that reads and proposes."""

from proveout.mcp._server import serve, server_for
from proveout.mcp._view import StudyView

__all__ = ["StudyView", "serve", "server_for"]
