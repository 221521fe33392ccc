"""Requests to a study: files in `inbox/`, which whoever holds the ledger takes in.

The ledger has one writer. A command that wants something of a study leaves a request file; the
controller that is at work takes it in, and where none is, the command does so itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proveout.errors import DataError, IdeaError, StudyBusy, UserError
from proveout.ideas import BASELINE, Proposal, check_overrides, read_proposal
from proveout.ledger import (
    BudgetAdded,
    Event,
    History,
    IdeaAdded,
    IdeaRestored,
    IdeaWithdrawn,
    Ledger,
    RequestDeclined,
    StopAsked,
    StudyPaused,
    StudyResumed,
    read_history,
)
from proveout.loop._admit import admit
from proveout.loop._open import INBOX, Record, repository_of
from proveout.study import Study, Value
from proveout.trials import open_regular
from proveout.verdicts import is_broken

LARGEST_REQUEST_BYTES = 2_000_000
MOST_WAITING = 100
_MOST_FROM_MCP, _MOST_UNTRIED_FROM_MCP = 200, 10
"""Ideas through `proveout mcp`: in all, and that wait for their first run."""
_AT_ONCE = 20
"""Requests that are taken in before the loop goes on."""


class Request(BaseModel):
    """One thing that is asked of a study."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["proveout-request"] = "proveout-request"
    version: Literal[1] = 1
    kind: Literal["add", "withdraw", "retry", "pause", "resume", "stop", "budget"]
    name: str = Field(default="", max_length=60)
    amount: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """For a budget: how much more, in the study's unit."""
    why: str = Field(default="", max_length=2000)
    hypothesis: str = Field(default="", max_length=4000)
    source: str = Field(default="", max_length=2000)
    predicts: str = Field(default="", max_length=2000)
    reason: str = Field(default="", max_length=8000)
    origin: Literal["people", "mcp"] = "people"
    patch: str = Field(default="", max_length=1_000_000)
    parameters: dict[str, Value] = {}

    def proposal(self) -> Proposal:
        """The idea that it adds. Raises `IdeaError` where its name cannot be one."""
        return Proposal(
            name=self.name,
            hypothesis=self.hypothesis,
            source=self.source or self.origin,
            predicts=self.predicts,
            patch=self.patch,
            parameters=self.parameters,
            reason=self.reason,
            origin=self.origin,
        )


def submit(study: Study, request: Request) -> str:
    """Leaves a request for the study's controller and returns its id.

    Raises:
        UserError: too many requests wait already, or this one is too large.
        IdeaError: it cannot be an idea, or sets a parameter that the study does not have.
    """
    if request.kind == "add":
        check_overrides(request.proposal(), study.program.parameters)
    inbox = study.folder / INBOX
    inbox.mkdir(exist_ok=True)
    if sum(1 for _ in inbox.glob("*.json")) >= MOST_WAITING:
        raise UserError(
            f"{MOST_WAITING} requests wait in {inbox} already; `proveout run "
            f"{shlex.quote(str(study.folder))}` takes them in"
        )
    text = request.model_dump_json(indent=1)
    if len(text.encode()) > LARGEST_REQUEST_BYTES:
        raise UserError(f"a request may have {LARGEST_REQUEST_BYTES} bytes; it has {len(text)}")
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
    partial = inbox / f".{name}.partial"
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(inbox / f"{name}.json")
    return name


def settle(study: Study, request: str, patience_seconds: float = 0.0) -> str:
    """What came of a request, taking it in if no controller is at work; empty while it waits.

    Where one is at work, waits for it so long.
    """
    give_up = time.monotonic() + patience_seconds
    while True:
        try:
            with Ledger(study.folder) as ledger:
                if BASELINE not in ledger.history().ideas:
                    return ""
                while take_in(study, ledger, ledger.append, live=False):
                    pass
                return ledger.history().requests.get(request, "")
        except StudyBusy:
            if outcome := read_history(study.folder).requests.get(request):
                return outcome
            if time.monotonic() >= give_up:
                return ""
            time.sleep(0.05)


def waiting(study: Study) -> tuple[str, ...]:
    """The ids of requests that nobody has taken in yet, oldest first."""
    return tuple(sorted(file.stem for file in (study.folder / INBOX).glob("*.json")))


def to_come(study: Study, history: History) -> tuple[Proposal, ...]:
    """Ideas that the next run takes in: of the catalog, and of requests that wait. What cannot be
    read is left out: the run says what is wrong with it."""
    found: dict[str, Proposal] = {}
    catalog, only = study.ideas.catalog, study.ideas.only
    for file in sorted((study.folder / catalog).glob("*.patch")) if catalog else ():
        with contextlib.suppress(DataError, IdeaError):
            if not only or file.stem in only:
                found[file.stem] = read_proposal(file)
    for name in waiting(study):
        with contextlib.suppress(DataError, IdeaError):
            request = _read(study.folder / INBOX / f"{name}.json")
            if request.kind == "add":
                found.setdefault(request.name, request.proposal())
    known = history.ideas.keys() | {refused.name for refused in history.refused}
    return tuple(each for name, each in found.items() if name not in known)


