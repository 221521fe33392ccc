"""The dashboard as an ASGI application: its addresses, and who is told of what is new."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from proveout.errors import ProveoutError
from proveout.report import STYLE_SHEET, TABS, frame, learnt
from proveout.web._acts import act, read_form
from proveout.web._gate import Gate, sealed
from proveout.web._improvers import LiveImprovement
from proveout.web._live import LiveStudy, snapshot_or_why
from proveout.web._pages import Link, Pages, curves

_LOOK_SECONDS = 0.5
_LONGEST_SECONDS = 4.0
_SHARE = 0.05
"""Of a core: what following the studies may take, apart from the pages that viewers then fetch."""

_PING_SECONDS = 15.0


@dataclass(frozen=True)
class Options:
    """How a dashboard is opened."""

    token: str
    read_only: bool = False
    hosts: frozenset[str] | None = field(default=None)
    """Names that it answers to, with their port; None for all."""


class Dashboard:
    """The handlers, by address."""

    def __init__(
        self,
        studies: Sequence[LiveStudy],
        options: Options,
        improvements: Sequence[LiveImprovement] = (),
    ) -> None:
        self._studies = {live.slug: live for live in studies}
        self._improvements = {live.slug: live for live in improvements}
        self._options = options
        self._form_key = sealed(options.token, "form")
        self._pages = Pages(options.read_only, self._form_key)
        self.closing = asyncio.Event()

    def routes(self) -> list[Route | Mount]:
        """Every address there is."""
        return [
            Route("/", self.index),
            Route("/i/{slug}/", self.improvers),
            Route("/i/{slug}/{name:path}", self.improvers),
            Route("/s/{slug}", self.to_overview),
            Route("/s/{slug}/", self.page),
            Route("/s/{slug}/act", self.act, methods=["POST"]),
            Route("/s/{slug}/events", self.events),
            Route("/s/{slug}/ideas/{idea:path}", self.idea),
            Route("/s/{slug}/curves/{idea:path}", self.curves),
            Route("/s/{slug}/{page}", self.page),
            Route("/static/style.css", self.style),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ]

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Follows the studies that somebody looks at."""
        follower = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            self.closing.set()
            follower.cancel()
            for live in self._studies.values():
                live.close()

    async def _follow(self) -> None:
        while True:
            began = time.monotonic()
            for live in self._studies.values():
                if live.viewers:
                    await run_in_threadpool(snapshot_or_why, live)
                    await run_in_threadpool(live.judge_early)
            # A large study is looked at less often: whoever runs it needs the cores.
            took = time.monotonic() - began
            await asyncio.sleep(max(_LOOK_SECONDS, min(took / _SHARE, _LONGEST_SECONDS)))

    def index(self, request: Request) -> Response:
        """All studies, or the only one."""
        if len(self._studies) == 1 and not self._improvements:
            (only,) = self._studies
            return RedirectResponse(Link(only).page("overview"))
        if len(self._improvements) == 1 and not self._studies:
            (lonely,) = self._improvements.values()
            return RedirectResponse(lonely.base)
        lines = []
        for slug, live in self._studies.items():
            snapshot, why = snapshot_or_why(live)
            shown = frame(snapshot) if snapshot else {}
            lines.append(
                {
                    "slug": slug,
                    "href": Link(slug).page("overview"),
                    "why": why,
                    "frame": shown,
                    "learnt": learnt(snapshot) if snapshot else {},
                }
            )
        improvements = [live.line() for live in self._improvements.values()]
        return HTMLResponse(self._pages.index(lines, improvements))

    def improvers(self, request: Request) -> Response:
        """A folder of improvers, or one of them."""
        slug, name = request.path_params["slug"], request.path_params.get("name", "")
        if slug not in self._improvements:
            raise HTTPException(404, f"there are no improvers {slug[:60]!r} here")
        live = self._improvements[slug]
        try:
            view = live.improver(name) if name else live.overview()
        except KeyError:
            raise HTTPException(404, f"there is no improver {name[:60]!r}") from None
        return HTMLResponse(self._pages.improvers(view))

    def to_overview(self, request: Request) -> Response:
        """An address typed without its last stroke."""
        return RedirectResponse(Link(self._live(request).slug).page("overview"))

    def page(self, request: Request) -> Response:
        """One of a study's pages."""
        live, name = self._live(request), request.path_params.get("page", "overview")
        if name not in TABS:
            raise HTTPException(404, f"there is no page {name[:60]!r}")
        if not live.has_begun:
            return HTMLResponse(self._pages.unbegun(live), 503)
        return HTMLResponse(self._pages.study(live, name, request.query_params))

    def idea(self, request: Request) -> Response:
        """One idea."""
        live, idea = self._live(request), request.path_params["idea"]
        try:
            return HTMLResponse(self._pages.idea(live, idea))
        except KeyError:
            raise HTTPException(404, f"the study has no idea {idea[:60]!r}") from None

    def curves(self, request: Request) -> Response:
        """The curves of an idea's trials at one rung, as JSON."""
        live, rung = self._live(request), request.query_params.get("rung", "")
        if not (rung.isascii() and rung.isdigit() and len(rung) < 4):
            raise HTTPException(400, "rung must be a whole number, counted from 0")
        found = curves(live.snapshot(), request.path_params["idea"], int(rung))
        return Response(json.dumps(found, allow_nan=False), media_type="application/json")

    async def style(self, request: Request) -> Response:
        """The style sheet, which the report has too."""
        return FileResponse(STYLE_SHEET, media_type="text/css")

    async def act(self, request: Request) -> Response:
        """Hands in what a form asks for, and says what came of it."""
        live = self._live(request)
        if self._options.read_only:
            raise HTTPException(403, "this dashboard was opened with --read-only: it shows")
        form = await read_form(request)
        if form is None:
            raise HTTPException(413, "this is no form of ours, or larger than a request may be")
        study = (await run_in_threadpool(live.snapshot)).study
        reply = await run_in_threadpool(act, study, form, self._form_key)
        page = self._pages.reply(Link(live.slug), reply, form)
        return HTMLResponse(page, reply.status)

    async def events(self, request: Request) -> Response:
        """Says `changed`, with the number of the last entry, whenever there is something new.

        `seen` is what the page that listens shows already: what came in since it was made, or
        while it was cut off, is not missed.
        """
        live = self._live(request)
        seen = request.query_params.get("seen", "")
        known = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 12 else live.made
        return StreamingResponse(
            self._changes(live, known, request), media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )  # fmt: skip

    async def _changes(self, live: LiveStudy, known: int, request: Request) -> AsyncIterator[str]:
        live.viewers += 1
        quiet = 0.0
        try:
            yield f"event: hello\ndata: {live.version}\n\n"
            while not self.closing.is_set() and not await request.is_disconnected():
                if live.made != known:
                    known, quiet = live.made, 0.0
                    yield f"event: changed\ndata: {live.version}\n\n"
                elif quiet >= _PING_SECONDS:
                    quiet = 0.0
                    yield ": still here\n\n"
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.closing.wait(), _LOOK_SECONDS)
                quiet += _LOOK_SECONDS
        finally:
            live.viewers -= 1

    def _live(self, request: Request) -> LiveStudy:
        slug = request.path_params["slug"]
        if slug not in self._studies:
            raise HTTPException(404, f"there is no study {slug[:60]!r} here")
        return self._studies[slug]

    def failed(self, request: Request, error: Exception) -> Response:
        """What cannot be shown, in a sentence."""
        status = error.status_code if isinstance(error, HTTPException) else 503
        sentence = error.detail if isinstance(error, HTTPException) else str(error)
        return HTMLResponse(self._pages.message("This cannot be shown", sentence), status)


def make_app(
    studies: Sequence[LiveStudy], options: Options, improvements: Sequence[LiveImprovement] = ()
) -> Any:
    """The application that serves these studies and improvers."""
    dashboard = Dashboard(studies, options, improvements)
    app = Starlette(
        routes=dashboard.routes(),
        middleware=[Middleware(Gate, token=options.token, hosts=options.hosts)],
        exception_handlers={
            HTTPException: dashboard.failed,
            ProveoutError: dashboard.failed,
            OSError: dashboard.failed,
        },
        lifespan=dashboard.lifespan,
    )
    app.state.closing = dashboard.closing
    return app
