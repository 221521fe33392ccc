"""The verbs. Rooms are imported inside them, so that `proveout --help` answers at once."""

from __future__ import annotations

import io
import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from proveout.cli._decide import decide
from proveout.cli._doctor import doctor
from proveout.cli._fit import fit
from proveout.cli._follow import follow
from proveout.cli._ideas import ideas_app
from proveout.cli._improve import improve
from proveout.cli._init import init
from proveout.cli._ladder import ladder
from proveout.cli._mcp import mcp
from proveout.cli._report import report
from proveout.cli._serve import serve
from proveout.cli._shared import (
    AsJson,
    Folder,
    console,
    diffs_of,
    draws_dots,
    explained,
    judged,
    print_json,
    read_judged,
    shortest,
)
from proveout.errors import ProveoutError, UserError

if TYPE_CHECKING:
    from pathlib import Path

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


def main() -> NoReturn:
    """Runs the command line. Exit code 0 done, 1 failed, 2 the user's mistake, 3 work left."""
    _open_closed_streams()
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


def _open_closed_streams() -> None:
    """Gives what was started with `>&-` or the like a stream that leads nowhere.

    A file opened later would take the place of the closed one, and what a child prints would
    end up in it: in the ledger, for one.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


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
        print(f"\nstopped at once; go on with: proveout run {shlex.quote(str(folder))}")
        raise typer.Exit(_WORK_LEFT) from None
    _print_result(study, outcome.history)
    _print_trackers(study, outcome.history, folder)
    if not outcome.finished:
        print(f"\nstopped with work left; go on with: proveout run {shlex.quote(str(folder))}")
        raise typer.Exit(_WORK_LEFT)
    print(f"\n{outcome.why}")
    if not outcome.ok:
        raise typer.Exit(_FAILED)


@app.command()
def status(
    folder: Folder,
    as_json: AsJson = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow the study until it ends, or Ctrl-C.")
    ] = False,
) -> None:
    """Where a study stands: trials, budget, the last decision."""
    from dataclasses import asdict

    from proveout.ledger import is_at_work, verify_ledger
    from proveout.report import as_json as to_json
    from proveout.report import has_sources, sources_table, status_text
    from proveout.trackers import tracker_states

    if watch and as_json:
        raise UserError("--watch draws at a terminal and --json prints once: give one of them")
    if watch:
        follow(folder)
    study, history = read_judged(folder)
    if as_json:
        document = to_json(study, history)
        keys = ("study", "account", "counts", "decisions", "sources")
        sent = [asdict(each) for each in tracker_states(study, history)]
        print_json({key: document[key] for key in keys} | {"trackers": sent})
    else:
        working, fault = is_at_work(study.folder), verify_ledger(study.folder).why
        print(status_text(study, history, at_work=working, fault=fault))
        _print_trackers(study, history, folder)
        if has_sources(study, history):
            print()
            console().print(sources_table(study, history))


@app.command()
def verdicts(folder: Folder, as_json: AsJson = False) -> None:
    """The verdict on every idea, with the gap at the target and the compute multiplier."""
    study, history = read_judged(folder)
    if as_json:
        from proveout.report import as_json as to_json

        document = to_json(study, history)
        print_json({key: document[key] for key in ("study", "target", "verdicts", "forecasts")})
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

    study, history = _with_ideas(folder)
    _check_idea(study, history, idea)
    diff = diffs_of(study, history, [idea])[idea]
    if as_json:
        document = to_json(study, history)
        (found,) = (each for each in document["ideas"] if each["name"] == idea)
        trials = [each for each in document["trials"] if each["idea"] == idea]
        read = [each for each in document["verdicts"] if each["idea"] == idea]
        print_json(found | {"diff": diff, "verdict": next(iter(read), None), "trials": trials})
    else:
        verdict = next(iter(each for each in _verdicts(history) if each.idea == idea), None)
        place = console()
        page = idea_page(study, history, verdict, diff, idea, min(place.width, 90), draws_dots())
        place.print(page)


app.add_typer(ideas_app, name="ideas")


@ideas_app.command("list")
def ideas_list(folder: Folder, as_json: AsJson = False) -> None:
    """Every idea: what it says, where it comes from, what it predicts; and those refused."""
    from proveout.loop import to_come
    from proveout.report import as_json as to_json
    from proveout.report import ideas_table

    study, history = _with_ideas(folder)
    waiting = to_come(study, history)
    if as_json:
        document = to_json(study, history)
        told = [{"name": each.name, "hypothesis": each.hypothesis, "source": each.source,
                 "predicts": each.predicts} for each in waiting]  # fmt: skip
        print_json({key: document[key] for key in ("ideas", "refused")} | {"waiting": told})
    else:
        console().print(ideas_table(study, history, waiting))


app.command()(ladder)
app.command()(fit)
app.command()(decide)
app.command()(doctor)
app.command()(improve)
app.command()(mcp)
app.command()(serve)
app.command()(report)


def _verdicts(history: History) -> tuple[Verdict, ...]:
    return history.verdicts.verdicts if history.verdicts else ()


def _with_ideas(folder: Path) -> tuple[Study, History]:
    """A study and its history, an empty one before its first run."""
    from proveout.ledger import LEDGER_FILE, History
    from proveout.study import read_study

    study = read_study(folder)
    begun = (study.folder / LEDGER_FILE).is_file()
    return read_judged(folder) if begun else (study, judged(study, History()))


def _check_idea(study: Study, history: History, name: str) -> None:
    if name not in history.ideas:
        from proveout.loop import to_come

        waiting = {each.name: each for each in to_come(study, history)}
        if name in waiting:
            word = shlex.quote(str(study.folder))
            raise UserError(
                f"{name!r} waits to be taken in, which `proveout run {word}` does. It says: "
                f"{waiting[name].hypothesis}"
            )
        refused = {each.name: each.reason for each in history.refused}
        if name in refused:
            raise UserError(f"{name!r} was refused: {refused[name]}")
        known = ", ".join([*history.ideas, *waiting]) or "none yet"
        raise UserError(f"there is no idea {name!r}; there are: {known}")


def _print_result(study: Study, history: History) -> None:
    """What `run` leaves on the screen: the table, the forecasts, the report's path."""
    from proveout.report import in_own_sense, write_html

    history = in_own_sense(study, history)
    _print_verdicts(study, history)
    path = study.folder / "report.html"
    with explained(path):
        write_html(study, history, diffs_of(study, history, history.ideas), path)
    print(f"\nreport: {shortest(path)}")


def _print_trackers(study: Study, history: History, folder: Path) -> None:
    from proveout.trackers import tracker_states

    for each in tracker_states(study, history):
        print(each.line(folder))


def _print_verdicts(study: Study, history: History) -> None:
    from proveout.report import forecast_lines, verdict_table

    assert history.verdicts is not None
    place = console()
    table = verdict_table(study, history.verdicts, history, place.width, plots=draws_dots())
    place.print(table)
    for line in forecast_lines(history):
        place.print(line, markup=False, highlight=False)
