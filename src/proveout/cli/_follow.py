"""`proveout status --watch`: a study seen live from beside its controller."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

_LOOK_SECONDS = 0.5
_CANNOT_DRAW = {"dumb", "unknown", ""}
"""Kinds of terminal on which a picture cannot be drawn over the one before."""


def follow(folder: Path) -> None:
    """Draws a study as it goes until it has ended, or Ctrl-C; at once where nothing can be drawn.

    Raises:
        UserError: there is no study in the folder, or it has no ledger yet.
    """
    if not sys.stdout.isatty() or os.environ.get("TERM", "") in _CANNOT_DRAW:
        told = "the output is not a terminal that can be drawn on: printed once"
        print(f"proveout: {told}", file=sys.stderr)
        return
    from proveout.cli._watch import LiveWatcher
    from proveout.ledger import LedgerFollower, is_at_work
    from proveout.study import read_study

    study = read_study(folder)
    ledger = LedgerFollower(study.folder)
    ledger.advance()
    ledger.history()  # whether there is one is said before the terminal is taken
    try:
        with LiveWatcher(study) as view:
            while not (history := ledger.history()).ended:
                view.draw(history, is_at_work(study.folder))
                time.sleep(_LOOK_SECONDS)
                ledger.advance()
    except KeyboardInterrupt:
        print()
    finally:
        ledger.close()
