"""TensorBoard: event files, a folder a run."""

from __future__ import annotations

import contextlib
import time
import uuid
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
        with contextlib.closing(_Events(folder)) as events:
            _write(events, run)

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
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._summary: Any = summary
        self._event: Any = Event
        # TensorBoard reads the files of a folder by name: the time comes first, and two that are
        # begun in one second have two names.
        name = f"events.out.tfevents.{time.time():.0f}.proveout.{uuid.uuid4().hex[:8]}"
        self._records: Any = RecordWriter(str(folder / name))
        self._records.write(
            Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString()
        )

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
        event = self._event(summary=summary, step=step, **times)
        self._records.write(event.SerializeToString())

    def flush(self) -> None:
        self._records.flush()

    def close(self) -> None:
        try:
            self.flush()
        finally:
            with contextlib.suppress(OSError):  # said by `flush`, if anything is amiss
                self._records.close()


def _write(events: _Events, run: Run) -> None:
    at = run.finished_at
    events.parameters(run, at)
    events.text("about", _listed(run.about, run.tags), 0, at)
    points = zip(run.curve.compute, run.curve.loss, strict=True)
    for step, (compute, loss) in enumerate(points):
        events.scalar("curve/compute", compute, step, at)
        if loss is not None:
            events.scalar("curve/loss", loss, step, at)
    for name, value in run.numbers.items():
        events.scalar(name, value, 0, at)


def _listed(text: str, tags: Mapping[str, str]) -> str:
    lines = [f"- {name.removeprefix('proveout.')}: {told}" for name, told in sorted(tags.items())]
    return "\n".join([text, "", *lines])


def _as_folder(project: str) -> str:
    """A project's name as that of a folder."""
    kept = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in project)
    return kept.strip(".-")[:60] or "study"
