"""trackio: a database in a folder, a Space, or a server of its own."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proveout.trackers._tracker import Run, StudyCard, Summary, Tracker


class TrackioTracker(Tracker):
    """A project; the study's key is part of a run's name, which is all that tells runs apart."""

    def __init__(self, address: str | None, folder: Path) -> None:
        self._address, self._folder = address, folder
        self._card: StudyCard | None = None

    def open(self, card: StudyCard) -> None:
        """Nothing is written yet: trackio has one run open at a time."""
        self._folder.mkdir(parents=True, exist_ok=True)
        os.environ["TRACKIO_DIR"] = str(self._folder)  # read where it is imported
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        self._card = card

    @contextlib.contextmanager
    def _running(self, name: str, **more: Any) -> Iterator[Any]:
        """A run that is open. trackio turns its failures into warnings; here they are failures."""
        import trackio

        assert self._card is not None, "open it first"
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            place: dict[str, Any] = {}
            if self._address is not None and "://" in self._address:
                place = {"server_url": self._address}
            elif self._address is not None:
                place = {"space_id": self._address, "private": True}
            run = trackio.init(
                self._card.project, name=f"{name}-{self._card.key}", embed=False,
                auto_log_gpu=False, auto_log_cpu=False, **place, **more,
            )  # fmt: skip
            try:
                yield run
            finally:
                run.finish()
        for each in told:
            if "trackio" in str(each.message).lower() or "buffered" in str(each.message):
                raise RuntimeError(str(each.message))

    def log(self, run: Run) -> None:
        """Writes the run; of one that was begun before what is there goes first, where it lies in
        the folder."""
        self._forget(run.name)
        config = {**run.parameters, **run.tags, "about": run.about}
        with self._running(run.name, group=run.group, config=config) as begun:
            points = zip(run.curve.compute, run.curve.loss, strict=True)
            for step, (compute, loss) in enumerate(points):
                known = {"curve/compute": compute}
                begun.log(known if loss is None else known | {"curve/loss": loss}, step=step)
            begun.log(dict(run.numbers), step=len(run.curve.compute))

    def _forget(self, name: str) -> None:
        import trackio

        assert self._card is not None, "open it first"
        if self._address is not None:
            return
        try:
            runs = list(trackio.Api().runs(self._card.project))
        except ValueError:  # the project is not there yet
            return
        for each in runs:
            if each.name == f"{name}-{self._card.key}":
                each.delete()

    def summarize(self, summary: Summary) -> None:
        """One point more of each number, and the table as Markdown."""
        import trackio

        assert self._card is not None, "open it first"
        with self._running("study", config=dict(self._card.tags), resume="allow") as begun:
            table = trackio.Markdown(f"{summary.ended}\n\n{summary.table()}".strip())
            begun.log({**summary.numbers, "verdicts": table}, step=summary.step)

    def close(self) -> None:
        """Nothing is open between two calls."""
