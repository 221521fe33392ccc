"""Whether trials may run here: at the isolation that a study accepts, and never quietly at less."""

from __future__ import annotations

from pathlib import Path

from proveout.errors import NotIsolated, StudyError
from proveout.ledger import History
from proveout.runners import Runner
from proveout.study import STUDY_FILE, Study
from proveout.trials import Isolation, worse_isolation


def check_isolation(study: Study, history: History, runner: Runner) -> None:
    """Waits until the runner knows the level that its jobs run at.

    Raises:
        NotIsolated: it is below what study.toml accepts, or below what the study ran at so far and
            study.toml does not say that this will do; or the study lies where trials can read.
    """
    level, accepted = runner.isolation, study.run.isolation
    if worse_isolation(level, accepted) != accepted:
        raise NotIsolated(
            f"trials would run at isolation level {level} here, and {study.folder / STUDY_FILE} "
            f"accepts {accepted} at the least. `proveout doctor` says what is missing and how to "
            f'raise the level. To run all the same, write isolation = "{level}" into [run]'
            + ("; no idea can be said to hold then" if level == "E" else "")
        )
    before = _level_so_far(history)
    said = "isolation" in study.run.model_fields_set
    if before is not None and worse_isolation(level, before) != before and not said:
        raise NotIsolated(
            f"the study ran at isolation level {before} so far, and trials would run at {level} "
            "here. `proveout doctor` says why. To go on all the same, write "
            f'isolation = "{level}" into [run] of {study.folder / STUDY_FILE}'
        )
    if level != "E":
        for name in ("", *study.score.withheld):
            _check_not_shown(study.folder / name, runner)
        if missing := set(hidden_patterns(study)) - set(runner.hides):
            raise NotIsolated(
                f"[run] hidden of {study.folder / STUDY_FILE} names what no trial may find, and "
                f"where these run it would be found: {min(missing)}, ..."
            )


def hidden_patterns(study: Study) -> tuple[str, ...]:
    """What `[run] hidden` lists: patterns of files that no trial may find.

    Raises:
        StudyError: the list is empty, or is no text.
    """
    if study.run.hidden is None:
        return ()
    file = study.folder / study.run.hidden
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise StudyError(f"{file}: [run] hidden cannot be read: {error}") from None
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not patterns:
        raise StudyError(
            f"{file}: [run] hidden lists nothing. Write a line for each file that no trial may "
            "find, such as python3.*/turtle.py, or take hidden out of [run]"
        )
    return tuple(patterns)


def _check_not_shown(path: Path, runner: Runner) -> None:
    shown = runner.shown_folder(path)
    if shown is not None:
        raise NotIsolated(
            f"{path} lies in {shown}, which every trial can read because programs need it to run. "
            "Move the study and its held-out data elsewhere"
        )


def _level_so_far(history: History) -> Isolation | None:
    """The lowest level of any measurement that counts."""
    levels = [past.measurement.isolation for past in history.trials.values() if past.measurement]
    return max(levels, default=None)
