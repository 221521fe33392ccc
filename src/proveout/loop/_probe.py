"""One trial outside of a study's books: to see that it runs, what it costs and what it leaves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proveout.errors import ScoringFailed
from proveout.ideas import Idea, ProgramRepository
from proveout.interpret import classify
from proveout.loop._isolation import hidden_patterns
from proveout.loop._open import REPOSITORY, modules_to_preload, not_the_program
from proveout.runners import LocalRunner, Runner
from proveout.scoring import evaluator_of
from proveout.study import Rung, Study
from proveout.trials import (
    Curve,
    Exit,
    Failure,
    Job,
    Measurement,
    Trial,
    TrialFolder,
    prepare_trial,
    remove,
    tail,
    trial_curve,
    trial_folder,
)

PROBE = ".probe"
"""No idea can be called that."""
_FOLDER = "trials/.probe"


@dataclass(frozen=True)
class Probe:
    """What one trial came to. Nothing of it is in the ledger and nothing was charged."""

    trial: Trial
    command: tuple[str, ...]
    exit: Exit
    failure: Failure | None
    measurement: Measurement | None
    curve: Curve
    wrote: tuple[str, ...]
    """New files and folders in the program's own folder, at its top; folders with a slash."""
    log_tail: str


class Prober:
    """Runs trials of a study's baseline one after the other, in `trials/`, and clears up.

    The study may be a copy with other rungs than its file has; rungs count as in that copy.
    """

    def __init__(self, study: Study, runner: Runner, tree: Path) -> None:
        self.study = study
        self._runner = runner
        self._tree = tree

    def at(self, rung: Rung) -> Prober:
        """A prober of the same program at one rung of any kind, which then is rung 0."""
        ladder = self.study.ladder.model_copy(update={"rung": (rung,)})
        return Prober(self.study.model_copy(update={"ladder": ladder}), self._runner, self._tree)

    def of(self, study: Study) -> Prober:
        """A prober of the same program, as another study.toml declares it."""
        return Prober(study, self._runner, self._tree)

    def folder(self, trial: Trial) -> TrialFolder:
        """Where a trial lies."""
        return trial_folder(self.study, trial)

    def run(self, rung: int = 0, replicate: int = 0, scored: bool = True) -> Probe:
        """Runs and, unless it failed, measures one trial. What it leaves stays until `cleared`.

        Raises:
            EnvironmentFailure: the disk is full or the launcher died.
            DataError: the held-out data cannot be used.
        """
        trial = Trial(rung, replicate, PROBE)
        idea = Idea(PROBE, "baseline", "", None)
        device = self.study.run.devices[0] if self.study.run.devices else None
        job = prepare_trial(self.study, trial, idea, self._tree, device)
        before = {entry.name for entry in job.directory.iterdir()}
        ended = self._wait(job)
        folder = trial_folder(self.study, trial)
        curve = trial_curve(self.study, trial, idea)
        claimable = self.study.rung(rung).compute.amount
        if self.study.budget.compute.unit != "flops":
            claimable = float("inf")
        failure = classify(ended, curve, tail(folder.log), claimable)
        measurement = None
        if failure is None and scored:
            measurement, failure = self._score(trial, device, ended)
        wrote = sorted(entry.name + "/" * entry.is_dir() for entry in folder.work.iterdir()
                       if entry.name not in before)  # fmt: skip
        return Probe(trial, job.argv, ended, failure, measurement, curve, tuple(wrote),
                     tail(folder.log))  # fmt: skip

    def _score(
        self, trial: Trial, device: str | None, trained: Exit
    ) -> tuple[Measurement | None, Failure | None]:
        evaluator = evaluator_of(self.study)
        try:
            job = evaluator.job(trial, self._tree, device)
            ended = trained if job is None else self._wait(job)
            return evaluator.measure(trial, trained, ended).measurement, None
        except ScoringFailed as error:
            return None, Failure(error.kind, str(error))

    def _wait(self, job: Job) -> Exit:
        self._runner.submit(job)
        while True:
            for ended in self._runner.poll(None):
                if ended.job == job.id:
                    return ended


@contextlib.contextmanager
def prober(study: Study, runner: Runner | None = None) -> Iterator[Prober]:
    """A prober of a study's program as it lies in its folder; removes what its trials left.

    Raises:
        IdeaError: the program cannot be imported.
        EnvironmentFailure: git is missing or the folder cannot be written.
    """
    folder = study.folder / _FOLDER
    remove(folder)
    folder.mkdir(parents=True)
    try:
        program = study.folder / study.program.path
        repository, commit = ProgramRepository.create(
            folder / REPOSITORY, program, not_the_program(study)
        )
        repository.export(commit, folder / "tree")
        with runner or LocalRunner(1, modules_to_preload(study), hidden_patterns(study)) as ours:
            yield Prober(study, ours, folder / "tree")
    finally:
        remove(folder)
        for left in (study.folder / "trials").glob(f"{PROBE}-r*"):
            remove(left)
        for left in (study.folder / "trials" / ".score").glob(f"{PROBE}-r*"):
            remove(left)
        with contextlib.suppress(OSError):
            (study.folder / "trials").rmdir()
