"""A study at one moment, with what pages ask of it worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from proveout.ideas import BASELINE
from proveout.ledger import History, TrialRecord, VerdictsRead
from proveout.report._facts import Row, Spent, spent, table_rows
from proveout.study import Study


@dataclass(frozen=True)
class Snapshot:
    """Study and history together; pages are functions of it and of what is asked for."""

    study: Study
    history: History
    at: float
    """When it was taken, in seconds since 1970."""
    at_work: bool | None = None
    """Whether a controller is; None where nobody looked."""
    fault: str = ""
    """What is wrong with the ledger's chain of hashes; empty where it holds or nobody looked."""
    early: bool = False
    """Whether its verdicts were made to be looked at, and are not on record."""

    @property
    def verdicts(self) -> VerdictsRead | None:
        """The verdicts last put on record."""
        return self.history.verdicts

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every idea and stack in the verdicts' order."""
        return table_rows(self.history, self.verdicts)

    @cached_property
    def row_of(self) -> dict[str, Row]:
        """Rows by name, the baseline's among them."""
        baseline = self.history.ideas.get(BASELINE)
        return {row.idea: row for row in (*self.rows, Row(BASELINE, baseline, None))}

    @cached_property
    def records_of(self) -> dict[str, list[TrialRecord]]:
        """Trials by idea, in the order in which they were bought."""
        found: dict[str, list[TrialRecord]] = {}
        for trial, record in self.history.trials.items():
            found.setdefault(trial.idea, []).append(record)
        return found

    def trials_of(self, idea: str) -> list[TrialRecord]:
        """One idea's trials, lowest rung first."""
        records = self.records_of.get(idea, [])
        return sorted(records, key=lambda record: (record.trial.rung, record.trial.replicate))

    @cached_property
    def running(self) -> list[TrialRecord]:
        """Trials under way, the longest first."""
        running = [each for each in self.history.trials.values() if each.state == "running"]
        return sorted(running, key=lambda record: record.started_at)

    @cached_property
    def finished(self) -> list[TrialRecord]:
        """Trials scored or failed, in the order in which they ended."""
        ended = [each for each in self.history.trials.values() if each.finished_at is not None]
        return sorted(ended, key=lambda record: record.finished_at or 0.0)

    @cached_property
    def spent(self) -> Spent:
        """Where the budget went."""
        return spent(self.study, self.history, self.verdicts)
