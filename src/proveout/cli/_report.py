"""`proveout report`: one file that works offline, figures, data, a notebook, traces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proveout.cli._improve import report_improvement
from proveout.cli._send import Wanted, send
from proveout.cli._shared import (
    Folder,
    check_not_ours,
    diffs_of,
    explained,
    print_json,
    read_judged,
    to_json,
)
from proveout.errors import UserError

if TYPE_CHECKING:
    from proveout.ledger import History
    from proveout.study import Study

_FILES = {"html": "report.html", "md": "report.md", "json": "report.json",
          "png": "figures", "svg": "figures"}  # fmt: skip


def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="Where to write; by default report.html in the study.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(help="html (the default), md, json; or png or svg for a folder of figures."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    notebook: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write linked Markdown pages and cards into a folder."),
    ] = None,
    traces: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write each idea's reasoning trace, one JSON a line."),
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Send the study to tensorboard, mlflow, wandb or trackio.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="Of --to: the tracker's server.")] = None,
    project: Annotated[str | None, typer.Option(help="Of --to: the project there.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Of --to wandb: files only.")] = False,
) -> None:
    """Write the report: one self-contained file that works offline; or a notebook, or traces; or
    send the study to a tracker."""
    if to is not None:
        if format or as_json or notebook or traces:
            raise UserError("--to sends the study and writes no report: give one of them")
        send(folder, Wanted(to, address, out, project, offline))
        return
    if address or project or offline:
        raise UserError("--address, --project and --offline say where --to sends; give --to KIND")
    for path in (out, notebook, traces):
        check_not_ours(folder, path)
    format = "json" if as_json else format
    if (folder / "improve.toml").is_file():
        if notebook or traces:
            raise UserError("--notebook and --traces are of studies; this folder has improvers")
        report_improvement(folder, out, format or "html", as_json)
        return
    if format is not None and format not in _FILES:
        raise UserError(f"--format {format!r} is not known; allowed: {', '.join(_FILES)}")
    study, history = read_judged(folder)
    if notebook is not None:
        _write_notebook(study, history, notebook)
    if traces is not None:
        _write_traces(study, history, traces)
    if format is None and out is None and (notebook or traces):
        return
    if format == "json" and (out is None or as_json):
        from proveout.report import as_json as document

        print_json(document(study, history))
        return
    _write(study, history, format or "html", out or study.folder / _FILES[format or "html"])


def _write(study: Study, history: History, format: str, path: Path) -> None:
    from proveout.ledger import verify_ledger
    from proveout.report import as_json, save_figures, write_html, write_markdown

    with explained(path):
        match format:
            case "html":
                fault = verify_ledger(study.folder).why
                write_html(study, history, diffs_of(study, history, history.ideas), path, fault)
            case "md":
                write_markdown(study, history, path)
            case "json":
                path.write_text(to_json(as_json(study, history)) + "\n", encoding="utf-8")
            case "png" | "svg":
                save_figures(study, history, path, format)
    print(path)


def _write_notebook(study: Study, history: History, folder: Path) -> None:
    from proveout.ledger import read_entries
    from proveout.report import write_notebook

    with explained(folder):
        diffs = diffs_of(study, history, history.ideas)
        new = write_notebook(study, history, read_entries(study.folder), diffs, folder)
    print(f"{folder}: {new} new or changed files")


def _write_traces(study: Study, history: History, path: Path) -> None:
    from proveout.ledger import read_entries
    from proveout.report import write_traces

    with explained(path):
        diffs = diffs_of(study, history, history.ideas)
        count = write_traces(study, history, read_entries(study.folder), diffs, path)
    print(f"{path}: {count} traces")
