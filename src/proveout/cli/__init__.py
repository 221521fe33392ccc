"""The command line: each verb calls one function of a room and prints what it returns."""

from proveout.cli._app import app, main

__all__ = ["app", "main"]
