"""The report: the dashboard's pages, frozen in one file that needs nothing beside itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from proveout.ideas import BASELINE
from proveout.ledger import History
from proveout.report import _text as text
from proveout.report._facts import decided
from proveout.report._files import write_whole
from proveout.report._frozen_ideas import IdeaPage, idea_pages
from proveout.report._ladder_view import ladder_view
from proveout.report._parts import anchor_of
from proveout.report._snapshot import Snapshot
from proveout.report._study_views import scaling_view, spending_view, trust_view
from proveout.report._views import Asked, frame, latest_decisions, overview_view
from proveout.study import Study

STYLE_SHEET = Path(__file__).parent / "static" / "style.css"
"""The style of the report and of the dashboard."""

TABS = {
    "overview": "Overview",
    "ladder": "Ladder",
    "scaling": "Scaling",
    "spending": "Spending",
    "trust": "Trust",
}
"""The pages of a study, by the last part of their addresses."""

MOST_BYTES = 1_900_000
"""What a report may take; what is cut for it is said on its pages."""

_FRAME_BYTES = 30_000
_ROWS = 400
_CELLS = 4000
_DECISIONS = 200


@dataclass(frozen=True)
class FrozenLink:
    """Addresses within the one file, for templates."""

    pages: frozenset[str]
    """Ideas that have a page..."""
    rows: frozenset[str]
    """...and those that have a row on the overview."""

    def page(self, name: str) -> str:
        """A page by its name."""
        return f"#{name}"

    def idea(self, name: str) -> str:
        """An idea's page, or else the nearest there is."""
        if name in self.pages:
            return f"#{anchor_of(name)}"
        return f"#row-{anchor_of(name)}" if name in self.rows else "#overview"

    def narrowed(self, page: str, *_: object, **__: object) -> str:
        """A table is narrowed in place here."""
        return self.page(page)


def write_html(
    study: Study, history: History, diffs: Mapping[str, str], path: Path, fault: str = ""
) -> None:
    """Writes the report to a file, whole or not at all.

    `diffs` has each idea's change; `fault` says what is wrong with the ledger, if something is.
    """
    write_whole(path, render_html(study, history, diffs, fault))


def render_html(study: Study, history: History, diffs: Mapping[str, str], fault: str = "") -> str:
    """The report's text; the same for the same records, whenever it is made."""
    from markupsafe import Markup

    environment = page_environment()
    snapshot = Snapshot(study, history, _last_moment(history), fault=fault)
    rows = _rows_shown(snapshot)
    with_row = frozenset(row.idea for row in snapshot.rows[:rows])
    shared = frame(snapshot) | {"frozen": True}

    def page(template: str, view: Mapping[str, Any], with_page: Collection[str]) -> str:
        link = FrozenLink(frozenset(with_page), with_row)
        found = environment.get_template(f"pages/{template}.html")
        return Markup(found.render(shared | {"link": link} | dict(view)))

    views = _views(snapshot, rows)
    every = [BASELINE, *(row.idea for row in snapshot.rows)]
    every = [idea for idea in every if idea in history.ideas]
    size = sum(len(page(key, view, every).encode()) for key, view in views.items())

    def idea_page(view: Mapping[str, Any], with_page: Collection[str]) -> str:
        ns = f"{anchor_of(view['idea'])}-"
        return page("frozen_idea", {"ns": ns} | dict(view), with_page)

    ideas = idea_pages(snapshot, every, diffs, MOST_BYTES - _FRAME_BYTES - size, idea_page)
    named = [each.idea for each in ideas]
    whole: str = environment.get_template("frozen.html").render(shared | _inlined() | {
        "tabs": TABS, "pages": {key: page(key, view, named) for key, view in views.items()},
        "ideas": ideas, "words": views["overview"]["words"], "version": views["trust"]["version"],
        "entries": history.entries, "left_out": _left_out(snapshot, rows, len(every), ideas),
    })  # fmt: skip
    return whole


def _views(snapshot: Snapshot, rows: int) -> dict[str, dict[str, Any]]:
    asked = Asked(rows=rows)
    overview = overview_view(snapshot, asked)
    overview["decisions"] = latest_decisions(snapshot, _DECISIONS)
    return {
        "overview": overview | {"ns": "overview-"},
        "ladder": ladder_view(snapshot, asked) | {"ns": "ladder-"},
        "scaling": scaling_view(snapshot) | {"ns": "scaling-"},
        "spending": spending_view(snapshot) | {"ns": "spending-"},
        "trust": trust_view(snapshot) | {"ns": "trust-"},
    }


def _last_moment(history: History) -> float:
    """When the last trial began or ended, so that nothing depends on the clock."""
    moments = [max(r.started_at, r.finished_at or 0.0) for r in history.trials.values()]
    return max(moments, default=0.0)


def _rows_shown(snapshot: Snapshot) -> int:
    """How many ideas the tables show: their rows and cells are counted."""
    cells = 0
    for number, row in enumerate(snapshot.rows[:_ROWS]):
        cells += len(snapshot.records_of.get(row.idea, ()))
        if cells > _CELLS:
            return max(1, number)
    return _ROWS


def _left_out(snapshot: Snapshot, rows: int, ideas: int, pages: Sequence[IdeaPage]) -> list[str]:
    """What is not in the file, for its foot."""
    charts = sum(page.chart_cut for page in pages)
    changes = sum(page.change_cut for page in pages)
    counted = {
        "ideas in the tables": len(snapshot.rows) - rows,
        "pages of ideas": ideas - len(pages),
        "pictures of gaps": charts,
        "changes, or their ends": changes,
        "decisions": len(decided(snapshot.history)) - _DECISIONS,
    }
    told = [f"{count} {what}" for what, count in counted.items() if count > 0]
    return ["training curves and logs, which the dashboard shows", *told]


def _inlined() -> dict[str, Any]:
    """The style and the script, and what the content-security policy knows them by."""
    from markupsafe import Markup

    static = STYLE_SHEET.parent
    style = STYLE_SHEET.read_text("utf-8") + (static / "frozen.css").read_text("utf-8")
    script = (static / "frozen.js").read_text("utf-8")
    return {"style": Markup(style), "style_hash": source_hash(style),
            "script": Markup(script), "script_hash": source_hash(script)}  # fmt: skip


def inlined_style() -> dict[str, Any]:
    """The style sheet alone, for a page without a script."""
    from markupsafe import Markup

    style = STYLE_SHEET.read_text("utf-8")
    return {"style": Markup(style), "style_hash": source_hash(style)}


def source_hash(text: str) -> str:
    """What a content-security policy knows a style or a script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache  # what it has compiled is good for every report of a process
def page_environment(*more: Path) -> Any:
    """Jinja's environment for the templates of this room, and of other folders before them.

    Everything is escaped, and a name that a template uses and nobody gave is an error.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*more, Path(__file__).parent / "templates"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = text.clean
    return environment
