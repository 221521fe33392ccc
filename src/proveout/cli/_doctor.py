"""`proveout doctor`: how well trials are shut in on this machine, found out by attacking it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proveout.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from proveout.sandbox import Examination

_MEANINGS = {
    "A": "namespaces, filters and a control group",
    "B": "namespaces and filters, without a control group",
    "C": "filters, without namespaces",
    "E": "nothing: ordinary processes",
}


def doctor(
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Instead: check a study's ledger by its hash chain, and what it hides.",
        ),
    ] = None,
    noted: Annotated[
        str, typer.Option(help="With --study: a head that was noted from a report.")
    ] = "",
    copies: Annotated[
        bool,
        typer.Option(
            "--copies",
            help="With --study: read all that trials can read, and name what has held-out data "
            "in it. It takes minutes.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Attack this machine's isolation at every level; say what held and what would raise it."""
    if study is not None:
        _check_study(study, noted, copies, as_json)
        return
    if copies:
        raise UserError("--copies goes with --study DIR: whose held-out data is to be looked for?")
    from proveout.sandbox import advice, examine

    examination = examine()
    told = advice(examination)
    cores, devices = _cores(), _devices()
    if as_json:
        import json

        document = _document(examination, told) | {"cores": cores, "devices": devices}
        print(json.dumps(document, indent=1))
    else:
        _print(examination, told, cores, devices)
    if examination.level == "E":
        raise typer.Exit(1)


def _check_study(folder: Path, noted: str, copies: bool, as_json: bool) -> None:
    """Prints whether a study's ledger is as it was written and what its trials do not find; exit
    code 1 where either is not as it should be."""
    from dataclasses import asdict

    from proveout.ledger import verify_ledger

    check = verify_ledger(folder, noted=noted)
    hidden = _hidden(folder, copies)
    if as_json:
        import json

        print(json.dumps(asdict(check) | {"ok": check.ok, "hidden": hidden}, indent=1))
    elif check.ok:
        print(f"the ledger's {check.entries} entries are as they were written; head {check.head}")
    else:
        print(f"the ledger is not as it was written: {check.why}")
    if hidden is not None and hidden["list"] is not None and not as_json:
        count, level = len(hidden["paths"]), hidden["level"]
        print(
            f"{hidden['patterns']} patterns in {hidden['list']} name {count} files of this "
            "machine, "
            + ("which every trial can read: level E hides nothing" if level == "E"
               else f"none of which could be read at level {level}")
        )  # fmt: skip
    for copy in (hidden or {}).get("copies", ()) if not as_json else ():
        print(
            f"every trial can read {copy['path']}: {copy['shared_bytes']} of its "
            f"{copy['file_bytes']} bytes stand in the held-out data"
        )
    if not check.ok or (hidden and (hidden["level"] == "E" or hidden.get("copies"))):
        raise typer.Exit(1)


def _hidden(folder: Path, copies: bool) -> dict[str, Any] | None:
    """What `[run] hidden` of a study names on this machine, the level that it is hidden at, and
    where asked what else has held-out data in it."""
    from dataclasses import asdict

    from proveout.loop import hidden_patterns
    from proveout.sandbox import Launcher
    from proveout.study import STUDY_FILE, read_study

    if not (folder / STUDY_FILE).is_file():
        return None
    study = read_study(folder)
    if study.run.hidden is None and not copies:
        return None
    patterns = hidden_patterns(study)
    with Launcher(hides=patterns) as launcher:
        told: dict[str, Any] = {
            "list": study.run.hidden,
            "patterns": len(patterns),
            "paths": list(launcher.hidden),
            "level": launcher.isolation,
        }
        shown = launcher.shown
    if copies:
        from proveout.scoring import find_copies

        told["copies"] = [asdict(each) for each in find_copies(study, shown, told["paths"])]
    return told


def _document(examination: Examination, told: tuple[str, ...]) -> dict[str, Any]:
    return {
        "level": examination.level,
        "levels": {
            attempt.level: {
                "holds": attempt.holds,
                "obstacle": attempt.obstacle,
                "attacks": [
                    {"name": each.name, "held": each.held, "detail": each.detail}
                    for each in attempt.attacks
                ],
            }
            for attempt in examination.attempts
        },
        "to_raise_it": list(told),
    }


def _print(examination: Examination, told: tuple[str, ...], cores: int, devices: list[str]) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(_table(examination))
    for attempt in examination.attempts:
        if attempt.obstacle is not None:
            said = f"level {attempt.level} is not to be had: {attempt.obstacle}"
            console.print(said, markup=False, highlight=False)
    level = examination.level
    console.print(f"\nTrials run at level {level} here: {_MEANINGS[level]}.", highlight=False)
    for sentence in told:
        console.print(f"To raise it: {sentence}.", markup=False, highlight=False)
    if level == "E":
        console.print(
            "No study runs like this unless its study.toml says isolation = \"E\" in [run]. Then "
            "no idea can be said to hold, and what [run] hidden lists is open to trials.",
            markup=False, highlight=False,
        )  # fmt: skip
    have = ", ".join(devices) if devices else "no accelerator"
    console.print(f"{cores} cores may be used; {have}.", markup=False, highlight=False)


def _table(examination: Examination) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("a job tries to")
    for attempt in examination.attempts:
        table.add_column(f"level {attempt.level}")
    names = dict.fromkeys(each.name for attempt in examination.attempts for each in attempt.attacks)
    for name in names:
        cells = []
        for attempt in examination.attempts:
            found = next((each for each in attempt.attacks if each.name == name), None)
            if found is None:
                cells.append("-" if attempt.obstacle else "not promised")
            else:
                cells.append("held" if found.held else f"NOT HELD: {found.detail}")
        table.add_row(name, *cells)
    return table


def _cores() -> int:
    from proveout.runners import usable_cores

    return usable_cores()


def _devices() -> list[str]:
    """Accelerators by name; by device file where their tool is missing."""
    tool = shutil.which("nvidia-smi")
    if tool is not None:
        asked = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode == 0:
            return [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return [str(path) for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]
