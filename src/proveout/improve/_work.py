"""Runs of improvers: on a task, whose solution it is to improve, or on an improver.

What an improver is worth is its *gain*: of the room between the score of the solution that it was
given and the top of the task's range, the share that it won, on hidden instances that it could not
ask about. It lies in [0, 1]; a solution that got worse, or none, has won nothing, as what was given
is still there. Parent and child get the same instances and the same luck of the model.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from proveout.errors import DataError, ProveoutError, SolutionFailed
from proveout.improve._attempts import MOST_SEEN, Counts, Seen
from proveout.improve._book import Book
from proveout.improve._check import fingerprint, problem_with
from proveout.improve._meter import Budget
from proveout.improve._model import Model
from proveout.improve._own_code import finished
from proveout.improve._place import Place
from proveout.improve._session import Given, Outcome, Session, luck_of
from proveout.improve._solution import Host, Solution
from proveout.improve._task import Task
from proveout.ledger import Attempted, ImproverRan

META = (
    "The program is itself an improver: one file of Python (standard library only, no files, no "
    "network) with a function improve(solution, utility, model, budget) that returns a better "
    "version of `solution`, the text of a program. utility(text) gives the score of a candidate "
    "from 0 to 1, and utility.description says what is scored. model(prompt, count=1, "
    "temperature=0.7) returns a list of replies, with programs in fences of three backquotes. "
    "budget.samples, budget.utility_calls and budget.seconds say what is left; asking for more "
    "raises RuntimeError. Its score is the mean, over several tasks, of the share of the room "
    "above a weak first solution that it wins, on instances it cannot see, within {samples} "
    "samples and {calls} utility calls a run."
)


@dataclass
class Workshop:
    """All that a run of an improver needs; one thread at a time may use it."""

    place: Place
    book: Book
    model: Model
    key: str
    given: dict[tuple[str, int], float] = field(default_factory=dict)
    """Hidden scores of tasks' own baselines, by task and seed."""

    def improve_task(
        self, run: str, name: str, source: str, task: Task, seed: int, budget: Budget
    ) -> ImproverRan:
        """Runs an improver on a task, or takes what is on record of that run."""
        if (known := self.book.ran(run)) is not None:
            return known
        given = self._given_score(task, seed)
        counts, luck = Counts(), f"{self.key}/{task.name}/{seed}"
        visible = task.instances(self.key, "visible", seed)
        scores: dict[str, float] = {}

        session = Session(self.place, self.book, self.model, run, budget, counts)
        with Host(self.place) as host:

            def utility(candidate: str) -> float:
                if candidate not in scores:
                    scores[candidate] = self._score(host, task, candidate, visible, seed, counts)
                return scores[candidate]

            outcome = session.run_improver(
                source, Given(task.baseline, _described(task), utility, luck)
            )
        returned = task.baseline if outcome.returned is None else outcome.returned
        score = given
        if returned != task.baseline:
            hidden = task.instances(self.key, "hidden", seed)
            with Host(self.place) as host:
                score = self._score(host, task, returned, hidden, seed, counts)
        gain = max(0.0, score - given) / (1.0 - given) if given < 1 else 0.0
        ran = _record(session, outcome, run, name, task.name, seed)
        measured = {"gain": gain, "score": score, "given_score": given}
        return self._keep(ran | measured | {"visible": scores.get(returned)})

    def improve_improver(
        self, run: str, name: str, source: str, given: str, meta: Meta, seed: int, budget: Budget
    ) -> ImproverRan:
        """Runs an improver on an improver's text; what it returns is measured by others."""
        if (known := self.book.ran(run)) is not None:
            return known
        counts = Counts()
        numbers: list[int] = []
        scores: dict[str, float] = {}

        def utility(candidate: str) -> float:
            numbers.append(1)
            if candidate not in scores:
                label = f"{run}/u{len(numbers)}-{fingerprint(candidate)}"
                scores[candidate] = self.worth(label, candidate, meta, counts)
            return scores[candidate]

        session = Session(self.place, self.book, self.model, run, budget, counts)
        description = META.format(samples=meta.budget.samples, calls=meta.budget.utility_calls)
        luck = f"{self.key}/improver/{seed}"
        outcome = session.run_improver(source, Given(given, description, utility, luck))
        ran = _record(session, outcome, run, name, "improver", seed)
        none = {"gain": None, "score": None, "given_score": None}
        returned = outcome.returned or ""
        return self._keep(ran | none | {"visible": scores.get(returned), "returned": returned})

    def probe_improvers(
        self, run: str, source: str, task: Task, seed: int, budget: Budget, small: Budget
    ) -> ImproverRan:
        """Has an improver written, and each that comes run once on a task, with next to nothing."""
        meta = Meta((task,), (seed,), small)
        return self.improve_improver(run, "probe", source, source, meta, seed, budget)

    def worth(self, label: str, source: str, meta: Meta, counts: Counts) -> float:
        """The meta-utility of a candidate: its mean gain on the training tasks."""
        if problem_with(source) is not None:
            return 0.0
        gains = []
        for seed in meta.seeds:
            for task in meta.tasks:
                run = f"{label}/{task.name}/{seed}"
                ran = self.improve_task(run, fingerprint(source), source, task, seed, meta.budget)
                own = [each for each in ran.seen if each.by == "improver"]
                counts.ran(source, [Seen(each.kind, each.detail) for each in own])
                gains.append(ran.gain or 0.0)
        return statistics.fmean(gains)

    def rehearse(self, task: Task) -> None:
        """Draws instances of a task and scores its baseline: so a mistake in it is named before
        anything is paid for, and is not taken for a failure of what is measured.

        Raises:
            DataError: what is wrong in which file.
        """
        file, baseline = task.folder / "task.py", task.folder / "baseline.py"
        drawn, again = (task.instances(self.key, "visible", 0) for _ in range(2))
        if repr(drawn) != repr(again) and " object at 0x" not in repr(drawn):
            raise DataError(
                f"{file}: instances() drew others from the same `rng`; draw from that alone, so "
                "that all are held against each other on the same"
            )
        scores, failures = [], []
        with (
            Host(self.place) as host,
            Solution(host, task.baseline, task.function, task.seconds, 0) as solution,
        ):
            for instance in drawn:
                solution.begin()
                one = partial(task.score, instance, solution)
                try:
                    scores.append(finished(file, "score()", one, task.seconds))
                except SolutionFailed as failed:
                    if failed.kind == "out of range":
                        raise DataError(f"{file}: {failed}") from None
                    failures.append(f"{failed.kind}: {failed}")
        if not scores:
            raise DataError(f"{baseline} fails on each visible instance, so nothing can be "
                            f"measured on it: {failures[0]}")  # fmt: skip
        if min(scores) == 1.0 and not failures:
            raise DataError(f"{baseline} scores the most on each visible instance, so nothing can "
                            "be won: make it weaker, or the instances harder")  # fmt: skip

    def _given_score(self, task: Task, seed: int) -> float:
        if (task.name, seed) not in self.given:
            hidden = task.instances(self.key, "hidden", seed)
            with Host(self.place) as host:
                score = self._score(host, task, task.baseline, hidden, seed, Counts())
            self.given[task.name, seed] = score
        return self.given[task.name, seed]

    def _score(
        self,
        host: Host,
        task: Task,
        source: str,
        instances: Sequence[Any],
        seed: int,
        counts: Counts,
    ) -> float:
        """Mean normalised score of a solution; an instance that it fails scores the low end."""
        if problem_with(source, task.function) is not None:
            return 0.0
        luck = luck_of(self.key, task.name, seed, "solution")
        with Solution(host, source, task.function, task.seconds, luck) as solution:
            scores = [_score_of(task, instance, solution) for instance in instances]
        counts.ran(source, solution.seen)
        return statistics.fmean(scores)

    def _keep(self, fields: Mapping[str, Any]) -> ImproverRan:
        ran = ImproverRan(**fields)
        self.book.write(ran)
        return ran


