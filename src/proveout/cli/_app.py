"""The verbs. Rooms are imported inside them, so that `proveout --help` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from proveout.errors import ProveoutError, UserError

if TYPE_CHECKING:
    pass

app = typer.Typer(
    name="proveout",
    help="Proves training ideas out on a ladder of scales, under a compute budget.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_DONE, _FAILED, _USER_MISTAKE, _WORK_LEFT = range(4)

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="The folder that holds study.toml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> NoReturn:
    """Runs the command line. Exit code 0 done, 1 failed, 2 the user's mistake, 3 work left."""
    try:
        app()
    except UserError as error:
        _fail(str(error), _USER_MISTAKE)
    except ProveoutError as error:
        _fail(str(error), _FAILED)
    except KeyboardInterrupt:
        sys.exit(_WORK_LEFT)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(_FAILED)
    sys.exit(_DONE)


def _fail(message: str, code: int) -> NoReturn:
    print(f"proveout: {message}", file=sys.stderr)
    sys.exit(code)
