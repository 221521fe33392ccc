"""The one interface to trackers, and what they are told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from proveout.study import Value
from proveout.trials import Curve


@dataclass(frozen=True)
class StudyCard:
    """What a tracker is told of a study as a whole."""

    key: str
    """Hexadecimal; the same wherever and whenever the study is sent from."""
    name: str
    project: str
    """The experiment or project that its runs are filed under."""
    about: str
    """What it asks, on one line."""
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """A finished trial as a run of a tracker."""

    key: str
    """The study's and the trial's: the same wherever and whenever it is sent from."""
    name: str
    """The trial's id."""
    group: str
    """The idea's name."""
    parameters: Mapping[str, Value]
    tags: Mapping[str, str]
    about: str
    """What the idea says and what came of the trial, on one line."""
    curve: Curve
    numbers: Mapping[str, float]
    """The score and what it cost; what was not measured is not there."""
    scored: bool
    started_at: float
    """Seconds since 1970, as `finished_at`."""
    finished_at: float


@dataclass(frozen=True)
class Summary:
    """The study's own run as it stands: its budget and what is believed of its ideas."""

    step: int
    """Finished trials."""
    at: float
    """Seconds since 1970."""
    numbers: Mapping[str, float]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The table of verdicts, as text."""
    ended: str
    """Why nothing is left to buy; empty while there is."""

    def table(self, most_characters: int = 0) -> str:
        """The table as Markdown; rows that `most_characters` cannot hold are counted instead."""
        lines = [f"| {' | '.join(self.head)} |", "|---" * len(self.head) + "|"]
        room = most_characters - sum(len(line) + 1 for line in lines) - 40
        for number, row in enumerate(self.rows):
            line = f"| {' | '.join(row)} |"
            room -= len(line) + 1
            if most_characters and room < 0:
                lines.append(f"\n{len(self.rows) - number} more are left out here.")
                break
            lines.append(line)
        return "\n".join(lines)


class Tracker(ABC):
    """A place that runs are written to. May raise anything and take any time: whoever calls it
    does so where nothing waits for it."""

    @abstractmethod
    def open(self, card: StudyCard) -> None:
        """Finds or makes the place of a study."""

    @abstractmethod
    def log(self, run: Run) -> None:
        """Writes a finished trial. Of one that was written before, in whole or in part, there is
        one run afterwards and not two."""

    @abstractmethod
    def summarize(self, summary: Summary) -> None:
        """Brings the run of the study itself up to date."""

    @abstractmethod
    def close(self) -> None:
        """Waits until everything has been written."""
