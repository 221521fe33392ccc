"""What a visitor asks of a study: a form becomes a request for the one writer of its ledger."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import parse_qs

import pydantic
from starlette.requests import Request as HttpRequest

from proveout.errors import ProveoutError, UserError
from proveout.ideas import parse_value
from proveout.loop import Request, settle, submit
from proveout.study import Study, Value
from proveout.units import parse_compute

_LARGEST_BYTES = 1_500_000
_PATIENCE_SECONDS = 1.0

DECLINED = "declined: "
"""How the outcome of a request begins that was not done."""

Kind = Literal["add", "withdraw", "retry", "pause", "resume", "stop", "budget"]
_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Reply:
    """What came of a form."""

    title: str
    sentence: str
    status: int = 200
    taken: bool = False


async def read_form(request: HttpRequest) -> dict[str, str] | None:
    """The fields of a form; None where it is too large or no form."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BYTES:
            return None
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return None
    return {name: values[-1].replace("\r\n", "\n") for name, values in fields.items()}


def act(study: Study, form: Mapping[str, str], form_key: str) -> Reply:
    """Hands a form's request in and waits a moment for what comes of it."""
    if not hmac.compare_digest(form.get("key", "").encode(), form_key.encode()):
        return Reply("Refused", "This form is not one of this server's; load the page anew.", 403)
    kind = next((each for each in _KINDS if each == form.get("kind")), None)
    if kind is None:
        return Reply("Not understood", "The form asks for nothing that is known here.", 400)
    try:
        asked = submit(study, _request(study, kind, form))
        outcome = settle(study, asked, _PATIENCE_SECONDS)
    except (ProveoutError, pydantic.ValidationError) as error:
        return Reply("Not done", _sentence(error), 400)
    if not outcome:
        waits = (
            "It is left for the controller, which takes it in when a trial has ended; what came of "
            "it then stands on the overview."
        )
        return Reply("Handed in", waits, taken=True)
    if outcome.startswith(DECLINED) or f"{form.get('name', '').strip()} was refused" in outcome:
        return Reply("Not done", _sentence_of(outcome.removeprefix(DECLINED)), 409)
    return Reply("Done", _sentence_of(outcome), taken=True)


def _request(study: Study, kind: Kind, form: Mapping[str, str]) -> Request:
    amount = 0.0
    if kind == "budget":
        more, unit = parse_compute(form.get("amount", "")), study.budget.compute.unit
        if more.unit != unit:
            raise UserError(f"the budget counts in {unit}, and {more} does not")
        amount = more.amount
    return Request(
        kind=kind,
        name=form.get("name", "").strip(),
        amount=amount,
        why=form.get("why", "").strip() or "by a person at the dashboard",
        hypothesis=form.get("hypothesis", "").strip(),
        source=form.get("source", "").strip(),
        patch=_patch(form.get("patch", "")),
        parameters=_parameters(form.get("parameters", "")),
    )


def _patch(text: str) -> str:
    return text if not text.strip() or text.endswith("\n") else f"{text}\n"


def _parameters(text: str) -> dict[str, Value]:
    """`lr=3e-3`, a line each; numbers and truth values are read as such."""
    found: dict[str, Value] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, sign, value = line.partition("=")
        if not sign:
            raise UserError(f"{line!r} sets nothing; write a parameter a line, such as lr=3e-3")
        found[name.strip()] = parse_value(value.strip())
    return found


def _sentence_of(outcome: str) -> str:
    """With a capital, unless it begins with a name."""
    begins = outcome.split(" ", 1)[0] in {"the", "nothing", "there"}
    return f"{outcome[:1].upper()}{outcome[1:]}." if begins else f"{outcome}."


def _sentence(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
