"""`proveout fit`: a scaling law from a table of runs, and what it forecasts. Needs no study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proveout.errors import UserError


def fit(
    points: Annotated[
        Path,
        typer.Argument(
            metavar="POINTS.csv",
            help="A table of runs: loss, and compute or params and tokens.",
            show_default=False,
        ),
    ],
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="params=1e9,tokens=2e10",
            help="Where to forecast the loss, once for each place; "
            "by default at 10 and 100 times the largest compute.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    forms: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="Only these laws, such as chinchilla,power."),
    ] = None,
    hold_out_above: Annotated[
        str | None,
        typer.Option(
            metavar="COMPUTE",
            help="Also fit only the runs up to this compute, and forecast the others: a check.",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it: a .png or .svg file.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column that holds the loss.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="params=N,tokens=D", help="The columns that hold what is needed."),
    ] = None,
    curve: Annotated[
        bool,
        typer.Option(
            "--learning-curve",
            help="The rows are steps of one run and no models of several sizes.",
        ),
    ] = False,
    no_discrepancy: Annotated[
        bool,
        typer.Option(
            "--no-discrepancy",
            help="Leave out what laws were seen to miss by on other people's runs.",
        ),
    ] = False,
) -> None:
    """Fit scaling laws to a table of runs and forecast the loss of larger ones."""
    from proveout.cli._fit_law import find
    from proveout.cli._fit_picture import picture_of
    from proveout.cli._fit_show import print_found
    from proveout.cli._shared import console, explained, print_json, shortest
    from proveout.points import read_runs
    from proveout.report import check_figure_path, save_law_figure

    if plot is not None:
        check_figure_path(plot)
    runs = read_runs(points, named_columns(columns, loss))
    discrepancy = None if no_discrepancy else "curves" if curve else "models"
    found = find(runs, at or [], forms, hold_out_above, discrepancy)
    if as_json:
        print_json(found.document())
    else:
        print_found(found, console())
    if plot is not None:
        with explained(plot):
            save_law_figure(picture_of(found), plot)
        if not as_json:
            print(f"\nfigure: {shortest(plot)}")


def named_columns(
    columns: str | None, loss: str | None, example: str = "params=N,tokens=D,loss=L"
) -> dict[str, str]:
    """`params=N,tokens=D` as a mapping; the loss may be named apart."""
    given: dict[str, str] = {}
    for part in (columns or "").split(",") if columns is not None else []:
        role, equals, name = (each.strip() for each in part.partition("="))
        if not equals or not role:
            raise UserError(f"--columns {columns!r}: {part.strip()!r} is not NAME=COLUMN; "
                            f"write --columns {example}")  # fmt: skip
        given[role] = name
    return given | ({"loss": loss} if loss is not None else {})
