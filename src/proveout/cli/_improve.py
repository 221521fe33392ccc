"""`proveout improve`: the idea-maker improves itself."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proveout.cli._shared import console, explained, print_json, to_json
from proveout.errors import UserError

if TYPE_CHECKING:
    from proveout.improve import Archive, Improvement, Transfer
    from proveout.ledger import Event

_WORK_LEFT = 3
_MOST_SAMPLES = 10_000


def improve(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder that holds improve.toml.")
    ],
    init: Annotated[
        bool, typer.Option("--init", help="Write an improve.toml to start from.")
    ] = False,
    key: Annotated[
        str, typer.Option(help="Of --init: what instances are drawn from; else new ones.")
    ] = "",
    status: Annotated[
        bool, typer.Option("--status", help="Print where it stands; run nothing.")
    ] = False,
    show: Annotated[
        str | None, typer.Option(metavar="NAME", help="One improver: lineage, scores, text.")
    ] = None,
    approve: Annotated[
        str | None, typer.Option(metavar="NAME", help="Say yes to the child that waits.")
    ] = None,
    decline: Annotated[
        str | None, typer.Option(metavar="NAME", help="Say no to the child that waits.")
    ] = None,
    rollback: Annotated[
        str | None, typer.Option(metavar="NAME", help="Go back to one that was adopted before.")
    ] = None,
    probe: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only measure what N programs reach for.")
    ] = None,
    transfer: Annotated[
        bool, typer.Option("--transfer", help="Only score improvers on other tasks.")
    ] = False,
    improvers: Annotated[
        str | None, typer.Option(help="Of --transfer: names with commas between them.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Of --transfer: the one to hold all against; else the seed.")
    ] = None,
    samples: Annotated[
        str | None, typer.Option(help="Of --transfer: budgets, as in 8,24; else 24.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Of --transfer: as in embedded,llm; else the folder's own.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=2, help="Of --transfer: runs of each on each task; else 10.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let the idea-maker improve itself, or go on with it; adopts only what is proven better."""
    from proveout.improve import read_improvement

    if init:
        _init(folder, key)
        return
    if key:
        raise UserError("--key goes with --init; later it stands in improve.toml")
    of_transfer = (improvers, against, samples, models, seeds)
    if not transfer and any(each is not None for each in of_transfer):
        raise UserError(
            "--improvers, --against, --samples, --models and --seeds go with --transfer"
        )
    asked = (show, approve, decline, rollback, probe, status or None, transfer or None)
    if sum(each is not None for each in asked) > 1:
        raise UserError("--status, --show, --approve, --decline, --rollback, --probe, --transfer: "
                        "give one of them")  # fmt: skip
    if show is not None or status:  # from the records alone
        _show(folder, show, as_json) if show is not None else _print(folder, as_json)
        return
    spec = read_improvement(folder)
    if approve is not None or decline is not None or rollback is not None:
        _decide(spec, approve, decline, rollback)
    elif probe is not None:
        with _stoppable(" the same command"):
            _probe(spec, probe, as_json)
    elif transfer:
        wanted = _wanted(improvers, against, samples, models, seeds)
        with _stoppable(" the same command"):
            _transfer(spec, wanted, as_json)
    else:
        _run(spec, folder, as_json)


@contextlib.contextmanager
def _stoppable(command: str) -> Iterator[None]:
    """What was made until Ctrl-C or a hard end is on record, and the same command goes on."""
    from proveout.improve import Ended

    try:
        yield
    except KeyboardInterrupt:
        print(f"\nstopped; go on with{command}", file=sys.stderr)
        raise typer.Exit(_WORK_LEFT) from None
    except Ended as ended:
        print(f"\nstopped with work left: {ended}. Raise it in [end] of improve.toml, and go on "
              f"with{command}", file=sys.stderr)  # fmt: skip
        raise typer.Exit(_WORK_LEFT) from None


def _run(spec: Improvement, folder: Path, as_json: bool) -> None:
    from proveout.improve import run_improvement

    with _stoppable(f": proveout improve {shlex.quote(str(folder))}"):
        why, left = run_improvement(spec, _quiet if as_json else _say)
    if not as_json:
        print()
    _print(folder, as_json)
    if left:
        print(f"\nstopped with work left: {why}", file=sys.stderr)
        raise typer.Exit(_WORK_LEFT)


def _quiet(event: Event) -> None:
    """With --json nothing but the document is printed."""


def _say(event: Event) -> None:
    """A line for each thing that was decided; what a program said in it is made printable."""
    from proveout.ledger import (
        GateRead,
        ImproverAdded,
        ImproverAdopted,
        ImproverRefused,
        ImproverRejected,
        ScreenRead,
        TransferRead,
    )
    from proveout.trials import clean_lines

    match event:
        case ImproverAdded(origin="child") as added:
            line = f"+ {added.name}  an edit of {added.base}, made by {added.by}"
        case ImproverRefused() as refused:
            line = f"⊘ {refused.name}  {refused.kind}: {refused.reason}"
        case ScreenRead() as screen:
            line = (f"  {screen.child}  training tasks: {screen.child_gain:.3f} against "
                    f"{screen.parent_gain:.3f} of {screen.parent}")  # fmt: skip
        case GateRead() as gate:
            low, high = gate.interval95
            line = (f"  {gate.child}  held-out tasks: {gate.mean:+.3f} [{low:+.3f}, {high:+.3f}] "
                    f"to {gate.parent} in {gate.rounds * len(gate.tasks)} pairs")  # fmt: skip
        case ImproverRejected() as rejected:
            line = f"✗ {rejected.name}  {rejected.reason}"
        case ImproverAdopted() as adopted:
            line = f"✓ {adopted.name}  {adopted.why}"
        case TransferRead(difference=None) as read:
            line = (f"  {read.task or 'all tasks'} at {read.samples} samples with {read.model}: "
                    f"{read.runs} runs of each improver")  # fmt: skip
        case _:
            return
    print(*clean_lines(" ".join(line.splitlines())), flush=True)


