"""Weights & Biases: a server, or files for its own `wandb sync`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from proveout.trackers._tracker import Run, StudyCard, Summary, Tracker
from proveout.trials import remove

_LONGEST_TAG = 64
_WAIT_SECONDS = 30
_SENDING_SECONDS = 60
"""For what one run has not sent when it ends; after that it is sent again."""


class WandbTracker(Tracker):
    """A project; each trial a run, in a group with those of its idea. The key is in the
    environment, as `WANDB_API_KEY`, or where `wandb login` left it."""

    def __init__(self, address: str | None, folder: Path, offline: bool) -> None:
        self._address, self._folder, self._offline = address, folder, offline
        self._project = ""
        self._study: Any = None

    def open(self, card: StudyCard) -> None:
        """Begins the study's own run, or goes on with it."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._project = card.project
        self._study = self._begin(
            f"{card.key}-study", card.name, config=dict(card.tags), notes=card.about,
            job_type="study",
        )  # fmt: skip

    def _begin(self, key: str, name: str, **more: Any) -> Any:
        import wandb

        told: dict[str, Any] = {} if self._address is None else {"base_url": self._address}
        settings = wandb.Settings(
            console="off", silent=True, disable_git=True, disable_code=True, save_code=False,
            x_disable_stats=True, x_disable_meta=True, init_timeout=_WAIT_SECONDS,
            finish_timeout=_SENDING_SECONDS, finish_timeout_raises=True, **told,
        )  # fmt: skip
        return wandb.init(
            project=self._project, id=key, name=name, dir=self._folder, settings=settings,
            mode="offline" if self._offline else "online", reinit="create_new",
            resume=None if self._offline else "allow", **more,
        )  # fmt: skip

    def log(self, run: Run) -> None:
        """Writes the run under an id of its own, which a server keeps once."""
        if self._offline:
            for left in self._folder.glob(f"wandb/offline-run-*-{run.key}"):
                remove(left)
        tags = [f"{name.removeprefix('proveout.')}:{text}" for name, text in run.tags.items()
                if name != "proveout.commit"]  # fmt: skip
        begun = self._begin(
            run.key,
            run.name,
            config={**run.parameters, **run.tags},
            notes=run.about,
            group=run.group,
            tags=[tag[:_LONGEST_TAG] for tag in tags],
        )
        points = zip(run.curve.compute, run.curve.loss, strict=True)
        for step, (compute, loss) in enumerate(points):
            known = {"curve/compute": compute}
            begun.log(known if loss is None else known | {"curve/loss": loss}, step=step)
        begun.summary.update(dict(run.numbers))
        begun.finish(exit_code=0 if run.scored else 1)

    def summarize(self, summary: Summary) -> None:
        """One point more of each number, and the table."""
        import wandb

        table = wandb.Table(columns=list(summary.head), data=[list(row) for row in summary.rows])
        self._study.log({**summary.numbers, "verdicts": table, "trials/finished": summary.step})
        if summary.ended:
            self._study.summary["ended"] = summary.ended

    def close(self) -> None:
        """Waits until everything has been sent."""
        if self._study is not None:
            self._study.finish()
