"""Records in JSON, one a line or in one list, as a header and rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Records(NamedTuple):
    header: list[str]
    rows: list[tuple[int, list[str]]]  # each with its line, or its place in the list


def read_records(text: str) -> Records | None:
    """The records of a text, keys within keys joined by a dot; None where it holds none.

    What a record does not have, and what is null, is an empty cell.
    """
    try:
        if text.lstrip().startswith("["):
            found = list(enumerate(json.loads(text), start=1))
        else:
            lines = enumerate(text.splitlines(), start=1)
            found = [(number, json.loads(line)) for number, line in lines if line.strip()]
    except ValueError:
        return None
    if not found or not all(isinstance(each, dict) for _, each in found):
        return None
    flat = [(number, dict(_flat(each))) for number, each in found]
    header = list(dict.fromkeys(key for _, each in flat for key in each))
    return Records(header, [(n, [_cell(each.get(key)) for key in header]) for n, each in flat])


def _flat(record: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in record.items():
        pairs += _flat(value, f"{above}{key}.") if isinstance(value, dict) else [
            (f"{above}{key}", value)]  # fmt: skip
    return pairs


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())
