"""Pages of ideas within the room that a file has: words and numbers of all, then pictures and
changes as far as they fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from proveout.report._idea_view import highlighted, idea_view
from proveout.report._parts import anchor_of
from proveout.report._snapshot import Snapshot
from proveout.report._text import clean

Render = Callable[[Mapping[str, Any], Collection[str]], str]
"""A view as a page, with links to those ideas that have one."""

_TRIALS = 60
_FRAME_BYTES = 250
"""What stands around a page, and around a line of a change."""
_LINE_BYTES = 45
_FEWEST_LINES = 4


@dataclass(frozen=True)
class IdeaPage:
    """A page of an idea as it is in the file, and what was cut from it."""

    idea: str
    anchor: str
    shown: str
    body: str
    chart_cut: bool
    change_cut: bool


@dataclass
class _Draft:
    idea: str
    view: dict[str, Any]
    chart: Any
    size: int


def idea_pages(
    snapshot: Snapshot, ideas: Collection[str], diffs: Mapping[str, str], room: int, render: Render
) -> list[IdeaPage]:
    """Pages of the first of these ideas, so many as there is room for, in bytes.

    Each has its words and numbers. What room is left is divided among their pictures and changes
    alike; what one does not need is the next one's.
    """
    drafts = _drafts(snapshot, ideas, room, render)
    left = room - sum(draft.size for draft in drafts)
    named = {draft.idea for draft in drafts}
    pages = []
    for number, draft in enumerate(drafts):
        share = left // (len(drafts) - number)
        page = _page(draft, diffs.get(draft.idea, ""), share, lambda view: render(view, named))
        left -= max(0, len(page.body.encode()) + _FRAME_BYTES - draft.size)
        pages.append(page)
    return pages


def _drafts(snapshot: Snapshot, ideas: Collection[str], room: int, render: Render) -> list[_Draft]:
    drafts: list[_Draft] = []
    for idea in ideas:
        view = idea_view(snapshot, idea, "", {}, _TRIALS)
        view |= {"cut": {"chart": True, "change": True}}
        chart, view["chart"] = view["chart"], ""
        size = len(render(view, ideas).encode()) + _FRAME_BYTES
        room -= size
        if room < 0:
            break
        drafts.append(_Draft(idea, view, chart, size))
    return drafts


def _page(
    draft: _Draft, diff: str, share: int, render: Callable[[Mapping[str, Any]], str]
) -> IdeaPage:
    chart_cut = len(draft.chart) > share
    if not chart_cut:
        share -= len(draft.chart)
    change = _change(diff, share)
    cut = {"chart": chart_cut, "change": bool(diff.strip()) and not change["lines"]}
    chart = "" if chart_cut else draft.chart
    body = render(draft.view | {"chart": chart, "diff": change, "cut": cut})
    return IdeaPage(
        draft.idea, anchor_of(draft.idea), clean(draft.idea, 60), body, chart_cut,
        cut["change"] or change["left_out"] > 0,
    )  # fmt: skip


def _change(diff: str, share: int) -> dict[str, Any]:
    """A change as far as it fits: nothing rather than its first lines alone."""
    told: dict[str, Any] = highlighted(diff)
    lines = told["lines"]
    sizes = [len(str(code).encode()) + _LINE_BYTES for _, _, code in lines]
    kept = len(lines)
    while kept and sum(sizes[:kept]) > share:
        kept -= 1
    if kept < min(_FEWEST_LINES, len(lines)):
        kept = 0
    return {"lines": lines[:kept], "left_out": told["left_out"] + len(lines) - kept}
