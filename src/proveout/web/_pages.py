"""The pages: each reads a study's snapshot and fills a template."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from proveout.errors import ProveoutError
from proveout.loop import repository_of
from proveout.report import (
    TABS,
    Asked,
    Snapshot,
    clean,
    frame,
    idea_view,
    ladder_view,
    overview_view,
    page_environment,
    scaling_view,
    spending_view,
    trust_view,
)
from proveout.trials import Trial, tail, trial_curve, trial_folder
from proveout.web._acts import Reply
from proveout.web._live import LiveStudy

_EXCERPTS = 20
_CURVE_POINTS = 400
_CURVES_OF_AN_ARM = 8

View = Callable[[Snapshot, Asked], dict[str, Any]]

_VIEWS: dict[str, View] = {
    "overview": overview_view,
    "ladder": ladder_view,
    "scaling": lambda snapshot, _: scaling_view(snapshot),
    "spending": lambda snapshot, _: spending_view(snapshot),
    "trust": lambda snapshot, _: trust_view(snapshot),
}


_PARTS = {
    "overview": {"body": "pages/overview_now.html", "searched": "pages/overview_ideas.html"},
    "ladder": {"searched": "pages/ladder.html"},
    "scaling": {"body": "pages/scaling.html"},
    "spending": {"body": "pages/spending.html"},
    "trust": {"body": "pages/trust.html"},
}
"""The templates of each page; `searched` is what can be searched and sorted."""


@dataclass(frozen=True)
class Link:
    """Addresses within one study, for templates."""

    slug: str
    asked: Asked = field(default_factory=Asked)

    @property
    def base(self) -> str:
        """Where the study's pages begin."""
        return f"/s/{quote(self.slug, safe='')}"

    def page(self, name: str) -> str:
        """A page by its name."""
        return f"{self.base}/" if name == "overview" else f"{self.base}/{name}"

    def idea(self, name: str) -> str:
        """An idea's page."""
        return f"{self.base}/ideas/{quote(name, safe='')}"

    def curves(self, name: str) -> str:
        """The curves of an idea's trials, as JSON."""
        return f"{self.base}/curves/{quote(name, safe='')}"

    def narrowed(self, page: str, number: int = 1, **change: str) -> str:
        """A table of ideas as it was asked for, with something changed."""
        asked = {"q": self.asked.search, "verdict": self.asked.verdict, "sort": self.asked.sort}
        asked |= change | {"page": str(number)}
        usual = {"q": "", "verdict": "", "sort": "verdict", "page": "1"}
        query = urlencode({key: value for key, value in asked.items() if value != usual[key]})
        return self.page(page) + (f"?{query}" if query else "")


