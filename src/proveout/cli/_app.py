"""The verbs. Rooms are imported inside them, so that `proveout --help` answers at once."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from proveout.cli._decide import decide
from proveout.cli._doctor import doctor
from proveout.cli._fit import fit
from proveout.cli._ideas import ideas_app
from proveout.cli._improve import improve, report_improvement
from proveout.cli._init import init
from proveout.cli._ladder import ladder
from proveout.cli._mcp import mcp
from proveout.cli._serve import serve
from proveout.errors import EnvironmentFailure, ProveoutError, UserError

if TYPE_CHECKING:
    from rich.console import Console

    from proveout.ledger import History, Verdict
    from proveout.study import Study

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows ? for the rest
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
    except OSError as error:
        _fail(f"{error.filename or 'the output'}: {error.strerror or error}", _FAILED)
    sys.exit(_DONE)


def _fail(message: str, code: int) -> NoReturn:
    print(f"proveout: {message}", file=sys.stderr)
    sys.exit(code)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from proveout import __version__

        print(__version__)
        raise typer.Exit


app.command()(init)


@app.command()
def run(
    folder: Folder,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="A line for each event, also at a terminal.")
    ] = False,
) -> None:
    """Run a study, or go on with it, until nothing is left to buy."""
    from proveout.cli._watch import LineWatcher, LiveWatcher
    from proveout.loop import run_study
    from proveout.study import read_study

    study = read_study(folder)
    live = sys.stdout.isatty() and not quiet
    try:
        with LiveWatcher(study) if live else LineWatcher(study) as watcher:
            outcome = run_study(study, watcher)
    except KeyboardInterrupt:  # a second one, or one before there was anything to stop
        print(f"\nstopped at once; go on with: proveout run {folder}")
        raise typer.Exit(_WORK_LEFT) from None
    _print_result(study, outcome.history)
    if not outcome.finished:
        print(f"\nstopped with work left; go on with: proveout run {folder}")
        raise typer.Exit(_WORK_LEFT)
    print(f"\n{outcome.why}")
    if not outcome.ok:
        raise typer.Exit(_FAILED)


@app.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """Where a study stands: trials, budget, the last decision."""
    from proveout.report import as_json as to_json
    from proveout.report import has_sources, sources_table, status_text

    study, history = _read(folder)
    if as_json:
        document = to_json(study, history)
        keys = ("study", "account", "counts", "decisions", "sources")
        _print_json({key: document[key] for key in keys})
    else:
        print(status_text(study, history))
        if has_sources(study, history):
            print()
            _console().print(sources_table(study, history))


@app.command()
def verdicts(folder: Folder, as_json: AsJson = False) -> None:
    """The verdict on every idea, with the gap at the target and the compute multiplier."""
    study, history = _read(folder)
    if as_json:
        from proveout.report import as_json as to_json

        document = to_json(study, history)
        _print_json({key: document[key] for key in ("study", "target", "verdicts", "forecasts")})
    else:
        _print_verdicts(study, history)


@app.command()
def show(
    folder: Folder,
    idea: Annotated[str, typer.Argument(metavar="IDEA", help="The idea's name.")],
    as_json: AsJson = False,
) -> None:
    """One idea: hypothesis, change, evidence, failures and verdict."""
    from proveout.report import as_json as to_json
    from proveout.report import idea_page

    study, history = _read(folder)
    _check_idea(history, idea)
    diff = _diffs(study, history, [idea])[idea]
    if as_json:
        document = to_json(study, history)
        (found,) = (each for each in document["ideas"] if each["name"] == idea)
        trials = [each for each in document["trials"] if each["idea"] == idea]
        read = [each for each in document["verdicts"] if each["idea"] == idea]
        _print_json(found | {"diff": diff, "verdict": next(iter(read), None), "trials": trials})
    else:
        verdict = next(iter(each for each in _verdicts(history) if each.idea == idea), None)
        _console().print(idea_page(study, history, verdict, diff, idea))


app.add_typer(ideas_app, name="ideas")


@ideas_app.command("list")
def ideas_list(folder: Folder, as_json: AsJson = False) -> None:
    """Every idea: what it says, where it comes from, what it predicts; and those refused."""
    from proveout.report import as_json as to_json
    from proveout.report import ideas_table

    study, history = _read(folder)
    if as_json:
        document = to_json(study, history)
        _print_json({key: document[key] for key in ("ideas", "refused")})
    else:
        _console().print(ideas_table(study, history))


app.command()(ladder)
app.command()(fit)
app.command()(decide)
app.command()(doctor)
app.command()(improve)
app.command()(mcp)
app.command()(serve)


@app.command()
def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="Where to write; by default report.html in the study.")
    ] = None,
    format: Annotated[
        str, typer.Option(help="html, md, json; or png or svg for a folder of figures.")
    ] = "html",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Write the report: one self-contained file that works offline."""
    from proveout.report import as_json as to_json
    from proveout.report import save_figures, write_html, write_markdown

    if (folder / "improve.toml").is_file():
        report_improvement(folder, out, format, as_json)
        return
    study, history = _read(folder)
    if as_json or (format == "json" and out is None):
        _print_json(to_json(study, history))
        return
    names = {"html": "report.html", "md": "report.md", "json": "report.json",
             "png": "figures", "svg": "figures"}  # fmt: skip
    if format not in names:
        raise UserError(f"--format {format!r} is not known; allowed: {', '.join(names)}")
    path = out or study.folder / names[format]
    with _explained(path):
        match format:
            case "html":
                write_html(study, history, _diffs(study, history, history.ideas), path)
            case "md":
                write_markdown(study, history, path)
            case "json":
                path.write_text(_to_json(to_json(study, history)) + "\n", encoding="utf-8")
            case "png" | "svg":
                save_figures(study, history, path, format)
    print(path)


