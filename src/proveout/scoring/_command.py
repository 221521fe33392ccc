"""A number that the study's own command computes, in a job of its own, from protected files."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from proveout.errors import ScoringFailed
from proveout.scoring._evaluator import Evaluator, Scored, Tier, check_ended, read_number
from proveout.scoring._numbers import as_number
from proveout.scoring._reported import matches_in
from proveout.study import PLACEHOLDER, CommandScore
from proveout.trials import (
    Exit,
    Job,
    Trial,
    clean,
    files_below,
    link_output,
    read_regular,
    remove,
    trial_folder,
)

_SCORE_BYTES = 1_000_000
_MOST_PRINTED_BYTES = 4_000_000


class CommandEvaluator(Evaluator):
    """Runs the command in a fresh copy of its files, with the held-out data beside them."""

    trust = "re-evaluated"

    def job(self, trial: Trial, tree: Path, device: str | None, tier: Tier = "search") -> Job:
        """The command as a job. `{program}` is a fresh copy of the idea's program.

        Raises:
            ScoringFailed: an artifact leads elsewhere, perhaps to what only the command may read.
        """
        study, score = self._study, self._score
        _check_links(trial_folder(study, trial).out)
        scratch = self._prepare(trial, tree, tier)
        (scratch / "work").rename(scratch / "program")
        shutil.copytree(study.folder / score.files, scratch / "work", symlinks=True)
        if "{out}" not in score.command:
            link_output(study, scratch / "work", trial_folder(study, trial).out)
        values = {
            "out": str(trial_folder(study, trial).out),
            "held_out": str((study.folder / score.held_out).resolve()),
            "score": str(scratch / "score.json"),
            "program": str(scratch / "program"),
        }
        words = shlex.split(score.command)
        argv = tuple(PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in words)
        return self._scoring_job(trial, tier, argv, device, _SCORE_BYTES)

    def _scored_of(self, trial: Trial, ended: Exit, tier: Tier) -> Scored:
        """The number that the command wrote.

        Raises:
            ScoringFailed: it failed, or wrote no finite number in the declared range.
        """
        scratch = self.scratch(trial, tier)
        try:
            check_ended(ended, scratch / "log.txt", "the evaluation command")
            value = self._number(scratch)
        finally:
            remove(scratch)
        return Scored(self._measurement(value, 1))

    def _number(self, scratch: Path) -> float:
        pattern = self._score.pattern
        if not pattern:
            return read_number(scratch / "score.json", self._score.key)
        found = matches_in(pattern, read_regular(scratch / "log.txt", _MOST_PRINTED_BYTES))
        if not found:
            raise ScoringFailed(
                "unscorable", f"the evaluation command printed nothing that {pattern!r} finds"
            )
        return as_number(found[-1], "what the evaluation command printed")

    def reads(self, trial: Trial) -> tuple[Path, ...]:
        """The artifacts and the held-out data."""
        held_out = (self._study.folder / self._score.held_out).resolve()
        return (trial_folder(self._study, trial).out, held_out)

    @property
    def _score(self) -> CommandScore:
        assert isinstance(self._study.score, CommandScore), self._study.score.kind
        return self._study.score


def _check_links(out: Path) -> None:
    own = Path(os.path.realpath(out))
    for entry in files_below(out):
        leads = Path(os.path.realpath(entry.path))  # unlike resolve(), it survives a loop
        if entry.is_symlink() and not leads.is_relative_to(own):
            name = clean(str(Path(entry.path).relative_to(out)), 100)
            raise ScoringFailed(
                "unscorable", f"{name} is a link that leads out of the output folder"
            )
