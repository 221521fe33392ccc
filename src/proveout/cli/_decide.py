"""`proveout decide`: which of several ideas to keep, from a table of runs. Needs no study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proveout.errors import UserError


def decide(
    runs: Annotated[
        Path,
        typer.Argument(
            metavar="RUNS.csv",
            help="A table of runs: idea, scale and loss, and the seed where there is one.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str,
        typer.Option(
            metavar="SCALE",
            help="The scale that matters, such as 1e13 or 1.2B.",
            show_default=False,
        ),
    ],
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="IDEA",
            help="What the others are compared with; by default an idea named baseline, base, "
            "control, default or reference, else the average of all.",
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="flops|params|tokens|...",
            help="What the scales count: flops, params, tokens, examples, steps or seconds; by "
            "default what the column's name says.",
        ),
    ] = None,
    loss: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column that holds the loss.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="idea=I,scale=S", help="The columns that hold what is needed."),
    ] = None,
    higher_is_better: Annotated[
        bool,
        typer.Option(
            "--higher-is-better",
            help="More of the loss is better; by default what its column's name says.",
        ),
    ] = False,
    lower_is_better: Annotated[
        bool, typer.Option("--lower-is-better", help="Less is better, whatever the name says.")
    ] = False,
    certainty: Annotated[
        float, typer.Option(help="How sure one must be to say that an idea holds.")
    ] = 0.95,
    smallest_gap: Annotated[
        float, typer.Option(help="The least gain worth having, as a share of the loss.")
    ] = 0.005,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it: a .png or .svg file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decide between ideas that were run at several scales: which holds at the target?"""
    from proveout.cli._decide_runs import Asked, weigh
    from proveout.cli._decide_show import document, print_decided
    from proveout.cli._fit import named_columns
    from proveout.cli._shared import console, explained, print_json, shortest
    from proveout.points import read_idea_runs
    from proveout.report import check_figure_path, save_decide_figure

    if plot is not None:
        check_figure_path(plot)
    if higher_is_better and lower_is_better:
        raise UserError("--higher-is-better and --lower-is-better exclude each other; say one")
    higher = True if higher_is_better else False if lower_is_better else None
    asked = Asked(target, baseline, certainty, smallest_gap)
    named = named_columns(columns, loss, "idea=I,scale=S,seed=R,loss=L")
    table = read_idea_runs(runs, named, unit=unit, higher_is_better=higher)
    decided = weigh(table, asked)
    if as_json:
        print_json(document(decided.decision, decided.shown))
    else:
        print_decided(decided, console())
    if plot is not None:
        with explained(plot):
            save_decide_figure(decided.shown, plot, loss_name=table.columns["loss"])
        if not as_json:
            print(f"\nfigure: {shortest(plot)}")
