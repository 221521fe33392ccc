"""What a trial costs, part by part, in processor time: for `overhead.py`."""

from __future__ import annotations

import functools
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Self
from unittest.mock import patch

from proveout.runners import LocalRunner
from proveout.trials import Exit, Job, Limits

OVERHEAD = ("folders", "launching", "record", "score transfer", "the rest of the loop")
EVALUATION = ("loading, forward passes, reply", "softmax and probes")
DECIDING = "deciding"
TRAINING = "training"
PARTS = (TRAINING, *EVALUATION, DECIDING, *OVERHEAD)

_OF_THE_CONTROLLER: dict[str, tuple[str, ...]] = {
    "folders": (
        "proveout.loop._bench.prepare_trial",
        "proveout.loop._bench.Bench._release",
        "proveout.loop._bench.give_back_disk",
        "proveout.loop._bench.keep_items",
        "proveout.scoring._evaluator.Evaluator._prepare",
        "proveout.loop._open.Trees.of",
    ),
    "launching": (
        "proveout.runners.LocalRunner.submit",
        "proveout.runners.LocalRunner.poll",
    ),
    "record": (
        "proveout.ledger.Ledger.append",
        "proveout.ledger.Ledger.history",
    ),
    "score transfer": (
        "proveout.scoring._language_model.read_into",
        "proveout.scoring._language_model.remove",
        "proveout.scoring._evaluator.Request.open_reply",
        "proveout.scoring._language_model.LanguageModelEvaluator.job",
    ),
    EVALUATION[1]: ("proveout.scoring._evaluator.Evaluator.measure",),
    DECIDING: (
        "proveout.loop._research._Cycle.put_verdicts_on_record",
        "proveout.loop._bench.Bench._end_hopeless",
    ),
}
"""The functions that do each part in the controller; what they call of another part is its."""

_LIMITS = Limits(wall_seconds=60, memory_bytes=4 * 10**9, disk_bytes=10**9)
_EMPTY_JOBS = 20


class Clocks:
    """Adds up the controller's processor time by part, and that of jobs by their kind."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.jobs: Counter[str] = Counter()
        self.job_seconds: defaultdict[str, float] = defaultdict(float)
        self.git_seconds = 0.0
        self._stack: list[str] = []
        self._since = time.process_time()
        self._children_before = children_cpu_seconds()
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        for part, names in _OF_THE_CONTROLLER.items():
            for name in names:
                timed = self.timed(part, resolve_name(name))
                self._patches.enter_context(patch(name, timed))
        polled = LocalRunner.poll

        def poll(runner: LocalRunner, timeout_seconds: float | None) -> list[Exit]:
            exits = polled(runner, timeout_seconds)
            # The launcher is waited for at the end: until then git alone has been.
            self.git_seconds = children_cpu_seconds() - self._children_before
            self._take_in(exits)
            return exits

        self._patches.enter_context(patch.object(LocalRunner, "poll", poll))
        return self

    def __exit__(self, *error: object) -> None:
        self._patches.close()

    def restart(self) -> None:
        """Forgets the controller's time so far."""
        self._turn()
        self.seconds.clear()
        self._children_before = children_cpu_seconds()

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted."""

        @functools.wraps(function)
        def run(*arguments: Any, **named: Any) -> Any:
            self._turn()
            self._stack.append(part)
            try:
                return function(*arguments, **named)
            finally:
                self._turn()
                self._stack.pop()

        return run

    def _turn(self) -> None:
        now = time.process_time()
        part = self._stack[-1] if self._stack else "the rest of the loop"
        self.seconds[part] += now - self._since
        self._since = now

    def _take_in(self, exits: Iterable[Exit]) -> None:
        for each in exits:
            kind = "score" if each.job.endswith(".score") else "trial"
            self.jobs[kind] += 1
            self.job_seconds[kind] += each.cpu_seconds


def children_cpu_seconds() -> float:
    """User and system time of all processes that have been waited for, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def empty_job_seconds(runner: LocalRunner) -> float:
    """Processor time of a job that does nothing: to become one and to end it, shut in as ever."""
    used = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "job.py").write_text("pass\n")
        for number in range(_EMPTY_JOBS):
            name, log = f"empty-{number}", folder / "log.txt"
            runner.submit(Job(name, ("python", "job.py"), folder, {}, folder, log, _LIMITS))
            (ended,) = runner.poll(None)
            used.append(ended.cpu_seconds)
    return sum(used[1:]) / len(used[1:])  # the first goes through what later ones find done


def parts_of_a_trial(
    clocks: Clocks, trials: int, children_seconds: float, empty_seconds: float
) -> dict[str, float]:
    """Core-seconds of each part.

    `children_seconds` is what all processes but the controller used while the trials ran; of it
    what neither a job nor git used is the launcher's and its supervisors'.
    """
    seconds = defaultdict(float, clocks.seconds)
    of_jobs = clocks.job_seconds
    ended = sum(clocks.jobs.values())
    seconds["folders"] += clocks.git_seconds
    watching = children_seconds - sum(of_jobs.values()) - clocks.git_seconds
    seconds["launching"] += watching + ended * empty_seconds
    seconds[TRAINING] += of_jobs["trial"] - clocks.jobs["trial"] * empty_seconds
    seconds[EVALUATION[0]] += of_jobs["score"] - clocks.jobs["score"] * empty_seconds
    return {part: seconds[part] / trials for part in PARTS}
