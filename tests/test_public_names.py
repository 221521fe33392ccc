"""The public face: what each room exports is listed here, so that a change to it is seen."""

from __future__ import annotations

import importlib
from pathlib import Path

ROOMS = (
    "ideas", "improve", "ledger", "loop", "mcp", "replay", "report", "runners", "sandbox",
    "scaling", "scoring", "study", "survey", "trackers", "trials", "verdicts", "web",
)  # fmt: skip
LIST = Path(__file__).with_name("public_names.txt")


def test_the_rooms_export_exactly_the_names_on_the_list() -> None:
    exported = [
        f"{room}.{name}"
        for room in ROOMS
        for name in sorted(importlib.import_module(f"proveout.{room}").__all__)
    ]
    assert exported == LIST.read_text().split()


def test_every_public_name_says_what_it_is() -> None:
    for line in LIST.read_text().split():
        room, name = line.split(".")
        thing = getattr(importlib.import_module(f"proveout.{room}"), name)
        if isinstance(thing, type) or hasattr(thing, "__code__"):
            assert (thing.__doc__ or "").strip(), line
