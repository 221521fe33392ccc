"""A study's file while it is being found out what goes in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proveout.study import STUDY_FILE, Study, read_study
from proveout.survey import CurveLines, Plan, Scored, Survey, Wishes, study_text

FIRST_LOOK, LONG_LOOK = {0: 20.0}, {0: 200.0}
"""Seconds that the smallest rung is taken for, before it is known; after about twice that much it
is ended. The long look is for programs of which shorter runs are no faster."""


class Draft:
    """The study's file while it is being found out what goes in."""

    def __init__(
        self, folder: Path, found: Survey, wishes: Wishes, time_seconds: float | None,
        unscored: Scored,
    ) -> None:  # fmt: skip
        self.folder, self.found, self.wishes, self.unscored = folder, found, wishes, unscored
        self.time_seconds = time_seconds
        self.study: Study

    def write(
        self, plan: Plan, scored: Scored, seconds: Mapping[int, float],
        curve: CurveLines | None = None, most_seconds: float | None = None,
    ) -> Study:  # fmt: skip
        """Writes the file anew and reads it back."""
        text = study_text(
            self.found, plan, self.wishes, self.folder, scored, curve, seconds, most_seconds
        )
        (self.folder / STUDY_FILE).write_text(text, encoding="utf-8")
        self.study = read_study(self.folder)
        return self.study