class Pages:
    """Renders pages; knows nothing of HTTP."""

    def __init__(self, read_only: bool, form_key: str) -> None:
        """`form_key` is what a form must send back to be believed."""
        self._shared = {"read_only": read_only, "form_key": form_key, "tabs": TABS}

    @cached_property
    def _environment(self) -> Any:
        return page_environment(Path(__file__).parent / "templates")

    def index(self, lines: list[dict[str, Any]], improvements: list[dict[str, str]]) -> str:
        """All studies of a folder, and the folders of improvers, as they say of themselves."""
        view = {"lines": lines, "improvements": improvements, "title": "Studies"}
        return self._render("index.html", view)

    def improvers(self, view: Mapping[str, Any]) -> str:
        """A folder of improvers, or one of them."""
        return self._render("improvers.html", view)

    def study(self, live: LiveStudy, name: str, given: Mapping[str, str]) -> str:
        """One of a study's own pages: overview, ladder, scaling, spending or trust."""
        asked = Asked.read(given)
        key = (name, asked.search, asked.verdict, asked.sort, str(asked.page))

        def make(snapshot: Snapshot) -> str:
            link = Link(live.slug, asked)
            view = _VIEWS[name](snapshot, asked) | frame(snapshot)
            here = link.narrowed(name, asked.page)
            return self._render("study.html", view | {
                "link": link, "tab": name, "title": TABS[name], **_PARTS[name],
                "here": here, "sequence": live.version, "made": live.made, "asked": asked,
            })  # fmt: skip

        return live.page(key, make)

    def idea(self, live: LiveStudy, idea: str) -> str:
        """The page of one idea. Raises KeyError where there is none."""

        def make(snapshot: Snapshot) -> str:
            link = Link(live.slug)
            view = idea_view(snapshot, idea, _diff(snapshot, idea), _excerpts(snapshot, idea))
            return self._render("study.html", view | frame(snapshot) | {
                "link": link, "tab": "", "title": clean(idea, 60), "body": "pages/idea.html",
                "more": "pages/idea_more.html",
                "here": link.idea(idea), "sequence": live.version, "made": live.made,
            })  # fmt: skip

        if idea not in live.snapshot().history.ideas:
            raise KeyError(idea)
        return live.page(("idea", idea), make)

    def message(self, title: str, sentence: str) -> str:
        """A page that says one thing."""
        view = {"title": title, "sentence": clean(sentence, 2000), "back": "/", "form": {}}
        return self._render("message.html", view | {"command": "", "waits": False})

    def unbegun(self, live: LiveStudy) -> str:
        """A study that was never run."""
        name = clean(live.slug, 120)
        view = {"title": f"{name} has not been run yet", "back": "/", "form": {}, "waits": True,
                "sentence": "It has no ledger yet: there is nothing to show before its first run. "
                "This page turns into the study as soon as it starts:",
                "command": f"proveout run {clean(shlex.quote(str(live.folder)), 400)}"}  # fmt: skip
        return self._render("message.html", view)

    def reply(self, link: Link, reply: Reply, form: Mapping[str, str]) -> str:
        """What came of a form; one that was not taken in can be put right and sent again."""
        again = form if not reply.taken and form.get("kind") in {"add", "budget"} else {}
        view = {
            "title": reply.title,
            "sentence": clean(reply.sentence, 2000),
            "form": again,
            "back": link.page("overview"),
            "link": link,
            "command": "",
            "waits": False,
        }
        return self._render("message.html", view)

    def _render(self, template: str, view: Mapping[str, Any]) -> str:
        text: str = self._environment.get_template(template).render(self._shared | dict(view))
        return text


def _diff(snapshot: Snapshot, idea: str) -> str:
    record = snapshot.history.ideas[idea]
    if not record.parent:
        return ""
    try:
        return repository_of(snapshot.study).diff(record.parent, record.commit)
    except ProveoutError as error:
        return f"the change cannot be shown: {error}"


def _excerpts(snapshot: Snapshot, idea: str) -> dict[str, str]:
    """The end of the log of each trial that failed, where it is still on disk."""
    failed = [record.trial for record in snapshot.trials_of(idea) if record.failure]
    return {trial.id: tail(trial_folder(snapshot.study, trial).log) for trial in failed[:_EXCERPTS]}


def curves(snapshot: Snapshot, idea: str, rung: int) -> dict[str, Any]:
    """What an idea's trials at a rung reported, and the baseline's with the same seeds."""
    records = snapshot.trials_of(idea)
    seeds = [each.trial.replicate for each in records if each.trial.rung == rung]
    found = []
    for arm in dict.fromkeys((idea, "baseline")):
        for seed in seeds[:_CURVES_OF_AN_ARM]:
            if (record := snapshot.history.ideas.get(arm)) is None:
                continue
            curve = trial_curve(snapshot.study, Trial(rung, seed, arm), record)
            x, y = thinned(curve.compute, curve.loss)
            if x:
                found.append({"name": f"{clean(arm, 60)}, seed {seed + 1}", "x": x, "y": y,
                              "baseline": arm == "baseline"})  # fmt: skip
    return {"unit": snapshot.study.budget.compute.unit, "curves": found}


def thinned(
    compute: tuple[float, ...], loss: tuple[float | None, ...], most: int = _CURVE_POINTS
) -> tuple[list[float], list[float | None]]:
    """At most so many points: means over equal numbers of neighbours; None stays None."""
    step = max(1, -(-len(compute) // most))
    x: list[float] = []
    y: list[float | None] = []
    for start in range(0, len(compute), step):
        part = loss[start : start + step]
        values = [value for value in part if value is not None]
        x.append(compute[min(start + step, len(compute)) - 1])
        y.append(sum(values) / len(values) if len(values) == len(part) else None)
    return x, y
