"""MLflow: a tracking server, or a database in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from proveout.trackers._tracker import Run, StudyCard, Summary, Tracker

_TRIAL, _STUDY = "proveout.run", "proveout.study"
_MOST_METRICS, _MOST_PARAMETERS = 1000, 100
"""Of one request, by MLflow's own limits."""
_MOST_CHARACTERS = 5000
"""Of one tag."""

_DEFAULTS = {
    # Who calls tries again later by itself, and does not wait for minutes in one request.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class MlflowTracker(Tracker):
    """An experiment; each trial a run below the study's own."""

    def __init__(self, address: str | None, folder: Path) -> None:
        self._address, self._folder = address, folder
        self._client: Any = None
        self._experiment = self._study = ""

    def open(self, card: StudyCard) -> None:
        """Finds the experiment and the study's run in it, or makes them."""
        for name, value in _DEFAULTS.items():
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient

        place = self._address
        if place is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            place = f"sqlite:///{self._folder / 'mlflow.db'}"
        self._client = MlflowClient(tracking_uri=place)
        self._experiment = self._find_experiment(card.project)
        found = self._found(card.key)
        if found:
            self._study = found[0].info.run_id
            self._client.update_run(self._study, status="RUNNING")
        else:
            tags = {**card.tags, _TRIAL: card.key, _STUDY: card.key}
            if card.about:
                tags["proveout.question"] = card.about
            made = self._client.create_run(self._experiment, tags=tags, run_name=card.name)
            self._study = made.info.run_id
        self._key = card.key

    def _find_experiment(self, project: str) -> str:
        found = self._client.get_experiment_by_name(project)
        if found is not None:
            return str(found.experiment_id)
        local = None if self._address else (self._folder / "artifacts").as_uri()
        return str(self._client.create_experiment(project, artifact_location=local))

    def _found(self, key: str) -> Sequence[Any]:
        runs: Sequence[Any] = self._client.search_runs(
            [self._experiment], f"tags.`{_TRIAL}` = '{key}'"
        )
        return runs

    def log(self, run: Run) -> None:
        """Writes the run, unless it is there and whole; one that is not whole is removed."""
        found = self._found(run.key)
        if any(each.info.status in {"FINISHED", "FAILED"} for each in found):
            return
        for each in found:
            self._client.delete_run(each.info.run_id)
        made = self._client.create_run(
            self._experiment,
            start_time=_milliseconds(run.started_at),
            tags={**run.tags, _TRIAL: run.key, _STUDY: self._key,
                  "mlflow.parentRunId": self._study, "mlflow.note.content": run.about},
            run_name=run.name,
        )  # fmt: skip
        identity = made.info.run_id
        self._write(identity, run)
        self._client.set_terminated(
            identity, "FINISHED" if run.scored else "FAILED", _milliseconds(run.finished_at)
        )

    def _write(self, identity: str, run: Run) -> None:
        from mlflow.entities import Param

        parameters = [Param(name, str(value)) for name, value in run.parameters.items()]
        for some in _in_batches(parameters, _MOST_PARAMETERS):
            self._client.log_batch(identity, params=some)
        for some in _in_batches(_metrics(run), _MOST_METRICS):
            self._client.log_batch(identity, metrics=some)

    def summarize(self, summary: Summary) -> None:
        """One point more of each number; the table is the run's description."""
        from mlflow.entities import Metric

        at = _milliseconds(summary.at)
        metrics = [Metric(name, value, at, summary.step) for name, value in summary.numbers.items()]
        for some in _in_batches(metrics, _MOST_METRICS):
            self._client.log_batch(self._study, metrics=some)
        told = f"{summary.ended}\n\n{summary.table(_MOST_CHARACTERS - len(summary.ended) - 100)}"
        self._client.set_tag(self._study, "mlflow.note.content", told.strip())

    def close(self) -> None:
        """Ends the study's run; one that goes on is taken up again by `open`."""
        if self._study:
            self._client.set_terminated(self._study)


def _metrics(run: Run) -> Iterator[Any]:
    from mlflow.entities import Metric

    at = _milliseconds(run.finished_at)
    points = zip(run.curve.compute, run.curve.loss, strict=True)
    for step, (compute, loss) in enumerate(points):
        yield Metric("curve/compute", compute, at, step)
        if loss is not None:
            yield Metric("curve/loss", loss, at, step)
    for name, value in run.numbers.items():
        yield Metric(name, value, at, 0)


def _in_batches(items: Iterable[Any], most: int) -> Iterator[list[Any]]:
    left = iter(items)
    while batch := list(islice(left, most)):
        yield batch


def _milliseconds(at: float) -> int:
    return round(1000 * at)
