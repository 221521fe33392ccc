"""Where trials run: `submit`, `poll`, `cancel`, `reattach`."""

from proveout.runners._inline import InlineRunner
from proveout.runners._local import LocalRunner, usable_cores
from proveout.runners._runner import Runner

__all__ = ["InlineRunner", "LocalRunner", "Runner", "usable_cores"]
