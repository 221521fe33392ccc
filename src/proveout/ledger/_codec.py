"""Events as JSON and back: by their annotations, so that a new event needs no code here."""

from __future__ import annotations

import sys
import types
import typing
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from proveout.ledger._events import Event

KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in typing.get_args(Event)}


def encode(event: Event) -> dict[str, Any]:
    """An event as plain JSON data."""
    return asdict(event)


def decode(kind: str, body: dict[str, Any]) -> Event:
    """The event that `encode` came from. A missing field takes its default."""
    event: Event = _build(KINDS[kind], body)
    return event


def _build(record: type[Any], body: dict[str, Any]) -> Any:
    convert = _converters(record)
    fields_ = {}
    for name, value in body.items():
        if name in convert:
            change = convert[name]
            fields_[name] = value if change is None else change(value)
    return record(**fields_)


_CONVERTERS: dict[type[Any], dict[str, Any]] = {}


def _converters(record: type[Any]) -> dict[str, Any]:
    if record not in _CONVERTERS:
        hints = typing.get_type_hints(record)
        _CONVERTERS[record] = {item.name: _converter(hints[item.name]) for item in fields(record)}
    return _CONVERTERS[record]


def _converter(hint: Any) -> Any:
    """How a JSON value becomes the type of a field; None where it is one already."""
    if is_dataclass(hint):
        return lambda value: _build(typing.cast("type[Any]", hint), value)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [each for each in typing.get_args(hint) if each is not type(None)]
        convert = _converter(inner[0]) if len(inner) == 1 else None
        return convert and (lambda value: None if value is None else convert(value))
    if hint is str or typing.get_origin(hint) is typing.Literal:
        return sys.intern  # the same few words stand in every trial of a large study
    if typing.get_origin(hint) is tuple:
        element = _converter(typing.get_args(hint)[0])
        if element is None:
            return tuple
        return lambda value: tuple(element(each) for each in value)
    return None
