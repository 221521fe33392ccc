"""The research cycle: ask the policy what to do, do it, record it, until nothing is left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from proveout.errors import EnvironmentFailure, IdeaError, MergeConflict, ProveoutError
from proveout.ideas import BASELINE, Idea
from proveout.ledger import (
    Decided,
    Entry,
    Event,
    History,
    IdeaAdded,
    Ledger,
    MergeRefused,
    StudyEnded,
    explain,
)
from proveout.loop._interrupts import Interrupts
from proveout.loop._open import Record, add_ideas, modules_to_preload, open_study, repository_of
from proveout.loop._round import Bench
from proveout.runners import LocalRunner, Runner
from proveout.study import Study
from proveout.trials import Trial
from proveout.verdicts import (
    Action,
    Buy,
    MakeForecast,
    Merge,
    ScoreForecast,
    Stop,
    forecast,
    judge,
    members_of,
    plan,
    score_forecast,
)


class Watcher:
    """Is told what happens; the terminal view is one. Does nothing by itself."""

    def planned(self, trials: Sequence[Trial]) -> None:
        """A round of trials begins."""

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        """An event was recorded."""

    def tick(self, ledger: Ledger) -> None:
        """A quarter of a second has gone by, or something happened."""


@dataclass(frozen=True)
class Outcome:
    """How a run of the loop ended."""

    history: History
    finished: bool
    """False where it was interrupted with work left."""
    ok: bool
    """False where the study could not do what it was asked to."""
    why: str


def run_study(
    study: Study,
    watcher: Watcher | None = None,
    runner: Runner | None = None,
    policy: Callable[[Study, History], Action] = plan,
) -> Outcome:
    """Runs or resumes a study until its policy has nothing left to buy.

    `policy` is a pure function of the study and its history; by default what study.toml names.

    Ctrl-C or SIGTERM ends the running trials, gives their reservations back and returns with
    `finished=False`. A kill at any moment loses at most the trials that were running.

    Raises:
        UserError: the study, its catalog or its ledger cannot be used; says what to do.
        EnvironmentFailure: the machine lets us down; what has finished is in the ledger.
    """
    watcher = watcher or Watcher()
    with _explained(study.folder), Interrupts() as interrupts, Ledger(study.folder) as ledger:

        def record(event: Event) -> None:
            entry = ledger.append(event)
            try:
                watcher.happened(entry, ledger)
            except OSError:  # nobody listens any more, as in `proveout run | head`
                interrupts.requested = True

        def tick() -> None:
            watcher.tick(ledger)
            if interrupts.requested:
                raise _Interrupted

        open_study(study, ledger, record)
        slots = study.run.slots or (len(study.run.devices) or None)
        with runner or LocalRunner(slots=slots, preload=modules_to_preload(study)) as runner:
            bench = Bench(study, ledger, runner, record, tick)
            try:
                stop = _cycle(study, ledger, bench, record, watcher, policy)
            except _Interrupted:
                bench.abandon("interrupted from outside")
                record(judge(study, ledger.history()))
                return Outcome(ledger.history(), finished=False, ok=True, why="interrupted")
            finally:
                bench.close()
        return Outcome(ledger.history(), finished=True, ok=stop.ok, why=stop.why)


class _Interrupted(Exception):
    """The loop was asked to stop, at a point where its records are in order."""


def _cycle(
    study: Study,
    ledger: Ledger,
    bench: Bench,
    record: Record,
    watcher: Watcher,
    policy: Callable[[Study, History], Action],
) -> Stop:
    while True:
        action = policy(study, ledger.history())
        if isinstance(action, Stop):
            _stop(study, ledger, action, record)
            return action
        _decide(ledger, action, record)
        match action:
            case Buy():
                watcher.planned(action.trials)
                bench.run(action.trials)
                record(judge(study, ledger.history()))
            case Merge():
                record(_merge(study, ledger.history(), action))
            case MakeForecast():
                record(forecast(study, ledger.history(), action.idea))
            case ScoreForecast():
                _crown(study, ledger.history(), action.idea)
                record(score_forecast(study, ledger.history(), action.idea))
        with contextlib.suppress(IdeaError):  # somebody may be writing it; the next run says so
            add_ideas(study, ledger, record)


def _decide(
    ledger: Ledger, action: Buy | Merge | MakeForecast | ScoreForecast, record: Record
) -> None:
    decided = Decided(type(action).__name__, action.why)
    past = ledger.history().decisions
    if not past or past[-1] != decided:  # a resumed round is not decided anew
        record(decided)


def _stop(study: Study, ledger: Ledger, stop: Stop, record: Record) -> None:
    history = ledger.history()
    verdicts = judge(study, history)
    if verdicts != history.verdicts:
        record(verdicts)
    if history.ended is None or history.ended.why != stop.why:
        record(StudyEnded(stop.why))


def _merge(study: Study, history: History, merge: Merge) -> Event:
    base, idea = history.ideas[merge.base], history.ideas[merge.idea]
    repository = repository_of(study)
    try:
        commit = repository.merge(base.commit, idea.commit, merge.name)
    except MergeConflict as conflict:
        return MergeRefused(merge.base, merge.idea, conflict.paths)
    members = (*members_of(base), idea.name)
    return IdeaAdded(
        Idea(
            name=merge.name,
            kind="stack",
            commit=commit,
            parent=history.ideas[BASELINE].commit,
            hypothesis=f"{' + '.join(members)}: their gains add up.",
            source=", ".join(members),
            parameters=repository.parameters(commit),
            members=members,
        )
    )


NEW_BASELINE = "refs/heads/new-baseline"
"""Where the proven stack can be checked out."""


def _crown(study: Study, history: History, idea: str) -> None:
    repository_of(study).point(NEW_BASELINE, history.ideas[idea].commit)


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """What the operating system refuses, in our words."""
    try:
        yield
    except ProveoutError:
        raise
    except OSError as error:
        place = Path(error.filename) if isinstance(error.filename, str) else folder
        raise EnvironmentFailure(explain(error, place)) from error