@dataclass(frozen=True)
class Meta:
    """What an improver's worth is measured on."""

    tasks: tuple[Task, ...]
    seeds: tuple[int, ...]
    budget: Budget


def _score_of(task: Task, instance: Any, solution: Solution) -> float:
    solution.begin()
    try:
        return task.score(instance, solution)
    except SolutionFailed:
        return 0.0
    except ProveoutError:
        raise
    except Exception:
        return 0.0  # an answer of a form that the task did not think of


def _described(task: Task) -> str:
    return (
        f"{task.description.strip()}\nThe program must define {task.function}. Its score lies "
        f"between 0 and 1, and higher is better; each call may take {task.seconds:g} s. Standard "
        "library only."
    )


def _record(
    session: Session, outcome: Outcome, run: str, name: str, task: str, seed: int
) -> dict[str, Any]:
    meter, counts = session.meter, session.counts
    seen = [Attempted(each.kind, each.detail) for each in session.seen]
    seen += [Attempted(each.kind, each.detail, "candidate") for each in counts.seen]
    return {
        "run": run,
        "improver": name,
        "task": task,
        "seed": seed,
        "ended": outcome.ended,
        "why": outcome.why,
        "samples": meter.samples,
        "utility_calls": meter.utility_calls,
        "tokens": meter.tokens,
        "usd": meter.usd,
        "cpu_seconds": round(outcome.cpu_seconds, 4),
        "wall_seconds": round(outcome.wall_seconds, 4),
        "isolation": session.place.isolation,
        "model": session.model.name,
        "refused": meter.refused,
        "written": counts.written,
        "attempts": counts.by_kind(),
        "seen": tuple(seen[:MOST_SEEN]),
    }
