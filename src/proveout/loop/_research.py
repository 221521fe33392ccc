"""The research cycle: whenever a slot is free, ask what to do, do it and record it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
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
    StudyResumed,
    explain,
)
from proveout.loop._beforehand import check_address_space, check_books
from proveout.loop._bench import Bench
from proveout.loop._desk import Desk, Sources, sources_for
from proveout.loop._inbox import waiting
from proveout.loop._interrupts import Interrupts
from proveout.loop._isolation import hidden_patterns
from proveout.loop._open import Record, add_ideas, modules_to_preload, open_study, repository_of
from proveout.runners import LocalRunner, Runner
from proveout.study import Study
from proveout.trackers import Followers
from proveout.verdicts import (
    Action,
    Buy,
    EndLadder,
    MakeForecast,
    Merge,
    Promote,
    ScoreForecast,
    Stop,
    Wait,
    forecast,
    is_proven,
    judge,
    members_of,
    plan,
    score_forecast,
)

_JUDGED_EVERY = 30
"""Finished trials after which verdicts are put on record; whoever asks gets fresh ones."""

_CATALOG_SECONDS = 1.0
_HOLDING_SECONDS = 0.1
_ASKING_SECONDS = 0.05

Plan = Callable[[Study, History, int], Action]
"""What to do next in a study, with so many slots free: a pure function."""


class Watcher:
    """Is told what happens; the terminal view is one. Does nothing by itself."""

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
    policy: Plan = plan,
    sources: Sources = sources_for,
) -> Outcome:
    """Runs or resumes a study until its policy has nothing left to buy.

    `policy` is a pure function of the study, its history and the number of free slots; by default
    what study.toml names. `sources` makes the sources that are asked for ideas; by default those
    that study.toml declares.

    Ctrl-C or SIGTERM ends the running trials, gives their reservations back and returns with
    `finished=False`. A kill at any moment loses at most the trials that were running.

    Raises:
        UserError: the study, its catalog or its ledger cannot be used; says what to do.
        EnvironmentFailure: the disk is full or the launcher died; what has finished is on record.
    """
    watcher = watcher or Watcher()
    check_address_space()
    check_books(study, repository_of(study))
    with (
        _explained(study.folder),
        Interrupts() as interrupts,
        Ledger(study.folder) as ledger,
        Followers(study, impatient=lambda: interrupts.requested) as followers,
    ):

        def record(event: Event) -> None:
            entry = ledger.append(event)
            try:
                watcher.happened(entry, ledger)
            except OSError:  # nobody listens any more, as in `proveout run | head`
                interrupts.requested = True

        def tick() -> None:
            watcher.tick(ledger)
            followers.tend()
            if interrupts.requested:
                raise _Interrupted

        open_study(study, ledger, record)
        followers.tend()
        if (held := ledger.history()).paused or held.stopping:
            record(StudyResumed("`proveout run` was started"))
        asked = sources(study, ledger.history())
        with runner or _runner_for(study) as runner:
            bench = Bench(study, ledger, runner, record, tick)
            desk = Desk(study, ledger, record, asked)
            cycle = _Cycle(study, ledger, bench, desk, record, policy, tick)
            try:
                stop = cycle.run()
                if stop is None:
                    cycle.put_verdicts_on_record()
                    why = ledger.history().stopping
                    return Outcome(ledger.history(), finished=False, ok=True, why=why)
            except _Interrupted:
                bench.abandon("interrupted from outside")
                cycle.put_verdicts_on_record()
                return Outcome(ledger.history(), finished=False, ok=True, why="interrupted")
            finally:
                desk.close()
                bench.close()
        return Outcome(ledger.history(), finished=True, ok=stop.ok, why=stop.why)


def _runner_for(study: Study) -> Runner:
    slots = study.run.slots or (len(study.run.devices) or None)
    return LocalRunner(slots, modules_to_preload(study), hidden_patterns(study))


class _Interrupted(Exception):
    """The loop was asked to stop, at a point where its records are in order."""


class _Cycle:
    """Decides, acts and records, until there is nothing left to do."""

    def __init__(
        self,
        study: Study,
        ledger: Ledger,
        bench: Bench,
        desk: Desk,
        record: Record,
        policy: Plan,
        tick: Callable[[], None],
    ) -> None:
        self._study, self._ledger, self._bench, self._desk = study, ledger, bench, desk
        self._record, self._policy, self._tick = record, policy, tick
        self._catalog_read_at = time.monotonic()

    def run(self) -> Stop | None:
        """To the end, which comes when the policy stops and nothing runs any more.

        Returns None where somebody asked for it to stop before that.
        """
        while True:
            self._desk.tend()
            held = self._ledger.history()
            if held.stopping and self._bench.is_idle:
                return None
            if held.paused or held.stopping:
                self._hold()
                continue
            history, free = self._ledger.history(), self._bench.free_slots
            action = self._policy(self._study, history, free)
            # With a slot free and nothing to buy on the ladder, new ideas are due.
            starved = isinstance(action, Wait) and free and not history.compounding
            if (starved or isinstance(action, EndLadder)) and self._desk.brings_more():
                self._wait_for_ideas()
            elif isinstance(action, Wait | Stop) and not self._bench.is_idle:
                self._bench.wait(self._is_news)
            elif isinstance(action, Wait):
                raise RuntimeError(f"the policy waits while nothing runs: {action.why}")
            elif isinstance(action, Stop):
                self._stop(action)
                return action
            else:
                self._do(action)
            self._look_around()

    def _hold(self) -> None:
        """Starts nothing until a trial has ended or somebody has asked for something."""
        if not self._bench.is_idle:
            self._bench.wait(lambda: bool(waiting(self._study)))
            return
        while not waiting(self._study):
            self._tick()
            time.sleep(_HOLDING_SECONDS)

    def _wait_for_ideas(self) -> None:
        """Until something has come in, if a source is at work: a trial's end, or an answer."""
        self._tick()
        if not self._desk.is_asking or self._desk.has_news:
            return
        if not self._bench.is_idle:
            self._bench.wait(self._is_news)
            return
        while not self._desk.has_news:
            self._tick()
            time.sleep(_ASKING_SECONDS)

    def _is_news(self) -> bool:
        return self._bench.free_slots > 0 and self._desk.has_news

    def _do(self, action: Buy | EndLadder | Promote | Merge | MakeForecast | ScoreForecast) -> None:
        study, record = self._study, self._record
        if isinstance(action, Buy):
            self._buy(action)
            return
        self.put_verdicts_on_record()
        record(Decided(type(action).__name__, action.why))
        history = self._ledger.history()
        match action:
            case Promote():
                self._bench.promote(action.trials, action.instead)
            case Merge():
                record(_merge(study, history, action))
            case MakeForecast():
                record(forecast(study, history, action.idea))
            case ScoreForecast():
                scored = score_forecast(study, history, action.idea)
                if is_proven(scored):  # before it is on record: who finds the one finds the other
                    _point_new_baseline(study, history, action.idea)
                record(scored)

    def _buy(self, buy: Buy) -> None:
        """Fills the free slots. What one trial is bought for its own start says."""
        batch = Buy(buy.purchases[: self._bench.free_slots])
        if len(batch.purchases) > 1:
            self._record(Decided("Buy", batch.why))
        for purchase in batch.purchases:
            self._bench.start(purchase)
        if not self._bench.free_slots:
            self._bench.wait()

    def _look_around(self) -> None:
        """Takes up new ideas, and puts the verdicts on record now and then."""
        now = time.monotonic()
        if now - self._catalog_read_at > _CATALOG_SECONDS:
            self._catalog_read_at = now
            with contextlib.suppress(IdeaError):  # somebody may be writing it; the next run says so
                add_ideas(self._study, self._ledger, self._record)
        history = self._ledger.history()
        judged = history.verdicts.trials_finished if history.verdicts else 0
        if history.finished_trials - judged >= _JUDGED_EVERY:
            self.put_verdicts_on_record()

    def put_verdicts_on_record(self) -> None:
        """Unless they are what is on record already."""
        history = self._ledger.history()
        verdicts = judge(self._study, history)
        if verdicts != history.verdicts:
            self._record(verdicts)

    def _stop(self, stop: Stop) -> None:
        self.put_verdicts_on_record()
        ended = self._ledger.history().ended
        if ended is None or ended.why != stop.why:
            self._record(StudyEnded(stop.why))


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


def _point_new_baseline(study: Study, history: History, idea: str) -> None:
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
