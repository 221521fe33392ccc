"""One trial outside of a study's books: to see that it runs, what it costs and what it leaves."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from proveout.errors import ScoringFailed
from proveout.ideas import Idea, ProgramRepository
from proveout.interpret import classify
from proveout.loop._isolation import hidden_patterns
from proveout.loop._open import REPOSITORY, modules_to_preload, not_the_program
from proveout.runners import LocalRunner, Runner
from proveout.scoring import evaluator_of
from proveout.study import Rung, Study, Value
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
_BUILT = {"__pycache__", "target", "build"}


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
    """Files and folders in the program's own folder that were made or changed; folders with a
    slash, files in folders that were there before by their path."""
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

    def run(
        self, rung: int = 0, replicate: int = 0, scored: bool = True,
        parameters: Mapping[str, Value] | None = None,
    ) -> Probe:  # fmt: skip
        """Runs and, unless it failed, measures one trial. What it leaves stays until `cleared`.

        `parameters` are set as an idea would set them.

        Raises:
            EnvironmentFailure: the disk is full or the launcher died.
            DataError: the held-out data cannot be used.
        """
        trial = Trial(rung, replicate, PROBE)
        idea = Idea(PROBE, "baseline", "", None, parameters=parameters or {})
        device = self.study.run.devices[0] if self.study.run.devices else None
        job = prepare_trial(self.study, trial, idea, self._tree, device)
        before = _files_in(job.directory)
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
        wrote = {_topmost_new(name, before) for name, state in _files_in(folder.work).items()
                 if before.get(name) != state and not _is_built(name)}  # fmt: skip
        return Probe(trial, job.argv, ended, failure, measurement, curve, tuple(sorted(wrote)),
                     tail(folder.log))  # fmt: skip

    def score_output(self, probe: Probe) -> Path:
        """Has a trial scored, and says where what the scoring printed lies.

        Raises:
            ScoringFailed: what the trial left is not to be scored.
        """
        evaluator = evaluator_of(self.study)
        if (job := evaluator.job(probe.trial, self._tree, None)) is not None:
            self._wait(job)
        return evaluator.scratch(probe.trial) / "log.txt"

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


def _files_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and empty folder below a folder, as paths in it, each with what changes when it is
    written; what links lead to is left out."""
    found: dict[str, tuple[int, int]] = {}
    for here, folders, files in os.walk(folder):
        empty = [each for each in folders if not any((Path(here) / each).iterdir())]
        for name in [*files, *empty]:
            state = (Path(here) / name).lstat()
            place = (Path(here) / name).relative_to(folder).as_posix()
            found[place] = (state.st_mtime_ns, state.st_size)
    return found


def _is_built(name: str) -> bool:
    """Whether a file is what a compiler or an interpreter leaves, which nobody needs to keep."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part in _BUILT for part in path.parts)
    return hidden or path.suffix in {".o", ".pyc", ".lock"}


def _topmost_new(name: str, before: Iterable[str]) -> str:
    """A file, or the topmost folder above it in which nothing was before, with a slash."""
    for above in reversed(PurePosixPath(name).parents[:-1]):
        if not any(each == str(above) or each.startswith(f"{above}/") for each in before):
            return f"{above}/"
    return name


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