def take_in(
    study: Study, ledger: Ledger, record: Record | Callable[[Event], object], live: bool = True
) -> int:
    """Does what the oldest requests ask and removes them; how many there were.

    `live` is whether trials are being run, which alone can be paused or stopped.
    """
    names = waiting(study)[:_AT_ONCE]
    for name in names:
        file = study.folder / INBOX / f"{name}.json"
        history = ledger.history()
        if name not in history.requests:  # a kill may have struck before the file was removed
            record(_answer(study, history, file, live))
        file.unlink(missing_ok=True)
    return len(names)


def _answer(study: Study, history: History, file: Path, live: bool) -> Event:
    try:
        request = _read(file)
        match request.kind:
            case "add":
                _check_mcp(history, request)
                return admit(study, history, request.proposal(), file.stem)
            case "withdraw":
                return _withdraw(history, request, file.stem)
            case "retry":
                return _retry(study, history, request, file.stem)
            case "budget":
                return _add_budget(request, file.stem)
            case _:
                return _steer(history, request, file.stem, live)
    except (DataError, IdeaError) as error:
        return RequestDeclined(file.stem, str(error))


def _check_mcp(history: History, request: Request) -> None:
    """An agent may not flood the study with ideas: each costs a first run."""
    if request.origin != "mcp":
        return
    mine = [name for name, idea in history.ideas.items() if idea.origin == "mcp"]
    started = {trial.idea for trial in history.trials}
    wait = [name for name in mine if name not in started and name not in history.withdrawn]
    if len(mine) >= _MOST_FROM_MCP:
        raise IdeaError(f"{len(mine)} ideas came through `proveout mcp`, and that is the most")
    if len(wait) >= _MOST_UNTRIED_FROM_MCP:
        raise IdeaError(f"{len(wait)} ideas from `proveout mcp` wait for a first run; wait for it")


def _read(file: Path) -> Request:
    try:
        with open_regular(file) as stream:
            raw = stream.read(LARGEST_REQUEST_BYTES + 1)
        if len(raw) > LARGEST_REQUEST_BYTES:
            raise DataError(f"a request may have {LARGEST_REQUEST_BYTES} bytes")
        return Request.model_validate(json.loads(raw))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"it is no request: {where}: {first['msg']}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"it is no request: {str(error)[:300]}") from None


def _add_budget(request: Request, at: str) -> Event:
    if request.amount <= 0:
        raise DataError("the budget can only grow: give an amount above zero")
    return BudgetAdded(request.amount, request.why or "by a person", at)


def _steer(history: History, request: Request, at: str, live: bool) -> Event:
    why = request.why or "by a person"
    if not live:
        raise DataError(f"nothing runs, so there is nothing to {request.kind}")
    if request.kind == "stop":
        return StopAsked(why, at)
    paused = bool(history.paused)
    if paused == (request.kind == "pause"):
        raise DataError(f"the study is {'paused already' if paused else 'not paused'}")
    return StudyPaused(why, at) if request.kind == "pause" else StudyResumed(why, at)


def _check_is_idea(history: History, name: str) -> None:
    idea = history.ideas.get(name)
    if idea is None or idea.kind != "idea":
        raise IdeaError(f"there is no idea {name!r}")


def _withdraw(history: History, request: Request, at: str) -> Event:
    _check_is_idea(history, request.name)
    if request.name in history.withdrawn:
        raise IdeaError(f"{request.name!r} is withdrawn already")
    return IdeaWithdrawn(request.name, request.why or "by a person", at)


def _retry(study: Study, history: History, request: Request, at: str) -> Event:
    name, why = request.name, request.why or "by a person"
    refused = any(each.name == name for each in history.refused)
    if name in history.withdrawn or (refused and name not in history.ideas):
        return IdeaRestored(name, why, at)
    if name == BASELINE:
        if not history.failures(name):
            raise IdeaError("no trial of the baseline has failed")
        return IdeaRestored(name, why, at)
    _check_is_idea(history, name)
    scored = any(
        record.measurement for trial, record in history.trials.items() if trial.idea == name
    )
    if not history.failures(name) or (scored and not is_broken(study, history, name)):
        raise IdeaError(f"{name!r} was neither withdrawn nor refused, and is not broken")
    number = 2
    while (again := f"{name[:56]}-{number}") in history.ideas:
        number += 1
    idea = history.ideas[name]
    repository_of(study).point(f"refs/ideas/{again}", idea.commit)
    parents = (*idea.parents, name)
    return IdeaAdded(
        replace(idea, name=again, parents=parents, reason=f"{name} again: {why}"),
        history.diff_lines.get(name, 0),
        at,
    )
