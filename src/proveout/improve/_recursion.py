"""The recursion: improvers make improvers, and one is adopted if it is better on held-out tasks.

It is written as if it were never interrupted. Each run, screen and gate asks the book first whether
it is on record, so a folder that was stopped anywhere walks the same way again, at no cost, up to
where it was, and goes on.
"""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from proveout.improve._archive import Archive
from proveout.improve._book import Book, Ended
from proveout.improve._check import fingerprint, problem_with
from proveout.improve._crew import Crew
from proveout.improve._gate import Standing, alpha_of, stand
from proveout.improve._meter import Budget
from proveout.improve._session import luck_of
from proveout.improve._spec import Improvement
from proveout.improve._task import Task
from proveout.improve._work import Meta, Workshop
from proveout.ledger import (
    Event,
    GateRead,
    ImprovementEnded,
    ImproverAdded,
    ImproverAdopted,
    ImproverRan,
    ImproverRefused,
    ImproverRejected,
    ScreenRead,
)

_SCREEN, _GATE = 1_000_000, 2_000_000
"""Seeds of screens and gates start here, so that they share no instance with training."""
_APART = 10_000

Watcher = Callable[[Event], None]


@dataclass(frozen=True)
class Recursion:
    """One folder's research on its own improver."""

    spec: Improvement
    book: Book
    crew: Crew
    watch: Watcher
    training: tuple[Task, ...]
    held_out: tuple[Task, ...]

    @property
    def archive(self) -> Archive:
        """What is known."""
        return self.book.archive

    def go(self) -> str:
        """Runs until an end; says which.

        Raises:
            Ended: a hard end was reached.
        """
        self._found()
        for generation in range(1, self.spec.generations + 1):
            self._generation(generation)
            if self.spec.approve and self.archive.waiting:
                name = self.archive.waiting
                raise Ended(
                    f"{name} passed its gate and waits for a person: `proveout improve "
                    f"{shlex.quote(str(self.spec.folder))} --approve {name}`, or --decline {name}",
                    left=True,
                )
        why = f"all {self.spec.generations} generations were made"
        if self.archive.ended != why:
            self.book.write(ImprovementEnded(why))
        return why

    def _found(self) -> None:
        """The seed and the library's strategies come into the archive."""
        if self.archive.present:
            return
        for named in dict.fromkeys([self.spec.improver, *self.spec.archive]):
            name, source = Path(named).stem, self.spec.source(named)
            if name not in self.archive.improvers:
                origin = "seed" if named == self.spec.improver else "library"
                self._write(ImproverAdded(name, source, origin, fingerprint(source)))
        seed = Path(self.spec.improver).stem
        self._write(ImproverAdopted(seed, "the improver to start from", "seed"))

    def _generation(self, generation: int) -> None:
        parent = self._parent_of(generation)
        if self._is_done(generation, parent):
            return
        children = self._children(generation, parent)
        if not children:
            return
        screened = self._screen(generation, parent, children)
        ahead = sorted(
            (each for each in screened if each.child_gain > each.parent_gain),
            key=lambda each: -each.child_gain,
        )
        for each in screened:
            if each not in ahead:
                told = f"{each.child_gain:.3f} against {each.parent_gain:.3f}"
                self._reject(each.child, f"no better than {parent} on training tasks: {told}")
        passed = ""
        for each in ahead:
            if passed:
                self._reject(each.child, f"{passed} came first and passed its gate")
            elif self._decide(generation, each.child, parent):
                passed = each.child

    def _is_done(self, generation: int, parent: str) -> bool:
        """Whether everything that the generation brought is decided, or waits for a person."""
        known = self.archive
        settled = {each.name for each in known.adopted} | set(known.rejected) | set(known.refused)
        if self.spec.approve:
            settled.add(known.waiting)
        names = _names(generation, len(self._bases(generation, parent)))
        return all(name in settled for name in names)

    def _parent_of(self, generation: int) -> str:
        """The improver that the generation began with, also where it was cut off."""
        started = self.archive.runs.get(f"g{generation}/a")
        return started.improver if started else self.archive.present

    def _bases(self, generation: int, parent: str) -> list[str]:
        """Whose texts are edited: the present improver's, and one of the archive's."""
        others = [
            name
            for name, added in self.archive.improvers.items()
            if name != parent and added.generation < generation
        ]
        if not others:
            return [parent]
        return [parent, others[luck_of(self._key, "base", generation) % len(others)]]

    @property
    def _key(self) -> str:
        assert self.archive.opened is not None
        return self.archive.opened.key

    def _children(self, generation: int, parent: str) -> list[str]:
        """The present improver, run on itself and on another, brings at most one child of each."""
        bases = self._bases(generation, parent)
        own = self.spec.outer
        seeds = tuple(generation * _APART + index for index in range(own.repeats))
        meta = Meta(self.training, seeds, self.spec.inner.budget)
        source = self.archive.improvers[parent].source

        def job(name: str, base: str) -> Callable[[Workshop], ImproverRan]:
            given = self.archive.improvers[base].source
            run = f"g{generation}/{name[-1]}"
            return lambda shop: shop.improve_improver(
                run, parent, source, given, meta, generation, own.budget
            )

        names = _names(generation, len(bases))
        pairs = list(zip(names, bases, strict=True))
        runs = self.crew.do([job(name, base) for name, base in pairs])
        for (name, base), ran in zip(pairs, runs, strict=True):
            self._admit(name, base, parent, generation, ran)
        return [name for name in names if name in self.archive.improvers]

    def _admit(self, name: str, base: str, by: str, generation: int, ran: ImproverRan) -> None:
        """A child comes into the archive if it can be run and is not there already."""
        if name in self.archive.improvers or name in self.archive.refused:
            return
        source = ran.returned
        problem = problem_with(source)
        if ran.ended != "returned":
            problem = (ran.ended, f"the run brought nothing: {ran.why}")
        print_ = fingerprint(source)
        twin = next(
            (each.name for each in self.archive.improvers.values() if each.fingerprint == print_),
            None,
        )
        if problem is None and twin is not None:
            problem = ("duplicate", f"the same program as {twin}, but for names and comments")
        if problem is not None:
            kind, reason = problem
            self._write(ImproverRefused(name, source, base, by, generation, kind, reason))
            return
        self._write(ImproverAdded(name, source, "child", print_, base, by, generation))

    def _screen(self, generation: int, parent: str, children: Sequence[str]) -> list[ScreenRead]:
        """Children beside the parent on training tasks, on instances of their own."""
        first = _SCREEN + generation * _APART
        seeds = tuple(first + index for index in range(self.spec.gate.screen))
        cells = [(task, seed) for seed in seeds for task in self.training]
        label = f"g{generation}/screen"
        gains = {
            name: self._gains(label, name, cells, self.spec.inner.budget)
            for name in (parent, *children)
        }
        found = []
        for child in children:
            read = ScreenRead(child, parent, statistics.fmean(gains[child]),
                              statistics.fmean(gains[parent]), len(cells))  # fmt: skip
            if child not in self.archive.screens:
                self._write(read)
            found.append(read)
        return found

    def _decide(self, generation: int, child: str, parent: str) -> bool:
        """The gate, and what follows from it; whether the child passed."""
        gate = next((each for each in self.archive.gates if each.child == child), None)
        if gate is None:
            gate = self._gate(generation, child, parent)
            self._write(gate)
        settled = child in self.archive.rejected or any(
            each.name == child for each in self.archive.adopted
        )
        if not gate.passed:
            self._reject(child, gate.reason)
        elif not settled and not self.spec.approve:
            self._write(ImproverAdopted(child, gate.reason, "gate"))
        return gate.passed

    def _gate(self, generation: int, child: str, parent: str) -> GateRead:
        number = len(self.archive.gates) + 1
        alpha = alpha_of(number, self.spec.gate.alpha)
        rounds: list[list[float]] = []
        pairs: list[tuple[list[float], list[float]]] = []
        while True:
            standing = stand(rounds, alpha, self.spec.gate.rounds)
            if standing.passed or standing.over:
                break
            pairs.append(self._round(number, len(rounds), child, parent))
            rounds.append([a - b for a, b in zip(*pairs[-1], strict=True)])
        by_task = [_means(side) for side in ([p[0] for p in pairs], [p[1] for p in pairs])]
        return GateRead(
            gate=number, child=child, parent=parent, generation=generation, alpha=alpha,
            passed=standing.passed, reason=_reason(standing, alpha), rounds=standing.rounds,
            mean=standing.mean, interval95=standing.interval95, log_wealth=standing.log_wealth,
            tasks=tuple(task.name for task in self.held_out),
            child_gains=by_task[0], parent_gains=by_task[1],
        )  # fmt: skip

    def _round(
        self, gate: int, number: int, child: str, parent: str
    ) -> tuple[list[float], list[float]]:
        """One pair from every held-out task, on fresh instances: gains of child and parent."""
        seed = _GATE + gate * _APART + number
        cells = [(name, task) for task in self.held_out for name in (child, parent)]
        jobs = [
            self._job(f"gate{gate}", name, task, seed, self.spec.inner.budget)
            for name, task in cells
        ]
        gains = [_gain(ran) for ran in self.crew.do(jobs)]
        return gains[0::2], gains[1::2]

    def _gains(
        self, label: str, name: str, cells: Sequence[tuple[Task, int]], budget: Budget
    ) -> list[float]:
        jobs = [self._job(label, name, task, seed, budget) for task, seed in cells]
        return [_gain(ran) for ran in self.crew.do(jobs)]

    def _job(
        self, label: str, name: str, task: Task, seed: int, budget: Budget
    ) -> Callable[[Workshop], ImproverRan]:
        source = self.archive.improvers[name].source
        run = f"{label}/{name}/{task.name}/{seed}"
        return lambda shop: shop.improve_task(run, name, source, task, seed, budget)

    def _reject(self, name: str, reason: str) -> None:
        if name not in self.archive.rejected:
            self._write(ImproverRejected(name, reason))

    def _write(self, event: Event) -> None:
        self.book.write(event)
        self.watch(event)


def _gain(ran: ImproverRan) -> float:
    assert ran.gain is not None
    return ran.gain


def _names(generation: int, count: int) -> list[str]:
    return [f"g{generation}-{letter}" for letter in "ab"[:count]]


def _means(rounds: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(statistics.fmean(column) for column in zip(*rounds, strict=True))


def _reason(standing: Standing, alpha: float) -> str:
    if not standing.passed:
        return standing.over
    return (
        f"better on held-out tasks by {standing.mean:+.3f} after {standing.rounds} rounds; a wrong "
        f"adoption at this gate has a probability of at most {alpha:.4f}"
    )