def _print(folder: Path, as_json: bool) -> None:
    from proveout.improve import read_archive
    from proveout.report import improvement_json, improvement_text

    archive = read_archive(folder)
    if as_json:
        print_json(improvement_json(archive, folder.name))
    else:
        console().print(improvement_text(archive, str(folder)))


def _show(folder: Path, name: str, as_json: bool) -> None:
    from proveout.improve import read_archive
    from proveout.report import improver_diff, improver_json, improver_page

    archive = read_archive(folder)
    if name not in archive.improvers:
        if name in archive.refused:
            raise UserError(f"{name!r} was refused: {archive.refused[name].reason}")
        raise UserError(f"there is no improver {name!r}; there are: {', '.join(archive.improvers)}")
    if as_json:
        added = archive.improvers[name]
        more = {"source": added.source, "diff": improver_diff(archive, name)}
        print_json(improver_json(archive, name) | more)
    else:
        console().print(improver_page(archive, name))


def _decide(
    spec: Improvement, approved: str | None, declined: str | None, rollback: str | None
) -> None:
    from proveout.improve import approve, decline, roll_back

    if approved is not None:
        print(f"{approved} is adopted: {approve(spec, approved)}")
    if declined is not None:
        decline(spec, declined)
        print(f"{declined} is declined")
    if rollback is not None:
        print(f"{rollback} is the present improver: {roll_back(spec, rollback)}")


def _probe(spec: Improvement, samples: int, as_json: bool) -> None:
    from dataclasses import asdict

    from proveout.improve import KINDS, probe, rate
    from proveout.report import safety_table

    read = probe(spec, samples)
    rates = [rate(read.model, kind, read.attempts.get(kind, 0), read.written) for kind in KINDS]
    if as_json:
        print_json({"model": read.model, "written": read.written,
                     "rates": [asdict(each) for each in rates],
                     "seen": [asdict(each) for each in read.seen]})  # fmt: skip
    else:
        console().print(safety_table(rates))


def _wanted(
    improvers: str | None,
    against: str | None,
    samples: str | None,
    models: str | None,
    seeds: int | None,
) -> Transfer:
    from proveout.improve import Transfer

    try:
        budgets = tuple(int(each) for each in (samples or "24").split(","))
    except ValueError:
        raise UserError(f"--samples {samples!r} is no list of numbers; write 8,24") from None
    if not all(1 <= each <= _MOST_SAMPLES for each in budgets):
        raise UserError(f"--samples {samples!r}: each budget must be from 1 to {_MOST_SAMPLES}")
    return Transfer(_listed(improvers), against or "", budgets, _listed(models), seeds or 10)


def _listed(names: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (each.strip() for each in (names or "").split(","))))


def _transfer(spec: Improvement, wanted: Transfer, as_json: bool) -> None:
    from dataclasses import asdict

    from proveout.improve import transfer
    from proveout.report import transfer_table

    reads = transfer(spec, wanted, _quiet if as_json else _say)
    if as_json:
        print_json([asdict(each) for each in reads])
    else:
        print()
        console().print(transfer_table(reads))


def _init(folder: Path, key: str) -> None:
    from proveout.improve import IMPROVE_FILE, STARTING_POINT

    file = folder / IMPROVE_FILE
    if file.exists():
        raise UserError(f"{file} is there already; edit it, or name another folder")
    if folder.exists() and (not folder.is_dir() or (folder / "study.toml").exists()):
        raise UserError(f"{folder} is a file or holds a study; name a new folder for improvers")
    folder.mkdir(parents=True, exist_ok=True)
    drawn_from = f"key = {json.dumps(key)}\n" if key else ""
    file.write_text(drawn_from + STARTING_POINT, encoding="utf-8")
    print(f"{file}\nrun it with: proveout improve {shlex.quote(str(folder))}")


def report_improvement(folder: Path, out: Path | None, format: str, as_json: bool) -> None:
    """`proveout report` of a folder with improve.toml."""
    from proveout.improve import read_archive
    from proveout.report import improvement_json, write_improvement_html

    archive: Archive = read_archive(folder)
    document = improvement_json(archive, folder.name)
    if as_json or (format == "json" and out is None):
        print_json(document)
        return
    if format not in ("html", "json"):
        raise UserError(f"--format {format!r} is not there for improvers; allowed: html, json")
    path = out or folder / f"report.{format}"
    with explained(path):
        if format == "json":
            path.write_text(to_json(document) + "\n", encoding="utf-8")
        else:
            write_improvement_html(archive, folder.name, path)
    print(path)
