"""`proveout ideas`: what people hand in, look at, withdraw and have tried again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proveout.errors import IdeaError, UserError

if TYPE_CHECKING:
    from proveout.loop import Request
    from proveout.study import Study, Value

_PATIENCE_SECONDS = 3.0

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="The folder that holds study.toml.")]
Name = Annotated[str, typer.Argument(metavar="IDEA", help="The idea's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Why = Annotated[str, typer.Option(help="Why, for the record.")]

ideas_app = typer.Typer(help="The ideas of a study.", no_args_is_help=True)


@ideas_app.command("add")
def ideas_add(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="IDEA", help="What to call it.")],
    patch: Annotated[
        Path | None, typer.Option(help="A unified diff, or an idea file with a header.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(help="A branch or commit of the program's git repository.")
    ] = None,
    edited: Annotated[
        Path | None, typer.Option("--folder", help="An edited copy of the program's folder.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="name=value: another setting; repeatable.")
    ] = None,
    hypothesis: Annotated[str, typer.Option(help="What you expect, in a sentence.")] = "",
    source: Annotated[str, typer.Option(help="Where it comes from: a paper, a person.")] = "",
    predicts: Annotated[
        str, typer.Option(help="grows, steady, fades, reverses or nothing with scale - and why.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Hand in an idea: a patch, a branch, an edited folder, other settings. A study that runs
    takes it up."""
    from proveout.study import read_study

    study = read_study(folder)
    given = [each for each in (patch, branch, edited) if each is not None]
    if len(given) > 1 or not (given or settings):
        raise UserError(
            "say what the idea changes with one of --patch FILE, --branch NAME, --folder DIR; with "
            "--set name=value beside it or alone"
        )
    from_file: dict[str, str] = {}
    overrides = _settings(settings or [])
    diff = ""
    if patch is not None:
        diff, from_file, declared = _patch_file(patch)
        overrides = {**declared, **overrides}
    elif branch is not None or edited is not None:
        diff = _difference(study, branch, edited)
    hypothesis = hypothesis or from_file.get("hypothesis", "")
    if not hypothesis:
        raise UserError('say what you expect of it: --hypothesis "it gains because ..."')
    request = _checked(
        kind="add",
        name=name,
        hypothesis=hypothesis,
        source=source or from_file.get("source", "") or "a person",
        predicts=predicts or from_file.get("predicts", ""),
        patch=diff,
        parameters=overrides,
    )
    request.proposal()  # a name that cannot be is the user's mistake at once
    _send(study, request, as_json)


@ideas_app.command("withdraw")
def ideas_withdraw(folder: Folder, name: Name, why: Why = "", as_json: AsJson = False) -> None:
    """Buy nothing more of an idea. What was measured of it stays."""
    _ask("withdraw", folder, name, why, as_json)


@ideas_app.command("retry")
def ideas_retry(folder: Folder, name: Name, why: Why = "", as_json: AsJson = False) -> None:
    """Let an idea be tried again that was withdrawn, refused or broken."""
    _ask("retry", folder, name, why, as_json)


@ideas_app.command("show")
def ideas_show(folder: Folder, idea: Name, as_json: AsJson = False) -> None:
    """One idea: hypothesis, lineage, change, evidence, failures and verdict."""
    from proveout.cli._app import show

    show(folder, idea, as_json)


def _ask(kind: str, folder: Path, name: str, why: str, as_json: bool) -> None:
    from proveout.study import read_study

    _send(read_study(folder), _checked(kind=kind, name=name, why=why), as_json)


def _checked(**fields: Any) -> Request:
    from pydantic import ValidationError

    from proveout.loop import Request

    try:
        return Request(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{first['loc'][0]}: {first['msg']}") from None


def _send(study: Study, request: Request, as_json: bool) -> None:
    """Leaves the request, waits a moment for what comes of it, and says so."""
    import json

    from proveout.loop import settle, submit, twin_of

    ident = submit(study, request)
    outcome = settle(study, ident, _PATIENCE_SECONDS)
    failed = "was refused" in outcome or outcome.startswith("declined")
    twin = twin_of(study, request) if request.kind == "add" and not failed else ""
    if as_json:
        told = {"request": ident, "outcome": outcome or None, "waits": not outcome}
        print(json.dumps(told | {"same_as": twin or None} if request.kind == "add" else told))
    elif not outcome:
        print(f"left in {study.folder / 'inbox'}; a run of the study takes it in")
    elif not failed:
        print(outcome)
    if twin and not as_json:
        print(
            f"it makes the same change as {twin}: a control, if you mean one; otherwise "
            f"`proveout ideas withdraw {shlex.quote(str(study.folder))} {request.name}`"
        )
    if failed:
        raise UserError(outcome)


def _settings(words: list[str]) -> dict[str, Value]:
    from proveout.ideas import parse_value

    settings: dict[str, Value] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise UserError(f"--set {word!r} is not name=value, as in --set lr=3e-3")
        settings[name.strip()] = parse_value(value.strip())
    return settings


def _patch_file(file: Path) -> tuple[str, dict[str, str], Mapping[str, Value]]:
    """A bare diff, or an idea file of a catalog with what its header says."""
    from proveout.errors import DataError
    from proveout.ideas import read_proposal

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from None
    if not text.lstrip().startswith("hypothesis:"):
        return text, {}, {}
    read = read_proposal(file)
    words = {"hypothesis": read.hypothesis, "source": read.source, "predicts": read.predicts}
    return read.patch, words, read.parameters


def _difference(study: Study, branch: str | None, folder: Path | None) -> str:
    """The change from the baseline to a branch or to an edited folder, as a diff."""
    from proveout.ideas import branch_texts, edited, folder_texts, patch_between

    program = study.folder / study.program.path
    before = _baseline(study, program)
    if branch is not None:
        after = branch_texts(program, branch)
    else:
        assert folder is not None
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}")
        after = folder_texts(folder)
    changed = {path: text for path, text in edited(before, after).items()
               if path in before or text is not None}  # fmt: skip
    patch = patch_between(before, changed)
    if not patch:
        raise IdeaError(f"{branch or folder} does not differ from the program in {program}")
    return patch


def _baseline(study: Study, program: Path) -> dict[str, str]:
    from proveout.errors import DataError
    from proveout.ideas import folder_texts, texts_at
    from proveout.ledger import read_history
    from proveout.loop import repository_of

    try:
        baseline = read_history(study.folder).ideas.get("baseline")
    except DataError:
        baseline = None
    return texts_at(repository_of(study), baseline.commit) if baseline else folder_texts(program)
