"""`proveout ladder`: which rungs to climb, and what the study will cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from proveout.loop import LadderProposal
    from proveout.study import Study


def ladder(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="The folder with study.toml.")],
    size: Annotated[str | None, typer.Option(help="The parameter that makes it larger.")] = None,
    steps: Annotated[str | None, typer.Option(help="The parameter that makes it longer.")] = None,
    sizes: Annotated[
        str | None, typer.Option(help="Sizes to compare at each compute: 8,16,32,64.")
    ] = None,
    sweeps: Annotated[int, typer.Option(min=0, help="At how many computes.")] = 2,
    rungs: Annotated[int | None, typer.Option(min=1, help="How many rungs to propose.")] = None,
    target: Annotated[str | None, typer.Option(help="The scale that you care about.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write them into study.toml.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a few of the smallest trials; propose rungs and price the study. Charges nothing."""
    from proveout.errors import UserError
    from proveout.loop import Wanted, propose_ladder, write_ladder
    from proveout.study import read_study
    from proveout.units import parse_compute

    study = read_study(folder)
    try:
        tried = tuple(float(each) for each in sizes.split(",")) if sizes else ()
    except ValueError:
        raise UserError(
            f"--sizes {sizes!r} is no list of numbers; write for example 8,16,32"
        ) from None
    if any(not 0 < each < float("inf") for each in tried):
        raise UserError(f"--sizes {sizes!r} must be numbers above 0")
    wanted = Wanted(size, steps, tried, sweeps, rungs, parse_compute(target) if target else None)
    say = (lambda line: None) if as_json else (lambda line: print(line, flush=True))
    proposal = propose_ladder(study, wanted, say)
    if write:
        write_ladder(study, proposal)
    if as_json:
        import json

        print(json.dumps(document(study, proposal, write), indent=1, allow_nan=False))
    else:
        _show(study, proposal, write, folder)


def document(study: Study, found: LadderProposal, written: bool) -> dict[str, object]:
    """The proposal as JSON data."""
    return {
        "study": str(study.folder),
        "size": found.size,
        "steps": found.steps,
        "unit": study.budget.compute.unit,
        "costs": {
            "source": found.costs.source,
            "size_exponent": found.costs.size_exponent,
            "start_seconds": found.costs.start_seconds,
        },
        "sweeps": [
            {
                "compute": sweep.compute,
                "best_size": sweep.best.size if sweep.best else None,
                "inside": sweep.best.inside if sweep.best else None,
                "runs": [
                    {"size": run.size, "steps": run.steps, "loss": run.loss,
                     "wall_seconds": run.wall_seconds, "failure": run.failure or None}
                    for run in sweep.runs
                ],
            }
            for sweep in found.sweeps
        ],
        "law": None if found.law is None
        else {"coefficient": found.law.coefficient, "exponent": found.law.exponent},
        "rungs": [
            {"compute": rung.compute.amount, "parameters": dict(rung.parameters),
             "wall_seconds": rung.wall_seconds}
            for rung in (*found.rungs, found.target)
        ],
        "ideas": found.ideas,
        "price": found.price,
        "budget": study.budget.compute.amount,
        "wall_seconds": found.wall_seconds,
        "notes": list(found.notes),
        "written": written,
    }  # fmt: skip


def _show(study: Study, found: LadderProposal, written: bool, folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from proveout.units import compact, duration

    for sweep in found.sweeps:
        if sweep.best is not None and sweep.best.inside:
            print(f"at {compact(sweep.compute)} the best {found.size} is {sweep.best.size:.3g}")
    table = Table(box=None, pad_edge=False)
    for name in ("rung", "compute", "parameters", "one trial"):
        table.add_column(name)
    for number, rung in enumerate((*found.rungs, found.target), start=1):
        name = str(number) if number <= len(found.rungs) else "target"
        told = ", ".join(f"{key} = {value}" for key, value in rung.parameters.items())
        table.add_row(name, str(rung.compute), told, duration(rung.wall_seconds))
    Console(width=120).print(table)
    for note in found.notes:
        print(f"- {note}")
    unit = study.budget.compute.unit
    ideas = "1 idea" if found.ideas == 1 else f"{found.ideas} ideas"
    print(f"price: {compact(found.price)} {unit} for {ideas} at every rung and both "
          f"arms at the target; the budget is {study.budget.compute}")  # fmt: skip
    print(f"time:  about {duration(found.wall_seconds)} on this machine; ideas that are left early "
          "cost less")  # fmt: skip
    if written:
        print(f"written into {folder / 'study.toml'}")
    else:
        print("nothing was written; --write puts these rungs into study.toml")