def _read(folder: Path) -> tuple[Study, History]:
    """A study and its history, with verdicts as fresh as its trials."""
    from dataclasses import replace

    from proveout.ledger import read_history
    from proveout.loop import check_unchanged
    from proveout.report import in_own_sense
    from proveout.study import read_study

    study = read_study(folder)
    history = read_history(study.folder)
    edited = history.opened is not None and check_unchanged(study, history.opened)
    read = history.verdicts
    if read is None or read.trials_finished != history.finished_trials or edited:
        from proveout.verdicts import judge

        history = replace(history, verdicts=judge(study, history))
    return study, in_own_sense(study, history)


def _verdicts(history: History) -> tuple[Verdict, ...]:
    return history.verdicts.verdicts if history.verdicts else ()


def _check_idea(history: History, name: str) -> None:
    if name not in history.ideas:
        refused = {each.name: each.reason for each in history.refused}
        if name in refused:
            raise UserError(f"{name!r} was refused: {refused[name]}")
        raise UserError(f"there is no idea {name!r}; there are: {', '.join(history.ideas)}")


def _diffs(study: Study, history: History, names: Iterable[str]) -> dict[str, str]:
    from proveout.loop import repository_of

    repository = repository_of(study)
    diffs = {}
    for name in names:
        idea = history.ideas[name]
        diffs[name] = repository.diff(idea.parent, idea.commit) if idea.parent else ""
    return diffs


def _print_result(study: Study, history: History) -> None:
    """What `run` leaves on the screen: the table, the forecasts, the report's path."""
    from proveout.report import in_own_sense, write_html

    history = in_own_sense(study, history)
    _print_verdicts(study, history)
    path = study.folder / "report.html"
    with _explained(path):
        write_html(study, history, _diffs(study, history, history.ideas), path)
    print(f"\nreport: {_shortest(path)}")


def _shortest(path: Path) -> Path:
    """A path as a person at this place would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _print_verdicts(study: Study, history: History) -> None:
    from proveout.report import forecast_lines, verdict_table

    assert history.verdicts is not None
    console = _console()
    console.print(verdict_table(study, history.verdicts, history, width=console.width))
    for line in forecast_lines(history):
        console.print(line, markup=False, highlight=False)


def _console() -> Console:
    from rich.console import Console

    # Without a terminal the table is not squeezed into 80 columns.
    return Console(width=None if sys.stdout.isatty() else 160)


def _print_json(document: object) -> None:
    print(_to_json(document))


def _to_json(document: object) -> str:
    import json

    return json.dumps(document, indent=1, allow_nan=False)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        from proveout.ledger import explain

        raise EnvironmentFailure(explain(error, path)) from None
