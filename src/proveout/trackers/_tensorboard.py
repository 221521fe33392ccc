"""TensorBoard: event files, a folder a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proveout.trackers._tracker import Run, StudyCard, Summary, Tracker
from proveout.trials import remove


class TensorBoardTracker(Tracker):
    """`FOLDER/<project>-<key>/<trial>/`: the study's key keeps apart what shares a project."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = folder
        self._study: _Events | None = None

    def open(self, card: StudyCard) -> None:
        """Makes the study's folder, and a file in it for what is believed."""
        self._root = self._folder / f"{_as_folder(card.project)}-{card.key}"
        self._study = _Events(self._root / "study")
        self._study.text("about", _listed(card.about, card.tags), 0, None)
        self._study.flush()

    def log(self, run: Run) -> None:
        """Writes the run's folder anew. A point's step is its number on the curve."""
        folder = self._root / run.name
        if folder.exists():  # begun before, and not known to be whole
            remove(folder)
        events, at = _Events(folder), run.finished_at
        events.parameters(run, at)
        events.text("about", _listed(run.about, run.tags), 0, at)
        points = zip(run.curve.compute, run.curve.loss, strict=True)
        for step, (compute, loss) in enumerate(points):
            events.scalar("curve/compute", compute, step, at)
            if loss is not None:
                events.scalar("curve/loss", loss, step, at)
        for name, value in run.numbers.items():
            events.scalar(name, value, 0, at)
        events.close()

    def summarize(self, summary: Summary) -> None:
        """One point more of each number, and the table as text."""
        assert self._study is not None, "open it first"
        for name, value in summary.numbers.items():
            self._study.scalar(name, value, summary.step, summary.at)
        self._study.text("verdicts", summary.table(), summary.step, summary.at)
        if summary.ended:
            self._study.text("ended", summary.ended, summary.step, summary.at)
        self._study.flush()

    def close(self) -> None:
        """Writes out what is buffered."""
        if self._study is not None:
            self._study.close()


class _Events:
    """One event file, written where it is called: a full disk is an error here, and not one that
    a thread of the library's swallows."""

    def __init__(self, folder: Path) -> None:
        from tensorboardX import summary
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event

        folder.mkdir(parents=True, exist_ok=True)
        self._summary: Any = summary
        self._event: Any = Event
        # Two files that are begun in one second must not have one name.
        self._writer: Any = EventsWriter(str(folder / "events"), f".{os.getpid()}.{id(self)}")

    def scalar(self, name: str, value: float, step: int, at: float) -> None:
        self._write(self._summary.scalar(name, value), step, at)

    def text(self, name: str, text: str, step: int, at: float | None) -> None:
        self._write(self._summary.text(name, text), step, at)

    def parameters(self, run: Run, at: float) -> None:
        """For the page HPARAMS: what was set, and the numbers that it is read against."""
        known = dict.fromkeys(run.numbers, 0.0)
        for part in self._summary.hparams(dict(run.parameters), known):
            self._write(part, 0, at)

    def _write(self, summary: Any, step: int, at: float | None) -> None:
        times = {} if at is None else {"wall_time": at}
        self._writer.write_event(self._event(summary=summary, step=step, **times))

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def _listed(text: str, tags: Mapping[str, str]) -> str:
    lines = [f"- {name.removeprefix('proveout.')}: {told}" for name, told in sorted(tags.items())]
    return "\n".join([text, "", *lines])


def _as_folder(project: str) -> str:
    """A project's name as that of a folder."""
    kept = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in project)
    return kept.strip(".-")[:60] or "study"
